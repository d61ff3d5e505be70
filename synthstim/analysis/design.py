"""What a listening test was: its conditions, words and criteria, read from an exported experiment."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from synthstim.errors import InputError
from synthstim.experiment import manifest
from synthstim.experiment.manifest import Condition, read_manifest
from synthstim.experiment.runtime.plan import PARTS

NATURAL = "natural"
PROTOCOL = "word_listening"


@dataclass(frozen=True)
class ListenerCriteria:
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
        right_answers: how many words of the list are right, on average over the sources: more than 1 where homophones are.
    """

    conditions: tuple[Condition, ...]
    words: tuple[str, ...]
    participants: int
    catch_trials: int = 0
    criteria: ListenerCriteria = ListenerCriteria()
    title: str = "Word listening"
    left_out: tuple[tuple[str, str, str], ...] = ()
    planned: tuple[tuple[int, int], ...] = ()
    right_answers: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """The conditions' names, in order."""
        return tuple(condition.condition for condition in self.conditions)

    @property
    def chance(self) -> float:
        """Proportion correct of somebody who picks any word of the list."""
        return self.right_answers / len(self.words)

    @property
    def trials(self) -> int | None:
        """Trials of each participant in each condition, where the plan is there."""
        return (self.planned[0][1] - self.catch_trials) // len(self.conditions) if self.planned else None

    @property
    def one_in(self) -> str:
        """The same as one in how many answers, for a sentence."""
        return f"{1 / self.chance:.3g}" if self.right_answers != 1 else str(len(self.words))


def read_design(directory: str | Path) -> Design:
    """Read the design of an exported listening test.

    Raises:
        InputError: the folder is no exported experiment, or one of another kind, or its manifest is damaged.
    """
    root = Path(directory)
    if (protocol := read_manifest(root, manifest.Named).protocol) != PROTOCOL:
        raise InputError(
            f"{root} holds the experiment {protocol!r}: only a listening test ({PROTOCOL}) has words to be recognised"
        )
    asked = read_manifest(root, manifest.ListeningManifest)
    # The sort is stable: the stages stay in the model's order.
    conditions = sorted(asked.conditions, key=lambda one: one.condition != NATURAL)
    # Answers that are right, on average over the sources.
    right = [1 + len(one.also) for one in asked.stimuli if one.kind == NATURAL] or [1]
    return Design(
        conditions=tuple(conditions),
        words=asked.words,
        participants=asked.participants,
        catch_trials=asked.n_catch,
        criteria=ListenerCriteria(
            asked.criteria.headphone_trials or 0, asked.criteria.headphone_pass or 0, asked.criteria.catch_pass or 0.0
        ),
        title=asked.title,
        left_out=tuple((one.source, one.condition, one.reason) for one in asked.left_out),
        planned=tuple(_planned(root)),
        right_answers=sum(right) / len(right),
    )


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
