"""Arrays that are worked out once a machine: kept in the user's cache under a checksum of all that they depend on.

Without a cache that can be written nothing is kept, and whatever cannot be read is worked out again.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthstim.errors import InputError
from synthstim.files import cache_folder, written_whole

# What is kept in all; what was not used for longest goes first.
MOST_BYTES = 512 * 2**20
# Of the way in which arrays are kept and worked out: another one finds nothing of this one's.
_FORMAT = 1


def recall(facts: Mapping[str, Any]) -> NDArray[Any] | None:
    """The array that was kept under these facts; None where there is none, or none that can be read."""
    path = _path(facts)
    if path is None:
        return None
    try:
        # An archive, since it holds a checksum of what is in it; from memory, for a damaged one is left open otherwise.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            found = stored["array"]
        os.utime(path)
    except Exception:  # a damaged archive makes its reader raise anything
        return None
    return found


def keep(facts: Mapping[str, Any], array: NDArray[Any]) -> None:
    """Keep an array under these facts, if there is a place for it."""
    path = _path(facts)
    if path is None:
        return
    with contextlib.suppress(OSError):
        with written_whole(path) as part, part.open("wb") as stream:
            np.savez(stream, array=array)
        _trim(path.parent)


def _path(facts: Mapping[str, Any]) -> Path | None:
    try:
        folder = cache_folder("natural")
    except InputError:
        return None
    text = json.dumps({"format": _FORMAT, **facts}, sort_keys=True)
    return folder / f"{hashlib.sha256(text.encode()).hexdigest()[:40]}.npz"


def _trim(folder: Path) -> None:
    """Remove what was not used for longest, beyond ``MOST_BYTES`` in all; another process may do the same."""
    found = []
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            facts = path.stat()
            found.append((facts.st_mtime, facts.st_size, path))
    total = 0
    for _, size, path in sorted(found, reverse=True):
        total += size
        if total > MOST_BYTES:
            with contextlib.suppress(OSError):
                path.unlink()
