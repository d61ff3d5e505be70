"""Tab-separated tables that grow line by line, so that a crash loses nothing already written."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

MISSING = "n/a"


class StreamedTable:
    """A table whose rows wait in memory until ``flush``, which a caller calls where time is not critical.

    Args:
        append: go on with a table that is there already.
    """

    def __init__(self, path: Path, columns: Sequence[str], *, append: bool = False) -> None:
        self.columns = tuple(columns)
        self.count = 0
        self._waiting: list[str] = []
        goes_on = append and path.exists() and path.stat().st_size > 0
        self._stream = open(path, "a" if goes_on else "w", encoding="utf-8", newline="\n")  # noqa: SIM115
        if not goes_on:
            self._stream.write("\t".join(self.columns) + "\n")
        self.flush()

    def add(self, row: Mapping[str, object]) -> None:
        """Keep one row in memory; a missing or None value becomes n/a, true and false become 1 and 0."""
        self._waiting.append("\t".join(cell_of(row.get(name)) for name in self.columns))
        self.count += 1

    def flush(self, *, to_disk: bool = False) -> None:
        """Hand the waiting rows to the operating system; ``to_disk`` waits until they are on the disk."""
        if self._waiting:
            self._stream.write("\n".join(self._waiting) + "\n")
            self._waiting.clear()
        self._stream.flush()
        if to_disk:
            os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Write what waits and close the file."""
        if not self._stream.closed:
            self.flush(to_disk=True)
            self._stream.close()


def stamp() -> str:
    """The wall clock with its offset, to the second, as tables and records write it."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a table, as text; none where there is no file. A last line that a crash cut off is removed from the file."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        path.write_bytes(whole)
    lines = [line.split("\t") for line in whole.decode("utf-8").split("\n")[:-1]]
    return [dict(zip(lines[0], line, strict=False)) for line in lines[1:]]


def cell_of(value: object) -> str:
    """A value as a cell holds it: R reads 1 and 0 as numbers, and true and false as text."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return f"{value:.6f}"
    return " ".join(str(value).splitlines()).replace("\t", " ")
