"""Responses in NWB files: spike times of units, counted after each presentation of a stimulus."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthstim.errors import InputError
from synthstim.ids import is_name
from synthstim.responses.files import Reader, library, listed, require_file, unreadable
from synthstim.responses.hdf5 import refuse_links, refuse_size
from synthstim.responses.intervals import Edges, inside, touching
from synthstim.responses.labels import labels_of, required_labels
from synthstim.responses.nwb_presentations import COLUMN, presentations
from synthstim.responses.seconds import Times, Window, require_window
from synthstim.responses.spikes import trial_frame
from synthstim.responses.trials import Responses

INVALID_TIMES = ("leave out", "keep")
# What is read of a file; a recording's raw data may be of any size.
_READ = ("units", "intervals")


def read_nwb(
    path: str | Path,
    *,
    window_s: Window,
    table: str | None = None,
    column: str = COLUMN,
    site_column: str | None = None,
    labels: Mapping[str, str] | None = None,
    session: str | None = None,
    invalid_times: str = "leave out",
) -> Responses:
    """Count each unit's spikes after each presentation.

    Args:
        path: a file of NWB 2 with a table of units.
        window_s: (start, end) from the onset, in seconds.
        table: where presentations stand: the name of a table with onsets, of intervals or of events (``trials`` among them), or of an
            IndexSeries or AnnotationSeries among the stimuli. By default ``stimulus_presentations``, ``trials``, or the only
            other one.
        column: of that table, with the stimulus's id or label. Presentations without a label are blanks: they are left out.
        site_column: of the units table, with the site's name; by default ``unit`` and the unit's id.
        labels: the file's label -> the stimulus set's id; without it a label is the id.
        session: name of the session; by default the file's identifier.
        invalid_times: ``leave out`` presentations whose window shares time with an invalid one of the file, or ``keep`` them.

    Returns:
        The trials. Where units have observation intervals, a presentation whose window is not inside was not recorded.
        ``notes`` say what was left out.

    Raises:
        InputError: the file is damaged, links to another file, lacks units or presentations, or its times cannot be seconds.

    Example:
        >>> responses = read_nwb("tonight.nwb", window_s=(0.07, 0.17))  # of your recording  # doctest: +SKIP
    """
    path = require_file(path)
    window_s = require_window(window_s, path.name)
    if invalid_times not in INVALID_TIMES:
        raise InputError(
            f"invalid times cannot be handled by {invalid_times!r}", f"choose {' or '.join(INVALID_TIMES)}"
        )
    with _opened(path) as content:
        shown, notes = presentations(content, table, column, labels or {}, path.name)
        spikes, observed = _units(content, site_column, path.name)
        invalid, why = _invalid_times(content, path.name)
        name = str(content.identifier) if session is None else session
    if not is_name(name):
        raise InputError(
            f"{path.name}: its identifier {name[:40]!a} is not a name for a session",
            "give session=...",
            code="ambiguous-ids",
        )
    onsets = shown.pop("start_time").to_numpy(dtype=np.float64)
    frame, told = trial_frame(shown, spikes, onsets, window_s, name, source=path.name)
    windows = onsets[:, None] + np.array(window_s)
    recorded, outside = _recorded(windows, observed, list(spikes), path.name)
    notes = (*notes, *told, *outside)
    if (spoilt := touching(windows, invalid)).any():
        what = f"{spoilt.sum()} of {len(spoilt)} presentations of {path.name} lie in its invalid times{why}"
        notes = (*notes, f"{what}: {'left out' if invalid_times == 'leave out' else 'kept'}")
        recorded &= ~spoilt[:, None] if invalid_times == "leave out" else True
    if not recorded.any():
        raise InputError(f"{path.name}: no presentation is left: {notes[-1]}")
    return Responses(frame[recorded.ravel()], path.name, notes)


READER = Reader((".nwb",), read_nwb)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file as pynwb reads it, after a look at what it declares; whatever fails on it is one sentence."""
    pynwb = library("pynwb", "recordings")
    try:
        with library("h5py", "recordings").File(path, "r") as opened:
            refuse_links(opened, path.name)
            refuse_size([opened[name] for name in _READ if name in opened], path.name)
        with warnings.catch_warnings():
            # pynwb warns of what older files lack; none of it is read here.
            warnings.simplefilter("ignore")
            with pynwb.NWBHDF5IO(str(path), "r") as io:
                yield io.read()
    except InputError:
        raise
    except Exception as error:  # damaged files make the library raise anything
        raise unreadable(path, error, "an NWB file") from None


def _units(content: Any, site_column: str | None, name: str) -> tuple[dict[str, Times], dict[str, Edges]]:
    units = content.units
    if units is None or "spike_times" not in units.colnames or not len(units):
        raise InputError(f"{name} has no units with spike times", "sort the spikes and add them as units")
    if site_column is not None and site_column not in units.colnames:
        raise InputError(
            f"{name}: units have no column {site_column!r}, but {listed(units.colnames, 8)}",
            "name one with site_column=...",
            code="ambiguous-column",
        )
    called = [f"unit{number}" for number in units.id[:]] if site_column is None else units[site_column][:]
    sites = required_labels(called, "site", name)
    if len(set(sites)) != len(sites):
        raise InputError(
            f"{name}: two units share a name",
            "name a column in which they differ with site_column=...",
            code="ambiguous-column",
        )
    spikes = {site: np.sort(np.asarray(units["spike_times"][row], np.float64)) for row, site in enumerate(sites)}
    if bad := [site for site, times in spikes.items() if not np.isfinite(times).all()]:
        raise InputError(f"{name}: {bad[0]} has a spike time that is NaN")
    if "obs_intervals" not in units.colnames:
        return spikes, {}
    observed = [np.asarray(units["obs_intervals"][row], np.float64).reshape(-1, 2) for row in range(len(sites))]
    # A column that no unit fills says nothing; where others are observed, a unit without intervals was not.
    return spikes, dict(zip(sites, observed, strict=True)) if any(map(len, observed)) else {}


def _recorded(
    windows: Edges, observed: Mapping[str, Edges], sites: list[str], name: str
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """(presentation, site): whether the window lies inside the site's observation intervals; and a note if some do not."""
    out = np.ones((len(windows), len(sites)), dtype=bool)
    for column, site in enumerate(sites):
        if site in observed:
            out[:, column] = inside(windows, observed[site])
    if not out.any():
        raise InputError(f"{name}: no presentation lies in the observation intervals of a unit")
    told = f"{int((~out).sum())} of {out.size} trials lie outside their unit's observation intervals: not recorded"
    return out, () if out.all() else (told,)


def _invalid_times(content: Any, name: str) -> tuple[Edges, str]:
    """(interval, 2) what is to be left out of analysis, and what the file says of it, in brackets."""
    if content.invalid_times is None or not len(content.invalid_times):
        return np.empty((0, 2)), ""
    table: pd.DataFrame = content.invalid_times.to_dataframe()
    edges = table[["start_time", "stop_time"]].to_numpy(dtype=np.float64)
    if not (edges[:, 0] <= edges[:, 1]).all():
        raise InputError(f"{name}: an invalid time has no start or no end", "correct invalid_times in the file")
    tags = [tag for cell in table.get("tags", []) for tag in labels_of(cell, f"{name}: tags") if tag]
    series = [str(part.timeseries.name) for cell in table.get("timeseries", []) for part in cell]
    said = listed(dict.fromkeys([*tags, *series]))
    return edges, f" ({said})" if said else ""
