"""What the trials of a design are made of: a stimulus, two that are compared, or three."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from numpy.random import Generator

from synthstim.errors import InputError
from synthstim.experiment.design.material import Candidate, Pool
from synthstim.experiment.design.schema import LETTERS, Design

MAX_PAIRS = 20_000


@dataclass(frozen=True)
class Pair:
    """The stimuli of a trial by letter, and the condition that they belong to.

    Attributes:
        name: of the pair, unique in a design.
        stimuli: by letter, ``a`` first.
        columns: what the columns of the conditions say of them.
        condition: the values of those columns that are not the same for all pairs; ``all`` where none is.
        reference: the file of the reference of ``a``; "" without one.
    """

    name: str
    stimuli: Mapping[str, Candidate]
    columns: Mapping[str, str]
    condition: str
    reference: str


def list_pairs(pool: Pool, design: Design, *, natural: bool, count: int | None, generator: Generator) -> list[Pair]:
    """All that a design compares.

    Args:
        natural: whether the references stand beside the stimuli, where each, another or a triplet is compared.
        count: how many are drawn, where another or a triplet is compared; None for as many as there are stimuli.
        generator: draws them.

    Raises:
        InputError: a column is missing, or the set has nothing to compare.
    """
    pool.require((*design.conditions, *design.within, *design.apart, *design.only), "the design")
    pool = pool.only(design.only)
    members = [*pool.members, *(pool.references.values() if natural and design.compare in _ANY else ())]
    drawn = (
        _ANY[design.compare](members, design, count, generator)
        if design.compare in _ANY
        else _WITHIN[design.compare](pool, design)
    )
    groups = [group for group in drawn if design.compare == "each" or _fits(group, design)]
    if not groups:
        raise InputError(
            f"the set has nothing to compare: {_WANTED[design.compare]}", "choose another design or another set"
        )
    if len(groups) > MAX_PAIRS:
        raise InputError(
            f"{len(groups):,} comparisons; expected {MAX_PAIRS:,} at most", "export the set in parts", code="too-large"
        )
    return _named(groups, design)


def between_references(pool: Pool, generator: Generator, count: int) -> list[tuple[Candidate, Candidate]]:
    """Two references that are not the same, so often: what anybody tells apart."""
    references = list(pool.references.values())
    if len(references) < 2:
        raise InputError(
            f"catch trials compare two references, the set has {len(references)}", "set catch_trials=0", code="too-few"
        )
    chosen = [generator.choice(len(references), 2, replace=False) for _ in range(count)]
    return [(references[int(first)], references[int(second)]) for first, second in chosen]


Group = tuple[Candidate, ...]
_WANTED = {
    "each": "it is empty",
    "reference": "no stimulus names a reference, as metamers do (compare: another in a design takes any two)",
    "copy": "no stimulus has two copies (copies: 2 in the recipe)",
    "observer": "no reference has stimuli of two observers (synthstim join makes one set of two)",
    "layer": "no reference has stimuli of two layers of one observer",
    "another": "no two stimuli agree and differ as the design wants",
    "triplet": "no three stimuli agree and differ as the design wants",
}


def _with_reference(pool: Pool, design: Design) -> Iterator[Group]:
    for member in pool.members:
        if member.reference:
            yield member, pool.references[member.reference]


def _of_one_reference(same: tuple[str, ...], other: tuple[str, ...]) -> Callable[[Pool, Design], Iterator[Group]]:
    def pairs(pool: Pool, design: Design) -> Iterator[Group]:
        by_reference: dict[tuple[str, ...], list[Candidate]] = {}
        for member in pool.members:
            if member.reference:
                key = (member.reference, *(member.value(column) for column in same))
                by_reference.setdefault(key, []).append(member)
        for members in by_reference.values():
            for first, second in itertools.combinations(members, 2):
                if all(first.value(column) != second.value(column) for column in other):
                    yield first, second

    return pairs


_WITHIN: dict[str, Callable[[Pool, Design], Iterator[Group]]] = {
    "reference": _with_reference,
    "copy": _of_one_reference(("observer", "layer", "goal", "unit", "level"), ()),
    "observer": _of_one_reference((), ("observer",)),
    "layer": _of_one_reference(("observer",), ("layer",)),
}


def _each(members: list[Candidate], design: Design, count: int | None, generator: Generator) -> Iterator[Group]:
    yield from ((member,) for member in members)


def _drawn(size: int) -> Callable[[list[Candidate], Design, int | None, Generator], Iterator[Group]]:
    def groups(members: list[Candidate], design: Design, count: int | None, generator: Generator) -> Iterator[Group]:
        seen: set[frozenset[str]] = set()
        wanted = len(members) if count is None else count
        # Each stimulus comes first in turn, so that all are shown about equally often.
        for turn in range(20 * wanted):
            if len(seen) == wanted:
                return
            first = members[turn % len(members)]
            fitting = [member for member in members if member is not first and _fits((first, member), design)]
            if len(fitting) < size - 1:
                continue
            others = [fitting[int(which)] for which in generator.choice(len(fitting), size - 1, replace=False)]
            key = frozenset(member.stimulus_id for member in (first, *others))
            if key not in seen and _fits((first, *others), design):
                seen.add(key)
                yield first, *others

    return groups


_ANY: dict[str, Callable[[list[Candidate], Design, int | None, Generator], Iterator[Group]]] = {
    "each": _each,
    "another": _drawn(2),
    "triplet": _drawn(3),
}


def _fits(group: Group, design: Design) -> bool:
    for first, second in itertools.combinations(group, 2):
        if any(first.value(column) != second.value(column) for column in design.within):
            return False
        if any(first.value(column) == second.value(column) for column in design.apart):
            return False
    return True


def _named(groups: list[Group], design: Design) -> list[Pair]:
    columns = [{column: _value(group, column, design) for column in design.conditions} for group in groups]
    varying = [column for column in design.conditions if len({one[column] for one in columns}) > 1]
    return [
        Pair(
            name="+".join(member.stimulus_id for member in group),
            stimuli=dict(zip(LETTERS, group, strict=False)),
            columns=told,
            condition=":".join(told[column] for column in varying) or "all",
            reference=group[0].reference,
        )
        for group, told in zip(groups, columns, strict=True)
    ]


def _value(group: Group, column: str, design: Design) -> str:
    """What a column says of a group: of ``a`` where it is compared with its reference, else of all of them."""
    if design.compare in ("each", "reference"):
        return group[0].value(column)
    values = list(dict.fromkeys(member.value(column) for member in group))
    return " vs ".join(values)
