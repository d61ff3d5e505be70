"""One call for one job: stimuli of one reference or one goal, made as a recipe of one entry would make them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL.Image import Image
from torch import Tensor, from_numpy

from synthstim.encoding import SITES, Fit
from synthstim.errors import InputError
from synthstim.models import Observer, Unit
from synthstim.observers import as_observer
from synthstim.production.run import make
from synthstim.production.tracker import Watch
from synthstim.recipe import Recipe
from synthstim.stimulus_set import StimulusSet


@dataclass(frozen=True, repr=False)
class Synthesised:
    """Stimuli with what was measured of their files.

    Attributes:
        stimuli: (stimulus, *shape) as the files hold them: display values in [0, 1], or full scale.
        table: a row for each, with the columns of ``stimuli.tsv``: match_db or activation, null_percentile or best_natural,
            status, reason, seed and the rest.
        reference: (*shape) that metamers match; None for controllers.
    """

    stimuli: Tensor
    table: pd.DataFrame
    reference: Tensor | None = None

    def __len__(self) -> int:
        return len(self.stimuli)

    def __repr__(self) -> str:
        passed = int((self.table["status"] == "passed").sum())
        return f"Synthesised({len(self)} of shape {tuple(self.stimuli.shape[1:])}, {passed} passed)"


def metamer(
    observer: Observer | Fit | str | Any,
    reference: Any,
    layers: str | Sequence[str | Sequence[str]],
    *,
    copies: int = 1,
    seed: int = 0,
    out: str | Path | None = None,
    watch: Watch | None = None,
    **settings: Any,
) -> Synthesised:
    """Make metamers of a reference: stimuli that a layer cannot tell from it (Feather et al. 2019, 2023).

    Args:
        observer: an Observer, a Fit, the name of a model, or a network whose input is known (timm).
        reference: an array or tensor (*shape) as the observer is given it, in display values or at full scale; a PIL image;
            or the path of a file, which is fitted to the observer's input.
        layers: a layer, or a list of them: metamers of each one; a list in the list is matched jointly.
        copies: of each, which differ only in their seed.
        out: a new folder to keep the stimulus set in; by default nothing is kept on disk.
        watch: called with the progress, several times a second at most.
        settings: what else a metamer's entry of a recipe may say (evaluations, target_db, constraints, ...), and pool, fit
            and criteria of a recipe. parametrisation may be latents of your own.

    Raises:
        InputError: anything that cannot work is said before long work starts.

    Example:
        >>> import PIL.Image, skimage.data
        >>> from synthstim import load_model
        >>> rocket = skimage.data.rocket()[:300, 100:400]
        >>> made = metamer(load_model(size=(64, 64)), PIL.Image.fromarray(rocket), "blocks.1", evaluations=20)
        >>> made.stimuli.shape, bool(made.table["match_db"][0] > 0)
        (torch.Size([1, 3, 64, 64]), True)
    """
    model = as_observer(observer)
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="synthstim-")))
        file = _file(reference, model, folder)
        entry = {"name": "metamer", "kind": "metamer", "reference": [file], "copies": copies}
        entry["layers"] = [layers] if isinstance(layers, str) else list(layers)
        if not isinstance(reference, str | Path):
            # A sound that is given as an array keeps its level.
            own = model.input.modality.statistics(file)
            settings = {key: own[key] for key in model.input.modality.reading if key in own} | settings
        made = _make(model, entry, settings, seed, out, folder, watch)
        return _read(made, made.stimulus(made.table["reference"][0]))


def control(
    observer: Observer | Fit | str | Any,
    goal: str,
    *,
    unit: Unit | str | dict[str, Any] | None = None,
    copies: int = 1,
    seed: int = 0,
    out: str | Path | None = None,
    watch: Watch | None = None,
    **settings: Any,
) -> Synthesised:
    """Make controllers: stimuli that bring a unit, or recorded sites, where a goal says (Bashivan et al. 2019).

    Args:
        observer: an Observer, a Fit of recorded sites, the name of a model, or a network whose input is known (timm).
        goal: ``drive``, ``suppress``, ``one_hot``, ``level``, ``pattern``, or one of a plug-in (``synthstim goals``).
        unit: a Unit, the name of a fitted site, or what a recipe says (``{"layer": "blocks.4", "channel": 42}``).
        copies, seed, out, watch: as for ``metamer``.
        settings: what else a controller's entry of a recipe may say (level, others, pattern, evaluations, robustness, ...),
            and pool, controls, match_luminance and criteria of a recipe.

    Raises:
        InputError: anything that cannot work is said before long work starts.

    Example:
        >>> from synthstim import load_model
        >>> unit = Unit(layer="blocks.1", channel=5)
        >>> made = control(load_model(size=(64, 64)), "drive", unit=unit, evaluations=20)
        >>> made.table[["goal", "unit"]].values.tolist()
        [['drive', 'channel 5 at centre']]
    """
    model = as_observer(observer)
    entry: dict[str, Any] = {"name": "controller", "kind": "controller", "goal": goal, "copies": copies}
    if unit is not None:
        entry["unit"] = _said(unit)
    with tempfile.TemporaryDirectory(prefix="synthstim-") as folder:
        return _read(_make(model, entry, settings, seed, out, Path(folder), watch))


def _file(reference: Any, observer: Observer, folder: Path) -> Path:
    """A reference as a file: the user's own, or one that holds what was given as exactly as files can."""
    if isinstance(reference, str | Path):
        return Path(reference).absolute()
    if isinstance(reference, list | tuple) and any(isinstance(one, str | Path) for one in reference):
        raise InputError(
            f"{len(reference)} references given; expected one", "call it for each, or name them in a recipe"
        )
    modality = observer.input.modality
    path = folder / f"reference{modality.suffix}"
    if isinstance(reference, Image):
        reference.save(path)
        return path
    values = np.asarray(reference.detach().cpu() if isinstance(reference, Tensor) else reference)
    if values.shape != observer.input.shape:
        raise InputError(
            f"a reference of shape {values.shape} given; expected {observer.input.shape} ({observer.input.axes})",
            f"{observer.input.remedy}, or give a file (of images also a PIL image), which is fitted",
            code="mismatch",
        )
    if values.dtype.kind != "f":
        low, high = modality.limits
        raise InputError(
            f"a reference of {values.dtype} given; expected floats from {low:g} to {high:g}",
            "divide it by its full scale",
        )
    modality.write(path, values.astype(np.float32), bits=modality.bits[-1], **modality.writing(observer.input))
    return path


def _make(
    observer: Observer,
    entry: dict[str, Any],
    settings: dict[str, Any],
    seed: int,
    out: str | Path | None,
    folder: Path,
    watch: Watch | None,
) -> StimulusSet:
    # A name and its options are the recipe's; an object is latents of the user's own.
    own = settings.get("parametrisation")
    own = None if isinstance(own, str | dict) else settings.pop("parametrisation", None)
    of_recipe = {key: value for key, value in settings.items() if key in Recipe.model_fields and key != "stimuli"}
    entry |= {key: value for key, value in settings.items() if key not in of_recipe}
    recipe = {"observer": observer.name, "seed": seed, "stimuli": [entry], **of_recipe}
    return make(
        Recipe.from_dict(recipe, Path.cwd()), out or folder / "set", observer=observer, parametrisation=own, watch=watch
    )


def _read(made: StimulusSet, reference: np.ndarray | None = None) -> Synthesised:
    stimuli = from_numpy(np.stack([made.stimulus(file) for file in made.table["file"]]))
    return Synthesised(stimuli, made.table, None if reference is None else from_numpy(reference))


def _said(unit: Unit | str | dict[str, Any]) -> dict[str, Any]:
    """A unit as a recipe names it."""
    if isinstance(unit, str):
        return {"site": unit}
    if not isinstance(unit, Unit):
        return unit
    if unit.reader is not None:
        raise InputError(
            f"the unit {unit.name} is read by a function, which no recipe names", "use Synthesiser with drive(unit)"
        )
    if unit.layer == SITES:
        return {"site": unit.name}
    if unit.indices is not None:
        return {"layer": unit.layer, "indices": list(unit.indices)}
    said: dict[str, Any] = {"layer": unit.layer, "channel": unit.channel}
    return said if unit.position is None else {**said, "position": unit.position}
