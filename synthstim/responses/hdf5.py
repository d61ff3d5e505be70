"""Responses in HDF5 files, none of which may reach outside itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthstim.errors import InputError
from synthstim.responses.arrays import array_facts, from_array
from synthstim.responses.files import MAX_BYTES, Reader, library, listed, require_file, unreadable
from synthstim.responses.seconds import Window
from synthstim.responses.trial_table import COLUMNS, MAX_TRIALS, OPTIONAL
from synthstim.responses.trials import Responses

AXES = ("repeat", "image", "site")


def read_hdf5(
    path: str | Path,
    *,
    group: str = "/",
    dataset: str = "responses",
    axes: Sequence[str] = AXES,
    stimulus_ids: Sequence[Any] | None = None,
    sites: Sequence[Any] | None = None,
    window_s: Window | None = None,
    session: str | None = None,
    nan: str = "refuse",
) -> Responses:
    """Read responses from an HDF5 file (MATLAB's 7.3 files are such).

    Two layouts are known: an array ``responses`` beside ``stimulus_ids``, ``sites``, ``window_s`` and perhaps ``session``;
    or one dataset for each column of ``COLUMNS``, all of one length.

    Args:
        path: the file.
        group: where in the file the datasets lie.
        dataset: name of the array.
        axes: its axes in the file's order; MATLAB's files hold them reversed.
        stimulus_ids, sites, window_s, session: what the file does not say; they go before what it says.
        nan: as for ``from_array``.

    Raises:
        InputError: the file is damaged, links to another file, or holds neither layout.

    Example:
        >>> import h5py
        >>> with h5py.File("counts.h5", "w") as file:
        ...     file["responses"] = np.random.default_rng(0).poisson(5.0, (4, 2, 3))
        >>> read_hdf5("counts.h5", stimulus_ids=["cat", "dog"], sites=["a", "b", "c"], window_s=(0.07, 0.17))
        Responses(24 trials: 2 stimuli x 3 sites, 1 session, window 0.07 to 0.17 s)
    """
    path = require_file(path)
    h5py = library("h5py", "recordings")
    if sorted(axes) != sorted(AXES):
        raise InputError(f"axes {tuple(axes)} are unknown; expected {', '.join(AXES)} in the file's order")
    try:
        with h5py.File(path, "r") as opened:
            refuse_links(opened, path.name)
            if group not in opened or not hasattr(opened[group], "keys"):
                raise InputError(f"{path.name} has no group {group!r}: it has {listed(opened.keys())}")
            held = opened[group]
            if dataset in held and held[dataset].ndim == 3:
                values = _numbers(held[dataset], path.name).transpose([list(axes).index(axis) for axis in AXES])
                known = {
                    name: _plain(held[name], path.name)
                    for name in ("stimulus_ids", "sites", "window_s", "session")
                    if name in held
                }
            elif set(COLUMNS) <= set(held.keys()):
                return Responses(_columns(held, path.name), path.name)
            else:
                raise InputError(
                    f"{path.name} holds neither an array {dataset!r} of 3 axes nor the columns of trials"
                    f" ({', '.join(COLUMNS)}): it has {listed(held.keys(), 8)}"
                )
    except InputError:
        raise
    except Exception as error:  # damaged files make the library raise anything
        raise unreadable(path, error, "an HDF5 file") from None
    given = {"stimulus_ids": stimulus_ids, "sites": sites, "window_s": window_s, "session": session}
    return from_array(values, **array_facts(given, known, path.name), nan=nan, source=path.name)


READER = Reader((".h5", ".hdf5", ".mat"), read_hdf5)


def refuse_links(opened: Any, name: str) -> None:
    """Raise InputError if anything in an open HDF5 file lies in another file: a link, raw storage or a virtual dataset.

    Soft links are left: without external ones they cannot leave the file.
    """
    h5py = library("h5py", "recordings")

    # An error raised while HDF5 walks through links would be lost: the walk returns what it found.
    def look(link: bytes, info: Any) -> str | None:
        inside = info.type in (h5py.h5l.TYPE_HARD, h5py.h5l.TYPE_SOFT)
        return None if inside else link.decode("utf-8", "replace")

    def look_inside(dataset: str, item: Any) -> str | None:
        if not isinstance(item, h5py.Dataset):
            return None
        virtual = item.is_virtual and any(part.file_name != "." for part in item.virtual_sources())
        return dataset if item.external or virtual else None

    if link := opened.id.links.visit(look, info=True):
        raise InputError(f"{name} links {link!r} to another file", "copy the data into it")
    if dataset := opened.visititems(look_inside):
        raise InputError(f"{name} keeps {dataset!r} in another file", "copy the data into it")


def refuse_size(parts: Iterable[Any], name: str) -> None:
    """Raise InputError if a dataset of these groups declares more than can be read: a few bytes can declare any size."""
    h5py = library("h5py", "recordings")

    def look(_: str, item: Any) -> str | None:
        return item.name if isinstance(item, h5py.Dataset) and _too_large(item) else None

    for part in parts:
        if dataset := part.visititems(look):
            raise InputError(
                f"{name}: {dataset} declares more than {MAX_BYTES // 2**30} GiB",
                "split it into parts",
                code="too-large",
            )


def _numbers(dataset: Any, name: str) -> np.ndarray:
    _check_size(dataset, name)
    return np.asarray(dataset[()])


def _plain(dataset: Any, name: str) -> Any:
    _check_size(dataset, name)
    return dataset.asstr()[()] if dataset.dtype.kind in "OS" else dataset[()]


def _columns(held: Any, name: str) -> pd.DataFrame:
    columns = {column: _plain(held[column], name) for column in (*COLUMNS, *OPTIONAL) if column in held}
    lengths = {column: np.shape(values) for column, values in columns.items()}
    if len(set(lengths.values())) > 1 or any(len(shape) != 1 for shape in lengths.values()):
        raise InputError(f"{name}: its columns have the shapes {lengths}; expected one value a trial in each")
    return pd.DataFrame(columns)


def _check_size(dataset: Any, name: str) -> None:
    if not hasattr(dataset, "shape") or dataset.shape is None or dataset.size > MAX_TRIALS or _too_large(dataset):
        raise InputError(f"{name}: {dataset.name} is not a dataset of at most {MAX_TRIALS:,} values")


def _too_large(dataset: Any) -> bool:
    return dataset.shape is not None and int(dataset.size) * dataset.dtype.itemsize > MAX_BYTES
