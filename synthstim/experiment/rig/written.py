"""A rig.yaml as it is begun: what was found and asked, with a comment on each line, and what may be added."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from synthstim.errors import InputError
from synthstim.experiment.rig.rig import Rig, read_rig
from synthstim.files import require_absent, write_whole
from synthstim.recipe import validate
from synthstim.recipe.yaml_source import Source

_COMMENTS = {
    "width_cm": "of the image area, measured with a ruler",
    "distance_cm": "from the eye to the screen",
    "refresh_hz": "synthstim rig check measures it",
    "gamma": "the display's own; 1 if something linearises it; luminance takes its place",
    "screen": "which one, from 1",
    "device": "as synthstim rig new lists them; null: the system's default",
    "rate_hz": "null: that of the sounds",
}
_LATER = """
# Measured with a photometer (synthstim rig measure), under monitor:
#   luminance: {file: luminance.tsv}          # columns level (0 to 255) and cd_m2
#   primaries: {red: [0.64, 0.33, 21.3], green: [0.30, 0.60, 71.5], blue: [0.15, 0.06, 7.2]}    # x, y, Y
# Measured at the ear, under sound:
#   calibration: {db_spl: 80, at_dbfs: -26, signal: pink noise}
#   safe_limit_db_spl: 85
# photodiode: {corner: bottom_left, size_px: 64}
# responses: {kind: box, device_class: psychopy.hardware.button.KeyboardButtonBox, parameters: {buttons: [a, l]}, keys: [left, right]}
# olfactometer: {kind: serial, port: COM5, channels: 16, total_ml_min: 1000, least_carrier_ml_min: 500, full_ml_min: 100}
# reward: {kind: serial, port: COM4, line: rts, pulse_ms: 100, max_ms_per_pulse: 300, max_pulses_per_day: 1500}
"""


def parse_markers(text: str) -> dict[str, Any]:
    """Markers as a command line says them: ``none``, ``lsl``, ``lsl:STREAM``, ``serial:PORT`` or ``parallel:ADDRESS``.

    Raises:
        InputError: it is none of these.

    Example:
        >>> parse_markers("serial:COM3")
        {'kind': 'serial', 'port': 'COM3'}
    """
    kind, _, where = text.partition(":")
    key = {"none": "", "lsl": "stream", "serial": "port", "parallel": "address"}.get(kind)
    if key is None or bool(where) < (kind in ("serial", "parallel")) or (where and not key):
        raise InputError(
            f"the markers {text!r} given; expected none, lsl, lsl:STREAM, serial:PORT or parallel:ADDRESS",
            "name one, such as serial:COM3",
        )
    return {"kind": kind} | ({key: where} if where else {})


def write_new_rig(path: str | Path, given: Mapping[str, Any]) -> Rig:
    """Write a rig.yaml with comments.

    Args:
        path: the file; nothing may be there yet.

    Raises:
        InputError: something is there already, or a value cannot be one of a rig's.
    """
    path = require_absent(path)
    validate(Source(path.name, path.absolute().parent, "", dict(given)), Rig)
    lines = []
    for line in yaml.safe_dump(dict(given), sort_keys=False, allow_unicode=True, width=120).splitlines():
        comment = _COMMENTS.get(line.partition(":")[0].strip())
        lines.append(f"{line:<28}# {comment}" if comment else line)
    write_whole(path, ("\n".join(lines) + "\n" + _LATER).encode("utf-8"))
    return read_rig(path)
