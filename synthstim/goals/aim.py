"""What a stimulus is meant to do, as plain data that a set keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from synthstim.errors import InputError

if TYPE_CHECKING:
    from synthstim.models import Unit


@dataclass(frozen=True, kw_only=True)
class Aim:
    """What one stimulus is meant to do, as the provenance keeps it.

    Attributes:
        goal: its name.
        layers: a metamer's, matched jointly.
        unit: that is controlled by itself.
        others: held down meanwhile.
        level: the activation asked for.
        units: that are controlled together.
        pattern: asked of them, in the units of their activations; of a population, what each counts for.
        zscore: whether units are compared in z-scores.
        given: what else a goal asks, as (name, plain value), and as ``called`` how tables call what is controlled; lists are tuples.
    """

    goal: str
    layers: tuple[str, ...] = ()
    unit: Unit | None = None
    others: tuple[Unit, ...] = ()
    level: float | None = None
    units: tuple[Unit, ...] = ()
    pattern: tuple[float, ...] = ()
    zscore: bool = True
    given: tuple[tuple[str, Any], ...] = ()

    @property
    def controlled(self) -> tuple[Unit, ...]:
        """The units that the goal is about; none for a metamer."""
        return self.units or ((self.unit,) if self.unit is not None else ())

    @property
    def unit_name(self) -> str | None:
        """How tables call what is controlled; None for a metamer.

        >>> from synthstim.models import Unit
        >>> Aim(goal="pattern", units=(Unit(layer="sites_z", channel=0, label="v4_1"),), pattern=(1.5,)).unit_name
        'v4_1 1.5'
        """
        if called := dict(self.given).get("called"):
            return str(called)
        if self.pattern:
            return ", ".join(f"{unit.name} {value:g}" for unit, value in zip(self.units, self.pattern, strict=True))
        if self.units:
            return ", ".join(unit.name if unit.label else f"{unit.name} of {unit.layer}" for unit in self.units)
        return self.unit.name if self.unit is not None else None

    @property
    def layer(self) -> str | None:
        """The layer of what is controlled, or the layers joined by +; None for a metamer."""
        return "+".join(dict.fromkeys(unit.layer for unit in self.controlled)) or None

    def facts(self) -> dict[str, Any]:
        """The aim as plain data; a unit that is a function keeps its label only."""
        plain: dict[str, Any] = {
            "goal": self.goal,
            "layers": list(self.layers),
            "level": self.level,
            "pattern": list(self.pattern),
            "given": dict(self.given) or None,
        }
        plain["zscore"] = None if self.zscore else False
        plain["together"] = len(self.units) if self.units and not self.pattern else None
        units = [_plain_unit(unit) for unit in (*self.controlled, *self.others)]
        return {name: value for name, value in {**plain, "units": units}.items() if value not in (None, [], ())}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Aim:
        """Rebuild an aim from a provenance file.

        Raises:
            InputError: it cannot be read.
        """
        try:
            units = tuple(_unit(unit) for unit in facts.get("units", []))
            level = facts.get("level")
            pattern = tuple(map(float, facts.get("pattern", [])))
            if pattern and len(units) != len(pattern):
                raise ValueError(f"a pattern of {len(pattern)} values for {len(units)} units")
            together = len(pattern) or int(facts.get("together", 0))
            if together > len(units):
                raise ValueError(f"{together} units controlled together of {len(units)}")
            return cls(
                goal=str(facts["goal"]), layers=tuple(map(str, facts.get("layers", []))),
                unit=units[0] if units and not together else None, others=units[together or 1:],
                level=None if level is None else float(level), units=units[:together], pattern=pattern,
                zscore=facts.get("zscore") is not False, given=_hashable(facts.get("given", {})),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"provenance.json describes a stimulus that cannot be read ({error})", code="unreadable"
            ) from None


def _hashable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple((name, _hashable(one)) for name, one in value.items())
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _plain_unit(unit: Unit) -> dict[str, Any]:
    plain = {name: value for name, value in asdict(unit).items() if name != "reader" and value not in (None, "")}
    return {**plain, "label": unit.name} if unit.reader is not None else plain


def _unit(facts: dict[str, Any]) -> Unit:
    from synthstim.models import Unit

    known = {field.name for field in fields(Unit)} - {"reader"}
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in facts.items() if name in known
    }
    if "channel" not in given and "indices" not in given:
        raise InputError(f"the unit {facts.get('label')!r} is a function: only the program that made it can measure it")
    return Unit(**given)
