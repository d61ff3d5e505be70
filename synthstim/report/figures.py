"""The interactive figures, as plotly's data and layout; colours are names that the page's scheme gives a value.

Texts that come from the set are escaped here: plotly reads labels as HTML.
"""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import pandas as pd

from synthstim.goals.shown import goal_shown
from synthstim.modalities.base import Modality
from synthstim.report.cards import Row, layer_of, rows_of, status_of, stem
from synthstim.report.distributions import Distribution, density, pooled
from synthstim.report.groups import null_distributions
from synthstim.report.numbers import known, number, percent, text
from synthstim.stimulus_set import StimulusSet

Figure = dict[str, Any]
MEASURES = {"match_db": "match, dB (20 log10)", "pearson": "Pearson correlation", "spearman": "Spearman correlation"}
PALETTE = 8
_CURVE_POINTS = 120


def null_figures(stimuli: StimulusSet) -> dict[str, Figure]:
    """For each measure, a row a layer: the null distribution of all references and every metamer on it."""
    nulls = [
        item for part in stimuli.parts.values() for item in null_distributions(part.companion("null.tsv.gz")).items()
    ]
    metamers = [row for row in rows_of(stimuli) if row["kind"] == "metamer"]
    layers = list(dict.fromkeys(map(layer_of, metamers)))
    figures = {}
    for measure in MEASURES:
        rows = [row for row in metamers if known(row[measure])]
        of_layer = {layer: [null for key, null in nulls if key[1:] == (layer, measure)] for layer in layers}
        if rows and any(of_layer.values()):
            figures[measure] = _null_figure(rows, layers, of_layer, measure, stimuli.modality)
    return figures


def _null_figure(
    rows: list[Row], layers: list[str], of_layer: dict[str, list[Distribution]], measure: str, modality: Modality
) -> Figure:
    values = np.array([float(row[measure]) for row in rows])
    ends = [end for nulls in of_layer.values() for null in nulls for end in (null.value[0], null.value[-1])]
    low, high = min(values.min(), *ends), max(values.max(), *ends)
    grid = np.linspace(low - 0.03 * (high - low), high + 0.03 * (high - low), 241)
    data = []
    for index, layer in enumerate(layers):
        base = len(layers) - 1 - index
        if of_layer[layer]:
            data.append(_ridge(pooled(of_layer[layer]), grid, base, layer, modality))
        data += _null_marks([row for row in rows if layer_of(row) == layer], measure, base, layer)
    legend_once(data)
    layout = {
        "height": 110 + 74 * len(layers),
        "xaxis": {"title": {"text": MEASURES[measure]}, "zeroline": False},
        "yaxis": {
            "tickvals": [len(layers) - 1 - index for index in range(len(layers))],
            "ticktext": [short(layer) for layer in layers],
            "range": [-0.15, len(layers) - 0.05],
            "zeroline": False,
        },
    }
    return {"data": data, "layout": layout}


def _ridge(samples: np.ndarray, grid: np.ndarray, base: int, layer: str, modality: Modality) -> Figure:
    line = {"color": "--null-line", "width": 1}
    heights = base + 0.82 * density(samples, grid)
    return {
        "type": "scatter", "mode": "lines", "name": f"null: pairs of different {modality.naturals}", "legendgroup": "null",
        "x": [*_short_floats(grid), *_short_floats(grid[::-1])],
        "y": [*_short_floats(heights), *[base] * len(grid)], "fill": "toself", "fillcolor": "--null-fill",
        "line": line, "hoverinfo": "skip", "meta": {"layer": layer},
    }  # fmt: skip


def _null_marks(rows: list[Row], measure: str, base: int, layer: str) -> list[Figure]:
    references = list(dict.fromkeys(text(row["reference"]) for row in rows))
    traces = []
    for status in dict.fromkeys(map(status_of, rows)):
        chosen = [row for row in rows if status_of(row) == status]
        # References stand above one another, so that marks at the same value do not hide each other.
        heights = [
            base + 0.1 + 0.6 * references.index(text(row["reference"])) / max(len(references) - 1, 1) for row in chosen
        ]
        traces.append(
            {
                "type": "scatter", "mode": "markers", "name": f"metamer, {safe(status)}", "legendgroup": safe(status),
                "x": [float(row[measure]) for row in chosen], "y": heights,
                "text": [_null_hover(row) for row in chosen], "hovertemplate": "%{text}<extra></extra>",
                "marker": _marker(status, "circle"),
                "meta": {"kind": "metamer", "layer": layer, "status": status},
            }
        )  # fmt: skip
    return traces


def _null_hover(row: Row) -> str:
    return (
        f"<b>{row['stimulus_id']}</b> of {safe(stem(text(row['reference'])))}<br>match {number(row['match_db'], '.1f')} dB, "
        f"Pearson {number(row['pearson'], '.4f')}, Spearman {number(row['spearman'], '.4f')}<br>"
        f"null percentile {percent(row['null_percentile'])}"
    )


def controller_figure(stimuli: StimulusSet) -> Figure | None:
    """Every controller's activation against its best natural one's, with the line of equality."""
    rows = [
        row
        for row in rows_of(stimuli)
        if row["kind"] == "controller" and known(row["activation"]) and known(row["best_natural"])
    ]
    if not rows:
        return None
    modality = stimuli.modality
    every = [float(row[name]) for row in rows for name in ("activation", "best_natural")]
    pad = 0.06 * ((max(every) - min(every)) or 1.0)
    low, high = min(every) - pad, max(every) + pad
    data: list[Figure] = [
        {"type": "scatter", "mode": "lines", "name": f"as the best natural {modality.name}", "x": [low, high], "y": [low, high],
         "line": {"color": "--muted", "width": 1, "dash": "dot"}, "hoverinfo": "skip", "meta": {}}
    ]  # fmt: skip
    for goal, layer, status in dict.fromkeys((text(row["goal"]), layer_of(row), status_of(row)) for row in rows):
        chosen = [row for row in rows if (text(row["goal"]), layer_of(row), status_of(row)) == (goal, layer, status)]
        data.append(_controller_marks(chosen, goal, layer, status))
    legend_once(data)
    layout = {
        "height": 520,
        "xaxis": {
            "title": {"text": f"best natural {modality.name}'s activation"},
            "range": [low, high],
            "zeroline": False,
        },
        "yaxis": {
            "title": {"text": f"controller {modality.name}'s activation"},
            "range": [low, high],
            "zeroline": False,
        },
    }
    return {"data": data, "layout": layout}


def _controller_marks(rows: list[Row], goal: str, layer: str, status: str) -> Figure:
    name = f"{safe(goal_shown(goal).label)}, {safe(status)}"
    return {
        "type": "scatter", "mode": "markers", "name": name, "legendgroup": name,
        "x": [float(row["best_natural"]) for row in rows], "y": [float(row["activation"]) for row in rows],
        "text": [
            f"<b>{row['stimulus_id']}</b><br>unit {safe(text(row['unit']))} of {safe(layer)}<br>activation "
            f"{number(row['activation'])}, best natural {number(row['best_natural'])}"
            for row in rows
        ],
        "hovertemplate": "%{text}<extra></extra>", "marker": _marker(status, goal_shown(goal).symbol, 11),
        "meta": {"kind": "controller", "layer": layer, "status": status},
    }  # fmt: skip


def curves_figure(stimuli: StimulusSet) -> Figure | None:
    """Score against evaluations, a panel a goal, a line a stimulus, a colour a layer; failed ones are dashed."""
    curves = dict(iter(stimuli.companion("curves.tsv.gz").groupby("stimulus_id", sort=False)))
    rows = [row for row in rows_of(stimuli) if row["stimulus_id"] in curves]
    if not rows:
        return None
    # Failed ones last: drawn on top, and the legend shows a solid line where a layer has one.
    rows.sort(key=lambda row: status_of(row) == "failed")
    goals = list(dict.fromkeys(text(row["goal"], "no goal") for row in rows))
    layers = list(dict.fromkeys(map(layer_of, rows)))
    data = [
        _curve(row, curves[row["stimulus_id"]], goals.index(text(row["goal"], "no goal")), layers.index(layer_of(row)))
        for row in rows
    ]
    legend_once(data)
    return {"data": data, "layout": _panels(goals)}


def _curve(row: Row, curve: pd.DataFrame, panel: int, colour: int) -> Figure:
    points = curve[["evaluation", "score"]].apply(pd.to_numeric, errors="coerce").dropna().sort_values("evaluation")
    # Enough points for the line's shape; the first and the last always stay.
    points = points.iloc[
        np.unique(np.linspace(0, max(len(points) - 1, 0), _CURVE_POINTS).round().astype(int))[: len(points)]
    ]
    layer, status, axis = layer_of(row), status_of(row), str(panel + 1) if panel else ""
    line = {"color": f"--c{colour % PALETTE}", "width": 1.6, "dash": "dash" if status == "failed" else "solid"}
    return {
        "type": "scatter", "mode": "lines", "name": short(layer), "legendgroup": safe(layer),
        "x": _short_floats(points["evaluation"].to_numpy(float)), "y": _short_floats(points["score"].to_numpy(float)),
        "xaxis": f"x{axis}", "yaxis": f"y{axis}", "line": line, "opacity": 0.85,
        "hovertemplate": f"<b>{row['stimulus_id']}</b>, {safe(status)}<br>evaluation %{{x}}, score %{{y:.4g}}<extra></extra>",
        "meta": {"kind": text(row["kind"]), "layer": layer, "status": status},
    }  # fmt: skip


def _panels(goals: list[str]) -> Figure:
    columns = 2 if len(goals) in (2, 4) else min(len(goals), 3)
    lines = -(-len(goals) // columns)
    layout: Figure = {
        "height": 90 + 320 * lines,
        "grid": {"rows": lines, "columns": columns, "pattern": "independent", "xgap": 0.16, "ygap": 0.34},
        "margin": {"l": 60, "r": 28, "t": 72, "b": 50},
        "annotations": [],
    }
    for index, goal in enumerate(goals):
        axis = str(index + 1) if index else ""
        layout[f"xaxis{axis}"] = {"title": {"text": "evaluations"}, "rangemode": "tozero", "zeroline": False}
        layout[f"yaxis{axis}"] = {"title": {"text": "score"} if index % columns == 0 else {}, "zeroline": False}
        layout["annotations"].append(
            {"text": f"<b>{safe(goal_shown(goal).label)}</b>", "xref": f"x{axis} domain", "yref": f"y{axis} domain",
             "x": 0, "y": 1.0, "xanchor": "left", "yanchor": "bottom", "showarrow": False}
        )  # fmt: skip
    return layout


def _marker(status: str, symbol: str, size: int = 9) -> Figure:
    colour = {"passed": "--passed", "failed": "--failed"}.get(status, "--ink")
    return {
        "symbol": "x" if status == "failed" and symbol == "circle" else symbol,
        "size": size, "color": colour, "line": {"color": "--card", "width": 1},
    }  # fmt: skip


def legend_once(data: list[Figure]) -> None:
    """Give each group of traces one entry in the legend."""
    seen: set[str] = set()
    for trace in data:
        group = str(trace.get("legendgroup", trace["name"]))
        trace["showlegend"] = group not in seen
        seen.add(group)


def safe(words: str) -> str:
    """Text of the set where plotly would read markup."""
    # %{ would be read as a template's variable.
    return html.escape(words, quote=False).replace("%{", "%&#123;")


def short(words: str, length: int = 32) -> str:
    """The same, cut to fit."""
    return safe(words if len(words) <= length else f"{words[: length - 1]}…")


def _short_floats(values: np.ndarray) -> list[float]:
    return [float(f"{value:.5g}") for value in values]
