"""A process of its own that opens the reward's valve and closes it again, also where the experiment dies meanwhile.

It is started by ``reward.py``, holds the line, and gives a pulse for each line of its standard input, a number of milliseconds.
When that input ends, because the experiment ended or was killed, it closes the valve and ends too. What it cannot promise: a
computer that freezes or loses power, or a kill of this very process, leaves a parallel port's pin as it is. Only a timer in
the valve's own hardware closes it then.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterable
from typing import Any

# No pulse is longer, whatever is asked for.
LONGEST_MS = 2000.0


class SerialLine:
    """RTS or DTR of a serial port."""

    def __init__(self, port: str, line: str) -> None:
        import serial

        # Made closed: pyserial would raise both lines at once. Linux raises them by itself for an instant when a port is opened.
        self._port = serial.Serial()
        self._port.port, self._port.rts, self._port.dtr = port, False, False
        self._port.open()
        self._line = line
        self.set(False)

    def set(self, high: bool) -> None:
        """Raise or lower the line."""
        setattr(self._port, self._line, high)


class ParallelPin:
    """A data pin of a parallel port."""

    def __init__(self, address: str, pin: int) -> None:
        from psychopy.parallel import ParallelPort

        if ParallelPort is None:
            raise OSError("there is no driver of parallel ports")
        self._port: Any = ParallelPort(address if address.startswith("/") else int(address, 16))
        self._pin = pin
        self.set(False)

    def set(self, high: bool) -> None:
        """Raise or lower the pin."""
        self._port.setPin(self._pin, int(high))


def pulse(line: Any, milliseconds: float) -> None:
    """Raise a line for some time, and lower it whatever happens."""
    begun = time.perf_counter()
    try:
        line.set(True)
        while (left := begun + min(milliseconds, LONGEST_MS) / 1000 - time.perf_counter()) > 0:
            # Sleeping is coarse: the last two milliseconds are waited for awake.
            time.sleep(max(0.0, left - 0.002))
    finally:
        line.set(False)


def serve(line: Any, asked: Iterable[str]) -> None:
    """Give what is asked for until there is no more."""
    try:
        for request in asked:
            pulse(line, float(request))
    finally:
        line.set(False)


def main(kind: str, port: str, which: str) -> None:
    """Open the line, say so, and serve."""
    # Being asked to end ends a pulse as well.
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: sys.exit(0))
    try:
        line = SerialLine(port, which) if kind == "serial" else ParallelPin(port, int(which))
    except Exception as error:  # a driver fails in its own way
        print(f"failed {' '.join(str(error).split())}", flush=True)
        return
    print("ready", flush=True)
    serve(line, sys.stdin)


if __name__ == "__main__":
    main(*sys.argv[1:4])
