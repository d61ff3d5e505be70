"""What every modality has: an object that knows how its stimuli are handled."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthstim.errors import InputError
from synthstim.modalities import modality_of_file
from synthstim.modalities.inputs import StimulusInput

if TYPE_CHECKING:
    import pandas as pd

Stimulus = NDArray[np.float32]


class Modality:
    """How stimuli of one kind are named, read, written, rounded, measured, drawn as noise.

    The defaults suit vectors of values in [0, 1], each a file with one row of a table. What later rooms need lies in
    modules beside the modality, its *parts*, which they find by name: ``natural`` (the natural pool), ``synthesis``
    (phases), ``encoding`` (observers for recorded responses), ``report`` and ``demonstration``; a room has a default
    for a modality without that part.

    Attributes:
        name: of one stimulus.
        article: before the name.
        verb: what an observer is, as in "shown".
        presents: what an experiment does with a stimulus.
        natural: one of those that the natural pool is cut from.
        carried: where a pool without a folder comes from; None where packages carry none.
        distance, distance_label, distance_hint: the column of the table that says how far from its reference a metamer
            ended; its heading and its meaning in the report.
        coding: what the values of files mean.
        Input: class of the inputs.
        suffixes: of files that can be read.
        suffix: of files that are written.
        limits: of the values that a file can hold.
        bits: with which files can be written; the first is the coarsest.
        default_bits: of a file.
        fits: how a file of another shape may be brought to the input's.
        reading: settings of a recipe that decide how files are read, besides ``fit``.
        settings: of a recipe or of its entries, that are for this modality alone.
        parametrisations: that suit it, the usual one first.
        controls: kinds of controls that are for this modality alone.
        starts: noise that synthesis may start from, the usual one first.
        shaped_starts: those of them that take after a metamer's reference.
        columns: of the table of a set, that are for this modality alone and not among those that every table has:
            name -> (``number`` or ``count`` or ``text``, what it means, units).
        tolerances: by how much a figure of ``statistics``, or of ``between`` beside the distance, may differ when it is measured again.
        rematched: column -> the resampler after which a match is measured again.
        resamplers: names for ``through``.
        resizes: whether an observer takes stimuli of any size, resized to what its network was trained at.
        looped: the protocol by which a closed loop presents it, unless the user names another; "" for none.
        weighs_statistics: whether a search for a texture's statistics goes by their ``noise_weights``.
        recovers: whether a search may come upon the reference itself, which is then no metamer of it.
        drawings: in which the report can draw it, the usual one first.
        home: the package that holds the parts; "" for none.
    """

    name: str
    article: str = "a"
    verb: str = "given"
    presents: str = "gives"
    natural: str = "natural stimulus"
    naturals: str = "natural stimuli"
    carried: str | None = None
    distance: str = "distance"
    distance_label: str = "distance"
    distance_hint: str = "|stimulus − reference| / |reference|"
    coding: str = "values in [0, 1]"
    Input: type[StimulusInput]
    suffixes: tuple[str, ...] = (".tsv",)
    suffix: str = ".tsv"
    limits: tuple[float, float] = (0.0, 1.0)
    bits: tuple[int, ...] = (32,)
    default_bits: int = 32
    fits: tuple[str, ...] = ("exact",)
    reading: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    parametrisations: tuple[str, ...] = ("pixels",)
    controls: tuple[str, ...] = ()
    starts: tuple[str, ...] = ("white",)
    shaped_starts: tuple[str, ...] = ()
    columns: Mapping[str, tuple[str, str, str]] = {"distance": ("number", "|stimulus - reference| / |reference|", "")}
    tolerances: Mapping[str, float] = {}
    rematched: Mapping[str, str] = {}
    resamplers: tuple[str, ...] = ()
    resizes: bool = False
    looped: str = ""
    recovers: bool = False
    weighs_statistics: bool = False
    drawings: tuple[str, ...] = ()
    home: str = ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @property
    def plural(self) -> str:
        """Several stimuli."""
        return f"{self.name}s"

    @property
    def is_given(self) -> str:
        """What an observer of these stimuli is, as in "is shown images"."""
        return f"is {self.verb} {self.plural}"

    def noun(self, count: int, kind: str) -> str:
        """What to call that many stimuli of a kind: metamer, controllers, natural images."""
        return (f"{kind} {self.name}" if kind in ("natural", "control") else kind) + ("" if count == 1 else "s")

    def part(self, name: str) -> ModuleType | None:
        """What a later room needs to know of this modality; None where the modality has nothing of its own."""
        home = importlib.import_module(self.home) if self.home else None
        if not hasattr(home, "__path__") or importlib.util.find_spec(f"{self.home}.{name}") is None:
            return None
        return importlib.import_module(f"{self.home}.{name}")

    def input_of(self, facts: Mapping[str, Any]) -> StimulusInput:
        """The input that a provenance describes: what ``dataclasses.asdict`` gave, as JSON gives it back."""
        return self.Input(**{name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()})

    def read(self, path: str | Path) -> Stimulus:
        """Read a file as it is, (*shape) float32.

        Raises:
            InputError: the file cannot be read.
        """
        try:
            return np.loadtxt(path, delimiter="\t", dtype=np.float32, ndmin=1)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{Path(path).name} cannot be read as {self.article} {self.name} ({error})", code="unreadable"
            ) from None

    def copied(self, path: str | Path) -> tuple[Stimulus, int]:
        """A user's file as a set that adopts it keeps it: its values, and with how many bits.

        Raises:
            InputError: the file cannot be read.
        """
        return self.read(path), self.bits_of(path)

    def read_for(self, path: str | Path, input: StimulusInput, *, fit: str = "crop", **how: Any) -> Stimulus:
        """Read a file as an observer is given it.

        Args:
            path: of a file of this modality.
            input: of the observer.
            fit: how a file of another shape is brought to the input's.
            how: settings of ``reading``; others are left alone.

        Raises:
            InputError: the file is of another modality, cannot be read, or does not fit.
        """
        came = modality_of_file(path)
        if came is not None and came is not self:
            raise InputError(
                f"{Path(path).name} is {came.article} {came.name}, the observer {self.is_given}",
                "give one of those",
                code="mismatch",
            )
        return self.fitted(Path(path), input, fit, {key: how.get(key) for key in self.reading})

    def fitted(self, path: Path, input: StimulusInput, fit: str, how: Mapping[str, Any]) -> Stimulus:
        """Read a file of this modality and bring it to an input.

        Args:
            path: of the file.
            input: of the observer.
            fit: one of the modality's ways, such as ``crop``.
            how: settings of ``reading``.

        Raises:
            InputError: it cannot be read, or has another shape, which nothing brings to the input's.
        """
        values = self.read(path)
        if values.shape != input.shape:
            sides = " x ".join(map(str, values.shape))
            raise InputError(
                f"{path.name} has {sides} values, the observer takes {input.words}", input.remedy, code="mismatch"
            )
        return values

    def writing(self, input: StimulusInput) -> dict[str, Any]:
        """What the files of an observer's stimuli need beside their values."""
        return {}

    def writing_of(self, files: Sequence[Path]) -> dict[str, Any]:
        """What copies of these files need beside their values.

        Raises:
            InputError: the files differ in it.
        """
        return {}

    def write(self, path: str | Path, values: Stimulus, *, bits: int) -> None:
        """Write a stimulus, never clipped; takes what ``writing`` gives, too.

        Args:
            path: of the file.
            values: as ``read`` gives them.
            bits: that each is stored with, where files differ in it.

        Raises:
            InputError: the file cannot hold the values.
        """
        row = "\t".join(np.format_float_positional(value, trim="0") for value in np.asarray(values, np.float32))
        Path(path).write_text(f"{row}\n", encoding="utf-8", newline="\n")

    def rounded(self, values: Stimulus, bits: int | None = None) -> Stimulus:
        """A stimulus as its file will hold it, of the default bits unless others are given."""
        return values.astype(np.float32)

    def levels(self, bits: int | None = None) -> int | None:
        """Steps from 0 to 1 of a file's values; None where rounding is below what a model can tell."""
        return None

    def bits_of(self, path: str | Path) -> int:
        """The bits with which a file's values can be written again unchanged."""
        return self.default_bits

    def reference_bits(self, bits: int | None) -> int:
        """Bits of a reference's file, where its metamers have these."""
        return self.default_bits

    def statistics(self, path: str | Path) -> dict[str, Any]:
        """What the table says of every file, by column."""
        return {}

    def tables(self, files: Mapping[str, Path]) -> dict[str, pd.DataFrame]:
        """Further tables of a set, by their names: of its files by stimulus id."""
        return {}

    def between(self, stimulus: Stimulus, reference: Stimulus) -> dict[str, float]:
        """What the table says of a stimulus beside its reference: the distance |stimulus - reference| / |reference|."""
        length = max(float(np.linalg.norm(reference.ravel())), 1e-12)
        return {self.distance: float(np.linalg.norm((stimulus - reference).ravel()) / length)}

    def mixed(self, first: Stimulus, second: Stimulus, share: float) -> Stimulus:
        """A mixture of two stimuli.

        Args:
            first, second: of one shape.
            share: of the second, from 0 to 1.

        Raises:
            InputError: no file can hold it.

        Example:
            >>> from synthstim.modalities import MODALITIES
            >>> black, white = np.zeros((1, 2, 2), np.float32), np.ones((1, 2, 2), np.float32)
            >>> round(float(MODALITIES["image"].mixed(black, white, 0.25).max()), 3)  # a quarter of the light
            0.537
        """
        return ((1 - share) * first.astype(np.float64) + share * second.astype(np.float64)).astype(np.float32)

    def off(self, change: Tensor, stimuli: Tensor) -> float:
        """How much a change (batch, *shape) does to the stimulus that it changes most: the largest change of a value."""
        return float(change.abs().max())

    def noise(self, kind: str, shape: tuple[int, ...], generators: Sequence[torch.Generator]) -> Tensor:
        """Weak noise for synthesis to start from, one for each generator: (batch, *shape), float64, in range.

        Args:
            kind: one of ``starts``, but none of ``shaped_starts``.
            shape: of one stimulus.
            generators: CPU generators, so that a seed gives the same noise on every device.

        Raises:
            InputError: the kind is unknown.
        """
        self.require_start(kind)
        return 0.5 + 0.025 * torch.stack([torch.randn(shape, generator=one, dtype=torch.float64) for one in generators])

    def shaped(self, kind: str, references: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Noise after references: (batch, *shape), float64.

        Args:
            kind: one of ``shaped_starts``.
            references: (batch, *shape).
            generators: as for ``noise``.

        Raises:
            InputError: the kind is unknown.
        """
        raise InputError(f"start {kind!r} is unknown", f"choose {self._choices}", code="unknown", value=kind)

    def require_start(self, kind: str) -> None:
        """Raise InputError unless this is noise that needs no reference."""
        if kind not in self.starts or kind in self.shaped_starts:
            raise InputError(f"start {kind!r} is unknown", f"choose {self._choices}", code="unknown", value=kind)

    @property
    def _choices(self) -> str:
        return f"{', '.join(name for name in self.starts if name not in self.shaped_starts)} or a file"

    def through(self, resampler: str, stimulus: Stimulus, input: StimulusInput) -> Stimulus:
        """A stimulus as an observer gets it after another program's resampler.

        Args:
            resampler: one of ``resamplers``.
            stimulus: as its file holds it.
            input: of the observer.

        Raises:
            InputError: there is no such resampler.
        """
        raise InputError(f"{self.plural} are not resampled", "leave the resampler out", code="mismatch")
