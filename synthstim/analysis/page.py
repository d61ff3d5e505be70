"""The analysis as a page: one HTML file with the interactive figure and the tables, which opens offline."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from plotly.offline import get_plotlyjs

from synthstim.analysis.design import NATURAL, Design
from synthstim.analysis.figure import TITLE, label_of, places, series
from synthstim.report.inline import as_label, as_script, asset, plain, policy, templates
from synthstim.report.numbers import known, number, text

_PALETTE = 8
_DRAW = """"use strict";
(() => {
  const spec = JSON.parse(document.getElementById("figures").textContent), figure = document.querySelector(".figure");
  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    plots.react(figure, spec.data.map((trace) => plots.coloured(trace, style)), spec.layout, style);
  };
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
"""


def render(
    design: Design,
    *,
    table: pd.DataFrame,
    cells: pd.DataFrame,
    participants: pd.DataFrame,
    confused: pd.DataFrame,
    caption: str,
    notes: tuple[str, ...],
) -> str:
    """The page's HTML, of the tables that the analysis writes."""
    plotly, script = as_script(get_plotlyjs()), as_script(asset("plots.js") + _DRAW)
    return (
        templates(Path(__file__).parent)
        .get_template("analysis.html.j2")
        .render(
            title=design.title,
            heading=TITLE,
            caption=caption,
            notes=notes,
            conditions=[_condition(row) for row in table.to_dict("records")],
            participants=[_participant(row) for row in participants.to_dict("records")],
            kept=int(participants["kept"].sum()),
            left_out=design.left_out,
            confused=[
                (row["condition"], row["word"], row["answer"], row["count"])
                for row in confused.head(25).to_dict("records")
            ],
            figures=plain(interactive(design, table, cells)),
            css=asset("report.css"),
            scripts=(plotly, script),
            policy=policy(plotly, script),
        )
    )


def _condition(row: Mapping[Any, Any]) -> dict[str, str]:
    def share(name: str) -> str:
        return number(row[name], ".3f")

    return {
        "condition": text(row["condition"]),
        "observer": text(row["observer"]),
        "proportion": share("proportion"),
        "interval": f"{share('low')} to {share('high')}",
        "within": f"{share('within_low')} to {share('within_high')}",
        "pooled": f"{share('pooled')} ({share('pooled_low')} to {share('pooled_high')})",
        "participants": text(row["participants"]),
        "trials": text(row["trials"]),
        "time": number(row["median_rt_s"], ".2f"),
    }


def _participant(row: Mapping[Any, Any]) -> dict[str, str]:
    check = f"{row['headphone_correct']} of {row['headphone_trials']}" if row["headphone_attempts"] else "left out"
    planned = f" of {text(row['main_planned'])}" if known(row["main_planned"]) else ""
    return {
        "participant": text(row["participant"]),
        "kept": "kept" if row["kept"] else "left out",
        "reason": text(row["reason"]),
        "headphone": check + (f", attempt {row['headphone_attempts']}" if row["headphone_attempts"] > 1 else ""),
        "catch": f"{row['catch_correct']} of {row['catch_trials']}" if row["catch_trials"] else "none",
        "main": f"{row['main_answered']}{planned}",
        "interrupted": text(row["main_interrupted"]),
    }


def interactive(design: Design, table: pd.DataFrame, cells: pd.DataFrame) -> dict[str, Any]:
    """The figure as plotly's data and layout; colours are the page's names for them."""
    at = places(design)
    kept = cells[cells["kept"] & (cells["trials"] > 0)]
    data: list[dict[str, Any]] = [
        {
            "type": "scatter", "mode": "markers", "name": "participants",
            "x": [at[name] for name in kept["condition"]], "y": kept["proportion"].tolist(),
            "text": [
                f"participant {row.participant}, {as_label(row.condition)}: {row.correct} of {row.trials}"
                for row in kept.itertuples()
            ],
            "hovertemplate": "%{text}<extra></extra>", "marker": {"color": "--other", "size": 6, "opacity": 0.5},
        }
    ]  # fmt: skip
    colours = (f"--c{index % _PALETTE}" for index in itertools.count())
    for name, (_, conditions) in series(design).items():
        colour = "--ink" if name == NATURAL else next(colours)
        data.append(_series(table[table["condition"].isin(conditions)], at, as_label(name or "stages"), colour))
    right = max(at.values()) + 0.6
    data.append(
        {"type": "scatter", "mode": "lines", "name": f"chance, 1 in {design.one_in}", "x": [-0.6, right],
         "y": [design.chance] * 2, "line": {"color": "--muted", "width": 1, "dash": "dot"}, "hoverinfo": "skip"}
    )  # fmt: skip
    layout = {
        "height": 460,
        "xaxis": {
            "tickvals": list(at.values()), "ticktext": [as_label(label_of(design, name)) for name in at],
            "range": [-0.6, right], "zeroline": False, "showgrid": False,
        },
        "yaxis": {"title": {"text": TITLE.lower()}, "range": [-0.03, 1.03], "zeroline": False},
    }  # fmt: skip
    return {"data": data, "layout": layout}


def _series(rows: pd.DataFrame, at: dict[str, float], name: str, colour: str) -> dict[str, Any]:
    rows = rows[rows["proportion"].notna()]
    return {
        "type": "scatter", "mode": "lines+markers", "name": name,
        "x": [at[condition] for condition in rows["condition"]], "y": rows["proportion"].tolist(),
        "error_y": {
            "type": "data", "symmetric": False, "array": (rows["high"] - rows["proportion"]).tolist(),
            "arrayminus": (rows["proportion"] - rows["low"]).tolist(), "color": colour, "thickness": 1.6, "width": 5,
        },
        "text": [
            f"<b>{as_label(row.condition)}</b>: {number(row.proportion, '.3f')} ({number(row.low, '.3f')} to "
            f"{number(row.high, '.3f')}), {row.participants} participants, {row.trials} trials"
            for row in rows.itertuples()
        ],
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": colour, "width": 2}, "marker": {"color": colour, "size": 9},
    }  # fmt: skip
