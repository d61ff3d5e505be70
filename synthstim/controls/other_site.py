"""Controllers that were made for another unit: what is left of an effect that is not the unit's own."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from synthstim.controls.cases import Case, Comparison, Use, seed_of
from synthstim.errors import InputError
from synthstim.goals.aim import Aim


def other_site(cases: Sequence[Case], count: int, seed: int) -> list[Use]:
    """For each case so many controllers of other cases with the same goal (and level), as far as there are any.

    The set's seed chooses them; controllers of one unit come again only when all the others have had their turn.
    """
    uses = []
    for case in cases:
        aim = case.aim
        peers = [
            other
            for other in cases
            if (other.aim.goal, other.aim.level) == (aim.goal, aim.level) and other.aim.controlled != aim.controlled
        ]
        generator = torch.Generator().manual_seed(seed_of(seed, "other_site", case.head))
        turns = [_shuffled(other, generator) for other in _permuted(peers, generator)]
        longest = max(map(len, turns), default=0)
        chosen = [turn[at] for at in range(longest) for turn in turns if at < len(turn)]
        uses += [Use(case, "other_site", name, unit) for name, unit in chosen[:count]]
    return uses


def _shuffled(case: Case, generator: torch.Generator) -> list[tuple[str, str | None]]:
    names = [name for name, _ in case.controllers]
    return [(names[at], case.aim.unit_name) for at in torch.randperm(len(names), generator=generator).tolist()]


def _permuted(cases: Sequence[Case], generator: torch.Generator) -> list[Case]:
    return [cases[at] for at in torch.randperm(len(cases), generator=generator).tolist()]


def require_others(aims: Sequence[Aim]) -> None:
    """Raise InputError unless another unit, with the same goal and level, is controlled too."""
    units: dict[tuple[str, float | None], set[object]] = {}
    for aim in (aim for aim in aims if aim.controlled):
        units.setdefault((aim.goal, aim.level), set()).add((aim.controlled, aim.pattern))
    if all(len(alike) == 1 for alike in units.values()):
        raise InputError(
            "controls.other_site are controllers of another unit with the same goal, but each goal here has one unit: "
            "control more units, or remove it"
        )


CONTROL = Comparison(lambda asked: ([], other_site(asked.cases, asked.count, asked.seed)), 40, require_others)
