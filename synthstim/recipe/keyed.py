"""Mappings that have one of several schemas, of a registry's entries: the mapping's own keys say which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, core_schema

from synthstim.errors import InputError
from synthstim.recipe.expected import Branches, narrowed, values_of
from synthstim.recipe.problems import raise_problems
from synthstim.registry import Registry


@dataclass(frozen=True)
class Keyed(Branches):
    """An annotation: ``Annotated[StimulusSpec, Keyed("goal", GOALS, lambda goal: goal.section, "a mapping")]``.

    Attributes:
        key: whose value is the name of an entry.
        registry: of the entries; a plug-in that is broken is no branch, and is named only where a mapping asks for it.
        schema: an entry's schema; None for an entry that cannot stand here.
        wanted: in words.
    """

    key: str
    registry: Registry[Any]
    schema: Callable[[Any], type[BaseModel] | None]
    wanted: str

    @property
    def words(self) -> str:
        """What is wanted."""
        return self.wanted

    def models(self) -> list[type[BaseModel]]:
        """The schemas of all entries that can stand here."""
        found = (self.schema(entry) for _, entry in self.registry.usable())
        return [model for model in found if model is not None]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._validate)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(model.__pydantic_core_schema__) for model in self.models()]}

    def _validate(self, value: Any, info: ValidationInfo) -> BaseModel:
        if not isinstance(value, Mapping):
            raise ValueError
        self._require_usable(value)
        models = self.models()
        left, open_key = narrowed(models, value)
        if open_key is not None:
            _refuse(models, left, value, open_key)
        return left[0].model_validate(value, context=info.context)

    def _require_usable(self, value: Mapping[str, Any]) -> None:
        name = value.get(self.key)
        if isinstance(name, str) and name in self.registry:
            try:
                self.registry[name]
            except InputError as error:
                raise_problems([((self.key,), f"is {name!r}, but {error}")])


def _refuse(models: list[type[BaseModel]], left: list[type[BaseModel]], value: Mapping[str, Any], key: str) -> NoReturn:
    """Raise the error for the first key that chooses none of the schemas."""
    if key not in value:
        error = InitErrorDetails(type="missing", loc=(key,), input=dict(value))
        raise ValidationError.from_exception_data("branches", [error])
    elsewhere = [model for model in models if value[key] in values_of(model, key)]
    if elsewhere:
        (kind,), here = values_of(elsewhere[0], "kind"), value.get("kind")
        why = f"is {value[key]!r}, which goes with kind {kind!r}, but the kind here is {here!r}: change one of them"
        raise_problems([((key,), why)])
    expected = [choice for model in left for choice in values_of(model, key)]
    error = InitErrorDetails(type="literal_error", loc=(key,), input=value[key], ctx={"expected": str(expected)})
    raise ValidationError.from_exception_data("branches", [error])
