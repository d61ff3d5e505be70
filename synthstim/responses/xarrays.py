"""Responses as xarray keeps them: presentation x neuroid x time_bin, in memory and in netCDF files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthstim.errors import InputError
from synthstim.responses.arrays import NAN
from synthstim.responses.files import (
    HDF5_MAGIC,
    MAX_BYTES,
    Reader,
    has_magic,
    library,
    listed,
    require_file,
    unreadable,
)
from synthstim.responses.hdf5 import refuse_links
from synthstim.responses.labels import labels_of, required_labels
from synthstim.responses.seconds import Window, require_window
from synthstim.responses.trial_table import MAX_TRIALS, coded
from synthstim.responses.trials import Responses

DIMENSIONS = ("presentation", "neuroid", "time_bin")
# The names that published assemblies give to these coordinates, ours first. Their object_name is what an image shows.
STIMULUS = ("stimulus_id", "image_id")
REPEAT = ("repeat", "repetition")
SITE = ("site", "neuroid_id", "neuroid")
UNITS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 1e-3),
}


def read_netcdf(
    path: str | Path,
    *,
    variable: str | None = None,
    window_s: Window | None = None,
    time_unit: str | None = None,
    session: str | None = None,
    nan: str = "refuse",
) -> Responses:
    """Read a netCDF file of responses, (presentation, neuroid) or (presentation, neuroid, time_bin).

    Args:
        path: a netCDF 3 or 4 file.
        variable: which of its variables, where it has several.
        window_s, time_unit, session, nan: as for ``from_xarray``.

    Raises:
        InputError: the file is damaged, links to another file, does not hold such a variable, or is refused by
            ``from_xarray``.

    Example:
        >>> import xarray
        >>> counts = np.random.default_rng(0).poisson(5.0, (4, 2))
        >>> shown = {"stimulus_id": ("presentation", ["cat", "dog", "dog", "cat"]), "site": ("neuroid", ["a", "b"])}
        >>> array = xarray.DataArray(counts, dims=("presentation", "neuroid"), coords=shown, name="counts")
        >>> array.to_netcdf("counts.nc")
        >>> read_netcdf("counts.nc", window_s=(0.07, 0.17)).sites
        ('a', 'b')
    """
    path = require_file(path)
    xarray = library("xarray", "recordings")
    nested = has_magic(path, HDF5_MAGIC)
    try:
        if nested:
            with library("h5py", "recordings").File(path, "r") as opened:
                refuse_links(opened, path.name)
            library("h5netcdf", "recordings")
        # Windows in units of s must stay numbers.
        with xarray.open_dataset(path, engine="h5netcdf" if nested else "scipy", decode_times=False) as opened:
            values = opened[_variable(opened, variable, path.name)]
            if max(part.nbytes for part in (values, *values.coords.values())) > MAX_BYTES:
                raise InputError(
                    f"{path.name} declares more than {MAX_BYTES // 2**30} GiB", "split it into parts", code="too-large"
                )
            values = values.load()
    except InputError:
        raise
    except Exception as error:  # damaged files make each engine raise its own
        raise unreadable(path, error, "a netCDF file") from None
    return from_xarray(
        values, window_s=window_s, time_unit=time_unit, session=session or "1", nan=nan, source=path.name
    )


READER = Reader((".nc",), read_netcdf)


def _variable(opened: Any, variable: str | None, name: str) -> str:
    fitting = [key for key, values in opened.data_vars.items() if {"presentation", "neuroid"} <= set(values.dims)]
    if variable is not None and variable not in opened.data_vars:
        raise InputError(f"{name} has no variable {variable!r}: it has {listed(opened.data_vars)}", code="unknown")
    if variable is None and len(fitting) != 1:
        raise InputError(
            f"{name} has {len(fitting)} variables over presentation and neuroid"
            f" ({listed(fitting or opened.data_vars)})",
            "name one with variable=...",
            code="ambiguous-variable",
        )
    return variable or str(fitting[0])


def from_xarray(
    values: Any,
    *,
    window_s: Window | None = None,
    time_unit: str | None = None,
    session: str = "1",
    nan: str = "refuse",
    source: str = "the array",
) -> Responses:
    """A table of trials from an ``xarray.DataArray``.

    Args:
        values: dimensions presentation, neuroid and perhaps time_bin, in any order. Coordinates: ``stimulus_id`` (or
            ``image_id``; presentations without one are blanks, and left out), ``repeat`` (or ``repetition``; counted in the
            order of presentations if absent) and perhaps ``session`` of presentations; ``site`` (or ``neuroid_id``) of
            neuroids; ``time_bin_start`` and ``time_bin_end`` of time bins.
        window_s: the one time bin to take, in seconds; or the window of an array without time bins. Without it every bin
            becomes a window.
        time_unit: ``s`` or ``ms``, where the coordinate's attribute ``units`` does not say it.
        session: for an array without that coordinate.
        nan: ``refuse``, or ``absent`` where NaN stands for what was not recorded.

    Raises:
        InputError: a dimension or coordinate is missing, the values are no numbers, or the unit of time is said nowhere.

    Example:
        >>> import xarray
        >>> counts = np.random.default_rng(0).poisson(5.0, (4, 2))
        >>> shown = {"stimulus_id": ("presentation", ["cat", "dog", "dog", "cat"]), "site": ("neuroid", ["a", "b"])}
        >>> from_xarray(xarray.DataArray(counts, dims=("presentation", "neuroid"), coords=shown), window_s=(0.07, 0.17))
        Responses(8 trials: 2 stimuli x 2 sites, 1 session, window 0.07 to 0.17 s)
    """
    if nan not in NAN:
        raise InputError(f"missing values cannot be handled by {nan!r}", f"choose {' or '.join(NAN)}")
    _require_numbers(values, source)
    windows, values = _windows(values, window_s, time_unit, source)
    if values.size > MAX_TRIALS:
        raise InputError(
            f"{source} holds {values.size:,} trials, more than {MAX_TRIALS:,}", "take one window", code="too-large"
        )
    shown, notes = _presentations(values, session, source), []
    named = shown["stimulus_id"].notna().to_numpy()
    if not named.any():
        raise InputError(f"{source}: no presentation has a {STIMULUS[0]}", "say what was shown")
    if not named.all():
        notes.append(f"{(~named).sum()} of {len(named)} presentations of {source} name no stimulus: blanks, left out")
    shown, array = shown[named], values.transpose(*DIMENSIONS).to_numpy().astype(np.float64)[named]
    sites = required_labels(_coordinate(values, SITE, "neuroid", source), "site", source)
    presentation, neuroid, time_bin = (axis.ravel() for axis in np.indices(array.shape, dtype=np.int32))
    starts_ends = np.array(windows)
    frame = shown.iloc[presentation].reset_index(drop=True)
    frame = frame.assign(
        site=coded(neuroid, sites) if len(set(sites)) == len(sites) else np.array(sites)[neuroid],
        response=array.ravel(),
        window_start_s=starts_ends[time_bin, 0],
        window_end_s=starts_ends[time_bin, 1],
    )
    absent = frame["response"].isna() if nan == "absent" else pd.Series(False, index=frame.index)
    if absent.any():
        notes.append(f"{absent.sum()} of {len(frame)} trials of {source} are NaN: not recorded")
    return Responses(frame[~absent], source, tuple(notes))


def _require_numbers(values: Any, source: str) -> None:
    dims = set(getattr(values, "dims", ()))
    if not {"presentation", "neuroid"} <= dims <= set(DIMENSIONS):
        raise InputError(
            f"{source} has the dimensions {listed(sorted(map(str, dims)))}; expected {', '.join(DIMENSIONS)}"
        )
    if values.dtype.kind not in "fiu":
        raise InputError(f"{source} holds {values.dtype}; expected responses", "give numbers")


def _windows(values: Any, window_s: Window | None, time_unit: str | None, source: str) -> tuple[list[Window], Any]:
    if "time_bin" not in values.dims:
        if window_s is None:
            raise InputError(f"{source} has no time bins", "give its window with window_s=...", code="no-window")
        return [require_window(window_s, source)], values.expand_dims("time_bin")
    start = _coordinate(values, ("time_bin_start",), "time_bin", source)
    end = _coordinate(values, ("time_bin_end",), "time_bin", source)
    unit = _unit(values.coords["time_bin_start"].attrs.get("units"), time_unit, source)
    if start.dtype.kind not in "fiu" or end.dtype.kind not in "fiu":
        raise InputError(f"{source}: time_bin_start holds {start.dtype} and time_bin_end {end.dtype}; expected numbers")
    # Rounded to the microsecond: 70 ms and 0.07 s are one window.
    edges = np.round(np.stack([start, end], 1).astype(np.float64) * unit, 6)
    windows = [(float(left), float(right)) for left, right in edges]
    if window_s is None:
        return windows, values
    found = [index for index, have in enumerate(windows) if np.allclose(have, window_s, rtol=0, atol=1e-6)]
    if not found:
        shown = listed(f"{left:g} to {right:g} s" for left, right in windows)
        raise InputError(f"{source} has no time bin {window_s[0]:g} to {window_s[1]:g} s: it has {shown}")
    return [windows[found[0]]], values.isel(time_bin=found[:1])


def _unit(said: Any, given: str | None, source: str) -> float:
    """Seconds of one unit of the time bins, by the file or the caller."""
    if given is not None and given not in UNITS:
        raise InputError(f"the unit of time {given!r} is unknown", "choose s or ms", code="unknown")
    if said not in UNITS and given is None:
        raise InputError(
            f"{source} does not say whether its time bins are in s or ms", "give time_unit=...", code="no-time-unit"
        )
    if said in UNITS and given is not None and UNITS[said] != UNITS[given]:
        raise InputError(
            f"{source} says that its time bins are in {said}, but time_unit {given!r} given", "leave it out"
        )
    return UNITS[said if given is None else given]


def _presentations(values: Any, session: str, source: str) -> pd.DataFrame:
    ids = labels_of(_coordinate(values, STIMULUS, "presentation", source), f"{source}: {STIMULUS[0]}")
    shown = pd.DataFrame({"stimulus_id": pd.Series(ids, dtype=object)})
    shown["session"] = (
        pd.Series(
            labels_of(_coordinate(values, ("session",), "presentation", source), f"{source}: session"), dtype=object
        )
        if "session" in values.coords
        else session
    )
    if any(name in values.coords for name in REPEAT):
        shown["repeat"] = _coordinate(values, REPEAT, "presentation", source)
    else:
        shown["repeat"] = shown.groupby(["stimulus_id", "session"]).cumcount()
    return shown


def _coordinate(values: Any, names: tuple[str, ...], dimension: str, source: str) -> np.ndarray:
    for name in names:
        if name in values.coords and values.coords[name].dims == (dimension,):
            return np.asarray(values.coords[name].values)
    raise InputError(
        f"{source} has no coordinate {names[0]} of {dimension}: it has {listed(map(str, values.coords), 8)}"
    )
