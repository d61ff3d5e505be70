"""Images as files and as arrays: float32, (channel, y, x), display values in [0, 1]."""

from __future__ import annotations

import warnings
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from synthstim.errors import InputError

MAX_PIXELS = 64_000_000
FITS = ("crop", "pad", "stretch", "exact")
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
FloatImage = NDArray[np.float32]


def read_image(path: str | Path) -> FloatImage:
    """Read a grey or RGB image file as display values.

    Args:
        path: a PNG, JPEG, TIFF, BMP or WebP file of 8 or 16 bits; an orientation tag is applied.

    Returns:
        (channel, y, x) float32 in [0, 1]; 1 channel for grey, 3 for RGB.

    Raises:
        InputError: the file is missing, is no image, declares too many pixels, or has transparency.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no image file at {path}: check the path")
    try:
        with _opened(path) as opened:
            width, height = opened.size
            if width * height > MAX_PIXELS:
                raise InputError(
                    f"{path.name} declares {width} x {height} pixels, more than the {MAX_PIXELS:,} that are read: make it smaller"
                )
            if _is_deep_colour(opened):
                return _read_deep_colour(path, opened)
            return _to_display_values(ImageOps.exif_transpose(opened), path.name)
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{path.name}: {error}".rstrip(".") + "; make it smaller") from None
    except Exception as error:  # a damaged file makes decoders raise anything
        raise InputError(f"{path.name} cannot be read as an image ({error}): give a PNG, JPEG or TIFF file") from None


def bit_depth(path: str | Path) -> int:
    """8 or 16: how finely an image file that ``read_image`` reads is coded."""
    with _opened(Path(path)) as opened:
        return 16 if opened.mode.startswith("I") or _is_deep_colour(opened) else 8


def _opened(path: Path) -> Image.Image:
    with warnings.catch_warnings():
        # MAX_PIXELS is checked instead, before anything is decoded.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(path)


def _is_deep_colour(opened: Image.Image) -> bool:
    # Pillow would round 16-bit colour to 8 bits without a word.
    coded = [
        tile[3] if isinstance(tile[3], str) else str(tile[3][0]) for tile in getattr(opened, "tile", []) if tile[3]
    ]
    return opened.mode in ("RGB", "RGBA", "LA") and any(";16" in raw for raw in coded)


def _read_deep_colour(path: Path, opened: Image.Image) -> FloatImage:
    # From memory: OpenCV cannot open every name on Windows.
    values = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.ndim != 3 or values.shape[2] != 3 or values.dtype != np.uint16:
        raise InputError(f"{path.name} is not 16-bit RGB without transparency: flatten it first")
    if opened.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        raise InputError(
            f"{path.name} is turned by an orientation tag, which is not applied to 16-bit colour: save it upright"
        )
    return np.ascontiguousarray(values[..., ::-1].transpose(2, 0, 1), dtype=np.float32) / np.float32(65535)


def _to_display_values(opened: Image.Image, name: str) -> FloatImage:
    if "A" in opened.getbands() or "transparency" in opened.info:
        alpha = np.asarray(opened.convert("RGBA"))[..., 3]
        if alpha.min() < 255:
            raise InputError(f"{name} has transparent pixels: flatten it on the background you want to show")
        opened = opened.convert("L" if opened.mode == "LA" else "RGB")
    if opened.mode == "P":
        opened = opened.convert("RGB")
    if opened.mode == "1":
        opened = opened.convert("L")
    if opened.mode.startswith("I"):
        levels = np.asarray(opened)
        if levels.min() < 0 or levels.max() > 65535:
            raise InputError(
                f"{name} holds whole numbers from {levels.min()} to {levels.max()}: save it with 8 or 16 bits"
            )
        return levels[None].astype(np.float32) / np.float32(65535)
    if opened.mode not in ("L", "RGB"):
        raise InputError(f"{name} is coded as {opened.mode}: save it as grey or RGB")
    values = np.asarray(opened, dtype=np.float32) / np.float32(255)
    return values[None] if values.ndim == 2 else np.ascontiguousarray(values.transpose(2, 0, 1))


def write_png(path: str | Path, image: FloatImage, *, bits: int = 8) -> None:
    """Write display values as a PNG of 8 or 16 bits, rounded to the nearest level, never clipped.

    Raises:
        InputError: a value is NaN or outside [0, 1], or the channels are not 1 or 3.
    """
    image = as_image(image, Path(path).name)
    dtype, top = {8: (np.uint8, 255), 16: (np.uint16, 65535)}[bits]
    levels = np.rint(image.astype(np.float64) * top).astype(dtype).transpose(1, 2, 0)
    ordered = levels[..., ::-1] if levels.shape[2] == 3 else levels[..., 0]
    good, encoded = cv2.imencode(".png", np.ascontiguousarray(ordered))
    if not good:
        raise InputError(f"{Path(path).name} could not be encoded as PNG")
    Path(path).write_bytes(encoded.tobytes())


def as_image(values: object, name: str = "the image") -> FloatImage:
    """Return values as a (channel, y, x) float32 image after checking channels, range and NaN.

    Accepts arrays and tensors; a (y, x) array becomes one grey channel.
    """
    array = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[0] not in (1, 3) or not array.size:
        raise InputError(f"{name} has shape {tuple(array.shape)}: wanted (channel, y, x) with 1 or 3 channels")
    if array.dtype.kind != "f":
        raise InputError(f"{name} holds {array.dtype}: wanted display values, floats from 0 to 1")
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds {int((~np.isfinite(array)).sum())} values that are NaN or infinite")
    if array.min() < 0 or array.max() > 1:
        raise InputError(f"{name} spans {array.min():.3g} to {array.max():.3g}: wanted display values in [0, 1]")
    return array.astype(np.float32)


def fit_image(image: FloatImage, channels: int, size: tuple[int, int], how: str = "crop") -> FloatImage:
    """Bring an image to an observer's channels and size, as the recipe's ``fit`` says.

    Args:
        image: (channel, y, x) display values.
        channels: 1 takes the sRGB luma of a colour image; 3 repeats a grey one.
        size: (height, width) in pixels.
        how: ``crop`` (centre crop, then antialiased resize), ``pad`` (resize, mid-grey around), ``stretch``, ``exact``.
    """
    if how not in FITS:
        raise InputError(f"fit {how!r} is unknown: choose one of {', '.join(FITS)}")
    image = _match_channels(image, channels)
    height, width = image.shape[1:]
    if (height, width) == tuple(size):
        return image
    if how == "exact":
        raise InputError(
            f"the image is {height} x {width}, fit 'exact' wants {size[0]} x {size[1]}: resize it or choose fit 'crop'"
        )
    if how == "stretch":
        return resize(image, size)
    scales = (size[0] / height, size[1] / width)
    if how == "crop":
        rows, columns = (max(1, round(side / max(scales))) for side in size)
        top, left = (height - rows) // 2, (width - columns) // 2
        return resize(image[:, top : top + rows, left : left + columns], size)
    rows, columns = (max(1, round(side * min(scales))) for side in (height, width))
    padded = np.full((channels, *size), 0.5, dtype=np.float32)
    top, left = (size[0] - rows) // 2, (size[1] - columns) // 2
    padded[:, top : top + rows, left : left + columns] = resize(image, (rows, columns))
    return padded


def _match_channels(image: FloatImage, channels: int) -> FloatImage:
    if image.shape[0] == channels:
        return image
    if channels == 1:
        return np.tensordot(np.array([0.299, 0.587, 0.114], dtype=np.float32), image, axes=1)[None].astype(np.float32)
    if image.shape[0] == 1:
        return np.repeat(image, channels, axis=0)
    raise InputError(f"the image has {image.shape[0]} channels, the observer wants {channels}")


def resize(image: FloatImage, size: tuple[int, int]) -> FloatImage:
    """Resize with an antialiased bicubic filter; overshoot is brought back to [0, 1]."""
    batch = torch.from_numpy(np.ascontiguousarray(image))[None]
    resized = torch.nn.functional.interpolate(
        batch, size=tuple(size), mode="bicubic", antialias=True, align_corners=False
    )
    return resized[0].clamp(0, 1).numpy()


def linear_light(display: torch.Tensor) -> torch.Tensor:
    """Decode sRGB display values in [0, 1] to linear light in [0, 1] (IEC 61966-2-1)."""
    return torch.where(display <= 0.04045, display / 12.92, ((display.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4)


def display_values(linear: torch.Tensor) -> torch.Tensor:
    """Encode linear light in [0, 1] as sRGB display values in [0, 1] (IEC 61966-2-1)."""
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055)


def luminance(images: torch.Tensor) -> torch.Tensor:
    """Relative luminance (batch, y, x) in [0, 1] of sRGB images (batch, channel, y, x): linear light, Rec. 709 weights."""
    return linear_luminance(linear_light(images))


def linear_luminance(linear: torch.Tensor) -> torch.Tensor:
    """Relative luminance (batch, y, x) of linear light (batch, channel, y, x); the mean where channels are not RGB."""
    if linear.shape[1] != 3:
        return linear.mean(1)
    return torch.einsum("nchw,c->nhw", linear, linear.new_tensor([0.2126, 0.7152, 0.0722]))


def luminance_statistics(image: FloatImage) -> tuple[float, float]:
    """Mean luminance, and RMS contrast (standard deviation over mean), of linear light."""
    values = luminance(torch.from_numpy(image)[None].double())
    mean = float(values.mean())
    return mean, float(values.std(unbiased=False)) / mean if mean > 0 else 0.0
