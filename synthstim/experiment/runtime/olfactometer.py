"""Odours of an experiment as they are presented: loaded, due, released at a flip, over, and blown away before the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .flows import checksum_of, close_line, odour_line, purge_line
from .stop import stopped
from .tables import StreamedTable

COLUMNS = ("time_s", "stimulus_id", "line")


class SerialPort:
    """A serial port that takes lines and gives answers, without waiting for either."""

    def __init__(self, port: str, baud: int) -> None:
        import serial

        self._port = serial.Serial(port, baud, timeout=0, write_timeout=1)
        self._heard = b""

    def write(self, line: str) -> None:
        """Send a line."""
        self._port.write(f"{line}\r\n".encode("ascii"))

    def answers(self) -> list[str]:
        """Whole lines that have come since they were asked for last."""
        self._heard += self._port.read(4096)
        *whole, self._heard = self._heard.split(b"\n")
        return [line.decode("ascii", "replace").strip() for line in whole]

    def close(self) -> None:
        """Let go of the port."""
        self._port.close()


class Simulated:
    """No port: every line is answered."""

    def __init__(self) -> None:
        self._answers: list[str] = []

    def write(self, line: str) -> None:
        """Answer a line."""
        self._answers.append(f"OK {checksum_of(line)}")

    def answers(self) -> list[str]:
        """The answers."""
        answers, self._answers = self._answers, []
        return answers

    def close(self) -> None:
        """Nothing is open."""


class Presenter:
    """Presents odours one after the other, with a purge after each that nothing shortens.

    It is asked what ``Hearing`` is asked, so that a session presents sounds and odours in one way.

    Args:
        settings: the entry ``olfactometer`` of settings.json.
        table: path of the table of what was told, and when.
        clock: the experiment's, in seconds.
        opens: whether the port is opened; a rehearsal opens none.

    Attributes:
        onset: when the odour was released; None before.
        played: whether the olfactometer has answered all that it was told of the last odour.
        underflows: lines that it has not answered.

    Raises:
        SystemExit: the port cannot be opened.
    """

    def __init__(
        self, settings: Mapping[str, Any], stimuli: Mapping[str, Any], table: Path, clock: Callable[[], float], *, opens: bool = True
    ) -> None:  # fmt: skip
        self._settings, self._stimuli, self._clock = settings, stimuli, clock
        self._device: Any = Simulated()
        if opens and settings["kind"] == "serial":
            try:
                self._device = SerialPort(settings["port"], settings["baud"])
            except Exception as error:  # a driver fails in its own way
                raise stopped(
                    f"the olfactometer's port {settings['port']} cannot be opened ({' '.join(str(error).split())}): correct the entry"
                    " 'olfactometer' of settings.json"
                ) from None
        self._table = StreamedTable(table, COLUMNS, append=True)
        self.onset: float | None = None
        self.played, self.underflows, self._lines = False, 0, 0
        self._file, self._due, self._started, self._released = "", False, False, False
        self._waiting: list[str] = []
        # The tubes are blown through before the first odour, too.
        self._clean_at = clock() + settings["purge_s"]
        self._tell(purge_line(1000 * settings["purge_s"], settings["total_ml_min"]), "")

    def load(self, file: str) -> float:
        """Take what a file stands for; returns how long it is presented, in seconds."""
        self._file, self.onset = file, None
        self._due = self._started = False
        return float(self._settings["odour_s"])

    def begins(self, due: bool) -> bool:
        """Whether the odour is to be released with the coming flip: it is due, and the last one is blown away; true once."""
        self._listen()
        if not due or self._started or self._clock() < self._clean_at:
            return False
        self._started = self._due = True
        return True

    @property
    def over(self) -> bool:
        """Whether it was presented to its end."""
        self._listen()
        return self.onset is not None and self._clock() - self.onset >= self._settings["odour_s"]

    def starts(self) -> bool:
        """Release what is due, at a flip that has returned; whether there was something."""
        if not self._due:
            return False
        self._due, self._released = False, True
        stimulus = self._stimuli[self._file]
        self._tell(odour_line(1000 * self._settings["odour_s"], stimulus), stimulus["stimulus_id"])
        self.onset = self._clock()
        return True

    def heard_for(self, seconds: float) -> bool:
        """Whether it has been presented for longer than that."""
        return self.onset is not None and self._clock() - self.onset > seconds

    def silence(self) -> None:
        """End what is presented, and blow it away."""
        if not self._released:
            return
        self._released = False
        # It has had the whole odour to answer in.
        self._listen()
        self.played, self.underflows = not self._waiting, len(self._waiting)
        self._tell(purge_line(1000 * self._settings["purge_s"], self._settings["total_ml_min"]), "")
        self._clean_at = self._clock() + self._settings["purge_s"]

    def close(self) -> None:
        """Close every valve, and let go of the port."""
        self._tell(close_line(), "")
        self._listen()
        self._device.close()
        self._table.close()

    @property
    def facts(self) -> dict[str, Any]:
        """For the record of the run."""
        self._listen()
        return {"olfactometer_lines": self._lines, "olfactometer_unanswered": len(self._waiting)}

    def _tell(self, line: str, stimulus_id: str) -> None:
        # On the disk before it is told: a crash leaves what may have been presented.
        self._table.add({"time_s": self._clock(), "stimulus_id": stimulus_id or None, "line": line})
        self._table.flush(to_disk=True)
        self._device.write(line)
        self._lines += 1
        self._waiting.append(checksum_of(line))

    def _listen(self) -> None:
        for answer in self._device.answers():
            said = answer.removeprefix("OK ").strip()
            if answer.startswith("OK ") and said in self._waiting:
                self._waiting.remove(said)
