"""Event markers for the recording system: none, a serial port, or Lab Streaming Layer (LSL)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

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
    """Writes each code to a serial port, as one byte (1 to 255) or as a line of ASCII digits."""

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


def encode(code: int, encoding: str) -> bytes:
    """The bytes of a code on a serial line.

    >>> encode(12, "byte"), encode(300, "line")
    (b'\\x0c', b'300\\n')
    """
    return bytes([code]) if encoding == "byte" else b"%d\n" % code


def open_markers(settings: Mapping[str, Any]) -> Markers:
    """Open what the ``markers`` entry of settings.json names.

    Raises:
        SystemExit: the device cannot be opened; the message says which and why.
    """
    kind = settings["kind"]
    try:
        if kind == "serial":
            return SerialMarkers(settings["port"], settings["baud"], settings["encoding"])
        if kind == "lsl":
            return LslMarkers(settings["stream"])
    except ImportError as error:
        raise stopped(f"{kind} markers need the module {error.name}: install it in this Python") from None
    except (OSError, ValueError, RuntimeError) as error:
        raise stopped(
            f"the {kind} markers of settings.json cannot be opened ({error}): correct the entry 'markers' there"
        ) from None
    if kind != "none":
        raise stopped(f"settings.json names the markers {kind!r}; expected none, serial or lsl")
    return NoMarkers()
