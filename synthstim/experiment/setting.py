"""Settings of protocols: what users may give with --set, and what it must be."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from synthstim.errors import InputError

NAME_PATTERN = r"^[a-z][a-z0-9_]{0,39}$"
Identifier = Annotated[str, Field(pattern=NAME_PATTERN)]
Value = float | int | str | bool | None


class ProtocolPart(BaseModel):
    """A part of protocol.yaml: it never changes and refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Setting(ProtocolPart):
    """Something the user can set. A number in ``ms`` is a duration: pieces name it, the rig makes it whole frames."""

    type: Literal["number", "integer", "flag", "choice"]
    default: Value = None
    help: str
    units: str = ""
    min: float | None = None
    max: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def wanted(self) -> str:
        """What may be given, in words."""
        if self.type == "flag":
            return "true or false"
        if self.type == "choice":
            return "one of " + ", ".join(self.choices)
        noun = "a whole number" if self.type == "integer" else "a number"
        limits = [f"from {self.min:g}"] * (self.min is not None) + [f"to {self.max:g}"] * (self.max is not None)
        return " ".join([noun, *limits, self.units]).strip()


def value_of(name: str, setting: Setting, given: Any) -> Any:
    """What was given for a setting, as number, boolean or typed text, in the setting's type.

    Raises:
        InputError: it is not what the setting wants.
    """
    sentence = f"{name} is {str(given)[:80]!r}; expected {setting.wanted}"
    text = str(given).strip().lower()
    if given is None or (setting.default is None and text in ("", "none")):
        if setting.default is None:
            return None
        raise InputError(sentence)
    if setting.type == "flag":
        if text not in ("true", "false", "yes", "no"):
            raise InputError(sentence)
        return text in ("true", "yes")
    if setting.type == "choice":
        if str(given) not in setting.choices:
            raise InputError(sentence)
        return str(given)
    if isinstance(given, bool):
        raise InputError(sentence)
    try:
        number = float(given)
    except (TypeError, ValueError):
        raise InputError(sentence) from None
    low = -math.inf if setting.min is None else setting.min
    high = math.inf if setting.max is None else setting.max
    if not (math.isfinite(number) and low <= number <= high) or (setting.type == "integer" and number != int(number)):
        raise InputError(sentence)
    return int(number) if setting.type == "integer" else number
