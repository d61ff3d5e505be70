"""The log of one run of an experiment: when each stimulus came on the screen and went, by the flips that were made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthstim.errors import InputError
from synthstim.experiment.manifest import Experiment, ViewingManifest, manifest_facts, read_manifest
from synthstim.experiment.runtime.simulate import DATA, REHEARSAL
from synthstim.files import sha256_of
from synthstim.responses import Clock, is_complete, read_presentations
from synthstim.responses.files import listed
from synthstim.responses.tables import read_text_table

_PRESENTATIONS = "_presentations.tsv"
_FRAMES = ("time_s", "missed", "presentation", "stimulus_id")
Times = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Presented:
    """One run of an exported experiment.

    Attributes:
        table: one row a presentation, in order: ``presentation``, ``block``, ``trial``, ``stimulus_id``, ``file``,
            ``sha256`` (of the stimulus set's file), ``shown_sha256`` (of the file that was shown, made of it), ``kind``,
            ``marker_code``, ``onset_s`` and ``offset_s`` (of the experiment's clock), ``frames_planned``,
            ``frames_shown``, ``missed`` (refreshes, while it was on), ``complete`` (shown as planned, none missed).
        first_frame_s: the first flip that was logged, on the same clock.
        record: what ran where, from ``session.json``.
        manifest: of the experiment.
        root: the experiment's folder.
        name: of the run.
    """

    table: pd.DataFrame
    first_frame_s: float
    record: dict[str, Any]
    manifest: dict[str, Any]
    root: Path
    name: str

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        cut = int((~self.table["complete"]).sum())
        shown = f"{len(self)} presentations of {self.table['stimulus_id'].nunique()} stimuli"
        return f"Presented({self.name}: {shown}, {cut} not as planned, {self.record.get('status', 'status unknown')})"

    @property
    def simulated(self) -> bool:
        """Whether it was a rehearsal, which nobody watched."""
        return bool(self.record.get("simulated"))

    def files(self) -> dict[str, Path]:
        """Stimulus id -> the file that was shown, compared with its checksum.

        Raises:
            InputError: a file is missing or has changed since it was shown.
        """
        out = {}
        for row in self.table.drop_duplicates("stimulus_id").itertuples():
            path = self.root / str(row.file)
            if not path.is_file():
                raise InputError(
                    f"{row.file} is missing from {self.root}",
                    "give the experiment's folder as it was run",
                    code="missing",
                )
            if sha256_of(path) != row.shown_sha256:
                raise InputError(
                    f"{row.file} of {self.root} has changed since it was shown",
                    "restore it from a copy",
                    code="changed",
                )
            out[str(row.stimulus_id)] = path
        return out

    def times(self, clock: Clock | None, delay_s: float = 0.0) -> tuple[Times, Times]:
        """Onsets and offsets, of the recording's clock if there is one.

        Args:
            clock: of ``synthstim.responses.align_clock``.
            delay_s: from flip to light.
        """
        onset, offset = (self.table[name].to_numpy(dtype=np.float64) + delay_s for name in ("onset_s", "offset_s"))
        return (onset, offset) if clock is None else (clock.recorded(onset), clock.recorded(offset))


def find_log(path: str | Path, *, folders: Sequence[str] = (DATA,)) -> Path:
    """The log of presentations of an experiment's folder, or the log itself.

    Args:
        path: the folder, or a log.
        folders: where runs of the experiment are looked for: ``data``, ``rehearsal``, or both.

    Raises:
        InputError: there is no run yet, or there are several.
    """
    path = Path(path)
    if path.is_file():
        if not path.name.endswith(_PRESENTATIONS):
            raise InputError(
                f"{path.name} is not a log of presentations; expected the experiment's folder or ..{_PRESENTATIONS}"
            )
        return path
    if read_manifest(path, Experiment).rate_hz:
        raise InputError(
            f"{path} plays sounds: what was played and answered stands in the tables of trials in its data"
        )
    logs = _logs(path, folders)
    if not logs and (rehearsed := _logs(path, [REHEARSAL])):
        raise InputError(f"{path} has only been rehearsed", f"run it; the log of the rehearsal is {rehearsed[-1]}")
    if not logs:
        done = "run" if DATA in folders else "rehearsed"
        raise InputError(f"{path} has not been {done} yet: synthstim run {path}")
    if len(logs) > 1:
        names = listed(f"{log.parent.name}/{log.name}" for log in logs)
        raise InputError(f"{path} was run {len(logs)} times ({names})", "give the log of one run")
    return logs[0]


def _logs(root: Path, folders: Sequence[str]) -> list[Path]:
    return [log for folder in folders for log in sorted((root / folder).glob(f"*{_PRESENTATIONS}"))]


def read_presented(path: str | Path, *, rehearsal: bool = False) -> Presented:
    """Read what one run showed.

    Args:
        path: the experiment's folder, if it was run once, or ``data/..._presentations.tsv`` in it.
        rehearsal: take a rehearsal, which nobody watched; the folder's, if it was rehearsed once.

    Raises:
        InputError: there is no run yet, it still runs, it was a rehearsal, or a file is half-written or missing.

    Example:
        >>> read_presented("tonight_experiment")
        Presented(passive_2026: 72 presentations of 24 stimuli, 1 not as planned, completed)
    """
    log = find_log(path, folders=(REHEARSAL if rehearsal else DATA,))
    root, stem = log.parent.parent, log.name.removesuffix(_PRESENTATIONS)
    record, manifest = read_json(log.with_name(f"{stem}_session.json")), manifest_facts(root, ViewingManifest)
    if record.get("simulated") and not rehearsal:
        raise InputError(
            f"{log.name} is of a rehearsal, which nobody watched",
            "ask for it explicitly (--rehearsal)",
            code="not-allowed",
        )
    shown, _ = read_presentations(log, incomplete="keep")
    raw = read_text_table(log, text=("sha256",))
    flips = log.with_name(f"{stem}_frames.tsv")
    if not flips.is_file():
        raise InputError(f"{flips} is missing", "give the experiment's folder as it was run", code="missing")
    frames = read_text_table(flips, text=("stimulus_id",), needed=_FRAMES)
    kinds = {str(one["stimulus_id"]): str(one.get("kind", "n/a")) for one in manifest["stimuli"]}
    onset, offset, missed = _from_frames(shown, frames, log.name)
    # Planned and shown flips, and block and trial, are the log's; when is what the flips say.
    kept = (
        "presentation",
        "block",
        "trial",
        "stimulus_id",
        "file",
        "sha256",
        "marker_code",
        "frames_planned",
        "frames_shown",
    )
    table = shown[[name for name in kept if name in shown]].assign(
        shown_sha256=raw["sha256"].astype(str),
        kind=[kinds.get(str(name), "n/a") for name in shown["stimulus_id"]],
        onset_s=onset,
        offset_s=offset,
        missed=missed,
        complete=is_complete(shown),
    )
    return Presented(table, float(frames["time_s"].iloc[0]), record, manifest, root, stem)


def _from_frames(shown: pd.DataFrame, frames: pd.DataFrame, name: str) -> tuple[Times, Times, NDArray[np.int64]]:
    """Onset, offset and missed refreshes of each presentation, by the flips on which it was drawn."""
    time = frames["time_s"].to_numpy(dtype=np.float64)
    missed = frames["missed"].to_numpy(dtype=np.int64)
    rows = _by_presentation(frames).groupby("presentation")["index"]
    first, last, count = rows.min(), rows.max(), rows.size()
    numbers = shown["presentation"].to_numpy()
    if set(first.index) != set(numbers):
        raise InputError(f"{name} and the log of frames are not of one run", "copy both again from the rig")
    start, end = first.loc[numbers].to_numpy(), last.loc[numbers].to_numpy()
    if (np.abs(time[start] - shown["onset_time_s"].to_numpy()) > 1e-5).any() or (
        end - start + 1 != count.loc[numbers]
    ).any():
        raise InputError(
            f"{name} and the log of frames differ in when stimuli were shown",
            "copy both again from the rig",
            code="mismatch",
        )
    # What is on the screen stays there until the next flip; after the last one nothing is known but the refresh.
    after = np.append(time[1:], time[-1] + (np.median(np.diff(time)) if len(time) > 1 else 0.0))
    lost = np.array([missed[a + 1 : b + 2].sum() for a, b in zip(start, end, strict=True)], dtype=np.int64)
    return time[start], after[end], lost


def _by_presentation(frames: pd.DataFrame) -> pd.DataFrame:
    """A row for each presentation that a flip showed; of several at once, the log joins the numbers with a plus."""
    rows = frames.reset_index().dropna(subset=["presentation"])
    if not pd.api.types.is_numeric_dtype(rows["presentation"]):
        rows = rows.assign(presentation=rows["presentation"].astype(str).str.split("+")).explode("presentation")
    return rows.astype({"presentation": "int64"})


def read_json(path: Path) -> dict[str, Any]:
    """One JSON object of a run.

    Raises:
        InputError: the file is missing, half-written, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise InputError(f"{path} is missing", "give the experiment's folder as it was run", code="missing") from None
    except ValueError:
        raise InputError(f"{path.name} is half-written or damaged", "wait until the experiment has ended") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} should hold one JSON object")
    return content
