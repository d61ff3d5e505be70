"""One function for every file of responses that holds its trials by itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.responses.arrays import read_numpy
from synthstim.responses.files import listed
from synthstim.responses.hdf5 import read_hdf5
from synthstim.responses.nwb import read_nwb
from synthstim.responses.tables import read_table
from synthstim.responses.trials import Responses
from synthstim.responses.xarrays import read_netcdf

READERS: dict[str, Callable[..., Responses]] = {
    ".tsv": read_table, ".csv": read_table, ".npy": read_numpy, ".npz": read_numpy, ".h5": read_hdf5, ".hdf5": read_hdf5,
    ".mat": read_hdf5, ".nc": read_netcdf, ".nwb": read_nwb,
}  # fmt: skip


def read_responses(path: str | Path, **options: Any) -> Responses:
    """Read recorded responses, by the file's suffix.

    Args:
        path: .tsv, .csv, .npy, .npz, .h5, .hdf5, .mat (7.3), .nc or .nwb; for the log of an exported experiment and its
            spikes see ``read_experiment``.
        options: those of the reader of that kind of file.

    Raises:
        InputError: the suffix or an option is unknown, or the reader refuses the file.

    Example:
        >>> read_responses("tonight.nwb", window_s=(0.07, 0.17))  # doctest: +SKIP
    """
    reader = READERS.get(Path(path).suffix.lower())
    if reader is None:
        raise InputError(f"{Path(path).name} is no file of responses: wanted one of {', '.join(READERS)}")
    known = inspect.signature(reader).parameters
    if unknown := [name for name in options if name not in known]:
        raise InputError(
            f"{Path(path).name}: {reader.__name__} takes other options than {unknown[0]}: {listed(list(known)[1:], 9)}"
        )
    if "window_s" not in options and known["window_s"].default is inspect.Parameter.empty:
        raise InputError(f"{Path(path).name} holds spikes: say in which window to count them with window_s=...")
    return reader(path, **options)
