"""Is the display the one that the experiment was exported for?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TOLERANCE = 0.02


def display_problems(
    size: Sequence[int], refresh_hz: float | None, gamma: object, expected: Mapping[str, Any]
) -> list[str]:
    """One sentence for each way in which the display differs from the rig that was exported for.

    Args:
        size: the window's (width, height) in pixels.
        refresh_hz: the measured refresh rate; None where it could not be measured.
        gamma: the gamma correction that PsychoPy applies; None for none.
        expected: ``width_px``, ``height_px`` and ``refresh_hz`` of settings.json.
    """
    problems = []
    if tuple(size) != (expected["width_px"], expected["height_px"]):
        problems.append(
            f"the window is {size[0]} x {size[1]} pixels, exported for {expected['width_px']} x {expected['height_px']}"
        )
    if refresh_hz is None:
        problems.append(f"the refresh rate could not be measured, exported for {expected['refresh_hz']:g} Hz")
    elif abs(refresh_hz / expected["refresh_hz"] - 1) > TOLERANCE:
        problems.append(f"the display refreshes at {refresh_hz:.2f} Hz, exported for {expected['refresh_hz']:g} Hz")
    if gamma is not None:
        problems.append(f"PsychoPy corrects gamma ({gamma}), but the images are to be shown as they are")
    return problems


def gamma_ramp_state(window: Any) -> str:
    """Whether the graphics card's lookup table is the identity: ``identity``, ``altered`` or ``unreadable``.

    A colour profile of the operating system may alter it; this only reports.
    """
    try:
        ramp = window.backend.getGammaRamp()
        for channel in ramp:
            steps = len(channel) - 1
            if steps < 1 or any(abs(value - i / steps) > 0.01 for i, value in enumerate(channel)):
                return "altered"
    except Exception:  # each platform fails in its own way; this is a note in the record, no more
        return "unreadable"
    return "identity"
