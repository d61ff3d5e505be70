"""Responses to an experiment that synthstim exported: its log of presentations, spikes, and the markers both know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthstim.errors import InputError
from synthstim.responses.clock import MAX_DRIFT, TOLERANCE_S, Clock, fit_clock, pair_markers
from synthstim.responses.files import Reader, listed, require_file
from synthstim.responses.seconds import Window
from synthstim.responses.spikes import decoded, read_markers, read_spikes, trial_frame
from synthstim.responses.tables import read_text_table
from synthstim.responses.trials import Responses

INCOMPLETE = ("refuse", "keep", "leave out")
_NEEDED = ("presentation", "stimulus_id", "sha256", "marker_code", "onset_time_s", "complete")


def read_experiment(
    presentations: str | Path,
    spikes: str | Path,
    markers: str | Path,
    *,
    window_s: Window,
    sites: tuple[str, ...] | None = None,
    session: str | None = None,
    incomplete: str = "refuse",
    missing_markers: int = 0,
    display_delay_s: float = 0.0,
    max_drift: float = MAX_DRIFT,
    tolerance_s: float = TOLERANCE_S,
) -> Responses:
    """Count spikes after each presentation that an exported experiment logged.

    Args:
        presentations: ``data/..._presentations.tsv`` of the experiment. ``manifest.json`` of the folder above says which
            file of the set each shown image was made of.
        spikes: a spike file (see ``synthstim.responses.spikes``).
        markers: a marker file: the codes as the recording system saw them; those of no stimulus are passed over.
        window_s: (start, end) from the onset, in seconds.
        sites: all sites recorded, for those that may not have fired.
        session: name of the session; by default that of the log.
        incomplete: what to do with presentations that were cut short or missed a refresh: ``refuse``, ``keep``, or
            ``leave out``.
        missing_markers: how many markers may be lost.
        display_delay_s: from the flip to light on the screen, as measured with a photodiode.
        max_drift, tolerance_s: as for ``fit_clock``.

    Returns:
        The trials; ``notes`` report the fit of the clocks.

    Raises:
        InputError: a file is half-written, the markers do not match, or the clocks cannot be brought together.

    Example:
        >>> responses = read_experiment("tonight_experiment/data/passive_2026_presentations.tsv", "spikes.tsv", "markers.tsv",
        ...                             window_s=(0.07, 0.17), incomplete="keep")
    """
    if incomplete not in INCOMPLETE:
        raise InputError(
            f"incomplete presentations cannot be handled by {incomplete!r}", f"choose {', '.join(INCOMPLETE)}"
        )
    path = require_file(presentations)
    shown, notes = read_presentations(path, incomplete=incomplete)
    clock = align_clock(
        shown, read_sent_markers(markers, shown, _record(path)), missing_markers=missing_markers, max_drift=max_drift, tolerance_s=tolerance_s,
        source=Path(markers).name,
    )  # fmt: skip
    times = read_spikes(spikes, sites=sites)
    kept = shown[shown["kept"]].reset_index(drop=True)
    onsets = clock.recorded(kept["onset_time_s"].to_numpy() + display_delay_s)
    name = session if session is not None else path.stem.removesuffix("_presentations")
    source = f"{path.name} with {Path(spikes).name}"
    frame, told = trial_frame(kept, times, onsets, window_s, name, source=source)
    return Responses(frame, source, (str(clock), *notes, *told))


READER = Reader(("_presentations.tsv",), read_experiment)


def read_presentations(path: str | Path, *, incomplete: str = "refuse") -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The presentations that were shown, in order, with the checksums of the set's files, and notes for a person.

    The column ``kept`` is false for those that ``incomplete`` leaves out; they still carry markers.

    Raises:
        InputError: the log is half-written or of a run that has not ended, or has incomplete presentations.
    """
    path = require_file(path)
    _require_ended(path)
    log = read_text_table(path, text=("stimulus_id", "sha256", "file"), needed=_NEEDED)
    if not len(log):
        raise InputError(f"{path.name} logs no presentation: was anything shown?")
    if (bad := log["onset_time_s"].isna() | log["stimulus_id"].isna()).any():
        raise InputError(f"{path.name}: row {int(bad.argmax()) + 1} has no onset or no stimulus")
    log = log.assign(kept=True, sha256=_source_checksums(path, log))
    rehearsed = (f"{path.name} is of a rehearsal: nobody watched",) if _record(path).get("simulated") else ()
    cut = ~is_complete(log)
    if not cut.any():
        return log, rehearsed
    shown = f"{int(cut.sum())} of {len(log)} presentations of {path.name} were cut short or missed a refresh"
    if incomplete == "refuse":
        raise InputError(
            f"{shown} ({listed(log.loc[cut, 'presentation'])})",
            "say incomplete='leave out' to do without them, or incomplete='keep'",
            code="cut-short",
        )
    if incomplete == "keep":
        return log, (*rehearsed, f"{shown}: kept")
    if cut.all():
        raise InputError(f"{shown}: none is left", code="too-few")
    return log.assign(kept=~cut), (*rehearsed, f"{shown}: left out ({listed(log.loc[cut, 'presentation'])})")


def read_sent_markers(markers: str | Path, shown: pd.DataFrame, record: Mapping[str, Any]) -> pd.DataFrame:
    """A marker file of a run: its codes or, where the rig sent each as two bytes and the recording kept them apart, what they say.

    Args:
        markers: the file.
        shown: the log of the run, with ``marker_code``.
        record: what session.json says of it.

    Raises:
        InputError: the file is half-written or no marker file.

    Example:
        >>> _ = Path("bytes.tsv").write_text("code\\ttime_s\\n129\\t0.5\\n4\\t0.501\\n")
        >>> shown = pd.DataFrame({"marker_code": [130]})
        >>> read_sent_markers("bytes.tsv", shown, {"markers": {"encoding": "two_bytes"}})["code"].tolist()
        [130]
    """
    seen = read_markers(markers)
    if (record.get("markers") or {}).get("encoding") != "two_bytes" or not seen["code"].between(1, 255).all():
        return seen
    codes = shown["marker_code"].to_numpy(dtype=np.int64)
    together = decoded(seen, Path(markers).name)
    # Some systems put the bytes together themselves: then as many codes are those of onsets as there were onsets.
    off, off_together = (abs(int(one["code"].isin(codes).sum()) - len(codes)) for one in (seen, together))
    return together if off_together <= off else seen


def is_complete(log: pd.DataFrame) -> pd.Series:
    """Which presentations were shown as planned; logs of older exports write true and false for 1 and 0."""
    return log["complete"].astype(str).str.lower().isin(["1", "1.0", "true"])


def is_rehearsal(presentations: str | Path) -> bool:
    """Whether the record beside a log of presentations says that nobody watched."""
    return bool(_record(Path(presentations)).get("simulated"))


def align_clock(
    shown: pd.DataFrame,
    markers: pd.DataFrame,
    *,
    missing_markers: int = 0,
    max_drift: float = MAX_DRIFT,
    tolerance_s: float = TOLERANCE_S,
    source: str = "the recording",
) -> Clock:
    """Fit the recording's clock to the experiment's.

    Args:
        shown: presentations with ``marker_code`` and ``onset_time_s``, in order.
        markers: ``code`` and ``time_s`` of what the recording saw, in order.
        missing_markers, max_drift, tolerance_s: as for ``read_experiment``.

    Raises:
        InputError: the markers do not match, or their times lie on no line.

    Example:
        >>> shown = pd.DataFrame({"marker_code": [10, 11, 12], "onset_time_s": [1.0, 2.0, 3.0]})
        >>> markers = pd.DataFrame({"code": [10, 11, 12], "time_s": [101.0, 102.0, 103.0]})
        >>> print(align_clock(shown, markers))
        clock fitted to 3 markers: offset 100.0000 s, drift 0.0 ppm, residuals 0.000 ms RMS, 0.000 ms at most
    """
    codes = shown["marker_code"].to_numpy(dtype=np.int64)
    # Codes of blocks and of the session are not in the log of presentations.
    seen = markers[markers["code"].isin(codes)]
    if not len(seen):
        raise InputError(f"{source} holds none of the codes of this experiment: is it of this session?", code="too-few")
    sent, times = shown["onset_time_s"].to_numpy(dtype=np.float64), seen["time_s"].to_numpy()
    ours, theirs = pair_markers(
        (codes, sent), (seen["code"].to_numpy(), times), missing=missing_markers, max_drift=max_drift,
        tolerance_s=tolerance_s, source=source,
    )  # fmt: skip
    return fit_clock(sent[ours], times[theirs], max_drift=max_drift, tolerance_s=tolerance_s, source=source)


def _require_ended(path: Path) -> None:
    if _record(path).get("status") == "running":
        raise InputError(
            f"{_record_of(path).name} says that the experiment still runs",
            "wait for its end (after a crash, set its status to error)",
        )


def _record_of(path: Path) -> Path:
    return path.with_name(f"{path.stem.removesuffix('_presentations')}_session.json")


def _record(path: Path) -> dict[str, Any]:
    """What session.json says of the run; nothing where it did not come with the log."""
    record = _record_of(path)
    if not record.is_file():
        return {}
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise InputError(f"{record.name} is half-written or damaged", "wait until the experiment has ended")
    return content


def _source_checksums(path: Path, log: pd.DataFrame) -> pd.Series:
    # An image resampled or decoded at export is another file than the set's, made of it.
    manifest = path.parent.parent / "manifest.json"
    if not manifest.is_file():
        return log["sha256"]
    try:
        listed_stimuli = json.loads(manifest.read_text(encoding="utf-8"))["stimuli"]
        made_of = {(str(one["stimulus_id"]), str(one["sha256"])): str(one["source_sha256"]) for one in listed_stimuli}
    except (ValueError, KeyError, TypeError, OSError):
        raise InputError(
            f"{manifest} cannot be read", "give the experiment's folder as it was exported", code="unreadable"
        ) from None
    keys = list(zip(log["stimulus_id"].astype(str), log["sha256"].astype(str), strict=True))
    if strange := [stimulus for stimulus, digest in keys if (stimulus, digest) not in made_of]:
        raise InputError(
            f"{path.name} logs {strange[0]} with a checksum that manifest.json does not have: is it another export's log?",
            code="changed",
        )
    return pd.Series([made_of[key] for key in keys], index=log.index, dtype="string")
