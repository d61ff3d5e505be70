"""What every stimulus of an entry must keep to, whatever the goal: the keys are those of the constraints there are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny, ValidationInfo, create_model

from synthstim.kinds import CONSTRAINTS
from synthstim.recipe.expected import Branches, listed
from synthstim.recipe.fields import Section


class Constraints(Section):
    """Hard limits on a stimulus; without a key of a constraint, that one sets no limit, or its default."""


@cache
def _with_every_key() -> type[Constraints]:
    """The model that has the keys of all constraints, of which none can take a key of another."""
    parts: dict[str, type[Section]] = {}
    for _, limit in CONSTRAINTS.usable():
        keys = limit.options.model_fields
        if not any(key in parts for key in keys):
            parts |= dict.fromkeys(keys, limit.options)
    base: Any = (Constraints, *dict.fromkeys(parts.values()))
    whole: type[Constraints] = create_model("Constraints", __base__=base)
    return whole


def _read(value: Any, info: ValidationInfo) -> Any:
    # Constraints are imported only for recipes that have some.
    if isinstance(value, Constraints) or value == {}:
        return value
    return _with_every_key().model_validate(value, context=info.context)


class _Keys(Branches):
    def models(self) -> Sequence[type[Section]]:
        return [_with_every_key()]

    @property
    def words(self) -> str:
        return f"a mapping with the keys {listed(_with_every_key().model_fields)}"


Limits = Annotated[SerializeAsAny[Constraints], BeforeValidator(_read), _Keys()]
