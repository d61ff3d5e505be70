"""Where files of Matroska and WebM end, by what their head says."""

from __future__ import annotations

from synthstim.errors import InputError

MAGIC = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
# Of a file's head, enough for the two lengths that are read.
HEAD_BYTES = 128


def end_of(name: str, head: bytes) -> int:
    """How many bytes the file has when it is whole.

    Args:
        head: its first ``HEAD_BYTES``, which begin with ``MAGIC``.

    Raises:
        InputError: it does not say, as a recording does not that was never closed.

    Example:
        >>> end_of("clip.mkv", MAGIC + bytes([0x82, 0, 0]) + bytes([0x18, 0x53, 0x80, 0x67, 0x85]) + bytes(5))
        17
    """
    length, at = _number(head, len(MAGIC))
    after = at + (length or 0)
    size, start = _number(head, after + len(_SEGMENT))
    if length is None or size is None or head[after : after + len(_SEGMENT)] != _SEGMENT:
        raise InputError(
            f"{name} does not say where it ends: nothing tells whether it breaks off",
            "write it anew, as a recording is by ffmpeg -i IN -c copy OUT",
            code="unreadable",
        )
    return start + size


def _number(head: bytes, at: int) -> tuple[int | None, int]:
    """The number that begins at a place, its own length in its leading zeros, and the place behind it; None for unknown."""
    first = head[at] if at < len(head) else 0
    length = 9 - first.bit_length()
    most = (1 << 7 * length) - 1
    value = int.from_bytes(head[at : at + length], "big") & most
    return (None if not first or value == most else value), at + length
