"""One function for every file of responses that holds its trials by itself, and one for several such files at once."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.kinds import READERS
from synthstim.responses.files import Reader, listed
from synthstim.responses.join import MAX_DRIFT, join_responses
from synthstim.responses.seconds import Window
from synthstim.responses.trials import Responses


def reader_of(path: str | Path) -> Reader | None:
    """The reader of a file, by the end of its name; None if there is none.

    >>> reader_of("tonight.NWB").suffixes
    ('.nwb',)
    """
    name = Path(path).name.lower()
    found = [(len(end), reader) for _, reader in READERS.usable() for end in reader.suffixes if name.endswith(end)]
    return max(found, key=lambda one: one[0])[1] if found else None


def require_reader(path: str | Path) -> Reader:
    """The reader of a file.

    Raises:
        InputError: there is none for the end of its name.
    """
    if (reader := reader_of(path)) is None:
        known = [end for _, each in READERS.usable() for end in each.suffixes]
        raise InputError(
            f"{Path(path).name} is not a file of responses; expected one of {', '.join(known)}",
            "save a table of a spreadsheet as CSV in UTF-8",
            code="unknown",
        )
    return reader


def read_responses(path: str | Path, **options: Any) -> Responses:
    """Read recorded responses, by the end of the file's name.

    Args:
        path: .tsv, .csv, .npy, .npz, .h5, .hdf5, .mat (7.3), .nc or .nwb; ..._presentations.tsv, the log of an exported
            experiment, with ``spikes`` and ``markers`` (see ``read_experiment``); or a file that an installed reader takes.
        options: those of the reader of that kind of file.

    Raises:
        InputError: the suffix or an option is unknown, an option is missing, or the reader refuses the file.

    Example:
        >>> read_responses("tonight.tsv")
        Responses(432 trials: 24 stimuli x 3 sites, 1 session, window 0.07 to 0.17 s)
    """
    name, reader = Path(path).name, require_reader(path)
    takes = inspect.signature(reader.read).parameters
    if unknown := [option for option in options if option not in takes]:
        raise InputError(
            f"{name}: {reader.read.__name__} takes other options than {unknown[0]}: {listed(list(takes)[1:], 9)}"
        )
    needed = [key for key, one in list(takes.items())[1:] if one.default is one.empty and key not in options]
    if "window_s" in needed:
        raise InputError(
            f"{name} holds spikes", "say in which window to count them with window_s=...", code="no-window"
        )
    if needed:
        raise InputError(
            f"{name} does not say {needed[0]}", f"give {needed[0]}=...", code="missing-option", value=needed[0]
        )
    read: Responses = reader.read(path, **options)
    return read


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
        >>> read_all(["monday.tsv", "tuesday.tsv"]).sessions
        ('monday', 'tuesday')
    """
    given = {name: value for name, value in options.items() if value is not None}
    own = [options_for(path, given) for path in paths]
    if unused := [name for name in given if not any(name in used for used in own)]:
        raise InputError(
            f"{unused[0]} given; no such file as {listed(Path(path).name for path in paths)} takes it", "leave it out"
        )
    parts = [
        read_responses(path, **used, **options_for(path, {} if window_s is None else {"window_s": window_s}))
        for path, used in zip(paths, own, strict=True)
    ]
    joined = join_responses(parts, max_drift=max_drift)
    return joined if window_s is None else joined.only(window=window_s)


def options_for(path: str | Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some options that the reader of a file takes."""
    reader = reader_of(path)
    known = inspect.signature(reader.read).parameters if reader is not None else {}
    return {name: value for name, value in given.items() if name in known}
