"""Responses in NWB files: spike times of units, counted after each presentation of a stimulus."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthstim.errors import InputError
from synthstim.responses.files import library, listed, require_file, unreadable
from synthstim.responses.hdf5 import refuse_links
from synthstim.responses.spikes import Times, trial_frame
from synthstim.responses.trials import Responses, Window

COLUMN = "stimulus_id"


def read_nwb(
    path: str | Path,
    *,
    window_s: Window,
    table: str | None = None,
    column: str = COLUMN,
    site_column: str | None = None,
    labels: Mapping[str, str] | None = None,
    session: str | None = None,
) -> Responses:
    """Count each unit's spikes after each presentation.

    Args:
        path: a file of NWB 2 with a table of units.
        window_s: (start, end) from the onset, in seconds.
        table: where presentations stand: the name of a table of intervals (``trials`` among them) or of an IndexSeries
            among the stimuli. By default ``stimulus_presentations``, ``trials``, or the file's only IndexSeries.
        column: of that table, with the stimulus's id or label.
        site_column: of the units table, with the site's name; by default ``unit`` and the unit's id.
        labels: the file's label -> the stimulus set's id; without it a label is the id.
        session: name of the session; by default the file's identifier.

    Returns:
        The trials. Where units have observation intervals, a presentation whose window is not inside one was not recorded.

    Raises:
        InputError: the file is damaged, links to another file, or lacks units or presentations.

    Example:
        >>> responses = read_nwb("tonight.nwb", window_s=(0.07, 0.17))  # doctest: +SKIP
    """
    path = require_file(path)
    pynwb = library("pynwb", "recordings")
    try:
        with library("h5py", "recordings").File(path, "r") as opened:
            refuse_links(opened, path.name)
        with warnings.catch_warnings():
            # pynwb warns of what older files lack; none of it is read here.
            warnings.simplefilter("ignore")
            with pynwb.NWBHDF5IO(str(path), "r") as io:
                content = io.read()
                shown = _presentations(content, table, column, labels or {}, path.name)
                spikes, observed = _units(content, site_column, path.name)
                name = session if session is not None else str(content.identifier)
    except InputError:
        raise
    except Exception as error:  # damaged files make the library raise anything
        raise unreadable(path, error, "an NWB file") from None
    onsets = shown.pop("start_time").to_numpy(dtype=np.float64)
    notes = _cut_short(shown.pop("complete"), path.name) if "complete" in shown else ()
    frame = trial_frame(shown, spikes, onsets, window_s, name)
    recorded = _recorded(onsets, observed, list(spikes), window_s)
    if not recorded.any():
        raise InputError(f"{path.name}: no presentation lies in the observation intervals of a unit")
    if recorded.all():
        return Responses(frame, path.name, notes)
    note = f"{int((~recorded).sum())} of {recorded.size} trials lie outside their unit's observation intervals: not recorded"
    return Responses(frame[recorded.ravel()], path.name, (*notes, note))


def _cut_short(complete: pd.Series, name: str) -> tuple[str, ...]:
    cut = int((complete.astype(str).str.lower() == "false").sum())
    return (
        (f"{cut} of {len(complete)} presentations of {name} were cut short or missed a refresh: kept",) if cut else ()
    )


def _presentations(content: Any, table: str | None, column: str, labels: Mapping[str, str], name: str) -> pd.DataFrame:
    intervals, series = _intervals(content), _index_series(content)
    chosen = table or next(
        (known for known in ("stimulus_presentations", "trials") if known in intervals and column in intervals[known]),
        next(iter(series)) if len(series) == 1 else None,
    )
    if chosen in intervals:
        if column not in intervals[chosen]:
            raise InputError(
                f"{name}: the table {chosen} has no column {column!r}: name it with column=..., it has"
                f" {listed(intervals[chosen].columns, 8)}"
            )
        # As synthstim.presented writes them: checksums match the trials with the set's very files.
        extra = [name for name in ("sha256", "complete") if name in intervals[chosen] and name != column]
        shown = intervals[chosen][[column, "start_time", *extra]].rename(columns={column: COLUMN})
    elif chosen in series:
        shown = _indexed(series[chosen], name)
    else:
        known = ", ".join([*intervals, *series]) or "none"
        raise InputError(
            f"{name} has no presentations called {chosen or column!r}: name one with table=..., it has {known}"
        )
    if not len(shown) or shown["start_time"].isna().any():
        raise InputError(f"{name}: {chosen} holds no presentation, or one without a start time")
    text = [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in shown[COLUMN]]
    shown = shown.assign(**{COLUMN: [labels.get(label, label) for label in text]})
    return shown.sort_values("start_time", kind="stable").reset_index(drop=True)


def _intervals(content: Any) -> dict[str, pd.DataFrame]:
    found = {str(name): part.to_dataframe() for name, part in (content.intervals or {}).items()}
    return found | ({"trials": content.trials.to_dataframe()} if content.trials is not None else {})


def _index_series(content: Any) -> dict[str, Any]:
    return {
        str(name): part
        for name, part in (content.stimulus or {}).items()
        if getattr(part, "neurodata_type", "") == "IndexSeries"
    }


def _indexed(series: Any, name: str) -> pd.DataFrame:
    images = series.indexed_images
    if images is None:
        raise InputError(f"{name}: the IndexSeries {series.name} points to no named images: give a table of intervals")
    order = images.order_of_images.data[:] if images.order_of_images is not None else list(images.images.values())
    names = [str(image.name) for image in order]
    indices = np.asarray(series.data[:], dtype=np.int64)
    if len(indices) and not 0 <= indices.min() <= indices.max() < len(names):
        raise InputError(f"{name}: {series.name} points beyond its {len(names)} images")
    if series.timestamps is not None:
        starts = np.asarray(series.timestamps[:], dtype=np.float64)
    else:
        starts = float(series.starting_time) + np.arange(len(indices)) / float(series.rate)
    return pd.DataFrame({COLUMN: [names[index] for index in indices], "start_time": starts})


def _units(content: Any, site_column: str | None, name: str) -> tuple[dict[str, Times], dict[str, np.ndarray]]:
    units = content.units
    if units is None or "spike_times" not in units.colnames or not len(units):
        raise InputError(f"{name} has no units with spike times: sort the spikes and add them as units")
    if site_column is not None and site_column not in units.colnames:
        raise InputError(f"{name}: units have no column {site_column!r}: they have {listed(units.colnames, 8)}")
    sites = (
        [f"unit{number}" for number in units.id[:]]
        if site_column is None
        else [str(value) for value in units[site_column][:]]
    )
    if len(set(sites)) != len(sites):
        raise InputError(f"{name}: two units share a name in {site_column}: choose another column")
    spikes = {site: np.sort(np.asarray(units["spike_times"][row], np.float64)) for row, site in enumerate(sites)}
    if bad := [site for site, times in spikes.items() if not np.isfinite(times).all()]:
        raise InputError(f"{name}: {bad[0]} has a spike time that is NaN")
    if "obs_intervals" not in units.colnames:
        return spikes, {}
    return spikes, {site: np.asarray(units["obs_intervals"][row], np.float64) for row, site in enumerate(sites)}


def _recorded(onsets: Times, observed: Mapping[str, np.ndarray], sites: list[str], window_s: Window) -> np.ndarray:
    """(presentation, site): whether the window lies inside one of the site's observation intervals."""
    out = np.ones((len(onsets), len(sites)), dtype=bool)
    for column, site in enumerate(sites):
        if site in observed and observed[site].size:
            starts, ends = observed[site].reshape(-1, 2).T
            inside = (onsets[:, None] + window_s[0] >= starts) & (onsets[:, None] + window_s[1] <= ends)
            out[:, column] = inside.any(1)
    return out
