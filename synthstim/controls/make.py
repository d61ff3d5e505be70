"""All the controls that a recipe asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from synthstim.controls.cases import Case, Control, ControlRequest, Keep, Use
from synthstim.kinds import CONTROLS
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
    """Make the controls of each case: so many of each kind.

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
    for kind in sorted(asked, key=lambda kind: CONTROLS[kind].order):
        new, used = CONTROLS[kind].make(ControlRequest(cases, observer, pool, asked[kind], seed, keep))
        made += new
        uses += used
    return made, uses
