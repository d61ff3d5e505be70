"""The stimuli that controllers are compared with: so many of each of the kinds there are."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SerializeAsAny, create_model

from synthstim.kinds import CONTROLS
from synthstim.recipe.fields import Section
from synthstim.recipe.registered import Keys

Number = Annotated[int, Field(ge=0, le=100)]
# How ids of controls begin, where it is not the name of their kind; "" for those that are no new stimuli.
_PREFIXES = {"best_natural": "natural", "other_site": ""}


class ControlsSpec(Section):
    """How many controls each unit and goal gets, by kind; ``synthstim controls`` lists the kinds."""

    def asked(self) -> dict[str, int]:
        """The kinds of which there are to be some."""
        return {kind: number for kind in type(self).model_fields if (number := getattr(self, kind))}


@cache
def _with_every_kind() -> type[ControlsSpec]:
    kinds: dict[str, Any] = {name: (Number, 0) for name in CONTROLS}
    whole: type[ControlsSpec] = create_model("ControlsSpec", __base__=ControlsSpec, **kinds)
    return whole


_KEYS = Keys(ControlsSpec, _with_every_kind)
Controls = Annotated[
    SerializeAsAny[ControlsSpec], BeforeValidator(_KEYS.read, json_schema_input_type=dict[str, Any]), _KEYS
]


def reserved(name: str) -> bool:
    """Whether stimuli of an entry of this name could have the id of a control."""
    prefixes = {_PREFIXES.get(kind, kind) for kind in CONTROLS} - {""}
    return any(name.lower() == prefix or name.lower().startswith(f"{prefix}_") for prefix in prefixes)
