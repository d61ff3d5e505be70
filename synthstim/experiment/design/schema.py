"""What a trial is made of, and what is right: the ``design`` of a protocol, or a design.yaml of one's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, RootModel, field_validator, model_validator

from synthstim.experiment.design.method import Constant, Method
from synthstim.experiment.runtime.plan import COMMON, RIGHT
from synthstim.experiment.runtime.trials import TRACK_COLUMNS, trial_columns
from synthstim.experiment.setting import NAME_PATTERN, Identifier, ProtocolPart
from synthstim.recipe.problems import raise_problems
from synthstim.recipe.yaml_source import Location

MASK = "mask"
# What tables of trials call their own columns.
RESERVED = frozenset((*COMMON, RIGHT, *trial_columns((), ()), *TRACK_COLUMNS))
LETTERS = ("a", "b", "c")
# The letters that each kind of comparison fills.
COMPARED = {
    "each": "a", "reference": "ab", "copy": "ab", "observer": "ab", "layer": "ab", "another": "ab", "triplet": "abc",
}  # fmt: skip
Cell = Annotated[str, Field(pattern=r"^\$?[A-Za-z0-9_ -]{1,60}$")]
# By what model of the observer a sensitivity is computed.
Task = Literal["none", "yes_no", "2afc", "abx", "oddity", "same_different", "match", "identify", "equality"]


class Arrangement(RootModel[dict[Identifier, Cell]]):
    """Letters by slot, and under ``right`` the right answer, or ``$COLUMN`` for what that column says of ``a``.

    Example:
        >>> Arrangement.model_validate({"first": "a", "second": "b", "right": "first"}).slots
        {'first': 'a', 'second': 'b'}
    """

    @property
    def slots(self) -> dict[str, str]:
        """The letter of each slot."""
        return {slot: letter for slot, letter in self.root.items() if slot != RIGHT}

    @property
    def right(self) -> str | None:
        """The right answer; None where no answer is right or wrong."""
        return self.root.get(RIGHT)


class Design(ProtocolPart):
    """What is compared, and how trials are made of it.

    ``compare`` says what a trial is made of: ``each`` stimulus; a stimulus and its ``reference``, another ``copy``, what another
    ``observer`` or ``layer`` made of the same reference, or ``another`` stimulus; or any three (``triplet``). ``only``
    says which stimuli take part, by the values of columns, such as ``{kind: mixture}``. ``within`` names columns that the stimuli of a trial share, ``apart`` columns in which they differ. ``arrangements`` are counterbalanced within
    each condition; ``conditions`` are columns of the set, or of a table of the user's. ``full`` gives each participant all, and
    ``latin_square`` each reference in one condition, all of them over participants. ``task`` is the model by which d' is computed;
    of ``equality`` there is none: to be right means to say that ``a`` has more of something, which is true half of the time where both
    have the same. ``gains_db`` are the levels at which each sound of the set is played, relative to its file; the column ``gain_db`` has them.

    Example:
        >>> ways = [{"first": "a", "second": "b", "right": "first"}, {"first": "b", "second": "a", "right": "second"}]
        >>> Design(compare="reference", arrangements=ways, task="2afc").answers({})
        ('first', 'second')
    """

    compare: Literal["each", "reference", "copy", "observer", "layer", "another", "triplet"]
    arrangements: tuple[Arrangement, ...] = Field(min_length=1, max_length=64)
    conditions: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,39}$")], ...] = Field(
        default=(), max_length=4
    )
    only: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    within: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    balance: Literal["full", "latin_square"] = "full"
    mask: Literal["none", "noise", "pattern", "phase_scrambled"] = "none"
    task: Task = "none"
    gains_db: tuple[Annotated[float, Field(ge=-60, le=60)], ...] = Field(default=(), max_length=60)
    method: Method = Constant(kind="constant")
    settings: dict[Annotated[str, Field(pattern=NAME_PATTERN)], float | int | bool | str] = Field(default_factory=dict)

    @field_validator("conditions", "within", "apart", mode="before", json_schema_input_type=str | tuple[str, ...])
    @classmethod
    def _one_is_a_list(cls, given: Any) -> Any:
        return [given] if isinstance(given, str) else given

    @field_validator("only", mode="before", json_schema_input_type=dict[str, Any])
    @classmethod
    def _values_are_lists(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        return {
            name: [str(one) for one in (told if isinstance(told, list) else [told])] for name, told in given.items()
        }

    @model_validator(mode="after")
    def _checked(self) -> Design:
        raise_problems(self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Location, str]]:
        first = self.arrangements[0]
        known = (*COMPARED[self.compare], *([MASK] if self.mask != "none" else []))
        for number, way in enumerate(self.arrangements):
            here = ("arrangements", number)
            if not way.slots:
                yield here, "has no slot; expected such as {first: a, second: b, right: first}"
            elif way.slots.keys() != first.slots.keys():
                yield (
                    here,
                    f"has the slots {_listed(way.slots)}, the first one {_listed(first.slots)}: give the same in each",
                )
            if (way.right is None) != (first.right is None):
                yield here, "says otherwise than the first one whether an answer is right: give right in all or in none"
            if wrong := [letter for letter in way.slots.values() if letter not in known]:
                hint = ", and mask: noise, pattern or phase_scrambled for masks" if wrong[0] == MASK else ""
                yield (
                    here,
                    f"has {wrong[0]!r} in a slot; expected one of {', '.join(known)} where compare is {self.compare}{hint}",
                )
        for number, column in enumerate(self.conditions):
            if column in RESERVED:
                yield (
                    ("conditions", number),
                    f"is {column!r}, which tables of trials have: give a table with that column under another name (--table), and name it instead",
                )
        if self.task != "none" and first.right is None:
            yield ("task",), f"is {self.task}, but the arrangements say no right answer: give right in each"
        if self.method.kind != "constant" and first.right is None:
            yield ("method",), f"is {self.method.kind}, but the arrangements say no right answer: give right in each"
        if len(set(self.gains_db)) < len(self.gains_db):
            yield ("gains_db",), "has a gain twice: give each once"
        if self.balance == "latin_square" and self.method.kind != "constant":
            yield ("balance",), f"is latin_square, which does not go with the method {self.method.kind}: leave it out"

    @property
    def slots(self) -> tuple[str, ...]:
        """The slots, in the order of the first arrangement."""
        return tuple(self.arrangements[0].slots)

    def slots_of(self, letter: str) -> tuple[str, ...]:
        """The slots that hold a letter, or a mask, in some arrangement."""
        return tuple(slot for slot in self.slots if any(way.slots[slot] == letter for way in self.arrangements))

    @property
    def column_of_right(self) -> str | None:
        """The column that says what is right; None where the arrangements do."""
        right = self.arrangements[0].right
        return right[1:] if right is not None and right.startswith("$") else None

    def answers(self, columns: Mapping[str, list[str]]) -> tuple[str, ...]:
        """The answers that can be right, in the order of the arrangements.

        Args:
            columns: the values of each column of the stimuli.
        """
        rights = [way.right for way in self.arrangements if way.right is not None]
        named = [value for right in rights for value in (columns.get(right[1:], []) if right[0] == "$" else [right])]
        return tuple(dict.fromkeys(named))


def _listed(names: Mapping[str, str]) -> str:
    return ", ".join(names)
