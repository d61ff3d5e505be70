"""Presentations of stimuli in an NWB file: a table with onsets and labels, or a series of images or annotations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from synthstim.errors import InputError
from synthstim.responses.experiment_log import is_complete
from synthstim.responses.files import listed
from synthstim.responses.labels import labels_of
from synthstim.responses.trial_table import MAX_TRIALS

COLUMN = "stimulus_id"
# The tables of these names come before others.
_FIRST = ("stimulus_presentations", "trials")
_SERIES = ("IndexSeries", "AnnotationSeries")
# What tables of intervals, and of events, call the onset.
_ONSETS = ("start_time", "timestamp")
# As synthstim.presented writes them: checksums match the trials with the set's very files.
_EXTRA = ("sha256", "complete")


def presentations(
    content: Any, table: str | None, column: str, labels: Mapping[str, str], name: str
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """What was shown, in order of time: ``stimulus_id``, ``start_time`` and perhaps ``sha256``; and notes for a person.

    Args:
        table, column, labels: as for ``read_nwb``.

    Raises:
        InputError: nothing of that name is there, several might be meant, or a presentation has a label and no onset.
    """
    tables, series = _tables(content), _series(content)
    chosen, notes = _chosen(tables, series, table, column, name)
    shown = (
        _of_table(tables[chosen], column, f"{name}: {chosen}")
        if chosen in tables
        else _of_series(series[chosen], labels, f"{name}: {chosen}")
    )
    shown[COLUMN] = pd.Series(labels_of(shown[COLUMN], f"{name}: {column}"), index=shown.index, dtype=object)
    if (blank := shown[COLUMN].isna()).any():
        notes = (*notes, f"{blank.sum()} of {len(blank)} presentations of {name} have no {column}: blanks, left out")
        shown = shown[~blank]
    if not len(shown) or shown["start_time"].isna().any():
        raise InputError(f"{name}: {chosen} holds no presentation, or one without a start time", code="missing")
    shown[COLUMN] = [labels.get(label, label) for label in shown[COLUMN]]
    shown = shown.sort_values("start_time", kind="stable").reset_index(drop=True)
    if "complete" in shown:
        cut = int((~is_complete(shown)).sum())
        shown = shown.drop(columns="complete")
        told = f"{cut} of {len(shown)} presentations of {name} were cut short or missed a refresh: kept"
        notes = (*notes, told) if cut else notes
    return shown, notes


def _chosen(
    tables: Mapping[str, Any], series: Mapping[str, Any], table: str | None, column: str, name: str
) -> tuple[str, tuple[str, ...]]:
    known = ", ".join([*tables, *series]) or "none"
    if table is not None:
        if table not in tables and table not in series:
            raise InputError(
                f"{name} has no presentations called {table!r}, but {known}",
                "name one with table=...",
                code="ambiguous-table",
            )
        return table, ()
    fitting = [key for key, part in tables.items() if column in part.colnames]
    first = [key for key in _FIRST if key in fitting]
    options = fitting or [key for key, part in series.items() if part.neurodata_type == "IndexSeries"]
    if not options:
        raise InputError(
            f"{name} has no presentations called {column!r}, but {known}",
            "name one with table=...",
            code="ambiguous-table",
        )
    if not first and len(options) > 1:
        raise InputError(
            f"{name} has presentations in {listed(options)}", "name one with table=...", code="ambiguous-table"
        )
    others = [key for key in fitting if key not in first[:1]] if first else []
    notes = (f"presentations of {name} are those of {first[0]}, not of {listed(others)}",) if others else ()
    return (first or options)[0], notes


def _tables(content: Any) -> dict[str, Any]:
    """The tables with onsets, by name; those of invalid times are none of presentations."""
    own = {"trials": content.trials, "epochs": content.epochs}
    # Older releases of pynwb know no tables of events.
    groups = [content.intervals, own, getattr(content, "events", None), content.stimulus]
    groups += [module.data_interfaces for module in (content.processing or {}).values()]
    found: dict[str, Any] = {}
    for key, part in (item for group in groups for item in (group or {}).items()):
        if key != "invalid_times" and set(_ONSETS) & set(getattr(part, "colnames", ())):
            found.setdefault(str(key), part)
    return found


def _series(content: Any) -> dict[str, Any]:
    return {str(key): part for key, part in (content.stimulus or {}).items() if hasattr(part, "timestamps")}


def _of_table(table: Any, column: str, source: str) -> pd.DataFrame:
    if column not in table.colnames:
        raise InputError(
            f"{source} has no column {column!r}, but {listed(table.colnames, 8)}",
            "name it with column=...",
            code="ambiguous-column",
        )
    if len(table) > MAX_TRIALS:
        raise InputError(
            f"{source} declares {len(table):,} presentations, more than {MAX_TRIALS:,}",
            "split it into parts",
            code="too-large",
        )
    onset = next(key for key in _ONSETS if key in table.colnames)
    wanted = [column, onset, *(extra for extra in _EXTRA if extra in table.colnames and extra != column)]
    frame = table.to_dataframe(exclude=set(table.colnames) - set(wanted))[wanted]
    return frame.rename(columns={column: COLUMN, onset: "start_time"}).reset_index(drop=True)


def _of_series(series: Any, labels: Mapping[str, str], source: str) -> pd.DataFrame:
    kind = series.neurodata_type
    if kind not in _SERIES:
        raise InputError(
            f"{source} is an {kind}, which does not name what was shown",
            "name a table with table=...",
            code="ambiguous-table",
        )
    shown = _indexed(series, labels, source) if kind == "IndexSeries" else list(series.data[:])
    starts = _times(series, len(shown), source)
    return pd.DataFrame({COLUMN: pd.Series(shown, dtype=object), "start_time": starts})


def _times(series: Any, count: int, source: str) -> np.ndarray:
    if series.timestamps is None:
        return float(series.starting_time) + np.arange(count) / float(series.rate)
    starts = np.asarray(series.timestamps[:], dtype=np.float64)
    if len(starts) != count:
        raise InputError(f"{source} has {count} entries and {len(starts)} timestamps; expected one for each")
    return starts


def _indexed(series: Any, labels: Mapping[str, str], source: str) -> list[str]:
    """The name of the image that each number points to."""
    images = series.indexed_images
    if images is None:
        raise InputError(
            f"{source} points to no named images", "name a table of intervals with table=...", code="ambiguous-table"
        )
    numbers = np.asarray(series.data[:])
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise InputError(
            f"{source} holds {numbers.dtype} of shape {numbers.shape}; expected whole numbers, one a presentation"
        )
    if images.order_of_images is not None:
        names = [str(image.name) for image in images.order_of_images.data[:]]
    elif len(images.images) == 1 or all(str(number) in labels for number in set(numbers.tolist())):
        # Of one image, or by what the caller says of the numbers.
        names = list(images.images) if len(images.images) == 1 else [str(at) for at in range(len(images.images))]
    else:
        raise InputError(
            f"{source} points by number into the images of {images.name}, whose order the file does not say (no order_of_images)",
            "name a table of intervals with table=..., or the id of each number with labels=...",
            code="ambiguous-ids",
        )
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(names):
        raise InputError(f"{source} points beyond its {len(names)} images", code="too-large")
    return [names[number] for number in numbers]
