"""What the header of a sound file promises, compared with what the file holds.

Decoders give what is there of a file that was copied in part, or whose recorder was stopped, and say nothing. Each format
tells in its own way how long it should be; of a FLAC file that is cut off its decoder says so itself.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

from synthstim.errors import InputError

# Where the sound's bytes begin, and how many there are; None for one that lacks a mark of its end.
Promise = tuple[int, int | None]

# From here on, a length of 32 bits is that of a sound that was still growing when its header was written, or 0 is.
_OF_CHUNKS = (b"RIFF", b"RIFX", b"RF64", b"BW64")
_OPEN, _ALL_ONES = 0xFFFFFF00, 0xFFFFFFFF
_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
# MPEG audio, layer III: kbit/s by index for version 1 and for 2 and 2.5, rates in Hz by version bits and index.
_KBITS = ((32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320), (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160))  # fmt: skip
_MP3_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def require_whole(stream: BinaryIO, name: str) -> None:
    """Check that a sound file holds what its header promises; the stream ends up anywhere.

    Args:
        stream: the file, open for reading bytes.

    Raises:
        InputError: the file is cut off, or was never finished. What is no sound at all passes: decoders say so.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    start = stream.read(12)
    readers: dict[bytes, Callable[[BinaryIO], Promise | None]] = {
        b"RIFF": _riff, b"RIFX": _riff, b"RF64": _riff, b"BW64": _riff, b"FORM": _aiff, b"riff": _w64, b"OggS": _ogg,
        b"fLaC": _flac, b".snd": _au, b"dns.": _au,
    }  # fmt: skip
    mpeg = start[:3] == b"ID3" or (len(start) > 1 and start[0] == 0xFF and start[1] & 0xE6 == 0xE2)
    promise = (_mp3 if mpeg else readers.get(start[:4], lambda _: None))(stream)
    if promise is None:
        return
    position, length = promise
    held = max(size - position, 0)
    if length is None:
        raise InputError(f"{name} lacks its end: it is cut off, copy it again", code="missing")
    if (length == 0 or length >= _OPEN) and held:
        raise InputError(
            f"{name} was never finished: its header does not state its length ({length:,} bytes), and {held:,} bytes follow; "
            "it may be incomplete: listen to it and save it again"
        )
    if start[:4] in _OF_CHUNKS and not _chunks_follow(stream, position + length, size):
        raise InputError(
            f"{name} declares {length:,} bytes of sound, and {held - length:,} more follow that are no part of it: "
            "listen to it and save it again"
        )
    if length > held:
        raise InputError(f"{name} declares {length:,} bytes of sound and holds {held:,}: it is cut off, copy it again")


def _chunks_follow(stream: BinaryIO, position: int, size: int) -> bool:
    """Whether a file ends here, or goes on with a chunk, whose name is of four letters; an odd one may be padded or not."""
    after = [_at(stream, at, 4) for at in (position, position + position % 2)]
    return size - position < 8 or any(all(32 <= letter < 127 for letter in name) for name in after)


def _chunks(stream: BinaryIO, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Name, length and position of each chunk."""
    position = 12
    while len(header := _at(stream, position, 8)) == 8:
        name, length = struct.unpack(f"{order}4sI", header)
        yield name, length, position + 8
        position += 8 + length + length % 2


def _riff(stream: BinaryIO) -> Promise | None:
    """WAV, its big-endian sibling, and RF64, whose length of 64 bits stands in a chunk of its own."""
    order = ">" if _at(stream, 0, 4) == b"RIFX" else "<"
    wide = 0
    for name, length, position in _chunks(stream, order):
        if name == b"ds64":
            wide = int(struct.unpack("<Q", _at(stream, position + 8, 8).ljust(8, b"\0"))[0])
        if name == b"data":
            return position, wide if wide and length == _ALL_ONES else length
    return None


def _aiff(stream: BinaryIO) -> Promise | None:
    """AIFF and AIFF-C: the sound's chunk begins with 8 bytes of its own."""
    frames = None
    for name, length, position in _chunks(stream, ">"):
        if name == b"COMM":
            frames = int.from_bytes(_at(stream, position + 2, 4), "big")
        if name == b"SSND":
            return position + 8, 0 if frames == 0 else max(length - 8, 0)
    return None


def _au(stream: BinaryIO) -> Promise | None:
    """Sun's AU, and its little-endian sibling: where the sound begins, and how many bytes it has."""
    order = ">" if _at(stream, 0, 4) == b".snd" else "<"
    header = _at(stream, 4, 8)
    return struct.unpack(f"{order}II", header) if len(header) == 8 else None


def _w64(stream: BinaryIO) -> Promise | None:
    """Sony's Wave64: names of 16 bytes, lengths of 64 bits that count the header, chunks at multiples of 8."""
    position = 40
    while len(header := _at(stream, position, 24)) == 24:
        length = int(struct.unpack("<Q", header[16:])[0])
        if header[:16] == _W64_DATA:
            return position + 24, max(length - 24, 0)
        if length < 24:
            return None
        position += (length + 7) // 8 * 8
    return None


def _ogg(stream: BinaryIO) -> Promise | None:
    """Ogg: pages say their length, and the last one of a stream that it is the last."""
    position, ended = 0, False
    while len(header := _at(stream, position, 27)) == 27 and header[:4] == b"OggS":
        lengths = _at(stream, position + 27, header[26])
        ended, page = bool(header[5] & 4), position
        position += 27 + header[26] + sum(lengths)
        if len(lengths) < header[26]:
            break
    size = stream.seek(0, io.SEEK_END)
    if position > size:
        return page, position - page
    return None if ended else (position, None)


def _flac(stream: BinaryIO) -> Promise | None:
    """FLAC: 36 bits of its first block count the samples; 0 where the encoder could not go back to write them."""
    facts = int.from_bytes(_at(stream, 18, 8), "big")
    rate, samples = facts >> 44, facts & (1 << 36) - 1
    return (42, 0) if rate and not samples else None


def _mp3(stream: BinaryIO) -> Promise | None:
    """MP3: the encoder's own note of the whole length, or else the length of the last frame."""
    start = 0
    if (tag := _at(stream, 0, 10))[:3] == b"ID3" and len(tag) == 10:
        start = 10 + sum(byte << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True))
    position, first = start, _at(stream, start, 200)
    for mark in (b"Xing", b"Info"):
        # The note has a flag for its count of frames, and one for its count of bytes, from the first frame on.
        if (at := first.find(mark)) >= 0 and len(first) >= at + 16 and first[at + 7] & 2:
            counts = first[at + 8 : at + 16]
            return start, int.from_bytes(counts[4:] if first[at + 7] & 1 else counts[:4], "big")
    last = None
    while (length := _frame(_at(stream, position, 4))) is not None:
        last, position = (position, length), position + length
    return last


def _frame(header: bytes) -> int | None:
    """The length of the MPEG frame that begins with these four bytes; None if none does."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    version, kbits, rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version not in _MP3_RATES or not 0 < kbits < 15 or rate == 3:
        return None
    samples = 144 if version == 3 else 72
    return samples * 1000 * _KBITS[version != 3][kbits - 1] // _MP3_RATES[version][rate] + (header[2] >> 1 & 1)


def _at(stream: BinaryIO, position: int, count: int) -> bytes:
    stream.seek(position)
    return stream.read(count)
