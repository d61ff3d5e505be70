"""Odours of a set: the odorants of each as bars of their dilutions, and what they do to the receptors as a heat map."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from plotly.colors import sample_colorscale

from synthstim.errors import InputError
from synthstim.modalities.odour import read_odour
from synthstim.models import Observer
from synthstim.models.opening import reopening
from synthstim.observers import open_observer
from synthstim.stimulus_set import StimulusSet

# Odorants that are drawn, the strongest first; a mixture of more is told in words.
MOST_BARS = 10
WIDTH, BAR, LEFT = 280.0, 15.0, 128.0
# Bars begin at a hundred thousandth of the stock.
_LOWEST = -5.0
_MAP = 16.0


@dataclass(frozen=True)
class Bar:
    """One odorant of a mixture; lengths are in CSS pixels."""

    odorant: str
    dilution: str
    y: float
    width: float


@dataclass(frozen=True)
class Receptor:
    """The answer of one receptor type; the colour is that of the scale from none to the set's largest."""

    x: float
    width: float
    colour: str
    words: str


@dataclass(frozen=True)
class DrawnOdour:
    """One odour as the page shows it.

    Attributes:
        file: path relative to the set.
        bars: its strongest odorants.
        left_out: how many more it has.
        cells: receptor types, in the observer's order; none where the observer cannot be opened.
        map_top, height: of the heat map, and of the whole, in CSS pixels.
        problem: why it cannot be drawn.
    """

    width: ClassVar[float] = WIDTH
    left: ClassVar[float] = LEFT
    uri: ClassVar[str] = ""
    depth: ClassVar[str] = ""
    file: str
    bars: tuple[Bar, ...] = ()
    left_out: int = 0
    cells: tuple[Receptor, ...] = ()
    map_top: float = 0.0
    height: float = 0.0
    about: str = ""
    problem: str = ""


@dataclass
class DrawnOdours:
    """The odours of a set, and what the observer's receptors answer to them."""

    home: ClassVar[Path] = Path(__file__).parent
    linked: ClassVar[bool] = False
    stimuli: StimulusSet
    files: tuple[str, ...]
    _known: dict[str, DrawnOdour] = field(default_factory=dict)

    @property
    def previews(self) -> str:
        """Why there are no heat maps, where there are none."""
        return (
            ""
            if self._answers is not None
            else "receptors are not drawn: the observer of the set cannot be opened here"
        )

    def __getitem__(self, relative: str) -> DrawnOdour:
        if relative not in self._known:
            self._known[relative] = self._drawn(relative)
        return self._known[relative]

    def _drawn(self, relative: str) -> DrawnOdour:
        try:
            names, values = read_odour(self.stimuli.path(relative))
        except InputError as error:
            return DrawnOdour(relative, problem=str(error))
        order = [int(at) for at in np.argsort(-values, kind="stable") if values[at] > 0]
        bars = tuple(_bar(row, names[at], float(values[at])) for row, at in enumerate(order[:MOST_BARS]))
        cells = _cells(*self._answers, relative) if self._answers is not None else ()
        left_out = len(order) - len(bars)
        top = BAR * (len(bars) + (left_out > 0) + (not order)) + 12
        about = f"{len(order)} odorant{'' if len(order) == 1 else 's'} of {len(names)}"
        return DrawnOdour(relative, bars, left_out, cells, top, top + (_MAP + 2 if cells else 0), about)

    @cached_property
    def _answers(self) -> tuple[dict[str, NDArray[np.float64]], float] | None:
        """What the receptors answer to each file, and the largest answer; None where the observer cannot be opened."""
        observer = _observer_of(self.stimuli)
        if observer is None:
            return None
        found = {}
        for file in self.files:
            try:
                values = observer.input.modality.read_for(self.stimuli.path(file), observer.input)
            except InputError:
                continue
            batch = torch.from_numpy(values)[None].to(observer.device, observer.dtype)
            with torch.no_grad():
                found[file] = observer.activations(batch, observer.stages[:1])[observer.stages[0]][0].double().numpy()
        return found, max((float(answer.max()) for answer in found.values()), default=1.0)


def media_of(stimuli: StimulusSet, files: set[str], *, beside: bool = False) -> DrawnOdours:
    """The odours of a set, drawn in the page wherever it lies."""
    return DrawnOdours(stimuli, tuple(sorted(files)))


def _observer_of(stimuli: StimulusSet) -> Observer | None:
    """The observer that the set was made on, where it has a name and its weights are the same."""
    made_on = next(iter(stimuli.parts.values())).provenance.get("observer", {})
    if not made_on.get("opening"):
        return None
    try:
        with warnings.catch_warnings():
            # That its weights are random was said when the set was made.
            warnings.simplefilter("ignore")
            observer = open_observer(**reopening(made_on["opening"]))
    except InputError:
        return None
    same = observer.weights_sha256 == made_on.get("weights_sha256") and observer.stages
    return observer if same else None


def _bar(row: int, odorant: str, concentration: float) -> Bar:
    dilution = math.log10(concentration)
    share = max(0.02, 1 - dilution / _LOWEST)
    return Bar(odorant, f"{dilution:.2f}".replace("-0.00", "0.00"), row * BAR, round(share * (WIDTH - LEFT - 40), 1))


def _cells(answers: dict[str, NDArray[np.float64]], largest: float, file: str) -> tuple[Receptor, ...]:
    if file not in answers:
        return ()
    values = answers[file]
    width = WIDTH / len(values)
    colours = sample_colorscale(
        "Viridis", [min(max(value / max(largest, 1e-12), 0.0), 1.0) for value in values.tolist()]
    )
    return tuple(
        Receptor(round(at * width, 2), round(width, 2), colour, f"receptor {at}: {value:.3g}")
        for at, (value, colour) in enumerate(zip(values.tolist(), colours, strict=True))
    )
