"""Flows of air: whether an olfactometer can give them, and the lines of text that tell it to.

A line is ``$NAME,field,...*CC``, CC being the exclusive or of all characters between ``$`` and ``*`` in two hexadecimal digits, as
navigation devices have it; the olfactometer answers ``OK CC``. ``$ODOUR,ms,carrier,channel:flow,...`` opens valves for so many
milliseconds, after which the olfactometer goes back to carrier alone by itself, whatever became of the computer.
``$PURGE,ms,carrier`` blows carrier alone through; ``$CLOSE`` ends it all. Flows are in ml/min.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

# Flows are rounded to thousandths when they are told.
_ROUNDING = 0.01


def flow_problem(stimulus: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Why an olfactometer cannot give a stimulus; "" where it can.

    Args:
        stimulus: ``flows`` by channel and ``carrier_ml_min``.
        settings: the entry ``olfactometer`` of the rig.
    """
    flows, carrier = stimulus["flows"], stimulus["carrier_ml_min"]
    for channel, flow in flows.items():
        if not 1 <= int(channel) <= settings["channels"]:
            return f"channel {channel} given; expected 1 to {settings['channels']}"
        if not settings["least_ml_min"] - _ROUNDING / 10 <= flow <= settings["full_ml_min"] + _ROUNDING:
            return f"a flow of {flow:g} ml/min in channel {channel}; expected {settings['least_ml_min']:g} to {settings['full_ml_min']:g}"
    if carrier < settings["least_carrier_ml_min"] - _ROUNDING:
        return f"{carrier:g} ml/min of carrier are left; expected at least {settings['least_carrier_ml_min']:g}"
    if abs(carrier + sum(flows.values()) - settings["total_ml_min"]) > _ROUNDING:
        return f"flows of {carrier + sum(flows.values()):g} ml/min together; expected {settings['total_ml_min']:g}"
    return ""


def odour_line(milliseconds: float, stimulus: Mapping[str, Any]) -> str:
    """What tells it to present a stimulus for some time.

    >>> odour_line(2000, {"flows": {"1": 10.0, "4": 0.178}, "carrier_ml_min": 989.822})
    '$ODOUR,2000,989.822,1:10.000,4:0.178*55'
    """
    flows = [f"{channel}:{flow:.3f}" for channel, flow in stimulus["flows"].items()]
    return _line("ODOUR", f"{milliseconds:.0f}", f"{stimulus['carrier_ml_min']:.3f}", *flows)


def purge_line(milliseconds: float, total_ml_min: float) -> str:
    """What tells it to blow carrier alone.

    >>> purge_line(500, 1000)
    '$PURGE,500,1000.000*7F'
    """
    return _line("PURGE", f"{milliseconds:.0f}", f"{total_ml_min:.3f}")


def close_line() -> str:
    """What tells it to end.

    >>> close_line()
    '$CLOSE*56'
    """
    return _line("CLOSE")


def checksum_of(line: str) -> str:
    """The two digits that a line ends with, by which it is answered."""
    return line.rpartition("*")[2]


def _line(*fields: str) -> str:
    text = ",".join(fields)
    return f"${text}*{reduce(lambda held, one: held ^ ord(one), text, 0):02X}"
