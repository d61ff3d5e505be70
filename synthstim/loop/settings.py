"""The settings of a session: loop.yaml, checked whole before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator
from typing_extensions import Self

from synthstim.errors import InputError, nearest
from synthstim.goals import GOALS
from synthstim.goals.wish import Wish
from synthstim.loop.sections import Anchors, Explore, Exported, Fitting, Reading
from synthstim.recipe import Expected, ObserverSpec, problem, raise_problems, read_yaml, validate
from synthstim.recipe.controls import Controls, ControlsSpec
from synthstim.recipe.fields import FileOrFolderPath, FilePath, LayerName, Section, Text, check_different, check_whole
from synthstim.recipe.keyed import Keyed
from synthstim.recipe.observers import by_name
from synthstim.responses.seconds import require_window

LOOP = "loop.yaml"
CHOICES = ("all", "selected")


def _window(value: tuple[float, float]) -> tuple[float, float]:
    if not value[0] < value[1]:
        raise problem(f"is [{value[0]:g}, {value[1]:g}]; expected a window that ends after it starts")
    try:
        return require_window(value, "")
    except InputError:
        raise problem(
            f"is [{value[0]:g}, {value[1]:g}]; expected seconds from the onset, such as [0.07, 0.17]"
        ) from None


def _sites(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str) and value not in CHOICES:
        raise problem(f"is {value[:60]!r}; expected 'all', 'selected' or a list of sites")
    return value


Names = Annotated[
    tuple[Text, ...], Field(min_length=1, strict=False), AfterValidator(check_different), Expected("a list of sites")
]
SiteChoice = Annotated[
    Literal["all", "selected"] | Names, BeforeValidator(_sites), Expected("'all', 'selected' or a list of sites")
]
Layers = Annotated[
    tuple[LayerName, ...],
    Field(min_length=1, strict=False),
    AfterValidator(check_different),
    Expected("a list of layers, such as [blocks.1, blocks.2]"),
]
Window = Annotated[
    tuple[float, float],
    Field(strict=False),
    AfterValidator(_window),
    Expected("[start, end] in seconds from stimulus onset"),
]

GoalWish = Annotated[
    Wish, Keyed("goal", GOALS, lambda goal: goal.wish, "a mapping with name, goal and what the goal needs")
]


class LoopSettings(Section):
    """What ``loop.yaml`` says; read one with :func:`read_settings`.

    Attributes:
        schema_version: of this layout.
        observer: the network that sites are fitted to.
        layers: candidates; each site takes the one that predicts it best.
        pool: folder of photographs that naturals are cut from; None takes those that packages carry.
        fields: table of receptive fields that a mapping session found, as for ``synthstim fit --fields``; a copy lies in the session.
        groups: table with ``stimulus_id`` and ``group``, for natural images that were adopted: one group shares a fold.
        level_dbfs: of sounds, the root mean square at which all are played, in dB re full scale; ``loop init`` writes -26, or the
            mean level of the sounds that generation 0 plays as they are. It stays as the session began.
        window_s: in which responses are counted.
        sites: which are fitted and controlled; ``selected`` takes those of ``min_reliability`` in generation 0.
        site_table, where: a table with ``site`` and columns such as ``region`` and ``animal``, of which a copy lies in the session,
            and the value that each of some columns must have, as {region: V4}: other sites are not read.
        leave_out: sites that are not read at all.
        renamed: names of sites in the files that are delivered -> their names in the session, where these changed.
        new_sites: what becomes of sites that generation 0 did not have: they are left, or fitted from then on, if they are as
            reliable as ``min_reliability`` where sites are ``selected``.
        correct_drift: whether responses of later generations are divided by the drift of their site, as far as it is more than
            noise, before all generations are fitted together; what was measured is told as recorded.
        min_reliability: split-half, Spearman-Brown.
        min_score: held-out score of a fitted site below which no images are made for it: the model says nothing of it.
        max_drift: factor by which responses to images that are shown again may differ from those before, as the median over
            sites; beyond, they are taken to be in another unit.
        min_repeats: trials that a stimulus needs to count as shown.
        min_share: of a generation's stimuli that must have been shown so often.
        reading, fitting, goals, controls, anchors, explore, experiment: see there.
        level_tolerance: a level is reached within this many standard deviations of the site's mean responses.
        seed: of all that is random.
    """

    schema_version: Annotated[Literal[1], BeforeValidator(check_whole), Expected("1")] = 1
    observer: Annotated[
        ObserverSpec,
        BeforeValidator(by_name),
        Expected("the name of an observer, or a mapping with the keys name, weights and size, or duration_s"),
    ]
    layers: Layers
    pool: FileOrFolderPath | None = None
    groups: FilePath | None = None
    fields: FilePath | None = None
    level_dbfs: float | None = Field(default=None, ge=-120, lt=0)
    window_s: Window = (0.07, 0.17)
    sites: SiteChoice = "selected"
    site_table: FilePath | None = None
    where: dict[Text, Text] | None = None
    leave_out: Names | None = None
    renamed: dict[Text, Text] | None = None
    new_sites: Literal["leave", "fit"] = "leave"
    min_reliability: float = Field(default=0.5, ge=0, lt=1)
    min_score: float = Field(default=0.1, ge=-1, le=1)
    max_drift: float = Field(default=3.0, ge=1)
    correct_drift: bool = False
    min_repeats: int = Field(default=2, ge=2, le=1000)
    min_share: float = Field(default=0.9, gt=0, le=1)
    reading: Reading = Reading()
    fitting: Fitting = Fitting()
    goals: Annotated[tuple[GoalWish, ...], Field(strict=False), Expected("a list of goals")] = ()
    controls: Controls = ControlsSpec()
    anchors: Anchors = Anchors()
    explore: Explore = Explore()
    level_tolerance: float = Field(default=0.25, gt=0, le=10)
    experiment: Exported = Exported()
    seed: int = Field(default=0, ge=0, le=2**31)

    @model_validator(mode="after")
    def _check_goals(self) -> Self:
        if self.where is not None and not self.where:
            raise_problems([(("where",), "names no column: give such as {region: V4}, or leave it and site_table out")])
        if (self.site_table is None) is not (self.where is None):
            raise_problems([(("where" if self.where else "site_table",), "goes with site_table and where: give both")])
        names = [goal.name.lower() for goal in self.goals]
        raise_problems(
            (("goals", index, "name"), f"is {self.goals[index].name!r}, which another goal is called: choose another")
            for index, name in enumerate(names)
            if name in names[:index]
        )
        raise_problems(
            (("goals", index, goal.says_which), f"names {site!r}, which {why}")
            for index, goal in enumerate(self.goals)
            for site in goal.named
            if (why := self._unknown(site))
        )
        if not self.goals and not self.explore.at_least:
            example = "such as goals: [{name: stretch, goal: drive}], or say explore.at_least to explore only"
            said = "are none: give one" if "goals" in self.model_fields_set else "lacks goals: give some"
            raise_problems([(("goals",) if said.startswith("are") else (), f"{said}, {example}")])
        return self

    def _unknown(self, site: str) -> str:
        """Why a site that a goal names will never be there, as far as the settings say."""
        if site in (self.leave_out or ()):
            return "leave_out names as well: remove one"
        if not isinstance(self.sites, str) and site not in self.sites and self.new_sites == "leave":
            return f"is not among sites: {nearest(site, self.sites)}"
        return ""


def read_settings(path: str | Path) -> LoopSettings:
    """Read loop.yaml.

    Raises:
        InputError: the file cannot be read or has problems; each is on a line of its own.
    """
    return validate(read_yaml(path), LoopSettings)
