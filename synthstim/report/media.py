"""What a set holds, embedded for the page: as its modality shows it, or as a few values."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Generic, Protocol, TypeVar
from urllib.parse import quote

from typing_extensions import Self

from synthstim.errors import InputError
from synthstim.report.inline import HERE
from synthstim.stimulus_set import StimulusSet

# A page beyond this opens slowly; above it, reduced copies stand in for the files.
BUDGET_BYTES = 32 << 20
MOST_VALUES = 12
LINKED = "this page shows the files of the set where they lie, so leave it in the set's folder"


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

    @property
    def linked(self) -> bool:
        """Whether the page shows the files where they lie."""

    def __getitem__(self, relative: str) -> Medium:
        """One of them; what cannot be shown says why."""


def media_of(stimuli: StimulusSet, files: set[str], drawing: str | None = None, *, beside: bool = False) -> Media:
    """Embed the files of a set, or link to them from a page beside them where all of them would make too large a page.

    Args:
        stimuli: the set.
        files: those that the page shows, by their paths in the set.
        drawing: of the modality's own.
        beside: whether the page lies in the set's folder.

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
    how = [drawing or modality.drawings[0]] if modality.drawings else []
    media: Media = part.media_of(stimuli, files, *how, beside=beside)
    return media


Shown = TypeVar("Shown", bound=Medium)


@dataclass
class Embedded(Generic[Shown]):
    """A set's stimuli by the files' own bytes; where all of them would make too large a page, by links or smaller pictures.

    Attributes:
        home: the folder of the template.
        smaller: what the page says where smaller pictures stand in.
        stimuli: the set.
        reduced: whether they do.
        linked: whether the page shows the files where they lie.
    """

    home: ClassVar[Path]
    smaller: ClassVar[str]
    stimuli: StimulusSet
    reduced: bool = False
    linked: bool = False
    _known: dict[str, Shown] = field(default_factory=dict)

    @classmethod
    def of(cls, stimuli: StimulusSet, files: set[str], *, beside: bool = False) -> Self:
        """Choose by the bytes that the files take together, and by whether the page lies beside them.

        Raises:
            InputError: a path leaves the set, passes a link, or has no file.
        """
        heavy = sum(stimuli.path(file).stat().st_size for file in files) > BUDGET_BYTES
        return cls(stimuli, reduced=heavy and not beside, linked=heavy and beside)

    @property
    def previews(self) -> str:
        """What the page says where it does not hold the files themselves."""
        return LINKED if self.linked else self.smaller if self.reduced else ""

    def address(self, mime: str, path: Path, relative: str) -> str:
        """Where a browser finds the file itself: in the page, or beside it."""
        return link(relative) if self.linked else data_uri(mime, path.read_bytes())

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


def link(relative: str) -> str:
    """The address of a file of the set, from a page beside it."""
    return quote(relative)


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
    linked: bool = False

    def __getitem__(self, relative: str) -> Vector:
        try:
            values = self.stimuli.stimulus(relative).ravel()
        except InputError as error:
            return Vector(relative, problem=str(error))
        more = ", …" if len(values) > MOST_VALUES else ""
        shown = ", ".join(f"{value:.3g}" for value in values[:MOST_VALUES])
        return Vector(relative, shown + more, f"{len(values)} values")
