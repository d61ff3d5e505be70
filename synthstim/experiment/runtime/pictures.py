"""Images decoded in memory before the first is shown, and where each stands on the screen."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any


def corner(centre: tuple[float, float], size: tuple[int, int], screen: tuple[int, int]) -> tuple[int, int]:
    """The left and top pixel of an image as near to a centre as whole pixels allow.

    Args:
        centre: right of and above the screen's centre, in pixels.

    >>> corner((0, 0), (4, 4), (10, 10))
    (3, 3)
    """
    left = math.floor(screen[0] / 2 + centre[0] - size[0] / 2 + 0.5)
    top = math.floor(screen[1] / 2 - centre[1] - size[1] / 2 + 0.5)
    return left, top


def middle(left: int, top: int, size: tuple[int, int], screen: tuple[int, int]) -> tuple[float, float]:
    """The centre of a rectangle in PsychoPy's pixels; a half where sizes differ in parity."""
    return left + size[0] / 2 - screen[0] / 2, screen[1] / 2 - top - size[1] / 2


def decode(path: Path) -> Any:
    """An image ready to be uploaded to the graphics card."""
    from PIL import Image

    # Grey images become RGB here: PsychoPy would send a grey one through floating point.
    with Image.open(path) as opened:
        return opened.convert("RGB")


def decode_all(path: Path) -> list[Any]:
    """The frames of a movie, each ready to be uploaded to the graphics card."""
    from PIL import Image

    frames = []
    with Image.open(path) as opened:
        for number in range(getattr(opened, "n_frames", 1)):
            opened.seek(number)
            frames.append(opened.convert("RGB"))
    return frames


def warm_up(window: Any, images: list[Any]) -> None:
    """Draw an image of each size on a buffer that is never shown."""
    from psychopy import visual

    # Graphics drivers take far longer over the first texture of a size: they do it here.
    for image in {image.size: image for image in images}.values():
        visual.ImageStim(window, image=image, size=image.size, units="pix", interpolate=False, autoLog=False).draw()
    window.clearBuffer()
