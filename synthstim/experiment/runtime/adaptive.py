"""Tracks: staircases and QUEST+ that choose each trial's level by the answers so far, and the stimuli that have it."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .rules import Rule, rule_of
from .stop import stopped
from .tables import MISSING, cell_of

FILE = "candidates.tsv"
LETTERS = ("a", "b", "c")
Candidate = Mapping[str, Any]


class Track:
    """One staircase, or one QUEST+, over the levels that it may choose.

    Args:
        rule: every setting of it, as manifest.json has them under ``tracks``.
        candidates: what may be shown: ``level``, ``pair`` and the files ``a``, ``b`` and ``c``.
        name: seeds the order of pairs that share a level; each comes once before any comes again.
    """

    def __init__(self, rule: Mapping[str, Any], candidates: Iterable[Candidate], name: str) -> None:
        self._pairs: dict[float, list[Candidate]] = {}
        for one in sorted(candidates, key=lambda one: one["level"]):
            self._pairs.setdefault(one["level"], []).append(one)
        self._most, self._turns, self._name = rule["trials"], rule["reversals"], name
        self._rule: Rule = rule_of(rule, list(self._pairs))
        self._shown = dict.fromkeys(self._pairs, 0)
        self._count = 0
        self._chosen: dict[str, Any] | None = None

    def next(self) -> dict[str, Any]:
        """What comes: ``level``, ``pair``, ``a``, ``b``, ``c``; the same until it has been answered."""
        if self._chosen is None:
            level = self._rule.level()
            pairs = self._pairs[level]
            again, place = divmod(self._shown[level], len(pairs))
            # Text seeds alike in every version of Python.
            order = random.Random(f"{self._name} {level!r} {again}").sample(range(len(pairs)), len(pairs))
            one = pairs[order[place]]
            self._chosen = {"level": level, "pair": one["pair"]} | {letter: one[letter] for letter in LETTERS}
        return dict(self._chosen)

    def answer(self, correct: bool) -> dict[str, Any]:
        """Take the answer to what came; returns what is known now."""
        level = self.next()["level"]
        self._rule.answer(correct)
        self._shown[level] += 1
        self._count += 1
        self._chosen = None
        return self.describe()

    @property
    def finished(self) -> bool:
        """Whether it has had all its trials, or has turned often enough."""
        turned = self._rule.told()["reversals"] if self._turns else None
        return self._count >= self._most or (turned is not None and turned >= self._turns)

    def describe(self) -> dict[str, Any]:
        """What is known after the trials so far, by the columns of ``trials.TRACK_COLUMNS``; None is nothing."""
        return {f"track_{name}": value for name, value in {"trials": self._count, **self._rule.told()}.items()}


class Tracks:
    """The tracks of one participant, each of which goes its own way; the plan says whose turn it is.

    Args:
        candidates: the rows of candidates.tsv, numbers as numbers.
    """

    def __init__(
        self, rules: Mapping[str, Mapping[str, Any]], candidates: Sequence[Candidate], seed: int, participant: int
    ) -> None:
        self._tracks = {
            track: Track(rule, [one for one in candidates if one["track"] == track], f"{seed} {participant} {track}")
            for track, rule in rules.items()
        }

    @classmethod
    def read(cls, directory: Path, manifest: Mapping[str, Any], participant: int) -> Tracks:
        """The tracks of an exported experiment."""
        return cls(manifest["tracks"], read_candidates(directory / FILE), manifest["seed"], participant)

    def next(self, track: str) -> dict[str, Any]:
        """What comes in the next trial of a track: ``level``, ``pair``, ``a``, ``b``, ``c``."""
        return self._tracks[track].next()

    def answer(self, track: str, level: float, correct: bool) -> dict[str, Any]:
        """Take an answer to what ``next`` chose; returns the columns that describe the track now.

        Raises:
            ValueError: the level is not the one that was chosen.
        """
        if (chosen := self.next(track)["level"]) != level:
            raise ValueError(f"an answer to the level {level:g} given; {track} has chosen {chosen:g}")
        return self._tracks[track].answer(correct)

    def describe(self, track: str) -> dict[str, Any]:
        """What is known of a track after the trials so far."""
        return self._tracks[track].describe()

    def finished(self, track: str) -> bool:
        """Whether a track has ended; trials of no track never have."""
        return track in self._tracks and self._tracks[track].finished

    def replay(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Go on where a participant's earlier trials left off.

        Args:
            rows: of their table of trials, as text; those of no track, or without right or wrong, change nothing.

        Raises:
            SystemExit: the rows do not follow from the rule, so they are of another export or have been altered.
        """
        for row in rows:
            if row["track"] not in self._tracks or row["correct"] not in (cell_of(True), cell_of(False)):
                continue
            chosen = self.next(row["track"])
            if row["pair"] != chosen["pair"] or row["level"] != cell_of(chosen["level"]):
                raise stopped(
                    f"trial {row['trial']} of the participant shows {row['pair']} at the level {row['level']}, the rule chooses"
                    f" {chosen['pair']} at {chosen['level']:g}: put back the table that was recorded, or give another number"
                )
            self._tracks[row["track"]].answer(row["correct"] == cell_of(True))


def read_candidates(path: Path) -> list[dict[str, Any]]:
    """The rows of candidates.tsv, levels as numbers.

    Raises:
        SystemExit: the file is missing or damaged.
    """
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            rows = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
            return [
                {name: row[name] for name in ("track", "pair", *LETTERS)} | {"level": float(row["level"])}
                for row in rows
            ]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise stopped(f"{path.name} cannot be read ({error}): export the experiment again") from None


__all__ = ["LETTERS", "MISSING", "Track", "Tracks", "read_candidates"]
