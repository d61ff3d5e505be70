"""What an evolution in a folder was begun with: evolution.json."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from typing_extensions import Self

from synthstim.constraints import Constraint, asked_for
from synthstim.errors import InputError
from synthstim.goals.followed import followed
from synthstim.ids import NAME_RULE, is_name
from synthstim.modalities.image import MODALITY
from synthstim.recipe.constraints import Constraints, Limits
from synthstim.recipe.expected import Expected, listed
from synthstim.recipe.fields import Section, in_a_list
from synthstim.recipe.problems import problem, raise_problems, validate
from synthstim.recipe.yaml_source import Source

MAX_IMAGES = 10_000
# Shown again in each generation: what breeds by its estimate must be measured more than once.
AGAIN, AGAIN_OF_PARENTS = 1, 5


def _sequence(value: Any) -> Any:
    value = in_a_list(value)
    return tuple(value) if isinstance(value, list) else value


def _site(value: str) -> str:
    if not is_name(value):
        raise problem(f"is {value[:80]!r}; expected the name of a site: {NAME_RULE}")
    return value


def _goal(value: str) -> str:
    if value not in (known := followed()):
        raise problem(f"is {value[:80]!r}; expected {listed(list(map(repr, known)), 'or')}")
    return value


SiteName = Annotated[str, AfterValidator(_site), Expected("the name of a site")]
Side = Annotated[int, Field(ge=8, le=2048)]


class EvolveSettings(Section):
    """What every generation of a folder has in common.

    Attributes:
        sites: names, as the responses have them; each evolves by itself.
        size: (y, x) of the images in pixels.
        channels: 1 for grey, 3 for colour.
        goal, level, population, again, centre, cutoff, spread, seed: of ``Evolution``.
        starts: site -> sha256 of the image that its evolution starts from, ``starts/SHA256.png`` in the folder.
        parents: sha256 of ``parents.tsv`` in the folder, where evolutions recombine natural images.
        constraints: mean_luminance, rms_contrast, energy and aperture, as recipes have them.
        made_with: versions of what the random numbers depend on.
    """

    schema_version: Literal[1] = 1
    sites: Annotated[tuple[SiteName, ...], BeforeValidator(_sequence), Field(min_length=1), Expected("names of sites")]
    size: Annotated[tuple[Side, Side], BeforeValidator(_sequence), Expected("two whole numbers, height and width")]
    channels: Literal[1, 3] = 3
    goal: Annotated[str, AfterValidator(_goal)] = "drive"
    level: float | None = None
    population: int = Field(default=20, ge=4, le=1000)
    again: int | None = Field(default=None, ge=0)
    centre: bool = True
    cutoff: int = Field(default=8, ge=1)
    spread: float | None = Field(default=None, gt=0, le=10)
    starts: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(default_factory=dict)
    parents: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    seed: int = Field(default=0, ge=0, le=2**63 - 1)
    constraints: Limits = Constraints()
    made_with: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems: list[tuple[tuple[str | int, ...], str]] = []
        if len(set(self.sites)) != len(self.sites):
            problems.append((("sites",), "name a site twice: name each once"))
        if unknown := sorted(self.starts.keys() - set(self.sites)):
            problems.append((("starts",), f"names {unknown[0]!r}, which is no site here: choose one of the sites"))
        again = self.again if self.again is not None else AGAIN if self.parents is None else AGAIN_OF_PARENTS
        if len(self.sites) * (self.population + again + 1) > MAX_IMAGES:
            problems.append((("population",), f"makes more than {MAX_IMAGES:,} images a generation: ask for fewer"))
        allowed = {"mean_luminance", "rms_contrast", "energy", "aperture"}
        for name in sorted(self.constraints.model_fields_set - allowed):
            problems.append((("constraints", name), f"is no limit here: choose among {', '.join(sorted(allowed))}"))
        raise_problems(problems)
        return self

    @classmethod
    def from_dict(cls, given: Mapping[str, Any], name: str = "the settings") -> EvolveSettings:
        """Check a mapping.

        Raises:
            InputError: something is wrong; one line for each problem.
        """
        return validate(Source(name, None, "", dict(given)), cls)

    def facts(self) -> dict[str, Any]:
        """The settings as JSON holds them; of the constraints those that were given."""
        held = self.constraints.model_dump(mode="json", exclude_unset=True)
        return self.model_dump(mode="json", exclude_none=True) | {"constraints": held}

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channel, y, x) of the images."""
        return self.channels, *self.size

    @property
    def projections(self) -> list[Constraint]:
        """The constraints as projections, the ones that must hold best last."""
        return asked_for(self.constraints, MODALITY.name)

    def require_same_versions(self, root: Path) -> None:
        """Raise InputError, once replaying has failed, with the versions that would not have."""
        here = versions()
        other = [f"{name} {was}" for name, was in self.made_with.items() if here.get(name) != was]
        advice = f"install {', '.join(other)}, with which it was begun" if other else "a file of told/ was changed"
        raise InputError(f"{root} cannot be resumed; its generations differ here: {advice}", code="mismatch")


def versions() -> dict[str, str]:
    """Versions of the packages that decide which codes come out."""
    found = {"python": platform.python_version()}
    for name in ("synthstim", "cma", "numpy", "torch"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found
