"""A lock that ends with its process, however that ends: each participant is in one run at a time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO


def take_lock(path: Path) -> IO[bytes] | None:
    """Lock a file for as long as the stream that is returned stays open; None where another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = open(path, "ab")  # noqa: SIM115 - open means held
    try:
        if os.name == "posix":
            import fcntl

            fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        stream.close()
        return None
    return stream
