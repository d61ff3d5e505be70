"""The integer codes that markers send: of events, and of the stimuli after them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from synthstim.errors import InputError
from synthstim.experiment.rig import Rig

CODES = {"session_start": 1, "session_end": 2, "block_start": 3, "block_end": 4}
FIRST_STIMULUS = 10


def write_markers(path: Path, ids: Iterable[str]) -> None:
    """Write markers.tsv: what each integer code means; the stimuli have codes in their order, from FIRST_STIMULUS."""
    lines = ["code\tevent\tstimulus_id"]
    lines += [f"{code}\t{event}\tn/a" for event, code in CODES.items()]
    lines += [f"{FIRST_STIMULUS + number}\tstimulus_onset\t{name}" for number, name in enumerate(ids)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def check_codes(last: int, rig: Rig) -> None:
    """Raise InputError where the markers of a rig cannot carry every code up to the last."""
    if rig.markers.kind == "serial" and rig.markers.encoding == "byte" and last > 255:
        raise InputError(
            f"{last - FIRST_STIMULUS + 1} stimuli need codes up to {last}, more than a byte holds:"
            " set markers.encoding to line in rig.yaml, or export the set in parts",
            code="too-large",
        )
