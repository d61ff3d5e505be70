"""All the controls that a recipe asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from synthstim.controls.cases import Case, Control, Use
from synthstim.controls.gabor import Keep, gabor_controls
from synthstim.controls.natural import best_natural
from synthstim.controls.noise import noise_controls
from synthstim.controls.other_site import other_site
from synthstim.models import Observer
from synthstim.verify import NaturalPool


def make_controls(
    cases: Sequence[Case],
    asked: Mapping[str, int],
    observer: Observer,
    pool: NaturalPool,
    *,
    seed: int,
    keep: Keep = lambda _name, make: make(),
) -> tuple[list[Control], list[Use]]:
    """Make the controls of each case: how many of ``best_natural``, ``noise``, ``gabor`` and ``other_site``.

    Args:
        cases: units and goals with their controllers.
        asked: number by kind; what is not there is not made.
        observer, pool: as the controllers were made and measured with.
        seed: the recipe's.
        keep: gives what an earlier, interrupted run made under a name, or makes it and keeps it.

    Returns:
        The new stimuli, and for each case the stimuli that serve it, controllers of other units among them.
    """
    made: list[Control] = []
    uses: list[Use] = []
    for kind, count in asked.items():
        if kind == "best_natural":
            new, used = best_natural(cases, observer, pool, count)
        elif kind == "noise":
            new, used = noise_controls(cases, observer, count, seed)
        elif kind == "gabor":
            new, used = gabor_controls(cases, observer, count, keep)
        else:
            new, used = [], other_site(cases, count, seed)
        made += new
        uses += used
    return made, uses
