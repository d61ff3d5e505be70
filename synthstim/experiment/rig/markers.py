"""How event markers leave: not at all, by a serial or a parallel port, or over Lab Streaming Layer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from synthstim.experiment.runtime.marker_bytes import LARGEST
from synthstim.recipe.fields import Section

NAME = r"^[^\x00-\x1f\x7f]{1,200}$"
PORT_ADDRESS = r"^(0x[0-9a-fA-F]{1,8}|/dev/[A-Za-z0-9/_.-]{1,60})$"


def _as_hex(given: Any) -> Any:
    # YAML reads 0x378 as a number.
    return hex(given) if isinstance(given, int) and not isinstance(given, bool) else given


PortAddress = Annotated[str, Field(pattern=PORT_ADDRESS), BeforeValidator(_as_hex, json_schema_input_type=int | str)]


class MarkersOff(Section):
    """No event markers."""

    kind: Literal["none"]


class Serial(Section):
    """Codes on a serial port.

    ``byte`` sends 1 to 255 as one byte, ``two_bytes`` 1 to 16,255 as two (the first from 128, the second from 1 to 127), ``line`` any
    number as ASCII digits and a newline. With ``index`` an onset sends which presentation it is, counted round, instead of which stimulus.
    """

    kind: Literal["serial"]
    port: str = Field(pattern=NAME)
    baud: int = Field(default=115200, ge=50, le=12_000_000)
    encoding: Literal["byte", "two_bytes", "line"] = "byte"
    index: bool = False


class Parallel(Section):
    """Codes on the data pins of a parallel port, each byte for ``pulse_ms``, then all pins low.

    The port is an address, such as 0x378 on Windows, or a device, such as /dev/parport0 on Linux.
    """

    kind: Literal["parallel"]
    address: PortAddress
    encoding: Literal["byte", "two_bytes"] = "byte"
    pulse_ms: float = Field(default=2.0, ge=0.1, le=5)
    index: bool = False


class Lsl(Section):
    """Codes on a Lab Streaming Layer stream of type Markers."""

    kind: Literal["lsl"]
    stream: str = Field(default="synthstim", pattern=NAME)
    index: bool = False


Markers = Annotated[MarkersOff | Serial | Parallel | Lsl, Field(discriminator="kind")]


def largest_code(markers: MarkersOff | Serial | Parallel | Lsl) -> int | None:
    """The largest code that they can carry; None for any."""
    if isinstance(markers, Serial | Parallel):
        return LARGEST[markers.encoding]
    return None


def sends_index(markers: MarkersOff | Serial | Parallel | Lsl) -> bool:
    """Whether an onset sends which presentation it is."""
    return not isinstance(markers, MarkersOff) and markers.index
