"""Which sources are heard in the main part, which are kept for the demonstration, and which for catch trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.random import default_rng

from synthstim.errors import InputError
from synthstim.experiment.sounds.labels import Label
from synthstim.experiment.sounds.sound_set import FAILED, SoundSet


@dataclass(frozen=True)
class Roles:
    """The sources of each part, in the order of the set; no source is in two."""

    main: tuple[str, ...]
    demo: tuple[str, ...]
    catch: tuple[str, ...]


@dataclass(frozen=True)
class Material:
    """What a set offers to a listening test: its sounds, their words, the words that may be answered, and the parts."""

    sound_set: SoundSet
    labels: Mapping[str, Label]
    words: Sequence[str]
    roles: Roles

    @property
    def left_out_sources(self) -> list[str]:
        """The sources that nobody hears."""
        heard = {*self.roles.main, *self.roles.demo, *self.roles.catch}
        return [source for source in self.sound_set.recordings if source not in heard]


def assign_roles(sound_set: SoundSet, labels: Mapping[str, Label], settings: Mapping[str, Any]) -> Roles:
    """Share the sources out: as their roles say, otherwise by the seed.

    Demonstration and catch trials take sources that cannot be heard in every condition first. What then remains
    incomplete is left out of the main part where ``missing`` is ``leave_out_source``.

    Raises:
        InputError: trials of a kind are asked for twice, or fewer than two sources remain.
    """
    free = [source for source in sound_set.recordings if not labels[source].role]
    draw = [free[number] for number in default_rng([settings["seed"], 3]).permutation(len(free))]
    draw.sort(key=sound_set.complete)
    # Without a wish: one source in ten for catch trials, one in five for the demonstration, four at most.
    wanted = {"catch": len(free) // 10, "demo": min(4, len(free) // 5)}
    parts: dict[str, list[str]] = {}
    for role in ("catch", "demo"):
        parts[role] = [source for source in sound_set.recordings if labels[source].role == role]
        asked = settings[f"{role}_trials"]
        if parts[role] and asked is not None:
            raise InputError(
                f"{role} trials are asked for twice: the labels give {len(parts[role])} sources the role {role}, and"
                f" {role}_trials is {asked}",
                "leave one of the two out",
            )
        if not parts[role]:
            number = wanted[role] if asked is None else asked
            parts[role], draw = draw[:number], draw[number:]
    left = [source for source in sound_set.recordings if labels[source].role == "main" or source in draw]
    if settings["missing"] == "leave_out_source":
        left = [source for source in left if sound_set.complete(source)]
    if len(left) < 2:
        raise InputError(_too_few(sound_set, parts, left))
    return Roles(tuple(left), tuple(parts["demo"]), tuple(parts["catch"]))


def _too_few(sound_set: SoundSet, parts: Mapping[str, list[str]], left: list[str]) -> str:
    incomplete = sum(not sound_set.complete(source) for source in sound_set.recordings)
    failed = sum(missing.reason.startswith(FAILED) for missing in sound_set.left_out)
    hint = f", or include=all, which plays the {failed} metamers that failed their check" if failed else ""
    return (
        f"of {len(sound_set.recordings)} sources {len(parts['demo'])} are kept for the demonstration and"
        f" {len(parts['catch'])} for catch trials, {incomplete} lack a condition, and {len(left)} remain for the main part:"
        " wanted at least 2, give more sources, set demo_trials or catch_trials lower, or missing=leave_out_trial"
        + hint
    )
