"""Reading an image file: what its header says decides, and what is ambiguous is refused."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from synthstim.errors import InputError
from synthstim.modalities.image.arrays import FloatImage
from synthstim.modalities.image.coding import Coding, coding_of
from synthstim.modalities.image.colour import Profile, colours_of, to_srgb

MAX_PIXELS = 64_000_000
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
# 16-bit files of cameras often hold 12 bits; nothing in the file says so.
_TWELVE_BITS = 4095


def read_image(path: str | Path) -> FloatImage:
    """Read a grey or RGB image file as display values.

    Args:
        path: a PNG, JPEG, TIFF, BMP or WebP file of one picture, of at most 16 bits, in sRGB, as files that say nothing
            are taken to be; of 8 bits also with a colour profile, by which it is converted. An orientation tag is applied.

    Returns:
        (channel, y, x) float32 in [0, 1]; 1 channel for grey, 3 for RGB.

    Raises:
        InputError: the file is missing, is no image, declares too many pixels, has transparency or several pictures, or
            is coded so that its display values are uncertain: a gamma other than that of sRGB, levels without a certain white.

    Warns:
        UserWarning: colours are converted, or a file of 16 bits has no level above 4095, as if it held 12 bits.

    Example:
        >>> image = read_image("my_gratings/0.png")
        >>> image.shape, image.dtype, float(image.max()) <= 1
        ((3, 48, 48), dtype('float32'), True)
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no image file at {path}", "check the path")
    try:
        with warnings.catch_warnings(), _opened(path) as opened:
            warnings.simplefilter("ignore")  # what decoders say of odd metadata
            _require_size(path.name, opened)
            coding = coding_of(path, opened)
            profile = colours_of(path.name, opened, coding.chunks)
            levels, top = _read(path, opened, coding, profile)
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{path.name}: {error}".rstrip(".") + "; reduce its size") from None
    except UnidentifiedImageError:
        raise InputError(
            f"{path.name} cannot be read as an image (no content, or a coding that is not read)",
            "give a PNG, JPEG or TIFF file",
            code="unreadable",
        ) from None
    except Exception as error:  # a damaged file makes decoders raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{path.name} cannot be read as an image ({reason})", "give a PNG, JPEG or TIFF file", code="unreadable"
        ) from None
    if profile is not None:
        warnings.warn(f"{path.name} has the colour profile {profile.name!r}: it is converted to sRGB", stacklevel=2)
    if top == 2**16 - 1 and 0 < levels.max() <= _TWELVE_BITS:
        warnings.warn(
            f"{path.name} has 16 bits, and no level above {levels.max()} of 65535: it is nearly black; if its levels end at 4095, "
            "save it again with white at 65535",
            stacklevel=2,
        )
    values = levels.astype(np.float32) / np.float32(top)
    return values[None] if values.ndim == 2 else np.ascontiguousarray(values.transpose(2, 0, 1))


def bit_depth(path: str | Path) -> int:
    """8 or 16: how finely an image file that ``read_image`` reads is coded."""
    with _opened(Path(path)) as opened:
        return 16 if coding_of(Path(path), opened).bits > 8 else 8


def _opened(path: Path) -> Image.Image:
    with warnings.catch_warnings():
        # MAX_PIXELS is checked instead, before anything is decoded.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(path, formats=FORMATS)


def _require_size(name: str, opened: Image.Image) -> None:
    width, height = opened.size
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{name} declares {width} x {height} pixels, more than the {MAX_PIXELS:,} that are read: reduce its size",
            code="too-large",
        )


def _read(path: Path, opened: Image.Image, coding: Coding, profile: Profile | None) -> tuple[NDArray[Any], int]:
    """Levels (y, x) or (y, x, channel), and the level of white."""
    deep = coding.bits == 16
    levels, opaque = _deep_levels(path, opened) if deep else _levels(opened, coding)
    if not opaque:
        raise InputError(f"{path.name} has transparent pixels: flatten it on the background you want to show")
    top = 2**16 - 1 if deep else 2**8 - 1
    levels = top - levels if coding.inverted else levels
    if profile is None:
        return levels, top
    if deep:
        raise InputError(f"{path.name} has 16 bits and the colour profile {profile.name!r}", "convert it to sRGB")
    return to_srgb(levels, profile), top


def _levels(opened: Image.Image, coding: Coding) -> tuple[NDArray[Any], bool]:
    """Levels (y, x) or (y, x, channel) of 8 bits, upright, and whether every pixel is opaque."""
    key = opened.info.get("transparency")
    upright = ImageOps.exif_transpose(opened)
    if "A" in upright.getbands() or (upright.mode == "P" and key is not None):
        alpha = np.asarray(upright.convert("RGBA"))[..., 3]
        return np.asarray(upright.convert("L" if upright.mode == "LA" else "RGB")), bool(alpha.min() == 255)
    if upright.mode in ("P", "1"):
        upright = upright.convert("RGB" if upright.mode == "P" else "L")
    levels = np.asarray(upright)
    if upright.mode == "L" and key is not None:  # of the file's own bits; Pillow has brought the levels to 8
        key = key * 255 // (2**coding.bits - 1)
    return levels, key is None or not _has_colour(levels, key)


def _deep_levels(path: Path, opened: Image.Image) -> tuple[NDArray[Any], bool]:
    """Levels (y, x) or (y, x, channel) of 16 bits, upright, and whether every pixel is opaque."""
    key = opened.info.get("transparency")
    if opened.mode.startswith("I"):
        levels = np.asarray(ImageOps.exif_transpose(opened)).astype(np.int64)
    else:
        levels, opaque = _deep_colour(path, opened)
        if not opaque:
            return levels, False
    return levels, key is None or not _has_colour(levels, key)


def _deep_colour(path: Path, opened: Image.Image) -> tuple[NDArray[Any], bool]:
    # Pillow would round 16-bit colour to 8 bits without a word.
    if opened.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        raise InputError(
            f"{path.name} is turned by an orientation tag, which is not applied to 16-bit colour", "save it upright"
        )
    if getattr(opened, "tell", lambda: 0)():
        raise InputError(f"{path.name} has 16-bit colour behind a smaller copy of itself", "save the picture alone")
    import cv2  # Slow to import, and few images have 16 bits.

    # From memory: OpenCV cannot open every name on Windows.
    values = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.ndim != 3 or values.shape[2] not in (3, 4) or values.dtype != np.uint16:
        raise InputError(f"{path.name} holds a kind of 16-bit colour that is not read", "save it as 16-bit RGB")
    opaque = values.shape[2] == 3 or bool(values[..., 3].min() == 65535) or "transparency" in opened.info
    colour = values[..., 2::-1].astype(np.int64)
    return (colour[..., 0] if opened.mode == "LA" else colour), opaque


def _has_colour(levels: NDArray[Any], colour: int | tuple[int, ...]) -> bool:
    """Whether a pixel has just this colour, the one that a file declares transparent."""
    same = levels == np.asarray(colour)
    return bool((same.all(-1) if levels.ndim == 3 else same).any())
