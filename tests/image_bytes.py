"""Image files written byte by byte, so that each says just what a test wants it to say."""

import struct
import zlib

import numpy as np

# Every level of 8 bits, in four rows.
GREY = np.tile(np.arange(256), (4, 1))


def png(levels, *chunks, bits=8):
    """A PNG of grey (y, x) or RGB (y, x, 3) levels, with further chunks before its pixels: (name, data)."""
    height, width = levels.shape[:2]
    if bits < 8:
        packed = [np.packbits(_bits(row, bits)).tobytes() for row in levels]
    else:
        packed = [row.astype(">u2" if bits == 16 else "u1").tobytes() for row in levels]
    header = struct.pack(">IIBBBBB", width, height, bits, {2: 0, 3: 2}[levels.ndim], 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in packed))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, parts))


def _chunk(part):
    kind, data = part
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _bits(row, bits):
    return ((row[:, None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8).ravel()


def tiff(*pages, bits=8, photometric=1, numbers=1, order="<", tags=()):
    """A TIFF of uncompressed pages of grey (y, x) or RGB (y, x, 3) levels; ``numbers`` 1 unsigned, 2 signed, 3 floating."""
    body = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    for number, levels in enumerate(pages):
        data = _packed(levels, bits, numbers, order)
        channels = 1 if levels.ndim == 2 else levels.shape[2]
        depth = (258, 3, [bits] * channels)
        start = len(body)
        entries = [(256, 4, [levels.shape[1]]), (257, 4, [levels.shape[0]]), depth, (259, 3, [1]), (262, 3, [photometric]),
                   (277, 3, [channels]), (278, 4, [levels.shape[0]]), (279, 4, [len(data)]),
                   (339, 3, [numbers] * channels), (273, 4, [0]), *tags]  # fmt: skip
        size = 2 + 12 * len(entries) + 4
        outside, at = b"", start + size
        written = b""
        for tag, kind, values in sorted(entries):
            if tag == 273:
                values = [at + 2 * channels * 2 * (channels > 2)]
            packed = struct.pack(f"{order}{len(values)}{'H' if kind == 3 else 'I'}", *values)
            if len(packed) > 4:
                packed, outside = struct.pack(f"{order}I", at + len(outside)), outside + packed
            written += struct.pack(f"{order}HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
        assert len(outside) == 2 * channels * 2 * (channels > 2)
        after = at + len(outside) + len(data)
        following = struct.pack(f"{order}I", after if number < len(pages) - 1 else 0)
        body += struct.pack(f"{order}H", len(entries)) + written + following + outside + data
    return body


def _packed(levels, bits, numbers, order):
    if bits < 8 or bits == 12:
        return b"".join(np.packbits(_bits(row, bits)).tobytes() for row in levels)
    kind = {1: "u", 2: "i", 3: "f"}[numbers]
    return levels.astype(f"{order}{kind}{bits // 8}").tobytes()


def profile(gamma, primaries=None):
    """An ICC profile of a gamma; of RGB if it has primaries (three XYZ triples at D50), of grey otherwise."""

    def fixed(*values):
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    white = fixed(0.9642, 1, 0.8249)
    tags = [
        (b"desc", b"desc\0\0\0\0" + struct.pack(">I", 7) + b"of lab\0" + b"\0" * 81),
        (b"wtpt", b"XYZ \0\0\0\0" + white),
    ]
    if primaries is None:
        tags.append((b"kTRC", curve))
    else:
        tags += [
            (name + b"XYZ", b"XYZ \0\0\0\0" + fixed(*xyz))
            for name, xyz in zip((b"r", b"g", b"b"), primaries, strict=True)
        ]
        tags += [(name + b"TRC", curve) for name in (b"r", b"g", b"b")]
    table, data, at = b"", b"", 132 + 12 * len(tags)
    for name, value in tags:
        table += name + struct.pack(">II", at + len(data), len(value))
        data += value
    body = struct.pack(">I", len(tags)) + table + data
    head = struct.pack(
        ">I4sI4s4s4s", 128 + len(body), b"", 0x02400000, b"mntr", b"GRAY" if primaries is None else b"RGB ", b"XYZ "
    )
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + white
    return head.ljust(128, b"\0") + body
