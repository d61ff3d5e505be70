"""What a listening test was: its conditions, words and criteria, read from an exported experiment."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.experiment.runtime.trials import PARTS

NATURAL = "natural"
PROTOCOL = "word_listening"
_NEEDED = ("participants", "conditions", "words", "criteria", "n_catch")


@dataclass(frozen=True)
class Condition:
    """One condition: natural recordings, or metamers of one stage of a model."""

    name: str
    observer: str | None = None
    layer: str | None = None


@dataclass(frozen=True)
class Criteria:
    """What a participant must reach to be kept: ``headphone_pass`` correct answers of ``headphone_trials`` in the last
    attempt at the headphone check, and a proportion ``catch_pass`` of the catch trials; 0 asks for nothing.
    """

    headphone_trials: int = 6
    headphone_pass: int = 5
    catch_pass: float = 0.8


@dataclass(frozen=True)
class Design:
    """A listening test.

    Attributes:
        conditions: in the order in which they are plotted: natural first, then the stages of the model.
        words: the list that answers are taken from.
        participants: how many were planned.
        catch_trials: of each participant.
        left_out: metamers that were missing: (source, condition, reason).
        planned: trials of the main part by participant, where the plan is there.
    """

    conditions: tuple[Condition, ...]
    words: tuple[str, ...]
    participants: int
    catch_trials: int = 0
    criteria: Criteria = Criteria()
    title: str = "Word listening"
    left_out: tuple[tuple[str, str, str], ...] = ()
    planned: tuple[tuple[int, int], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The conditions' names, in order."""
        return tuple(condition.name for condition in self.conditions)

    @property
    def chance(self) -> float:
        """Proportion correct of somebody who picks any word of the list."""
        return 1 / len(self.words)


def read_design(directory: Path) -> Design:
    """Read the design of an exported listening test.

    Raises:
        InputError: the folder is no exported experiment, or one of another kind.
    """
    manifest = _manifest(directory)
    conditions = [
        Condition(str(entry["condition"]), entry.get("observer"), entry.get("layer"))
        for entry in manifest["conditions"]
    ]
    # The sort is stable: the stages stay in the model's order.
    conditions.sort(key=lambda condition: condition.name != NATURAL)
    asked = manifest["criteria"]
    return Design(
        conditions=tuple(conditions),
        words=tuple(map(str, manifest["words"])),
        participants=int(manifest["participants"]),
        catch_trials=int(manifest["n_catch"]),
        criteria=Criteria(
            int(asked.get("headphone_trials") or 0),
            int(asked.get("headphone_pass") or 0),
            float(asked.get("catch_pass") or 0),
        ),
        title=str(manifest.get("title") or "Word listening"),
        left_out=tuple(
            (str(one.get("source")), str(one.get("condition")), str(one.get("reason")))
            for one in manifest.get("left_out", [])
        ),
        planned=tuple(_planned(directory)),
    )


def _manifest(directory: Path) -> dict[str, Any]:
    path = directory / "manifest.json"
    if not path.is_file():
        raise InputError(f"{directory} is no exported experiment: it has no manifest.json")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        protocol = manifest["protocol"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"{path} is not the manifest of an experiment: export the set again") from None
    if protocol != PROTOCOL:
        raise InputError(
            f"{directory} holds the experiment {protocol!r}: only a listening test ({PROTOCOL}) has words to be recognised"
        )
    if absent := [key for key in _NEEDED if key not in manifest]:
        raise InputError(f"{path} lacks {absent[0]!r}: export the set again")
    if not manifest["conditions"] or not manifest["words"]:
        raise InputError(f"{path} names no {'words' if manifest['conditions'] else 'conditions'}: export the set again")
    return dict(manifest)


def _planned(directory: Path) -> list[tuple[int, int]]:
    """Trials of the main part by participant."""
    found = []
    for path in sorted((directory / "conditions").glob("participant_*.csv")):
        number = path.stem.rpartition("_")[2]
        with open(path, encoding="utf-8", newline="") as stream:
            main = sum(row.get("part_number") == str(PARTS.index("main")) for row in csv.DictReader(stream))
        if number.isdigit():
            found.append((int(number), main))
    return found
