"""What colours a file declares its levels to be: display values are sRGB; a profile is followed, other words are refused."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from synthstim.errors import InputError

# Chromaticities of white, red, green and blue of sRGB (IEC 61966-2-1), and gamma 1/2.2 that stands for it in PNG files.
_PRIMARIES = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_GAMMA = 0.45455
# Colour primaries and transfer function of sRGB in a cICP chunk (ITU-T H.273).
_CICP = (1, 13)
# A gamma of 2.2 is up to 9 levels of 255 away from sRGB and counts as the same; 1.8 is 19, Display P3 105 away.
_LEVELS = 10
_MODES = {"RGB": "RGB", "GRAY": "L"}
_ADOBE_RGB = "R03"
_INTEROPERABILITY = 0xA005


@dataclass(frozen=True)
class Profile:
    """A colour profile that a file carries, other than sRGB.

    Attributes:
        name: what it is called.
        data: its bytes.
    """

    name: str
    data: bytes


def colours_of(name: str, opened: Image.Image, chunks: dict[bytes, bytes]) -> Profile | None:
    """What a file says that its colours are: None for sRGB, or for nothing, which stands for it.

    Args:
        name: of the file, for messages.
        chunks: of a PNG; what it says there counts in the order cICP, profile, sRGB, gamma and chromaticities.

    Raises:
        InputError: the file declares other colours than sRGB, and holds no profile by which they can be converted.
    """
    declared = None
    if b"cICP" in chunks:
        declared = _by_cicp(chunks)
    elif profile := opened.info.get("icc_profile"):
        return _checked(name, profile)
    elif chunks:
        declared = _by_gamma(chunks)
    elif _by_camera(opened):
        declared = "Adobe RGB"
    if declared is not None:
        raise InputError(f"{name} declares {declared}, and stimuli are sRGB display values", "convert it to sRGB")
    return None


def to_srgb(levels: NDArray[np.uint8], profile: Profile) -> NDArray[np.uint8]:
    """Levels (y, x) or (y, x, 3) of a profile's colours as sRGB, relative colorimetric, rounded to 8 bits."""
    shown = _shown(Image.fromarray(levels), profile.data)
    return shown[..., 0] if levels.ndim == 2 else shown


def _by_cicp(chunks: dict[bytes, bytes]) -> str | None:
    code = tuple(chunks[b"cICP"][:2])
    return None if code == _CICP else f"the colours of cICP code {code}"


def _by_camera(opened: Image.Image) -> bool:
    try:
        return str(opened.getexif().get_ifd(_INTEROPERABILITY).get(1, "")).startswith(_ADOBE_RGB)
    except KeyError:
        return False


def _by_gamma(chunks: dict[bytes, bytes]) -> str | None:
    if b"sRGB" in chunks:
        return None
    gamma = _hundred_thousandths(chunks.get(b"gAMA", b""))
    if gamma and abs(gamma[0] - _GAMMA) > 0.02:
        return f"a gamma of {gamma[0]:g} (sRGB has {_GAMMA:g})"
    primaries = _hundred_thousandths(chunks.get(b"cHRM", b""))
    if primaries and max(abs(one - other) for one, other in zip(primaries, _PRIMARIES, strict=False)) > 0.01:
        return "other primaries than those of sRGB"
    return None


def _hundred_thousandths(data: bytes) -> list[float]:
    return [value / 100_000 for value in np.frombuffer(data[: len(data) // 4 * 4], ">u4").tolist()]


@functools.lru_cache(maxsize=16)
def _checked(file: str, data: bytes) -> Profile | None:
    """None for a profile that gives the colours of sRGB, whatever it is called."""
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(data))
        name = " ".join((ImageCms.getProfileDescription(given) or "without a name").split())
        space = given.profile.xcolor_space.strip()
        if space not in _MODES:
            raise InputError(f"{file} is coded by the colour profile {name!r} of {space}", "convert it to sRGB")
        colours = _every_colour(_MODES[space])
        away = np.abs(_shown(colours, data).astype(int) - np.asarray(colours.convert("RGB"), int)).max()
    except (ImageCms.PyCMSError, OSError) as error:
        raise InputError(
            f"{file} has a colour profile that cannot be read ({error})", "convert it to sRGB", code="unreadable"
        ) from None
    return None if away <= _LEVELS else Profile(name, data)


def _shown(image: Image.Image, profile: bytes) -> NDArray[np.uint8]:
    given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    shown = ImageCms.profileToProfile(
        image, given, ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC, outputMode="RGB"
    )
    assert shown is not None  # it is when the image is not changed in place
    return np.asarray(shown)


def _every_colour(mode: str) -> Image.Image:
    """Greys, or a grid of colours."""
    steps = np.linspace(0, 255, 256 if mode == "L" else 16).round().astype(np.uint8)
    if mode == "L":
        return Image.fromarray(steps[None])
    return Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3))
