"""The integer codes that markers send: of events, and of the stimuli or presentations after them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from synthstim.errors import InputError
from synthstim.experiment.rig.markers import Lsl, MarkersOff, largest_code, sends_index
from synthstim.experiment.rig.rig import Rig
from synthstim.experiment.runtime.marker_bytes import FIRST_ONSET, onset_code

CODES = {"session_start": 1, "session_end": 2, "block_start": 3, "block_end": 4}
FIRST_STIMULUS = FIRST_ONSET


def write_markers(path: Path, ids: Sequence[str], rig: Rig) -> None:
    """Write markers.tsv: what each integer code means.

    The stimuli have codes in their order, from FIRST_STIMULUS. Where an onset sends which presentation it is, the line of its first code
    says how often they come round; ``_presentations.tsv`` has the code of each.
    """
    lines = ["code\tevent\tstimulus_id"]
    lines += [f"{code}\t{event}\tn/a" for event, code in CODES.items()]
    if sends_index(rig.markers):
        last = largest_code(rig.markers)
        lines += [f"{FIRST_STIMULUS}-{last or ''}\tonset of presentation 0, 1, ... in turn\tn/a"]
    else:
        lines += [f"{FIRST_STIMULUS + number}\tstimulus_onset\t{name}" for number, name in enumerate(ids)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def check_codes(last: int, rig: Rig) -> None:
    """Raise InputError where the markers of a rig cannot carry every code up to the last."""
    markers = rig.markers
    if isinstance(markers, MarkersOff | Lsl) or markers.index:
        return
    largest = largest_code(markers)
    if largest is not None and last > largest:
        other = "set markers.encoding to two_bytes or line in rig.yaml, or " if largest == 255 else ""
        raise InputError(
            f"{last - FIRST_STIMULUS + 1} stimuli need codes up to {last}, more than the {largest} that the encoding"
            f" {markers.encoding} carries",
            f"{other}set markers.index to true, so that an onset sends which presentation it is, or export the set in parts",
            code="too-large",
        )


def code_of_presentation(presentation: int, marker_code: int, rig: Rig) -> int:
    """The code that the onset of a presentation sends, from its number and its stimulus's code."""
    return onset_code(rig.markers.model_dump(mode="json"), marker_code, presentation)
