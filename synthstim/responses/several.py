"""Several files of responses at once, each with the options that its reader takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.responses.files import listed
from synthstim.responses.join import MAX_DRIFT, join_responses
from synthstim.responses.read import READERS, read_responses
from synthstim.responses.seconds import Window
from synthstim.responses.trials import Responses


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
