"""What every policy keeps to, and how one is opened for a folder of stimuli."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from synthstim.errors import InputError
from synthstim.online.trial import Trial
from synthstim.stimulus_set import StimulusSet


class Policy(Protocol):
    """The contract. A policy that was updated with the same trials goes on in the same way: that is how it is resumed.

    Attributes:
        sites: those whose responses it needs; a rig that does not measure them is refused.
    """

    sites: tuple[str, ...]

    def next_trial(self, history: Sequence[Trial]) -> str | None:
        """Id of the stimulus to show next, None when all is done; asked twice in a row it says the same."""

    def update(self, trial: Trial) -> None:
        """Take a trial that was answered."""


def set_and_ids(folder: Path) -> tuple[StimulusSet, list[str]]:
    """The set in a folder, and the ids of its stimuli."""
    stimuli = StimulusSet.read(folder)
    return stimuli, list(stimuli.table["stimulus_id"])


def require_given(settings: dict[str, Any], name: str, why: str, how: str = "give") -> Any:
    """A setting that a policy cannot do without.

    Raises:
        InputError: it is not given.
    """
    if settings[name] is None:
        raise InputError(why, f"{how} it with --{name}", code="missing-option", value=name)
    return settings[name]


def some(stimulus_ids: Sequence[str]) -> tuple[str, ...]:
    """Ids of stimuli, of which there are some, each once."""
    ids = tuple(stimulus_ids)
    if not ids or len(set(ids)) != len(ids):
        raise InputError(
            f"{len(ids)} stimuli given for a policy, {len(set(ids))} of them different",
            "name each once",
            code="mismatch",
        )
    return ids


def positive(number: int, name: str) -> int:
    """A count from 1."""
    if not 1 <= number <= 1_000_000:
        raise InputError(f"{name} {number} given; expected 1 to 1,000,000")
    return number
