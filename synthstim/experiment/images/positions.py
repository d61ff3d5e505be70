"""Where single stimuli stand, and how large: columns of the set or of a table of the user's, by stimulus or by site."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from synthstim.errors import InputError
from synthstim.experiment.design.table import ID, with_columns
from synthstim.goals.shown import goal_shown
from synthstim.responses.tables import read_text_table

SITE, UNIT = "site", "unit"
# Each with the least and the most that it may be; as the settings of the same names.
LIMITS = {"x_deg": (-79.0, 79.0), "y_deg": (-79.0, 79.0), "size_deg": (0.1, 100.0)}


def with_positions(table: pd.DataFrame, path: str | Path | None) -> pd.DataFrame:
    """The table of a set with the columns x_deg, y_deg and size_deg that a table of the user's has.

    Args:
        table: of the set; it may have these columns itself.
        path: a table with the column stimulus_id, a line each, or with the column site: then its lines hold for the stimuli
            whose ``unit`` is the site, controllers and their controls alike.

    Raises:
        InputError: it cannot be read or names something twice, a stimulus of some site is not in it, or a value is no number within limits.
    """
    if path is not None:
        own = read_text_table(path, text=(ID, SITE), needed=())
        table = with_columns(table, path) if SITE not in own else _by_site(table, own, Path(path).name)
    for column, (low, high) in LIMITS.items():
        if column in table:
            values = pd.to_numeric(table[column], errors="coerce")
            # n/a leaves a stimulus at the place of the settings.
            bad = ~values.between(low, high) & table[column].notna()
            if bad.any():
                row = table[bad].iloc[0]
                raise InputError(
                    f"{column} of {row[ID]} is {row[column]!r}; expected a number from {low:g} to {high:g}",
                    "correct it",
                )
            table = table.assign(**{column: values})
    return table


def _by_site(table: pd.DataFrame, own: pd.DataFrame, name: str) -> pd.DataFrame:
    if ID in own:
        raise InputError(f"{name} has the columns stimulus_id and site", "keep one of them")
    if not any(column in own for column in LIMITS):
        raise InputError(
            f"{name} has none of the columns {', '.join(LIMITS)}", "add those that sites differ in", code="missing"
        )
    if own[SITE].isna().any() or own[SITE].duplicated().any():
        raise InputError(f"{name} names a site twice, or none in some line", "give each site one line")
    units = sites_of(table)
    listed = set(own[SITE])
    if not units & listed:
        raise InputError(
            f"no stimulus of the set is of a site of {name}",
            f"name its sites: {', '.join(sorted(units)[:5]) or 'it has none'}",
        )
    if silent := sorted(units - listed):
        raise InputError(f"{name} has no line for the site {silent[0]!r}", "give each site one line", code="missing")
    if taken := [column for column in LIMITS if column in own and column in table]:
        raise InputError(f"{name} has the column {taken[0]!r}, as the set does", "leave it out of one of them")
    placed = table[UNIT].isin(listed)
    if together := list(table.loc[~placed & table[UNIT].notna(), "stimulus_id"].astype(str)):
        warnings.warn(
            f"{name} gives no place to {together[0]} ({len(together)} stimuli), made for several sites: the protocol's is taken",
            stacklevel=2,
        )
    columns = [SITE, *(column for column in LIMITS if column in own)]
    return table.merge(own[columns].rename(columns={SITE: UNIT}), on=UNIT, how="left")


def sites_of(table: pd.DataFrame) -> set[str]:
    """The sites that stimuli of a set were made for, one each, but for goals that are of several."""
    if UNIT not in table:
        return set()
    alone = table[[not goal_shown(goal).several for goal in table["goal"].fillna("")]] if "goal" in table else table
    return set(alone[UNIT].dropna().astype(str))


def own_places(row: Mapping[Any, Any]) -> dict[str, Any]:
    """What a row of a set says of the place and the size of its image."""
    return {name: row[name] for name in LIMITS if row.get(name) is not None and not pd.isna(row[name])}


def own_settings(row: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that hold for one stimulus: its own place and size in the place of those for all.

    Raises:
        InputError: it has a size of its own and size=native is set.
    """
    own: dict[str, Any] = {name: float(value) for name, value in own_places(row).items()}
    if "size_deg" in own and settings["size"] == "native":
        raise InputError(
            f"size=native shows images 1:1, and {row[ID]} has a size_deg of its own",
            "leave one of them out",
            code="mismatch",
        )
    if "x_deg" in own or "y_deg" in own:
        own |= {"eccentricity_deg": None, "polar_angle_deg": None}
    return {**settings, **own}
