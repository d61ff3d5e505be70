"""Tab-separated tables that grow line by line, so that a crash loses nothing already written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

MISSING = "n/a"


class StreamedTable:
    """A table whose rows wait in memory until ``flush``, which a caller calls where time is not critical."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self.count = 0
        self._waiting: list[str] = []
        self._stream = open(path, "w", encoding="utf-8", newline="\n")  # noqa: SIM115
        self._stream.write("\t".join(self.columns) + "\n")
        self.flush()

    def add(self, row: Mapping[str, object]) -> None:
        """Keep one row in memory; a missing or None value becomes n/a."""
        self._waiting.append("\t".join(_cell(row.get(name)) for name in self.columns))
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


def _cell(value: object) -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6f}"
    return str(value)
