"""The log of a session: one line an event, appended and brought to the disk."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pandas as pd

from synthstim.loop.tables import read_frame

_RECENT = 20
COLUMNS = ("time", "generation", "event", "detail")


class Log:
    """``log.tsv`` of a session.

    A line is written at once and whole; a disk that is full loses the line, never the session.

    Args:
        path: of the table; it is made with the first line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, generation: int, event: str, detail: str = "") -> None:
        """Append an event.

        Args:
            detail: for people; tabs and line ends become spaces.
        """
        time = datetime.now().astimezone().isoformat(timespec="seconds")
        line = "\t".join([time, str(generation), event, " ".join(detail.split()) or "n/a"])
        try:
            self._append(f"{line}\n".encode())
        except OSError:
            return

    def add_once(self, generation: int, event: str, detail: str = "") -> None:
        """Append an event unless one of the last ones is the same: who polls would fill the disk with it."""
        recent = self.read().tail(_RECENT)
        same = (recent["generation"] == generation) & (recent["event"] == event)
        if not (same & (recent["detail"] == " ".join(detail.split()))).any():
            self.add(generation, event, detail)

    def read(self) -> pd.DataFrame:
        """All events, the oldest first; a line that a crash cut short is left out."""
        if not self.path.is_file():
            return pd.DataFrame({name: [] for name in COLUMNS})
        table = read_frame(self.path, text=("time", "generation", "event", "detail"))
        whole = table["generation"].fillna("").str.fullmatch(r"\d+") & table["event"].notna()
        table = table[whole].reset_index(drop=True)
        return table.assign(generation=table["generation"].astype(int), detail=table["detail"].fillna(""))

    def _append(self, line: bytes) -> None:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            size = os.fstat(descriptor).st_size
            if size == 0:
                line = "\t".join(COLUMNS).encode() + b"\n" + line
            elif _last_byte(descriptor, size) != b"\n":
                line = b"\n" + line
            if os.write(descriptor, line) < len(line):
                # Half a line would be read as one.
                os.ftruncate(descriptor, size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _last_byte(descriptor: int, size: int) -> bytes:
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1)
