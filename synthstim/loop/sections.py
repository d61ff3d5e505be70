"""The sections of a session's settings."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from synthstim.recipe.fields import FilePath, Section, Text


class Reading(Section):
    """How deliveries are read.

    Attributes:
        incomplete: what becomes of presentations that were cut short or missed a refresh.
        missing_markers: how many markers may be lost.
        display_delay_s: from the flip to light on the screen.
        nan: whether NaN pads trials that were not recorded (``absent``), in files of arrays.
        table, column, site_column, invalid_times: of NWB files, as for ``read_nwb``.
        variable, time_unit: of netCDF files, as for ``read_netcdf``.
    """

    incomplete: Literal["refuse", "keep", "leave out"] = "refuse"
    missing_markers: int = Field(default=0, ge=0)
    display_delay_s: float = Field(default=0.0, ge=-1, le=1)
    nan: Literal["refuse", "absent"] = "refuse"
    table: Text | None = None
    column: Text | None = None
    site_column: Text | None = None
    invalid_times: Literal["leave out", "keep"] | None = None
    variable: Text | None = None
    time_unit: Literal["s", "ms"] | None = None

    def of_files(self) -> dict[str, Any]:
        """Options of readers of files; each takes those that it knows."""
        given = ("nan", "table", "column", "site_column", "invalid_times", "variable", "time_unit")
        return {name: value for name in given if (value := getattr(self, name)) is not None}


class Fitting(Section):
    """How sites are fitted, after each generation, to the responses of all generations.

    Attributes:
        method: of ``synthstim readouts``. Masks times channel weights predict held-out photographs better than ridge
            (median score of 40 simulated sites .64 against .56), and images made on them gain more.
        ensemble: ``folds`` averages a read-out for each fold, and predicts each image by one that never saw it; ``layers``
            averages a read-out for each layer, which err on different images: what is made on them carries over better.
        folds: in which held-out scores are measured; crops of one photograph share a fold.
    """

    method: Literal["ridge", "pls", "factorised", "gaussian"] = "factorised"
    ensemble: Literal["none", "folds", "layers"] = "folds"
    folds: int = Field(default=5, ge=2, le=100)


class Anchors(Section):
    """Images that are shown again, so that gain and drift are measured within one session.

    Attributes:
        natural: best natural images for each goal and site.
        earlier: best controllers of earlier generations for each goal and site.
        random: images of generation 0 that were drawn blindly, the same in every generation, for the drift: those that were
            best there were so partly by luck.
    """

    natural: int = Field(default=2, ge=0, le=100)
    earlier: int = Field(default=1, ge=0, le=100)
    random: int = Field(default=5, ge=0, le=1000)


class Explore(Section):
    """Images that are shown because they would teach the model most, not because they reach a goal.

    Attributes:
        share: of the new images.
        kind: crops of photographs that the layers know least of (``natural``), controllers for random patterns of the
            sites (``pattern``), or half of each (``both``).
        at_least: how many in any case.
        candidates: crops among which natural ones are chosen.
        evaluations: passes that an image for a pattern may spend; None takes the recipe's default.
    """

    share: float = Field(default=0.2, ge=0, lt=1)
    kind: Literal["natural", "pattern", "both"] = "natural"
    at_least: int = Field(default=0, ge=0, le=10_000)
    candidates: int = Field(default=1000, ge=10, le=5_000)
    evaluations: int | None = Field(default=None, ge=1)


class Exported(Section):
    """The experiment that shows a generation.

    Attributes:
        protocol: of ``synthstim protocols``; None takes ``passive_fixation`` for images, ``sound_fixation_reward`` for sounds.
        rig: rig.yaml of the setup; a copy lies in the session.
        places: table with ``site`` and x_deg, y_deg or size_deg, where and how large the images of each site are shown; likewise.
        settings: of the protocol.
    """

    protocol: Text | None = None
    rig: FilePath | None = None
    places: FilePath | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
