"""Files that a reader sees with their old content or their new, never in part."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give the path of a file beside this one; it takes the name when the block ends well, and goes away otherwise.

    Two processes may write the same file: each writes one of its own, and the last takes the name.

    Example:
        >>> import pathlib, tempfile
        >>> place = pathlib.Path(tempfile.mkdtemp()) / "figures.tsv"
        >>> with written_whole(place) as part:
        ...     _ = part.write_text("a table")
        >>> place.read_text(), [path.name for path in place.parent.iterdir()]
        ('a table', ['figures.tsv'])
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".part")
    os.close(handle)
    part = Path(name)
    try:
        _as_others_are(part)
        yield part
        flush(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file at once: a reader sees the old content or the new, never a part."""
    with written_whole(path) as part:
        part.write_bytes(data)


def flush(path: Path) -> None:
    """Have the system write a file to its disk."""
    with open(path, "rb+") as stream:
        os.fsync(stream.fileno())


def _as_others_are(part: Path) -> None:
    # Temporary files are for their owner alone; this one is to have the rights that any new file of this user has.
    if os.name == "posix":
        mask = os.umask(0)
        os.umask(mask)
        part.chmod(0o666 & ~mask)
