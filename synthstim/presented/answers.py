"""Trials and answers as BIDS: a table of events a participant and session, with the JSON that explains it and the task."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
import yaml

from synthstim.errors import InputError
from synthstim.experiment.manifest import Named, manifest_facts
from synthstim.experiment.runtime.simulate import DATA, REHEARSAL
from synthstim.experiment.runtime.tables import MISSING, read_table
from synthstim.files import as_json, as_tsv, require_folder, write_whole
from synthstim.presented.events import presentation_facts
from synthstim.presented.log import read_json

_EVENT = {
    "onset": {"Description": "When the trial's first stimulus came, by the experiment's clock of that session", "Units": "s"},
    "duration": {
        "Description": "From then to the end of its last stimulus, or to the answer where the end is not logged",
        "Units": "s",
    },
    "trial_type": {"Description": "Phase of the experiment and condition of the trial"},
    "stim_file": {"Description": "The stimuli in the order of the slots, with a semicolon between them, in the folder stimuli of the experiment"},
}  # fmt: skip
# What the events say otherwise.
_LEFT_OUT = ("participant", "session", "time")


def write_bids_trials(
    experiment: str | Path, out: str | Path, *, rehearsal: bool = False, entities: Mapping[str, str] | None = None
) -> list[Path]:
    """Write every participant's trials as ``..._events.tsv`` with ``..._events.json`` and ``..._beh.json``.

    Args:
        experiment: the folder of an experiment made of trials, after runs.
        out: a folder, in which ``sub-001/ses-1/beh`` and so on are made.
        rehearsal: of what rehearsals wrote.
        entities: more of the name, such as ``{"run": "1"}``.

    Returns:
        The tables.

    Raises:
        InputError: nobody took part yet, a table is damaged, or a file is there already.

    Example:
        >>> write_bids_trials("study", "bids")[0].name  # after runs  # doctest: +SKIP
        'sub-001_ses-1_task-oddity_events.tsv'
    """
    root = Path(experiment)
    manifest = manifest_facts(root, Named)
    if "slots" not in manifest:
        raise InputError(
            f"{root} was exported by an earlier version, or is not made of trials", "export it again", code="unreadable"
        )
    data = root / (REHEARSAL if rehearsal else DATA)
    tables = sorted(data.glob(f"{manifest['protocol']}_participant_*_trials.tsv"))
    if not tables:
        raise InputError(
            f"{root} holds no trials yet ({data.name}/*_trials.tsv)", f"run it: synthstim run {root}", code="missing"
        )
    task = "".join(letter for letter in str(manifest["protocol"]) if letter.isalnum())
    written = []
    for path in tables:
        rows = pd.DataFrame(read_table(path))
        if not {"participant", "session", "response_time"} <= set(rows):
            raise InputError(
                f"{path.name} is not a table of trials that this version reads",
                "restore it from a copy",
                code="unreadable",
            )
        for session, trials in rows.groupby("session", sort=False):
            parts = {
                "sub": f"{int(trials['participant'].iloc[0]):03d}",
                "ses": str(session),
                "task": task,
                **(entities or {}),
            }
            stem = "_".join(f"{key}-{value}" for key, value in parts.items())
            folder = Path(out) / f"sub-{parts['sub']}" / f"ses-{parts['ses']}" / "beh"
            record = _record(data, int(parts["sub"]), int(str(session)))
            written.append(_write(folder, stem, trials, root, manifest, record))
    return written


def _write(
    folder: Path, stem: str, trials: pd.DataFrame, root: Path, manifest: Mapping[str, Any], record: Mapping[str, Any]
) -> Path:
    table, task = folder / f"{stem}_events.tsv", folder / f"{stem}_beh.json"
    sidecar = table.with_suffix(".json")
    if present := [one for one in (table, sidecar, task) if os.path.lexists(one)]:
        raise InputError(f"{present[0]} exists already", "choose another folder", code="in-the-way")
    require_folder(folder)
    slots = list(manifest["slots"])
    events = _events(trials, slots, manifest, record)
    told = json.loads((root / "trials.json").read_text(encoding="utf-8"))
    facts = _EVENT | {name: told[name] for name in events if name in told}
    facts |= {"StimulusPresentation": presentation_facts(record, manifest)}
    about = {
        "TaskName": manifest["protocol"],
        "TaskDescription": manifest["title"],
        "Instructions": _instructions(root),
        "StimulusPresentation": presentation_facts(record, manifest),
    }
    write_whole(task, as_json(about))
    write_whole(sidecar, as_json(facts))
    write_whole(table, as_tsv(events))
    return table


def _events(
    trials: pd.DataFrame, slots: list[str], manifest: Mapping[str, Any], record: Mapping[str, Any]
) -> pd.DataFrame:
    onsets = trials[[f"{slot}_onset_s" for slot in slots]].apply(pd.to_numeric, errors="coerce")
    times = pd.to_numeric(trials["response_time"], errors="coerce")
    files = {str(one["stimulus_id"]): str(PurePosixPath(one["file"]).name) for one in manifest["stimuli"]}
    ends = _ends(trials, slots, manifest, record).fillna(onsets.max(axis=1) + times)
    found = {
        "onset": onsets.min(axis=1),
        "duration": (ends - onsets.min(axis=1)).round(6),
        "trial_type": trials["phase"] + ":" + trials["condition"],
        "stim_file": [";".join(files[name] for name in row if name in files) for row in trials[slots].to_numpy()],
    }
    first = ("response_time", "response", "correct")
    rest = {name: trials[name] for name in (*first, *trials.columns) if name not in _LEFT_OUT and name not in found}
    return pd.DataFrame(found | rest).replace(MISSING, None).sort_values("onset", kind="stable")


def _ends(trials: pd.DataFrame, slots: list[str], manifest: Mapping[str, Any], record: Mapping[str, Any]) -> pd.Series:
    """When the last stimulus of each trial went: of sounds by their duration, of images by the log of presentations."""
    lasts = {str(one["stimulus_id"]): float(one.get("duration_s", "nan")) for one in manifest["stimuli"]}
    path = Path(str(record.get("presentations", "")))
    log = read_table(path) if path.is_file() else []
    went = {(row["stimulus_id"], row["onset_time_s"]): row["offset_time_s"] for row in log}

    def end(stimulus: str, onset: str) -> float:
        if manifest.get("rate_hz"):
            return float(onset) + lasts[stimulus] if stimulus != MISSING and onset != MISSING else float("nan")
        return float(went.get((stimulus, onset), "nan").replace(MISSING, "nan"))

    ends = {slot: [end(*one) for one in trials[[slot, f"{slot}_onset_s"]].to_numpy()] for slot in slots}
    return pd.DataFrame(ends, index=trials.index).max(axis=1)


def _record(data: Path, participant: int, session: int) -> dict[str, Any]:
    """The record of that run, with the path of its log of presentations; empty where there is none."""
    for path in sorted(data.glob("*_session.json")):
        record = read_json(path)
        if record.get("participant") == participant and record.get("run") == session:
            return record | {"presentations": str(path).removesuffix("_session.json") + "_presentations.tsv"}
    return {}


def _instructions(root: Path) -> str:
    try:
        texts = yaml.safe_load((root / "texts.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return MISSING
    return str(texts.get("instructions") or texts.get("welcome") or MISSING) if isinstance(texts, dict) else MISSING
