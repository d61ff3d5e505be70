"""Files and folders that appear whole: written under a hidden name, flushed to disk, renamed when complete."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from synthstim.errors import InputError

MISSING = "n/a"


@contextlib.contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A hidden place to write a file or a folder; it takes its name when the block ends, and is removed when it fails.

    A kill at any moment leaves either nothing under the name or all of it; what it left under the hidden name is removed
    by whoever comes next.

    Raises:
        InputError: the disk is full, or the place cannot be written.
    """
    hidden = path.with_name(f".{path.name}.new")
    try:
        remove(hidden)
        yield hidden
        flush(hidden)
        if path.is_dir():
            # Left by a step that was not finished, which is done anew.
            remove(path)
        hidden.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        raise full(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            remove(hidden)


def full(path: Path, error: OSError) -> InputError:
    """The sentence for what could not be written."""
    return InputError(
        f"{path} could not be written ({error.strerror or error}): make room or give the rights, then go on with: synthstim"
        " loop next"
    )


def write_text(path: Path, text: str) -> Path:
    """Write a text file whole."""
    with appearing(path) as hidden:
        hidden.write_text(text, encoding="utf-8", newline="\n")
    return path


def write_frame(path: Path, table: pd.DataFrame) -> Path:
    """Write a table as TSV, whole; missing cells are ``n/a``."""
    with appearing(path) as hidden:
        table.to_csv(hidden, sep="\t", index=False, na_rep=MISSING, lineterminator="\n")
    return path


def read_frame(path: Path, text: Iterable[str] = ()) -> pd.DataFrame:
    """Read a table that ``write_frame`` wrote; the columns in ``text`` stay text.

    Raises:
        InputError: it is not there or no such table.
    """
    try:
        return pd.read_csv(
            path, sep="\t", dtype=dict.fromkeys(text, "string"), keep_default_na=False, na_values=[MISSING]
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}): restore it from a copy") from None


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Bring a file, or all files of a folder, to the disk."""
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        if file.is_file():
            # For writing: some systems flush no other.
            with open(file, "rb+") as stream:
                os.fsync(stream.fileno())


def flush_folder(path: Path) -> None:
    """Bring the names in a folder to the disk, where the system knows how."""
    with contextlib.suppress(OSError):
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def shown(value: Any) -> str:
    """A figure as a person reads it, with n/a for one that is missing."""
    return MISSING if value is None or pd.isna(value) else f"{value:.3g}"
