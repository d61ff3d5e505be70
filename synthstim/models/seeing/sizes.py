"""How small images may be."""

from __future__ import annotations

from synthstim.errors import InputError


def require_side(size: tuple[int, int], smallest: int, *, shown: str, what: str) -> None:
    """Raise InputError unless images, or whatever is shown, have this many pixels a side.

    Args:
        what: that needs them, as the message calls it.
    """
    if min(size) < smallest:
        raise InputError(
            f"{shown} of {size[0]} x {size[1]} px given; {what} need {smallest} px or more",
            "give a larger size",
            code="mismatch",
        )
