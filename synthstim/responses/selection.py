"""Choosing sites, by how reliable they are and by nothing that a model says."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthstim.errors import InputError, counted
from synthstim.files import written_whole

AT_LEAST = 0.5


@dataclass(frozen=True, repr=False)
class Selection:
    """The sites that were chosen, and those that were not.

    Attributes:
        table: that of ``reliability``, with a column ``chosen``.
        at_least: the reliability asked for.
    """

    table: pd.DataFrame
    at_least: float

    @property
    def sites(self) -> tuple[str, ...]:
        """Names of the chosen sites, in the order of the table."""
        return tuple(self.table.loc[self.table["chosen"], "site"])

    def __repr__(self) -> str:
        return f"Selection({len(self.sites)} of {counted(len(self.table), 'site')}, reliability at least {self.at_least:g})"


def select_sites(table: pd.DataFrame, *, at_least: float = AT_LEAST, most: int | None = None) -> Selection:
    """Choose sites on reliability only: choosing on a model's score would make the score mean nothing.

    Args:
        table: that of ``reliability``.
        at_least: the least reliability, from 0 to 1.
        most: how many at most, the most reliable first.

    Raises:
        InputError: the threshold is none, or no site reaches it.

    Example:
        >>> table = pd.DataFrame({"site": ["a", "b"], "reliability": [0.9, 0.2]})
        >>> select_sites(table).sites
        ('a',)
    """
    if not 0 <= at_least < 1:
        raise InputError(f"reliability at least {at_least:g} given; expected 0 up to 1", code="too-few")
    if most is not None and most < 1:
        raise InputError(f"at most {most} sites given; expected 1 or more")
    values = table["reliability"].to_numpy(dtype=np.float64)
    good = np.flatnonzero(values >= at_least)
    if not len(good):
        raise InputError(
            f"no site has a reliability of {at_least:g} or more, the {f'best of {len(table)}' if len(table) > 1 else 'only one'} has {values.max():.2f}",
            "record more repeats, or ask for less",
        )
    chosen = good[np.argsort(-values[good], kind="stable")][:most]
    return Selection(table.assign(chosen=np.isin(np.arange(len(table)), chosen)), at_least)


def reliability_figure(selection: Selection) -> dict[str, Any]:
    """Every site's reliability, the most reliable first, with the threshold: plotly's data and layout."""
    table = selection.table.sort_values("reliability", ascending=False, kind="stable").reset_index(drop=True)
    data: list[dict[str, Any]] = []
    for chosen, name, colour in ((True, "chosen", "#1b7f5c"), (False, "left out", "#b0b4ba")):
        part = table[table["chosen"] == chosen]
        data.append(
            {
                "type": "scatter", "mode": "markers", "name": f"{name} ({len(part)})",
                "x": [int(rank) + 1 for rank in part.index], "y": [round(float(value), 5) for value in part["reliability"]],
                # plotly reads labels as HTML, and %{ as a variable.
                "text": [html.escape(str(site)).replace("%{", "%&#123;") for site in part["site"]],
                "hovertemplate": "%{text}<br>reliability %{y:.3f}<extra></extra>",
                "marker": {"color": colour, "size": 8},
            }
        )  # fmt: skip
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": selection.at_least, "y1": selection.at_least,
            "line": {"color": "#555", "width": 1, "dash": "dot"}}  # fmt: skip
    layout = {
        "title": {"text": f"{len(selection.sites)} of {counted(len(table), 'site')} chosen"},
        "xaxis": {"title": {"text": "site, by reliability"}},
        "yaxis": {"title": {"text": "split-half reliability (Spearman-Brown)"}},
        "shapes": [line],
        "template": "plotly_white",
    }
    return {"data": data, "layout": layout}


def write_reliability(selection: Selection, path: str | Path) -> Path:
    """Write the figure as one HTML file that opens offline."""
    import plotly.graph_objects

    figure = plotly.graph_objects.Figure(reliability_figure(selection))
    path = Path(path)
    with written_whole(path) as part:
        figure.write_html(part, include_plotlyjs=True)
    return path
