"""One function for every file of responses that holds its trials by itself, and one for several such files at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.responses.arrays import read_numpy
from synthstim.responses.files import listed
from synthstim.responses.hdf5 import read_hdf5
from synthstim.responses.join import MAX_DRIFT, join_responses
from synthstim.responses.nwb import read_nwb
from synthstim.responses.seconds import Window
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


def read_all(
    paths: Sequence[str | Path],
    *,
    window_s: Window | None = None,
    max_drift: float | None = MAX_DRIFT,
    **options: Any,
) -> Responses:
    """Read files of responses, of any kinds, and join them.

    Args:
        paths: files that ``read_responses`` reads.
        window_s: (start, end) in which spikes are counted; of files that hold several windows, the one that is kept.
        max_drift: as for ``join_responses``.
        options: of the readers; each file is given those that its reader knows. None is no option.

    Raises:
        InputError: a file is refused, no reader knows an option, or the files do not go together.

    Example:
        >>> read_all(["monday.tsv", "tuesday.npz"])  # doctest: +SKIP
    """
    given = {name: value for name, value in options.items() if value is not None}
    own = [options_for(path, given) for path in paths]
    if unused := [name for name in given if not any(name in used for used in own)]:
        raise InputError(
            f"{listed(Path(path).name for path in paths)}: no such file takes {unused[0]}=...: leave it out"
        )
    parts = [
        read_responses(path, **used, **options_for(path, {} if window_s is None else {"window_s": window_s}))
        for path, used in zip(paths, own, strict=True)
    ]
    joined = join_responses(parts, max_drift=max_drift)
    return joined if window_s is None else joined.only(window=window_s)


def options_for(path: str | Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some options that the reader of a file takes."""
    reader = READERS.get(Path(path).suffix.lower())
    known = inspect.signature(reader).parameters if reader is not None else {}
    return {name: value for name, value in given.items() if name in known}
