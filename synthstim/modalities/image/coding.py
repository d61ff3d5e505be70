"""How an image file codes its levels, by its own header: bits, white, one picture; what cannot be told is refused."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from synthstim.errors import InputError

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_PHOTOMETRIC = {4: "a mask", 5: "CMYK", 8: "CIE L*a*b*", 9: "ICC L*a*b*", 10: "ITU L*a*b*", 32803: "a colour filter array",
                32844: "LogL", 32845: "LogLuv", 34892: "linear raw"}  # fmt: skip
_NUMBERS = {2: "signed whole numbers", 3: "floating point numbers", 5: "complex numbers", 6: "complex numbers"}
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Coding:
    """What a header says.

    Attributes:
        bits: of one level, up to 8 or 16.
        inverted: white is zero, and whoever decodes the file has not turned that round.
        chunks: of a PNG, before its pixels, by name.
    """

    bits: int
    inverted: bool = False
    chunks: dict[bytes, bytes] = field(default_factory=dict)


def coding_of(path: Path, opened: Image.Image) -> Coding:
    """Read how the levels are coded.

    Raises:
        InputError: the file holds several pictures, or levels of a kind that have no certain black and white.
    """
    if opened.format == "PNG":
        coding = _of_png(path)
    elif opened.format == "TIFF":
        coding = _of_tiff(path.name, opened)
    else:
        # Multi-picture JPEG is what telephones write: its first picture is the photograph, the others serve it.
        frames = 1 if opened.format in ("JPEG", "MPO") else getattr(opened, "n_frames", 1)
        _require_one(path.name, frames, "an animation")
        coding = Coding(8)
    if not opened.mode.startswith("I") and opened.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX"):
        raise InputError(f"{path.name} is coded as {opened.mode}", "save it as grey or RGB")
    return coding


def _of_png(path: Path) -> Coding:
    chunks = png_chunks(path)
    _require_one(path.name, 2 if b"acTL" in chunks else 1, "an animation")
    header = chunks.get(b"IHDR", b"")
    return Coding(header[8] if len(header) > 8 else 8, chunks=chunks)


def _of_tiff(name: str, opened: Image.Image) -> Coding:
    _require_one(name, _pages(opened), "several pages")
    tags = opened.tag_v2  # type: ignore[attr-defined]
    photometric = tags.get(262, _BLACK_IS_ZERO)
    if photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR):
        kind = _PHOTOMETRIC.get(photometric, f"photometric interpretation {photometric}")
        raise InputError(f"{name} is coded as {kind}", "save it as grey or RGB")
    if photometric == _PALETTE and 0 < max(_numbers(tags.get(320, 0))) < 256:
        raise InputError(
            f"{name} has a colour map of 8 bits where TIFF has one of 16, which would be black", "save it as RGB"
        )
    depths, formats = _numbers(tags.get(258, 1)), _numbers(tags.get(339, 1))
    bits = max(depths)
    kind = next((_NUMBERS[number] for number in formats if number in _NUMBERS), "whole numbers")
    if kind != "whole numbers" or len(set(depths)) > 1 or bits not in (1, 2, 4, 8, 16):
        span = _span(opened)
        raise InputError(
            f"{name} holds {kind}{span} of {bits} bits, and nothing says which of them is white",
            "save it with 8 or 16 bits",
        )
    if bits == 16 and len(depths) > 1 and tags.get(284, 1) != 1:
        raise InputError(
            f"{name} has 16 bits and a plane for each colour", "save it with the colours of a pixel together"
        )
    # Pillow turns white-is-zero round up to 8 bits and leaves 16 as they are.
    return Coding(bits, inverted=photometric == _WHITE_IS_ZERO and bits == 16)


def _span(opened: Image.Image) -> str:
    if not opened.mode.startswith(("I", "F")):
        return ""
    low, high = opened.getextrema()
    return f" from {low:.10g} to {high:.10g}"


def _pages(opened: Image.Image) -> int:
    """Pages of a TIFF that show something of their own: not a smaller copy of another, nor its mask. The first of them is opened."""
    pages, first = 0, 0
    try:
        for number in itertools.count():
            opened.seek(number)
            own = not opened.tag_v2.get(254, 0) & 0b101  # type: ignore[attr-defined]
            first = number if own and not pages else first
            pages += own
            if pages > 1:
                break
    except EOFError:
        pass
    finally:
        opened.seek(first)
    return max(pages, 1)


def _require_one(name: str, pictures: int, what: str) -> None:
    if pictures > 1:
        raise InputError(
            f"{name} holds {what}, and a stimulus is one picture", "save each picture as a file of its own"
        )


def _numbers(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)


def png_chunks(path: Path) -> dict[bytes, bytes]:
    """The chunks of a PNG that stand before its pixels, by name; what is damaged is left to the decoder."""
    chunks: dict[bytes, bytes] = {}
    with open(path, "rb") as stream:
        if stream.read(8) != _PNG:
            return chunks
        while len(head := stream.read(8)) == 8 and head[4:] != b"IDAT":
            length = int.from_bytes(head[:4], "big")
            data = stream.read(min(length, 1 << 20))
            stream.seek(length - len(data) + 4, 1)
            chunks.setdefault(head[4:], data)
    return chunks
