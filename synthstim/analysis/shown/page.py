"""The analysis as a page: one HTML file with the interactive figures and the tables, which opens offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from synthstim.report.inline import as_script, asset, plain, policy, templates


@dataclass(frozen=True)
class PageTable:
    """A table of the page.

    Attributes:
        heads: of its columns; those of numbers are to the right.
        rows: of cells, as they are shown.
        numbers: which columns hold numbers.
        out: which rows are marked as left out.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()
    out: frozenset[int] = frozenset()


@dataclass(frozen=True)
class PageSection:
    """A section of the page: what it is about, perhaps a figure, perhaps a table."""

    key: str
    heading: str
    about: str = ""
    plot: Mapping[str, Any] | None = None
    table: PageTable | None = None
    points: tuple[str, ...] = ()
    count: str = ""


def render(*, title: str, over: str, lead: str, sections: Sequence[PageSection]) -> str:
    """The page's HTML.

    Args:
        over: what kind of experiment it is.
        lead: a sentence on who is in it.
        sections: in order.
    """
    plotly, script = as_script(get_plotlyjs()), as_script(asset("plots.js") + asset("draw.js"))
    return (
        templates(Path(__file__).parent)
        .get_template("analysis.html.j2")
        .render(
            title=title,
            over=over,
            lead=lead,
            sections=sections,
            figures=plain({section.key: section.plot for section in sections if section.plot}),
            css=asset("report.css"),
            scripts=(plotly, script),
            policy=policy(plotly, script),
        )
    )
