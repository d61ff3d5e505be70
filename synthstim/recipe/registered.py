"""What a recipe may ask for by the name of a registry's entry, whose own file says what can be set of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError, ValidationInfo
from pydantic_core import InitErrorDetails

from synthstim.errors import InputError
from synthstim.recipe.expected import Branches, listed
from synthstim.recipe.fields import Section
from synthstim.recipe.problems import copied, problem
from synthstim.registry import Registry

Made = TypeVar("Made")


class Options(Section):
    """What a recipe may set of an entry; each entry's own gives its name as the default of ``kind``.

    Attributes:
        kind: name of the entry.
    """

    kind: str


@dataclass(frozen=True)
class Offer(Generic[Made]):
    """An entry that recipes may ask for.

    Attributes:
        options: what a recipe may set of it; None, where that is allowed, leaves a setting to ``make``.
        make: from the observer's input, and the settings by name, what the recipe asks for.
        modality: name of the modality whose stimuli it is for.
    """

    options: type[Options]
    make: Callable[..., Made]
    modality: str

    def build(self, input: Any, asked: Options | None = None, **defaults: Any) -> Made:
        """What a recipe asks for.

        Args:
            input: of the observer.
            asked: the recipe's settings.
            defaults: what is taken, of settings that the entry has, where the recipe says nothing.
        """
        known = [name for name in self.options.model_fields if name != "kind"]
        said = {name: value for name in known if (value := getattr(asked, name, None)) is not None}
        return self.make(input, **{name: defaults[name] for name in known if name in defaults} | said)


@dataclass(frozen=True)
class Registered(Branches):
    """Validates a name, or a mapping with it as its kind, as the options of a registry's entry.

    Entries are imported when a recipe names them, or names one wrongly.
    """

    registry: Registry[Any]

    def read(self, value: Any, info: ValidationInfo) -> Any:
        """Validate the value; for ``BeforeValidator``."""
        if isinstance(value, Options):
            return value
        value = {"kind": value} if isinstance(value, str) else value
        if not isinstance(value, Mapping):
            raise ValueError
        if "kind" not in value:
            raise _tagged("union_tag_not_found", value, {"discriminator": "'kind'"})
        if (kind := value["kind"]) not in self.registry.names:
            names = ", ".join(map(repr, self.registry.names))
            raise _tagged(
                "union_tag_invalid", value, {"discriminator": "'kind'", "tag": str(kind), "expected_tags": names}
            )
        try:
            return self.registry[kind].options.model_validate(value, context=info.context)
        except InputError as error:
            raise problem(f"is {kind!r}, but {error}") from None
        except ValidationError as error:
            # As pydantic does for its own unions: the branch is part of the place.
            raise copied(error, kind) from None

    def models(self) -> list[type[Section]]:
        """The options of all entries that can be imported."""
        return [entry.options for _, entry in self.registry.usable()]

    @property
    def words(self) -> str:
        """What is wanted."""
        return f"{', '.join(map(repr, self.registry.names))}, or a mapping with one of them as its kind"


@dataclass(frozen=True)
class Keys(Branches):
    """Validates a mapping whose keys are those of a registry's entries.

    Attributes:
        base: what it is where there is no key: nothing is looked for then.
        model: finds the model that has them.
    """

    base: type[Section]
    model: Callable[[], type[Section]]

    def read(self, value: Any, info: ValidationInfo) -> Any:
        """Validate the value; for ``BeforeValidator``."""
        if isinstance(value, self.base) or value == {}:
            return value
        return self.model().model_validate(value, context=info.context)

    def models(self) -> list[type[Section]]:
        """The model."""
        return [self.model()]

    @property
    def words(self) -> str:
        """What is wanted."""
        return f"a mapping with the keys {listed(self.model().model_fields)}"


def _tagged(kind: str, value: Any, context: dict[str, Any]) -> ValidationError:
    detail = InitErrorDetails(type=kind, loc=(), input=value, ctx=context)
    return ValidationError.from_exception_data("options", [detail])
