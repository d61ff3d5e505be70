"""What a set holds, embedded for the page: as its modality shows it, or as a few values."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Generic, Protocol, TypeVar

from typing_extensions import Self

from synthstim.errors import InputError
from synthstim.report.inline import HERE
from synthstim.stimulus_set import StimulusSet

# A page beyond this opens slowly; above it, reduced copies stand in for the files.
BUDGET_BYTES = 32 << 20
MOST_VALUES = 12


class Medium(Protocol):
    """One stimulus as the page shows it: what the macro ``medium`` of ``medium.html.j2`` draws."""

    @property
    def about(self) -> str:
        """What is said of a reference."""

    @property
    def depth(self) -> str:
        """How the file is coded, in words."""


class Media(Protocol):
    """The stimuli of a set, by their paths in it."""

    @property
    def home(self) -> Path:
        """The folder of the template ``medium.html.j2``."""

    @property
    def stimuli(self) -> StimulusSet:
        """The set."""

    @property
    def previews(self) -> str:
        """What the page says where it does not hold the files themselves."""

    def __getitem__(self, relative: str) -> Medium:
        """One of them; what cannot be shown says why."""


def media_of(stimuli: StimulusSet, files: set[str], drawing: str | None = None) -> Media:
    """Embed the files of a set.

    Raises:
        InputError: a path leaves the set, passes a link, or has no file; the modality knows no such drawing.
    """
    modality = stimuli.modality
    if drawing is not None and drawing not in modality.drawings:
        choice = f"choose {', '.join(modality.drawings)}" if modality.drawings else "leave the drawing out"
        raise InputError(f"{modality.plural} are not drawn as {drawing!r}: {choice}")
    part = modality.part("report")
    if part is None:
        return Values(stimuli)
    media: Media = part.media_of(stimuli, files, *([drawing or modality.drawings[0]] if modality.drawings else []))
    return media


Shown = TypeVar("Shown", bound=Medium)


@dataclass
class Embedded(Generic[Shown]):
    """A set's stimuli by the files' own bytes, or by smaller pictures where all of them would make too large a page.

    Attributes:
        home: the folder of the template.
        smaller: what the page says where it does not hold the files themselves.
        stimuli: the set.
        reduced: whether smaller pictures stand in.
    """

    home: ClassVar[Path]
    smaller: ClassVar[str]
    stimuli: StimulusSet
    reduced: bool = False
    _known: dict[str, Shown] = field(default_factory=dict)

    @classmethod
    def of(cls, stimuli: StimulusSet, files: set[str]) -> Self:
        """Choose by the bytes that the files take together.

        Raises:
            InputError: a path leaves the set, passes a link, or has no file.
        """
        return cls(stimuli, reduced=sum(stimuli.path(file).stat().st_size for file in files) > BUDGET_BYTES)

    @property
    def previews(self) -> str:
        """What the page says where it does not hold the files themselves."""
        return self.smaller if self.reduced else ""

    def __getitem__(self, relative: str) -> Shown:
        if relative not in self._known:
            self._known[relative] = self.embed(self.stimuli.path(relative), relative)
        return self._known[relative]

    def embed(self, path: Path, relative: str) -> Shown:
        """One of them, from its file."""
        raise NotImplementedError


def scaled(width: int, height: int, edge: int) -> tuple[int, int]:
    """A picture's (width, height) brought to an edge: a whole multiple of its own, or reduced.

    >>> scaled(48, 32, 208), scaled(400, 200, 100)
    ((192, 128), (100, 50))
    """
    scale = edge / max(width, height, 1)
    scale = float(int(scale)) if scale >= 1 else scale
    return max(1, round(width * scale)), max(1, round(height * scale))


def data_uri(mime: str, data: bytes) -> str:
    """Bytes as an address that a page holds itself."""
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"


@dataclass(frozen=True)
class Vector:
    """A stimulus as its first values, or why there are none."""

    file: str
    shown: str = ""
    about: str = ""
    problem: str = ""
    depth: str = ""
    # The files themselves are not in the page.
    uri: str = ""


@dataclass(frozen=True)
class Values:
    """Stimuli of a modality that has no way of its own to be shown."""

    home: ClassVar[Path] = HERE
    stimuli: StimulusSet
    previews: str = ""

    def __getitem__(self, relative: str) -> Vector:
        try:
            values = self.stimuli.stimulus(relative).ravel()
        except InputError as error:
            return Vector(relative, problem=str(error))
        more = ", …" if len(values) > MOST_VALUES else ""
        shown = ", ".join(f"{value:.3g}" for value in values[:MOST_VALUES])
        return Vector(relative, shown + more, f"{len(values)} values")
