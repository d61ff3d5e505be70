"""The page's sections: metamers by reference, controllers by unit, everything else as a gallery."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import pandas as pd

from synthstim.goals.shown import goal_shown
from synthstim.modalities.base import Modality
from synthstim.report.cards import NO_LAYER, Card, Row, layer_of, make_card, rows_of, status_of, stem
from synthstim.report.distributions import Distribution
from synthstim.report.media import Media, Medium
from synthstim.report.numbers import known, number, text
from synthstim.report.profiles import profiles
from synthstim.report.strips import Strip, make_strip
from synthstim.stimulus_set import StimulusSet

NO_UNIT = "no unit"
OF_REFERENCE = ("metamer", "distortion")
CONTROLS = {
    "best_natural": "control: natural, predicted best",
    "noise": "control: noise of equal spectrum",
    "gabor": "control: fitted Gabor",
    "other_site": "control: made for another unit",
}
Key = TypeVar("Key")


@dataclass(frozen=True)
class ReferenceGroup:
    """The metamers and distortions of one reference; ``columns`` holds (layer, cards) in the table's order.

    ``part`` names the set that they come from, in one that was joined of several.
    """

    title: str
    medium: Medium | None
    columns: tuple[tuple[str, tuple[Card, ...]], ...]
    part: str = ""

    @property
    def most(self) -> int:
        """Cards in the longest column."""
        return max(len(cards) for _, cards in self.columns)


@dataclass(frozen=True)
class Natural:
    """One of the pool's best images or sounds for a unit."""

    medium: Medium
    rank: str
    activation: str
    photograph: str


@dataclass(frozen=True)
class Compared:
    """A stimulus that the controllers of a unit are compared with."""

    id: str
    medium: Medium
    activation: str
    of: str


@dataclass(frozen=True)
class UnitGroup:
    """The controllers of one unit, the best natural images or sounds by goal, its controls, and the pool's activations.

    ``part`` names the set that they come from, in one that was joined of several.
    """

    unit: str
    layer: str
    cards: tuple[Card, ...]
    naturals: tuple[tuple[str, str, tuple[Natural, ...]], ...]
    strip: Strip | None
    controls: tuple[tuple[str, tuple[Compared, ...]], ...] = ()
    part: str = ""

    @property
    def levelled(self) -> bool:
        """Whether a level is marked on the strip."""
        return self.strip is not None and any(mark.role == "level" for mark in self.strip.marks)


@dataclass(frozen=True)
class Gallery:
    """The stimuli of one further kind."""

    kind: str
    cards: tuple[Card, ...]


def files_shown(stimuli: StimulusSet) -> set[str]:
    """Every file that the page shows, relative to the set."""
    shown = set(stimuli.table["file"]) | set(stimuli.table["reference"].dropna())
    return shown | {str(file) for file in stimuli.companion("best_natural.tsv")["file"]}


def reference_groups(stimuli: StimulusSet, media: Media) -> list[ReferenceGroup]:
    """Metamers and distortions grouped by their reference, then by layer."""
    nulls, at_every_stage = null_distributions(stimuli.companion("null.tsv.gz")), profiles(stimuli)
    groups = []
    for reference, rows in _grouped(_of_kinds(stimuli, *OF_REFERENCE), lambda row: text(row["reference"])):
        cards: dict[str, list[Card]] = {}
        for row in rows:
            strip = _null_strip(row, nulls.get((stem(reference), layer_of(row), "match_db")))
            cards.setdefault(layer_of(row), []).append(
                make_card(row, media, strip, at_every_stage.get(row["stimulus_id"]))
            )
        columns = tuple((layer, tuple(column)) for layer, column in cards.items())
        medium = media[reference] if reference else None
        groups.append(ReferenceGroup(stem(reference) or "no reference recorded", medium, columns, stimuli.part))
    return groups


def unit_groups(stimuli: StimulusSet, media: Media) -> list[UnitGroup]:
    """Controllers grouped by the unit that they control."""
    best = _by_unit(stimuli.companion("best_natural.tsv"))
    pool = _by_unit(stimuli.companion("pool_activations.tsv.gz"))
    compared = _by_unit(stimuli.companion("controls.tsv"))
    files = dict(zip(stimuli.table["stimulus_id"], stimuli.table["file"], strict=True))
    groups = []
    for (unit, layer), rows in _grouped(
        _of_kinds(stimuli, "controller"), lambda row: (text(row["unit"], NO_UNIT), layer_of(row))
    ):
        naturals = _naturals(best.get((unit, layer)), media)
        strip = _pool_strip(f"unit {unit} of {layer}", rows, pool.get((unit, layer)), media.stimuli.modality)
        controls = _controls(compared.get((unit, layer)), files, media)
        cards = tuple(make_card(row, media) for row in rows)
        groups.append(UnitGroup(unit, layer, cards, naturals, strip, controls, stimuli.part))
    return groups


def galleries(stimuli: StimulusSet, media: Media) -> list[Gallery]:
    """The kinds that have no section of their own."""
    others = (row for row in rows_of(stimuli) if row["kind"] not in (*OF_REFERENCE, "controller"))
    return [
        Gallery(kind, tuple(make_card(row, media) for row in rows))
        for kind, rows in _grouped(others, lambda row: text(row["kind"], "unknown"))
    ]


def null_distributions(table: pd.DataFrame) -> dict[tuple[str, str, str], Distribution]:
    """The null distributions, by (reference's stem, layer, measure)."""
    found = {}
    for key, rows in table.groupby(["reference", "layer", "measure"], sort=False, dropna=False):
        if distribution := Distribution.of(rows):
            found[stem(text(key[0])), text(key[1], NO_LAYER), text(key[2])] = distribution
    return found


def _of_kinds(stimuli: StimulusSet, *kinds: str) -> list[Row]:
    return [row for row in rows_of(stimuli) if row["kind"] in kinds]


def _grouped(rows: Iterable[Row], key: Callable[[Row], Key]) -> list[tuple[Key, list[Row]]]:
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return list(groups.items())


def _by_unit(table: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    parts = table.groupby(["unit", "layer"], sort=False, dropna=False)
    return {(text(unit, NO_UNIT), text(layer, NO_LAYER)): rows for (unit, layer), rows in parts}


def _null_strip(row: Row, null: Distribution | None) -> Strip | None:
    if null is None or not known(row["match_db"]):
        return None
    value = float(row["match_db"])
    label = (
        f"Null distribution, 5 to 95 %: {number(null.at(5), '.1f')} to {number(null.at(95), '.1f')} dB; "
        f"this metamer: {number(value, '.1f')} dB"
    )
    return make_strip(null, [(value, "synthetic", status_of(row), "")], label=label)


def _pool_strip(name: str, rows: list[Row], table: pd.DataFrame | None, modality: Modality) -> Strip | None:
    pool = None if table is None else Distribution.of(table, "activation")
    if pool is None:
        return None
    marks = []
    for row in rows:
        goal = goal_shown(text(row["goal"])).label
        if known(row["level"]):
            marks.append((float(row["level"]), "level", "", f"level asked: {number(row['level'])}"))
        if known(row["best_natural"]):
            marks.append(
                (float(row["best_natural"]), "natural", "", f"best natural, {goal}: {number(row['best_natural'])}")
            )
        if known(row["activation"]):
            label = f"{row['stimulus_id']}, {goal}: {number(row['activation'])}"
            marks.append((float(row["activation"]), "synthetic", status_of(row), label))
    label = f"Activations of {name} over the pool, with its controllers and best natural {modality.name}s marked"
    return make_strip(pool, marks, label=label, width=580, height=112, ticks=7)


def _naturals(table: pd.DataFrame | None, media: Media) -> tuple[tuple[str, str, tuple[Natural, ...]], ...]:
    """The best natural stimuli of a unit: goal, heading, and stimuli."""
    if table is None:
        return ()
    return tuple(
        (
            text(goal),
            goal_shown(text(goal)).best_naturals(media.stimuli.modality.name),
            tuple(
                Natural(media[str(row.file)], text(row.rank), number(row.activation), text(row.photograph))
                for row in rows.sort_values("rank").itertuples(index=False)
            ),
        )
        for goal, rows in table.groupby("goal", sort=False, dropna=False)
    )


def _controls(
    table: pd.DataFrame | None, files: Mapping[str, str], media: Media
) -> tuple[tuple[str, tuple[Compared, ...]], ...]:
    """The controls of a unit, one list for each kind, goal and level."""
    if table is None:
        return ()
    lists: dict[str, list[Compared]] = {}
    for row in table.itertuples(index=False):
        level = f" {number(row.level)}" if known(row.level) else ""
        title = f"{CONTROLS.get(text(row.control), text(row.control))}, {text(row.goal)}{level}"
        if (name := text(row.stimulus_id)) in files:
            shown = Compared(name, media[files[name]], number(row.activation), text(row.of))
            lists.setdefault(title, []).append(shown)
    return tuple((title, tuple(shown)) for title, shown in lists.items())
