"""Animated PNG as chunks: every frame whole, one after the other, each for the same time."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from fractions import Fraction

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST = 2**16 - 1


def delay_of(rate_hz: float) -> tuple[int, int] | None:
    """Numerator and denominator of the seconds of a frame, as a file holds them; None where it can hold none within 1e-6."""
    try:
        delay = (1 / Fraction(rate_hz)).limit_denominator(_MOST)
    except (ZeroDivisionError, ValueError, OverflowError):
        return None
    good = 0 < delay.numerator <= _MOST and abs(float(delay) * rate_hz - 1) < 1e-6
    return (delay.numerator, delay.denominator) if good else None


def animated(pictures: Sequence[bytes], delay: tuple[int, int]) -> bytes:
    """The PNG files of the frames as one animated PNG; no frame is merged with another, nor kept as a difference.

    Args:
        pictures: of one size and coding.
        delay: seconds of a frame, as a fraction.
    """
    first = dict(chunks(pictures[0]))
    width, height = struct.unpack(">II", first[b"IHDR"][:8])
    parts = [_chunk(b"IHDR", first[b"IHDR"]), _chunk(b"acTL", struct.pack(">II", len(pictures), 0))]
    number = 0
    for at, picture in enumerate(pictures):
        # Shown as it is: whole, not blended with the one before.
        control = struct.pack(">IIIIIHHBB", number, width, height, 0, 0, *delay, 0, 0)
        parts.append(_chunk(b"fcTL", control))
        number += 1
        for name, data in chunks(picture):
            if name == b"IDAT" and at == 0:
                parts.append(_chunk(b"IDAT", data))
            elif name == b"IDAT":
                parts.append(_chunk(b"fdAT", struct.pack(">I", number) + data))
                number += 1
    return SIGNATURE + b"".join([*parts, _chunk(b"IEND", b"")])


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each chunk of a PNG, up to where it breaks off."""
    at = len(SIGNATURE)
    while data.startswith(SIGNATURE) and at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def delays(data: bytes) -> list[Fraction]:
    """Seconds of each frame of an animated PNG; a denominator of 0 stands for 100."""
    return [
        Fraction(top, under or 100)
        for name, content in chunks(data)
        if name == b"fcTL" and len(content) == 26
        for top, under in [struct.unpack(">HH", content[20:24])]
    ]


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
