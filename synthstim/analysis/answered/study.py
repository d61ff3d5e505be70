"""What an experiment tested: its conditions, answers and criteria."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from synthstim.experiment.manifest import Condition

NATURAL = "natural"
LISTENING = "word_listening"
# A condition whose stimuli the column says nothing of, as natural ones have no layer.
_APART = (NATURAL, "n/a", "")


@dataclass(frozen=True)
class ListenerCriteria:
    """What a participant must reach to be kept: ``headphone_pass`` correct answers of ``headphone_trials`` in the last
    attempt at the headphone check, and a proportion ``catch_pass`` of the catch trials; 0 asks for nothing.
    """

    headphone_trials: int = 6
    headphone_pass: int = 5
    catch_pass: float = 0.8


@dataclass(frozen=True)
class ColumnCondition(Condition):
    """A condition that is told by columns of the set or of a user's table: ``values`` are those of each column, in order."""

    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Study:
    """What an experiment tested.

    Attributes:
        conditions: in the order in which they are plotted: natural first, then the stages of the model.
        answers: what can be right, or be answered where nothing is; empty where answers are numbers.
        participants: how many were planned.
        catch_trials: of each participant.
        criteria: what participants must reach.
        title: of the experiment.
        left_out: metamers that were missing: (source, condition, reason).
        planned: trials of the main part by participant, catch trials among them, where the plan is there.
        right_answers: how many answers are right, on average over the trials: more than 1 where homophones are.
        protocol: that was exported.
        task: by whose model d' is computed, ``none`` where none is.
        columns: that tell conditions.
        slots: of a trial whose stimuli are compared: no masks, and no tones of the headphone check.
        method: how levels were chosen: its ``kind``, and its settings.
        span: the lowest and the highest level of an adaptive method.
        accepted: all that may be answered; empty for the answers, or where they are numbers or free.
        stimuli: what the set says of each stimulus, by its id.
    """

    conditions: tuple[Condition, ...]
    answers: tuple[str, ...]
    participants: int
    catch_trials: int = 0
    criteria: ListenerCriteria = ListenerCriteria()
    title: str = "Word listening"
    left_out: tuple[tuple[str, str, str], ...] = ()
    planned: tuple[tuple[int, int], ...] = ()
    right_answers: float = 1.0
    protocol: str = LISTENING
    task: str = "none"
    columns: tuple[str, ...] = ("observer", "layer")
    slots: tuple[str, ...] = ()
    method: Mapping[str, object] = field(default_factory=dict)
    span: tuple[float, float] | None = None
    accepted: tuple[str, ...] = ()
    stimuli: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The conditions' names, in order."""
        return tuple(condition.condition for condition in self.conditions)

    @property
    def chance(self) -> float:
        """Proportion correct of somebody who picks any answer; NaN where answers are free."""
        return self.right_answers / len(self.answers) if self.answers else math.nan

    @property
    def trials(self) -> int | None:
        """Trials of each participant in each condition, where the plan is there."""
        return (self.planned[0][1] - self.catch_trials) // len(self.conditions) if self.planned else None

    @property
    def one_in(self) -> str:
        """Chance as one in how many answers, for a sentence."""
        return f"{1 / self.chance:.3g}" if self.right_answers != 1 else str(len(self.answers))

    @property
    def is_adaptive(self) -> bool:
        """Whether answers chose the levels."""
        return self.method.get("kind", "constant") != "constant"

    @property
    def is_listening(self) -> bool:
        """Whether words were to be recognised."""
        return self.protocol == LISTENING

    @property
    def across(self) -> str:
        """The column whose values stand side by side in the figure: the layer, or the last one."""
        return "layer" if "layer" in self.columns else self.columns[-1] if self.columns else ""

    def label(self, name: str) -> str:
        """What stands under a condition: its stage, without the model where a legend names it."""
        return value_of(self._named(name), self.across) or name

    def line(self, name: str) -> str:
        """What joins a condition with others in the figure: the model, or what else it shares with them; "" for nothing."""
        condition = self._named(name)
        shared = (value_of(condition, column) for column in self.columns if column != self.across)
        return ", ".join(value for value in shared if value)

    def stands_apart(self, name: str) -> bool:
        """Whether a condition belongs to no line, as natural stimuli do."""
        if name == NATURAL:
            return True
        return bool(self.across) and not self.is_listening and value_of(self._named(name), self.across) in _APART

    def _named(self, name: str) -> Condition:
        return next(one for one in self.conditions if one.condition == name)


def value_of(condition: Condition, column: str) -> str:
    """What a column says of a condition; "" for nothing."""
    if isinstance(condition, ColumnCondition):
        return dict(condition.values).get(column, "")
    return getattr(condition, column, None) or ""
