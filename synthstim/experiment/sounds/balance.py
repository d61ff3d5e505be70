"""Who hears which source in which condition, and in which order: drawn from a seed, balanced over participants."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from numpy.random import Generator, default_rng


def balanced_conditions(sources: int, conditions: int, *, participants: int, seed: int) -> list[list[int]]:
    """Assign a condition to each source for each participant, as rows of random Latin squares.

    Among every ``conditions`` participants in a row (1 to C, C + 1 to 2 C, ...) each source is heard in each condition
    once, and each participant hears every condition equally often, give or take one. Which sources go together is drawn
    anew for each such group.

    Returns:
        One list a participant: the number of the condition of each source.

    Example:
        >>> plan = balanced_conditions(4, 2, participants=2, seed=1)
        >>> [first + second for first, second in zip(*plan)]
        [1, 1, 1, 1]
    """
    plan: list[list[int]] = []
    for group in range(-(-participants // conditions)):
        generator = default_rng([seed, 0, group])
        place, order = generator.permutation(sources), generator.permutation(conditions)
        for turn in range(min(conditions, participants - len(plan))):
            plan.append([int(order[(place[source] + turn) % conditions]) for source in range(sources)])
    return plan


def order_of(participant: int, items: int, *, seed: int) -> list[int]:
    """The order in which a participant hears so many items."""
    return [int(item) for item in _generator(participant, seed, 1).permutation(items)]


def with_catch(order: Sequence[int], catch: int, *, participant: int, seed: int) -> list[tuple[bool, int]]:
    """Put catch trials into an order, one in each of equal stretches and never first; each is (is it one, which)."""
    generator = _generator(participant, seed, 2)
    which = [int(number) for number in generator.permutation(catch)]
    edges = [len(order) * stretch // catch for stretch in range(catch + 1)] if catch else []
    # How many other trials come before each.
    places = [int(generator.integers(max(1, start), max(1, end) + 1)) for start, end in itertools.pairwise(edges)]
    out: list[tuple[bool, int]] = []
    for number, item in enumerate(order):
        out += [(True, catch_item) for place, catch_item in zip(places, which, strict=True) if place == number]
        out.append((False, item))
    return out + [(True, item) for place, item in zip(places, which, strict=True) if place >= len(order)]


def rests_before(trials: int) -> set[int]:
    """The trials, from 0, before which there is a rest: after a quarter, a half and three quarters.

    >>> sorted(rests_before(12))
    [3, 6, 9]
    """
    return {round(trials * quarter / 4) for quarter in (1, 2, 3)} if trials >= 8 else set()


def _generator(participant: int, seed: int, purpose: int) -> Generator:
    return default_rng([seed, purpose, participant])
