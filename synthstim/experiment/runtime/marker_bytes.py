"""The bytes of a marker's code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Codes below are those of events.
FIRST_ONSET = 10
# Largest code by encoding; None for any.
LARGEST: dict[str, int | None] = {"byte": 255, "two_bytes": 16_255, "line": None}
# Of two bytes, the first has its top bit set and the second has not, so that neither is taken for the other, even where a
# byte is lost, and neither is 0, which a parallel port cannot show.
HIGH, ROUND = 128, 127


def encode(code: int, encoding: str) -> bytes:
    """The bytes of a code.

    >>> encode(12, "byte"), encode(300, "line"), list(encode(300, "two_bytes"))
    (b'\\x0c', b'300\\n', [130, 47])
    """
    if encoding == "line":
        return b"%d\n" % code
    if encoding == "two_bytes":
        return bytes([HIGH + code // ROUND, 1 + code % ROUND])
    return bytes([code])


def onset_code(markers: Mapping[str, Any], marker_code: int, presentation: int) -> int:
    """The code of an onset: the stimulus's own or, where the markers say ``index``, which presentation it is, counted round.

    >>> onset_code({"index": True, "encoding": "byte"}, 300, 246)
    10
    """
    if not markers.get("index"):
        return marker_code
    largest = LARGEST.get(markers.get("encoding", "line"))
    return FIRST_ONSET + (presentation if largest is None else presentation % (largest - FIRST_ONSET + 1))
