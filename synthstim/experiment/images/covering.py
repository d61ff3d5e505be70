"""Whether images reach the fixation point, which the subject is to look at beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from synthstim.errors import InputError
from synthstim.experiment.builder.pieces import Setup
from synthstim.experiment.placement import Box
from synthstim.experiment.rig import Rig


def covers_fixation(box: Box, setup: Setup) -> bool:
    """Whether an image lies over the fixation point without being centred there, as those for the fovea are."""
    if not setup.settings.get("fixation"):
        return False
    screen = setup.rig.monitor
    radius = max(1, math.ceil(setup.rig.pixels(setup.settings["fixation_deg"]) / 2))
    point = Box(screen.width_px // 2 - radius, screen.height_px // 2 - radius, 2 * radius, 2 * radius)
    return box.overlaps(point) and max(map(abs, box.centre(setup.rig))) > 1


def covering_notes(shown: Sequence[tuple[str, Box]], setup: Setup) -> tuple[str, ...]:
    """What to say of images that cover the fixation point, where that is allowed.

    Args:
        setup: the rig and the settings, of which ``allow_covering`` is looked at.

    Raises:
        InputError: some do, and it is not.
    """
    around = [(name, box) for name, box in shown if covers_fixation(box, setup)]
    if not around:
        return ()
    name, box = max(around, key=lambda one: one[1].width)
    said = (
        f"{len(around)} of {len(shown)} images cover the fixation point, which is drawn above them: {name} is"
        f" {setup.rig.degrees(box.width):.2g} deg wide and its centre {from_the_centre(box, setup.rig)}"
    )
    if not setup.settings["allow_covering"]:
        raise InputError(
            said, "move them farther out, give a smaller size_deg, or set allow_covering=true", code="too-large"
        )
    return (said,)


def from_the_centre(box: Box, rig: Rig) -> str:
    """Where an image stands, in words: "115 px right of and 72 px below the screen's centre"."""
    x, y = box.centre(rig)
    across, up = f"{abs(x):g} px {'right' if x > 0 else 'left'} of", f"{abs(y):g} px {'above' if y > 0 else 'below'}"
    words = " and ".join([across] * (x != 0) + [up] * (y != 0))
    return f"{words} the screen's centre" if words else "the screen's centre"
