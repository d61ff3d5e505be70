"""What every stimulus of an entry must keep to, whatever the goal: the keys are those of the constraints there are."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny, create_model

from synthstim.kinds import CONSTRAINTS
from synthstim.recipe.fields import Section
from synthstim.recipe.registered import Keys


class Constraints(Section):
    """Hard limits on a stimulus; without a key of a constraint, that one sets no limit, or its default."""


@cache
def _with_every_key() -> type[Constraints]:
    """The model that has the keys of all constraints, which are imported for it, of which none can take a key of another."""
    parts: dict[str, type[Section]] = {}
    for _, limit in CONSTRAINTS.usable():
        keys = limit.options.model_fields
        if not any(key in parts for key in keys):
            parts |= dict.fromkeys(keys, limit.options)
    base: Any = (Constraints, *dict.fromkeys(parts.values()))
    whole: type[Constraints] = create_model("Constraints", __base__=base)
    return whole


_KEYS = Keys(Constraints, _with_every_key)
Limits = Annotated[
    SerializeAsAny[Constraints], BeforeValidator(_KEYS.read, json_schema_input_type=dict[str, Any]), _KEYS
]
