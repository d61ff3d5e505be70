"""How long a rehearsal may show nothing new: the longer, the busier the computer is."""

from __future__ import annotations

import os
import time
from pathlib import Path

START_S = 240.0


class IdleLimit:
    """Runs out when the tables of a run have not grown for so long that nothing more is to be expected.

    Args:
        minutes: what the experiment takes; thrice that, and 4 minutes to start, are allowed between two signs of life.
    """

    def __init__(self, data: Path, minutes: float) -> None:
        self._data, self._allowed_s = data, START_S + 180 * minutes
        self._size, self._since = self._tables(), time.monotonic()

    @property
    def idle_s(self) -> float:
        """For how long nothing has been written."""
        if (size := self._tables()) != self._size:
            self._size, self._since = size, time.monotonic()
        return time.monotonic() - self._since

    @property
    def over(self) -> bool:
        """Whether it has run out."""
        return self.idle_s > self._allowed_s * max(1.0, load() / processors())

    def _tables(self) -> int:
        return sum(path.stat().st_size for path in self._data.glob("*.tsv"))


def load() -> float:
    """How many processes want a processor now, on average over a minute; 0 where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
