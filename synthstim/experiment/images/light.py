"""The light of images on a rig's display: how their values are changed at export so that it is the light they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthstim.errors import InputError
from synthstim.experiment.rig import Rig
from synthstim.experiment.rig.luminance import srgb_light


def converts(settings: Mapping[str, Any], rig: Rig) -> bool:
    """Whether images are rewritten for the display: where that is set, and by itself where its luminance was measured."""
    asked = settings.get("convert_for_linear")
    return rig.monitor.luminance is not None if asked is None else bool(asked)


def check_conversion(settings: Mapping[str, Any], rig: Rig) -> None:
    """Raise InputError where images would not have the light that they stand for, or a conversion has no display to go by."""
    if rig.linearised and not converts(settings, rig):
        raise InputError(
            f"the rig's gamma is {rig.monitor.gamma:g} (linearised) but the images are coded for sRGB and would look too"
            " bright",
            "stop linearising the display, or set convert_for_linear=true to decode them at export",
        )
    if converts(settings, rig) and not rig.linearised and rig.monitor.luminance is None:
        raise InputError(
            f"convert_for_linear is for a display of gamma 1, or one whose luminance was measured; the rig says {rig.monitor.gamma:g}",
            "correct one of them",
        )


def shown_values(values: NDArray[np.floating], settings: Mapping[str, Any], rig: Rig) -> NDArray[np.floating]:
    """Display values for the rig of sRGB display values in [0, 1], of any shape.

    With a measured table a value becomes the one that makes the same share of the display's range, from its black to its white, as
    the sRGB value does of an ideal one's.
    """
    if not converts(settings, rig):
        return values
    light = srgb_light(values)
    return light if rig.monitor.luminance is None else rig.monitor.luminance.value_for(light)


def light_facts(settings: Mapping[str, Any], rig: Rig) -> dict[str, Any]:
    """What the README and the manifest say of the display's light.

    Among them the share of its light that the display makes of a value of 0.5, and what that value stands for, and how many of the
    256 levels of a set's images remain.
    """
    levels = np.arange(256) / 255
    facts: dict[str, Any] = {
        "half_light": rig.monitor.light(0.5),
        "half_light_srgb": float(srgb_light(0.5)),
        "converted": converts(settings, rig),
        "levels_left": len(np.unique(np.rint(255 * shown_values(levels, settings, rig)))),
    }
    if (table := rig.monitor.luminance) is not None:
        gamma, off = table.nearest_gamma()
        facts |= {"black_cd_m2": table.darkest, "white_cd_m2": table.brightest, "points": len(table.levels)}
        facts |= {"nearest_gamma": gamma, "nearest_gamma_off": off}
    if (primaries := rig.monitor.primaries) is not None:
        facts["colour_distance"], facts["colour_farthest"] = primaries.largest()
    return facts
