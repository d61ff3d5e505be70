"""A recipe: which observer, and which stimuli to make on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, PrivateAttr, model_validator
from typing_extensions import Self

from synthstim.errors import InputError
from synthstim.recipe.calibration import LOUDEST_DB_SPL, Calibration
from synthstim.recipe.controls import Controls, ControlsSpec, reserved
from synthstim.recipe.entries import Entries
from synthstim.recipe.expected import Expected
from synthstim.recipe.fields import FileOrFolderPath, Section, check_whole
from synthstim.recipe.items import MAX_ITEMS, clashes, count
from synthstim.recipe.observers import ObserverSpec, OneObserver, SeveralObservers
from synthstim.recipe.problems import raise_problems, validate
from synthstim.recipe.series import SeriesEntry, reserved_for_mixtures
from synthstim.recipe.stimuli import Controller, Metamer
from synthstim.recipe.yaml_source import Location, Source, dotted, parse_yaml

# Loud enough, and speech with its pauses fits without clipping.
DEFAULT_LEVEL_DBFS = -26.0


class Criteria(Section):
    """When a saved stimulus passes.

    Attributes:
        null_percentile: a metamer's match must lie beyond this percentile of matches between natural stimuli of
            different origin;
            100 wants it outside all of them.
        same_class: whether a metamer must leave the observer's most active output as it is.
    """

    null_percentile: float = Field(default=100.0, ge=0, le=100)
    same_class: bool = True


@dataclass(frozen=True)
class _Places:
    """Where a recipe's values stand; recipes that say the same are the same wherever they say it."""

    source: Source = field(compare=False)


class Recipe(Section):
    """A stimulus set to make, checked whole; read one with :func:`synthstim.recipe.read_recipe`.

    Attributes:
        schema_version: of this layout.
        observers: several by names of their own, which stand in front of layers and sites: ``a.blocks.2``.
        observer: one alone; a recipe may give its name alone.
        seed: from which each stimulus derives its own; see :func:`synthstim.recipe.expand`.
        fit: how files are brought to the observer's size or duration.
        level_dbfs: root mean square to which sounds are brought, in dB re full scale.
        level_db_spl: that level at the ear instead, by the ``calibration``; level_dbfs is then what it comes to.
        calibration: of the rig that will play the set: ``sound.calibration`` of its rig.yaml, copied here so that the recipe says all.
        channel: of sounds with several: left, right or mean; None wants mono files.
        pool: natural images or sounds to compare with: a folder.
        criteria: when a stimulus passes.
        min_score: held-out score of a fitted site below which ``sites: all`` leaves it out.
        match_luminance: whether all controllers and controls are held at the mean luminance and the mean RMS contrast of
            the natural pool.
        controls: how many stimuli each controlled unit gets to be compared with.
        stimuli: what to make.
        series: mixtures of any two files, besides those of metamers and their references.
    """

    schema_version: Annotated[
        Literal[1], BeforeValidator(check_whole), Expected("1, the version that this synthstim reads")
    ] = 1
    observers: SeveralObservers = Field(default_factory=dict)
    observer: OneObserver = Field(default=None, validate_default=True)
    seed: int = Field(default=0, ge=0, le=2**63 - 1)
    fit: Literal["crop", "pad", "stretch", "exact"] = "crop"
    level_dbfs: float = Field(default=DEFAULT_LEVEL_DBFS, ge=-120, lt=0)
    level_db_spl: float | None = Field(default=None, ge=0, le=LOUDEST_DB_SPL)
    calibration: Calibration | None = None
    channel: Literal["left", "right", "mean"] | None = None
    pool: FileOrFolderPath | None = None
    criteria: Criteria = Criteria()
    min_score: float = Field(default=0.1, ge=-1, le=1)
    match_luminance: bool = False
    controls: Controls = ControlsSpec()
    stimuli: Entries
    series: Annotated[tuple[SeriesEntry, ...], Field(strict=False), Expected("a list of series")] = ()

    _places: _Places = PrivateAttr(default_factory=lambda: _Places(Source("recipe", None, "", {})))
    _folder: Path = PrivateAttr(default=Path("."))
    _text: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _check_stimuli(self) -> Self:
        names: dict[str, str] = {}
        for index, entry in enumerate(self.stimuli):
            first = names.setdefault(entry.name.lower(), f"stimuli[{index}]")
            if first != f"stimuli[{index}]":
                why = f"is {entry.name!r}, which {first} is called already, whatever the case: choose another"
                raise_problems([(("stimuli", index, "name"), why)])
        if (total := count(self)) > MAX_ITEMS:
            raise_problems([(("stimuli",), f"ask for {total:,} images, more than {MAX_ITEMS:,}: split the recipe")])
        raise_problems((("stimuli", index, "name"), why) for index, why in clashes(self))
        raise_problems(self._control_problems())
        raise_problems(self._series_problems())
        return self

    @model_validator(mode="after")
    def _levels_at_the_ear(self) -> Self:
        asked: list[tuple[Location, float | None]] = [(("level_db_spl",), self.level_db_spl)]
        for index, entry in enumerate(self.stimuli):
            limit = getattr(entry.constraints, "level_db_spl", None)
            asked.append((("stimuli", index, "constraints", "level_db_spl"), limit))
        raise_problems(
            (place, why) for place, level in asked if level is not None and (why := self._level_problem(place, level))
        )
        if self.level_db_spl is not None:
            # Frozen for everybody else; the text of the recipe keeps what was asked for.
            object.__setattr__(self, "level_dbfs", self.dbfs_of(self.level_db_spl))
        return self

    def _level_problem(self, place: Location, level: float) -> str:
        if self.calibration is None:
            return "needs calibration: copy sound.calibration of rig.yaml into the recipe, or give level_dbfs"
        if place == ("level_db_spl",) and "level_dbfs" in self.model_fields_set:
            return "and level_dbfs are both given: remove one of them"
        if not -120 <= self.dbfs_of(level) < 0:
            most = self.calibration.db_spl_of(0)
            return f"is {level:g}, which is {self.dbfs_of(level):.1f} dB re full scale: give less than {most:g}, and not much less"
        return ""

    def dbfs_of(self, db_spl: float) -> float:
        """The level re full scale of a level at the ear, by the recipe's calibration."""
        if self.calibration is None:
            raise InputError(
                f"a level of {db_spl:g} dB SPL given in a recipe without calibration", "add it", code="missing"
            )
        return self.calibration.dbfs_of(db_spl)

    def _series_problems(self) -> Iterator[tuple[Location, str]]:
        names = [entry.name.lower() for entry in self.series]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield (
                    ("series", index, "name"),
                    f"repeats {self.series[index].name!r}, whatever the case: choose another",
                )
        if self.series or any(isinstance(entry, Metamer) and entry.series for entry in self.stimuli):
            for index, entry in enumerate(self.stimuli):
                if reserved_for_mixtures(entry.name):
                    yield ("stimuli", index, "name"), f"is {entry.name!r}, as ids of mixtures begin: choose another"

    def _control_problems(self) -> Iterator[tuple[Location, str]]:
        controllers = [entry for entry in self.stimuli if isinstance(entry, Controller)]
        if self.controls.asked() and not controllers:
            yield ("controls",), "go with controllers, but no entry is one: remove them"
        for index, entry in enumerate(self.stimuli):
            if self.controls.asked() and reserved(entry.name):
                yield ("stimuli", index, "name"), f"is {entry.name!r}, as ids of controls begin: choose another"
            if self.match_luminance and isinstance(entry, Controller):
                for key in ("mean_luminance", "rms_contrast"):
                    if getattr(entry.constraints, key, None) is not None:
                        why = "does not go with match_luminance, which sets it for all: remove one of them"
                        yield ("stimuli", index, "constraints", key), why

    @classmethod
    def from_source(cls, source: Source) -> Recipe:
        """Check what a YAML file holds.

        Raises:
            InputError: the recipe has problems; each is on a line of its own.
        """
        recipe = validate(source, cls)
        recipe._places = _Places(source)
        recipe._folder = source.folder or Path(".")
        recipe._text = source.text
        return recipe

    @classmethod
    def from_text(cls, text: str, folder: str | Path = ".", *, name: str = "recipe") -> Recipe:
        """Read a recipe from YAML text.

        Args:
            text: what a recipe file would hold.
            folder: where its relative paths start.
            name: how errors call the text.

        Raises:
            InputError: it is no recipe; a line for each mistake, with its number.

        Example:
            >>> entry = "{name: up, kind: controller, goal: drive, unit: {layer: blocks.4, channel: 42}}"
            >>> Recipe.from_text(f"{{observer: efficientnet-lite0, stimuli: [{entry}]}}").stimuli[0].name
            'up'
        """
        return cls.from_source(parse_yaml(text, name=name, folder=Path(folder).absolute()))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], folder: str | Path = ".") -> Recipe:
        """Read a recipe from what a YAML file would hold; paths may be ``pathlib.Path``.

        Example:
            >>> unit = {"layer": "blocks.4", "channel": 42}
            >>> entry = {"name": "unit42", "kind": "controller", "goal": "drive", "unit": unit}
            >>> Recipe.from_dict({"observer": "efficientnet-lite0", "stimuli": [entry]}).seed
            0
        """
        if not isinstance(data, Mapping):
            raise InputError(
                f"recipe: a {type(data).__name__} given; expected a mapping", "a file is read with read_recipe"
            )
        recipe = cls.from_source(Source("recipe", Path(folder).absolute(), "", dict(data)))
        plain = recipe.model_dump(mode="json", exclude_unset=True)
        recipe._text = yaml.dump(plain, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True)
        return recipe

    @property
    def observers_asked(self) -> dict[Location, ObserverSpec]:
        """The observers, one or several, by where they stand; several have names there."""
        one: dict[Location, ObserverSpec] = {} if self.observer is None else {("observer",): self.observer}
        return {**one, **{("observers", name): asked for name, asked in self.observers.items()}}

    @property
    def text(self) -> str:
        """The recipe as it was written, for provenance."""
        return self._text

    @property
    def folder(self) -> Path:
        """Where the recipe's relative paths start."""
        return self._folder

    def refusal(self, problems: Iterable[tuple[Location, str]]) -> InputError:
        """The error for problems that show once the observer is known: a line each, in the order of the file."""
        source = self._places.source
        found = sorted(problems, key=lambda one: source.line(one[0]))
        return InputError("\n".join(f"{source.at(place)}: {dotted(place)} {why}" for place, why in found))

    def at(self, place: Location) -> str:
        """The words that an error about a location starts with: the file, and the line where there is one."""
        return self._places.source.at(place)

    @contextmanager
    def placing(self, place: Location) -> Iterator[None]:
        """Mistakes of the block stand at a location of the recipe: the file, and the line where there is one."""
        try:
            yield
        except InputError as error:
            raise error.within(self.at(place)) from error.__cause__

    def resolve(self, path: str | Path) -> Path:
        """The place of a path that the recipe names."""
        return self._folder / path


class _PlainDumper(yaml.SafeDumper):
    """Writes values out each time: recipes have no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
