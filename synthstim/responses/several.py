"""Several files of responses at once, each with the options that its reader takes."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.responses.files import listed
from synthstim.responses.read import READERS, read_responses
from synthstim.responses.trials import Responses, Window, join_responses

# What holds spike times or samples, not counts.
_NEED_WINDOW = (".nwb",)


def read_all(paths: Sequence[str | Path], *, window_s: Window | None = None, **options: Any) -> Responses:
    """Read files of responses, of any kinds, and join them.

    Args:
        paths: files that ``read_responses`` reads.
        window_s: (start, end) in which spikes are counted; of files that hold several windows, the one that is kept.
        options: of the readers; each file is given those that its reader knows. None is no option.

    Raises:
        InputError: a file is refused, no reader knows an option, or a trial stands in two files.

    Example:
        >>> read_all(["monday.tsv", "tuesday.npz"])  # doctest: +SKIP
    """
    given = {name: value for name, value in options.items() if value is not None}
    parts: list[Responses] = []
    used: set[str] = set()
    for path in map(Path, paths):
        suffix = path.suffix.lower()
        known = inspect.signature(READERS[suffix]).parameters if suffix in READERS else {}
        own = {name: value for name, value in given.items() if name in known}
        if window_s is not None and "window_s" in known:
            own["window_s"] = window_s
        elif suffix in _NEED_WINDOW:
            raise InputError(f"{path.name} holds spikes: say in which window to count them, such as 0.07,0.17")
        parts.append(read_responses(path, **own))
        used |= own.keys()
    if unused := [name for name in given if name not in used]:
        raise InputError(f"{listed(Path(path).name for path in paths)}: no such file takes {unused[0]}: leave it out")
    joined = join_responses(parts)
    return joined if window_s is None else joined.only(window=window_s)
