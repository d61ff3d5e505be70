"""Event markers for the recording system: none, a serial or a parallel port, or Lab Streaming Layer (LSL)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

from .marker_bytes import encode
from .stop import stopped


class Markers(Protocol):
    """Sends an integer code at once; ``close`` frees the device."""

    def send(self, code: int) -> None:
        """Send one code."""

    def close(self) -> None:
        """Free the device."""


class NoMarkers:
    """Sends nothing."""

    def send(self, code: int) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class SerialMarkers:
    """Writes each code to a serial port, as one byte, as two, or as a line of ASCII digits."""

    def __init__(self, port: str, baud: int, encoding: str) -> None:
        import serial

        # Without a write timeout a port that nobody reads would freeze the presentation.
        self._port = serial.Serial(port, baud, timeout=0, write_timeout=0.1)
        self._encoding = encoding

    def send(self, code: int) -> None:
        """Write one code."""
        self._port.write(encode(code, self._encoding))

    def close(self) -> None:
        """Flush and close the port."""
        self._port.flush()
        self._port.close()


class ParallelMarkers:
    """Puts each byte of a code on the data pins of a parallel port for some time, then lowers them all.

    ``send`` waits that long, and as long between two bytes: it is at most 5 ms a byte, well within a frame.
    """

    def __init__(self, address: str, encoding: str, pulse_ms: float) -> None:
        from psychopy.parallel import ParallelPort

        if ParallelPort is None:
            raise OSError("there is no driver of parallel ports")
        self._port: Any = ParallelPort(address if address.startswith("/") else int(address, 16))
        self._encoding, self._pulse_s = encoding, pulse_ms / 1000
        self._port.setData(0)

    def send(self, code: int) -> None:
        """Show one code."""
        for number, byte in enumerate(encode(code, self._encoding)):
            if number:
                self._wait()
            try:
                self._port.setData(byte)
                self._wait()
            finally:
                self._port.setData(0)

    def _wait(self) -> None:
        # Awake: a sleep of a millisecond can last fifteen on Windows.
        until = time.perf_counter() + self._pulse_s
        while time.perf_counter() < until:
            pass

    def close(self) -> None:
        """Lower all pins."""
        self._port.setData(0)


class LslMarkers:
    """Pushes each code, as a string of digits, to an LSL stream of type Markers."""

    def __init__(self, stream: str) -> None:
        import pylsl

        info = pylsl.StreamInfo(stream, "Markers", 1, pylsl.IRREGULAR_RATE, "string", f"synthstim-{stream}")
        self._outlet = pylsl.StreamOutlet(info)

    def send(self, code: int) -> None:
        """Push one code, stamped with LSL's clock."""
        self._outlet.push_sample([str(code)])

    def close(self) -> None:
        """Close the stream."""
        del self._outlet


def open_markers(settings: Mapping[str, Any]) -> Markers:
    """Open what the ``markers`` entry of settings.json names.

    Raises:
        SystemExit: the device cannot be opened; the message says which and why.
    """
    kind = settings["kind"]
    try:
        if kind == "serial":
            return SerialMarkers(settings["port"], settings["baud"], settings["encoding"])
        if kind == "parallel":
            return ParallelMarkers(settings["address"], settings["encoding"], settings["pulse_ms"])
        if kind == "lsl":
            return LslMarkers(settings["stream"])
    except ImportError as error:
        raise stopped(f"{kind} markers need the module {error.name}: install it in this Python") from None
    except Exception as error:  # serial, PsychoPy's drivers of parallel ports and LSL fail in their own ways
        raise stopped(
            f"the {kind} markers of settings.json cannot be opened ({error}): correct the entry 'markers' there"
        ) from None
    if kind != "none":
        raise stopped(f"settings.json names the markers {kind!r}; expected none, serial, parallel or lsl")
    return NoMarkers()
