"""Presentations as events of BIDS: a table and the JSON that explains its columns."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from synthstim.errors import InputError
from synthstim.files import as_json, as_tsv, require_folder, write_whole
from synthstim.presented.log import Presented, read_presented
from synthstim.responses import Clock

_COLUMNS: dict[str, dict[str, Any]] = {
    "onset": {
        "Description": "When the stimulus was first on the screen, by the flip that showed it",
        "Units": "s",
    },
    "duration": {
        "Description": "How long it stayed there, by the flips that were made: not the planned duration",
        "Units": "s",
    },
    "trial_type": {"Description": "Kind of the stimulus in its set"},
    "stim_file": {"Description": "The image that was shown, in the folder stimuli of the experiment"},
    "value": {"Description": "Marker that was sent at the onset"},
    "stimulus_id": {"Description": "Id of the stimulus in its set"},
    "sha256": {"Description": "Checksum of the file of the stimulus set"},
    "shown_sha256": {"Description": "Checksum of the file that was shown, made of it for the display"},
    "missed": {"Description": "Refreshes of the display that were missed while it was shown", "Units": "refreshes"},
    "complete": {
        "Description": "Whether it was shown for as many flips as planned and no refresh was missed",
        "Levels": {"true": "as planned", "false": "cut short, or longer than planned: duration says what it was"},
    },
    "frames_planned": {"Description": "Flips that were planned", "Units": "flips"},
    "frames_shown": {"Description": "Flips that showed it", "Units": "flips"},
    "presentation": {"Description": "Number of the presentation in the plan, from 0"},
    "block": {"Description": "Number of the block, from 0"},
    "trial": {"Description": "Number of the trial in its block, from 0"},
}
_DERIVED = ("onset", "duration", "trial_type", "stim_file", "value")


def write_bids_events(
    presentations: Presented | str | Path,
    out: str | Path,
    *,
    clock: Clock | None = None,
    zero_s: float | None = None,
    display_delay_s: float = 0.0,
    entities: Mapping[str, str] | None = None,
) -> Path:
    """Write what was shown as ``..._events.tsv`` with its ``..._events.json``.

    Args:
        presentations: a run, its log, or the experiment's folder.
        out: a folder; it may hold other files.
        clock: of the recording, from ``synthstim.responses.align_clock``: then times are on it.
        zero_s: the time, on the clock used, that becomes 0. By default the first flip of the run; with a clock, the
            recording's own zero.
        display_delay_s: from flip to light, as measured with a photodiode; added to onsets.
        entities: of the name, such as ``{"sub": "01", "ses": "2", "run": "1"}``; by default the subject of the rig, and
            always the task.

    Returns:
        The path of the table.

    Raises:
        InputError: there is no run yet, it still runs, a file is half-written, or the events are there already.

    Example:
        >>> write_bids_events("tonight_experiment", "bids/sub-01/beh", entities={"sub": "01"}).name
        'sub-01_task-passivefixation_events.tsv'
    """
    run = presentations if isinstance(presentations, Presented) else read_presented(presentations)
    path = Path(out) / f"{_stem(run, entities)}_events.tsv"
    sidecar = path.with_suffix(".json")
    if present := [one for one in (path, sidecar) if os.path.lexists(one)]:
        raise InputError(
            f"{present[0]} exists already", "choose another folder, or another run in its name", code="in-the-way"
        )
    require_folder(path.parent)
    zero = zero_s if zero_s is not None else (run.first_frame_s if clock is None else 0.0)
    facts = _sidecar(run, clock, zero, display_delay_s)
    # The table last: whoever finds it finds what explains it.
    _write(sidecar, as_json(facts))
    _write(path, as_tsv(_events(run, clock, zero, display_delay_s)))
    return path


def _events(run: Presented, clock: Clock | None, zero_s: float, delay_s: float) -> pd.DataFrame:
    onset, offset = run.times(clock, delay_s)
    table = run.table
    # BIDS wants paths from the folder stimuli on.
    files = [str(PurePosixPath(*PurePosixPath(file).parts[1:])) for file in table["file"].astype(str)]
    found = {
        "onset": (onset - zero_s).round(6),
        "duration": (offset - onset).round(6),
        "trial_type": table["kind"],
        "stim_file": files,
        "value": table["marker_code"],
        "complete": table["complete"].map({True: "true", False: "false"}),
    }
    rest = {name: table[name] for name in _COLUMNS if name in table and name not in found}
    events = pd.DataFrame(found | rest)
    return events[[name for name in _COLUMNS if name in events]].sort_values("onset", kind="stable")


def _sidecar(run: Presented, clock: Clock | None, zero_s: float, delay_s: float) -> dict[str, Any]:
    zero = (
        f"Zero is {zero_s:.6f} s of the recording's clock; {clock}"
        if clock is not None
        else f"Zero is {zero_s:.6f} s of the experiment's clock, whose first flip was at {run.first_frame_s:.6f} s"
    )
    delay = f". {1e3 * delay_s:g} ms were added for the display" if delay_s else ""
    onset = {"Description": f"{_COLUMNS['onset']['Description']}. {zero}{delay}"}
    kinds = {kind: f"a {kind} stimulus" for kind in dict.fromkeys(run.table["kind"]) if kind != "n/a"}
    facts = {name: dict(column) for name, column in _COLUMNS.items() if name in run.table or name in _DERIVED}
    facts["onset"] |= onset
    facts["trial_type"] |= {"Levels": kinds}
    facts["StimulusPresentation"] = presentation_facts(run.record, run.manifest)
    return facts


def presentation_facts(record: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What presented the stimuli, in the words of BIDS."""
    facts = {
        "OperatingSystem": record.get("system", "n/a"),
        "SoftwareName": "PsychoPy",
        "SoftwareRRID": "SCR_006571",
        "SoftwareVersion": str(record.get("psychopy", "n/a")),
        "Code": f"experiment {manifest.get('protocol', 'n/a')} exported by synthstim",
    }
    if record.get("simulated"):
        facts["Simulated"] = "a rehearsal: nobody watched"
    return facts


def _stem(run: Presented, entities: Mapping[str, str] | None) -> str:
    subject = _label(str(run.record.get("subject") or ""))
    parts = dict(entities) if entities is not None else ({"sub": subject} if subject else {})
    if bad := [f"{key}-{value}" for key, value in parts.items() if not re.fullmatch(r"[a-zA-Z0-9]+", key + value)]:
        raise InputError(f"the entity {bad[0]!r} given: BIDS allows letters and digits in it only")
    task = parts.pop("task", None) or _label(str(run.manifest.get("protocol", "experiment")))
    # BIDS has an order: sub, ses, task, then the others.
    before = {key: parts.pop(key) for key in ("sub", "ses") if key in parts}
    return "_".join(f"{key}-{value}" for key, value in (before | {"task": task} | parts).items())


def _label(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9]", "", text)


def _write(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error})", "choose another folder") from None
