"""Files and folders that a reader sees with their old content or their new, never in part."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a place for a file or a folder, which takes this name when the block ends well and goes away otherwise.

    Two processes may write the same file: each writes one of its own, and the last takes the name. A folder takes a name
    only where no other has it.

    Example:
        >>> import pathlib, tempfile
        >>> place = pathlib.Path(tempfile.mkdtemp()) / "figures.tsv"
        >>> with written_whole(place) as part:
        ...     _ = part.write_text("a table")
        >>> place.read_text(), [path.name for path in place.parent.iterdir()]
        ('a table', ['figures.tsv'])
    """
    # In a folder of its own the part may bear the name itself, so that writers which look at the suffix see the right one.
    hidden = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".part"))
    try:
        part = hidden / path.name
        yield part
        flush(part)
        part.replace(path)
        _flush_names(path.parent)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file at once: a reader sees the old content or the new, never a part."""
    with written_whole(path) as part:
        part.write_bytes(data)


def flush(path: Path) -> None:
    """Have the system write a file, or every file of a folder, to its disk."""
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            # For writing: some systems flush no other.
            with open(file, "rb+") as stream:
                os.fsync(stream.fileno())


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _flush_names(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system knows how."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
