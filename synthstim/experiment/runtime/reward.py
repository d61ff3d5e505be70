"""Rewards for animals: pulses of a valve, each counted on the disk before it is given, under caps for a pulse and a day."""

from __future__ import annotations

import datetime
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .reward_line import LONGEST_MS
from .stop import stopped
from .tables import StreamedTable, read_table

COLUMNS = ("day", "time", "pulse_ms", "ml")


class Dispenser:
    """Gives rewards by a process of its own, which ends each pulse even where this one dies.

    Args:
        settings: the entry ``reward`` of settings.json.
        data: the folder of the data; a table in it counts what was given.
        opens: whether the line is opened; a rehearsal without devices counts alone.

    Attributes:
        refused: how many pulses a cap held back.

    Raises:
        SystemExit: the line cannot be opened.
    """

    def __init__(self, settings: Mapping[str, Any], data: Path, *, opens: bool = True) -> None:
        self._settings, self.refused = settings, 0
        data.mkdir(exist_ok=True)
        path = data / "rewards.tsv"
        today = self._day()
        given = [row for row in read_table(path) if row["day"] == today]
        self.pulses, self.ml = len(given), sum(float(row["ml"]) for row in given if row["ml"] != "n/a")
        self._table = StreamedTable(path, COLUMNS, append=True)
        self._process = self._opened() if opens else None

    def _opened(self) -> subprocess.Popen[str]:
        settings = self._settings
        serial = settings["kind"] == "serial"
        where = (settings["port"], settings["line"]) if serial else (settings["address"], str(settings["pin"]))
        process = subprocess.Popen(
            [sys.executable, "-B", str(Path(__file__).with_name("reward_line.py")), settings["kind"], *where],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        answer = (process.stdout.readline() if process.stdout else "").strip()
        if answer != "ready":
            process.kill()
            raise stopped(
                f"the reward's line {where[0]} cannot be opened ({answer.removeprefix('failed ')}): correct the entry 'reward' of settings.json"
            )
        return process

    def give(self, milliseconds: float | None = None) -> bool:
        """Open the valve and return at once; whether that was allowed.

        Args:
            milliseconds: how long; by default as the rig says.
        """
        settings = self._settings
        asked = float(settings["pulse_ms"] if milliseconds is None else milliseconds)
        ml = None if settings["ml_per_pulse"] is None else settings["ml_per_pulse"] * asked / settings["pulse_ms"]
        if not 0 < asked <= min(settings["max_ms_per_pulse"], LONGEST_MS) or self._over(ml or 0.0):
            self.refused += 1
            return False
        # On the disk before it is given: a crash between the two counts one too many, never one too few.
        self.pulses, self.ml = self.pulses + 1, self.ml + (ml or 0.0)
        now = datetime.datetime.now().astimezone()
        self._table.add(
            {"day": self._day(), "time": now.isoformat(timespec="milliseconds"), "pulse_ms": asked, "ml": ml}
        )
        self._table.flush(to_disk=True)
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(f"{asked}\n")
            self._process.stdin.flush()
        return True

    def close(self) -> None:
        """End the pulse that is being given, and the process."""
        self._table.close()
        if self._process is None or self._process.stdin is None:
            return
        self._process.stdin.close()
        try:
            self._process.wait(LONGEST_MS / 1000 + 3)
        except subprocess.TimeoutExpired:
            self._process.kill()

    @property
    def facts(self) -> dict[str, Any]:
        """For the record of the run."""
        return {"rewards_today": self.pulses, "reward_ml_today": round(self.ml, 3), "rewards_refused": self.refused}

    def _over(self, ml: float) -> bool:
        most = self._settings["max_ml_per_day"]
        return self.pulses >= self._settings["max_pulses_per_day"] or (most is not None and self.ml + ml > most + 1e-9)

    def _day(self) -> str:
        return datetime.datetime.now().astimezone().date().isoformat()
