"""A trial of a running session, and the stimuli that it may show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from synthstim.errors import InputError, nearest
from synthstim.stimulus_set import StimulusSet


@dataclass(frozen=True)
class Trial:
    """One trial that was shown and answered.

    Attributes:
        sequence: its number in the session, from 1.
        stimulus_id: what was shown.
        repeat: how often this stimulus had been shown before.
        responses: site -> response.
    """

    sequence: int
    stimulus_id: str
    repeat: int
    responses: Mapping[str, float]


@dataclass(frozen=True)
class Shown:
    """A stimulus as a rig finds it: its file relative to the root, and the checksum of the file's bytes."""

    stimulus_id: str
    file: str
    sha256: str


@dataclass
class Catalogue:
    """The stimuli that trials may show; a set, or the sets of a folder, to which more may come.

    Attributes:
        root: the folder that files are relative to.
    """

    root: Path
    _held: dict[str, Shown] = field(default_factory=dict, repr=False)

    @classmethod
    def of_set(cls, stimuli: StimulusSet) -> Catalogue:
        """The stimuli of one set, checked against their checksums."""
        made = cls(stimuli.root)
        made.add(stimuli)
        return made

    def add(self, stimuli: StimulusSet) -> None:
        """Take in a set at the root or below it.

        Raises:
            InputError: a file has changed, or an id is here already.
        """
        stimuli.require_intact()
        prefix = stimuli.root.relative_to(self.root)
        columns = (stimuli.table[name].astype(str) for name in ("stimulus_id", "file", "sha256"))
        for name, file, digest in zip(*columns, strict=True):
            if name in self._held:
                raise InputError(f"two sets of {self.root} use the id {name!r}", "rename the stimuli of one")
            self._held[name] = Shown(name, (prefix / file).as_posix(), digest)

    def __getitem__(self, stimulus_id: str) -> Shown:
        self.require([stimulus_id])
        return self._held[stimulus_id]

    def __len__(self) -> int:
        return len(self._held)

    @property
    def stimulus_ids(self) -> tuple[str, ...]:
        """All ids, in the order of their tables."""
        return tuple(self._held)

    def require(self, stimulus_ids: Iterable[str]) -> None:
        """Raise InputError, with the nearest ids, unless all are here."""
        for name in stimulus_ids:
            if name not in self._held:
                raise InputError(f"{self.root} has no stimulus {name!r}: {nearest(name, self._held)}")
