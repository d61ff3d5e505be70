"""Trial tables as text: TSV and CSV, one row a trial."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from synthstim.errors import InputError
from synthstim.files import MISSING, as_tsv, write_whole
from synthstim.responses.files import Reader, require_file, require_whole_lines, unreadable
from synthstim.responses.seconds import Window, require_window
from synthstim.responses.trials import Responses

SEPARATORS = {".tsv": "\t", ".csv": ","}
_ENDINGS = {separator: end for end, separator in SEPARATORS.items()}
_MARKS = {";": "semicolons", "\t": "tabs", ",": "commas"}
# Before its third version, pandas may miss the last digit of a number unless it is told not to.
_EXACT: dict[str, Any] = {"float_precision": "round_trip"} if pd.__version__ < "3" else {}


def read_table(path: str | Path, *, session: str | None = None, window_s: Window | None = None) -> Responses:
    """Read a TSV or CSV file of trials.

    Args:
        path: a table with the columns ``COLUMNS``, perhaps ``sha256``, and any others, which are left.
        session: for a file without that column.
        window_s: (start, end) from stimulus onset, for a file without these columns.

    Raises:
        InputError: the file is missing, half-written or no such table, or a trial breaks a rule of ``Responses``.

    Example:
        >>> responses = read_table("tonight.tsv")
    """
    frame = read_text_table(path, text=("stimulus_id", "session", "site", "sha256"))
    said: dict[str, Any] = {}
    if session is not None and "session" not in frame:
        said["session"] = session
    if window_s is not None and "window_start_s" not in frame and "window_end_s" not in frame:
        said["window_start_s"], said["window_end_s"] = require_window(window_s, Path(path).name)
    return Responses(pd.concat([frame, pd.DataFrame(said, index=frame.index)], axis=1), Path(path).name)


READER = Reader((".tsv", ".csv"), read_table)


def write_table(responses: Responses, path: str | Path) -> Path:
    """Write trials as a TSV file, whole or not at all.

    Example:
        >>> write_table(responses, "all.tsv").name
        'all.tsv'
        >>> read_table("all.tsv").sites == responses.sites
        True
    """
    path = Path(path)
    if path.suffix != ".tsv":
        raise InputError(f"{path.name}: trials are written as .tsv")
    write_whole(path, as_tsv(responses.trials))
    return path


def read_text_table(path: str | Path, *, text: Iterable[str] = (), needed: Iterable[str] = ()) -> pd.DataFrame:
    """A TSV or CSV file as a table; ``n/a`` and empty cells are missing, columns named in ``text`` stay text.

    Raises:
        InputError: the file is missing, ends within a line, has rows of different lengths, two columns of one name, or lacks a needed column.
    """
    path = require_file(path)
    separator = SEPARATORS.get(path.suffix.lower())
    if separator is None:
        raise InputError(f"{path.name} is neither .tsv nor .csv", "name it by what separates its columns")
    require_whole_lines(path)
    try:
        _check_shape(path, separator)
        frame = pd.read_csv(
            path,
            sep=separator,
            dtype=dict.fromkeys(text, "string"),
            keep_default_na=False,
            na_values=[MISSING, ""],
            **_EXACT,
        )
    except InputError:
        raise
    except (ValueError, csv.Error, OSError) as error:
        raise unreadable(path, error, "a table with one line of column names") from None
    if absent := [name for name in needed if name not in frame]:
        raise InputError(f"{path.name} lacks the column {absent[0]}: it needs {', '.join(needed)}", code="missing")
    return frame


def _check_shape(path: Path, separator: str) -> None:
    # pandas fills a short row with missing cells, which would hide a file that another program is still writing, and calls
    # a second column of one name otherwise.
    with open(path, encoding="utf-8-sig", newline="") as stream:
        rows = csv.reader(stream, delimiter=separator)
        names = next(rows)
        if twice := [name for at, name in enumerate(names) if name in names[:at]]:
            raise InputError(f"{path.name} has the column {twice[0]!r} twice", "leave one out")
        if len(names) == 1 and (mark := next((mark for mark in _MARKS if mark in names[0]), None)):
            raise InputError(
                f"{path.name} has {_MARKS[mark]} between its columns; {path.suffix} is read with {_MARKS[separator]}",
                "save it so, with points in numbers" if mark == ";" else f"name it {path.stem}{_ENDINGS[mark]}",
                code="unreadable",
            )
        width = len(names)
        for number, row in enumerate(rows, 2):
            if row and len(row) != width:
                raise InputError(
                    f"{path.name}: line {number} has {len(row)} cells, its first line names {width} columns"
                )
