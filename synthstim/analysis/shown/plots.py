"""The figures of the page, as plotly's data and layout; colours are the page's names for them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from synthstim.analysis.answered.study import NATURAL, Study
from synthstim.analysis.by_condition.measure import Measure
from synthstim.analysis.psychometric import Levels, PsychometricCurve
from synthstim.analysis.shown.figure import places, series
from synthstim.report.inline import as_label
from synthstim.report.numbers import number

_PALETTE = 8
Plot = dict[str, Any]


def by_condition_plot(study: Study, table: pd.DataFrame, cells: pd.DataFrame, measure: Measure) -> Plot:
    """What was measured in each condition: the group with its intervals, and each participant as a dot.

    Args:
        table: of the group: ``condition participants trials low high`` and the measure's column.
        cells: of the participants who are drawn: ``participant condition`` and the measure's column.
    """
    at, column = places(study), measure.column
    known = cells[cells[column].notna()]
    data: list[Plot] = [
        {
            "type": "scatter", "mode": "markers", "name": "participants",
            "x": [at[name] for name in known["condition"]], "y": known[column].tolist(),
            "text": [_participant(row, column) for row in known.to_dict("records")],
            "hovertemplate": "%{text}<extra></extra>", "marker": {"color": "--other", "size": 6, "opacity": 0.5},
        }
    ]  # fmt: skip
    colours = _colours()
    for name, (_, conditions) in series(study).items():
        colour = "--ink" if name == NATURAL else next(colours)
        named = as_label(name or ("stages" if study.is_listening else "conditions"))
        data.append(_series(table[table["condition"].isin(conditions)], at, named, colour, column))
    right = max(at.values()) + 0.6
    if measure.chance == measure.chance:
        data.append(_chance(measure.chance, -0.6, right, f"chance, 1 in {study.one_in}"))
    margin = 0.03 * (measure.high - measure.low)
    layout = {
        "height": 460,
        "xaxis": {
            "tickvals": list(at.values()), "ticktext": [as_label(study.label(name)) for name in at],
            "range": [-0.6, right], "zeroline": False, "showgrid": False,
        },
        "yaxis": {
            "title": {"text": measure.title.lower() if measure.is_proportion else measure.title},
            "range": [measure.low - margin, measure.high + margin], "zeroline": False,
        },
    }  # fmt: skip
    return {"data": data, "layout": layout}


def _participant(row: Mapping[Any, Any], column: str) -> str:
    told = f"{row['correct']} of {row['trials']}" if "correct" in row else number(row[column], ".3g")
    return f"participant {row['participant']}, {as_label(row['condition'])}: {told}"


def _series(rows: pd.DataFrame, at: dict[str, float], name: str, colour: str, column: str) -> Plot:
    rows = rows[rows[column].notna()]
    return {
        "type": "scatter", "mode": "lines+markers", "name": name,
        "x": [at[condition] for condition in rows["condition"]], "y": rows[column].tolist(),
        "error_y": _bars(rows[column], rows["low"], rows["high"], colour),
        "text": [
            f"<b>{as_label(row['condition'])}</b>: {number(row[column], '.3f')} ({number(row['low'], '.3f')} to "
            f"{number(row['high'], '.3f')}), {row['participants']} participants, {row['trials']} trials"
            for row in rows.to_dict("records")
        ],
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": colour, "width": 2}, "marker": {"color": colour, "size": 9},
    }  # fmt: skip


def _bars(values: pd.Series, low: pd.Series, high: pd.Series, colour: str) -> Plot:
    return {
        "type": "data", "symmetric": False, "array": (high - values).tolist(), "arrayminus": (values - low).tolist(),
        "color": colour, "thickness": 1.6, "width": 5,
    }  # fmt: skip


def psychometric_plot(levels: Levels, curves: Mapping[str, PsychometricCurve], table: pd.DataFrame) -> Plot:
    """The fitted functions, the proportions that they were fitted to (the larger the more answers), and thresholds.

    Args:
        table: from ``thresholds_by_curve``.
    """
    data: list[Plot] = []
    colours = _colours()
    most = max((int(curve.trials.max()) for curve in curves.values()), default=1)
    for name, curve in curves.items():
        colour, label = next(colours), as_label(name)
        x = np.linspace(curve.levels.min(), curve.levels.max(), 120)
        shares = curve.correct / curve.trials
        data.append(
            {"type": "scatter", "mode": "lines", "name": label, "x": x.tolist(), "y": curve.proportion(x).tolist(),
             "line": {"color": colour, "width": 2}, "hoverinfo": "skip"}
        )  # fmt: skip
        data.append(
            {
                "type": "scatter", "mode": "markers", "name": label, "showlegend": False, "x": curve.levels.tolist(),
                "y": shares.tolist(), "text": [f"{right} of {count}" for right, count in zip(curve.correct, curve.trials, strict=True)],
                "hovertemplate": f"{label}, %{{x}}: %{{text}}<extra></extra>",
                "marker": {"color": colour, "size": (5 + 9 * np.sqrt(curve.trials / most)).tolist(), "opacity": 0.75},
            }
        )  # fmt: skip
        row = table[table["curve"] == name].iloc[0]
        data.append(
            {
                "type": "scatter", "mode": "markers", "name": label, "showlegend": False, "x": [curve.threshold],
                "y": [curve.proportion_at_threshold], "marker": {"color": colour, "size": 9, "symbol": "line-ns-open"},
                "error_x": {
                    "type": "data", "symmetric": False, "array": [row["high"] - curve.threshold],
                    "arrayminus": [curve.threshold - row["low"]], "color": colour, "thickness": 1.6, "width": 5,
                },
                "hovertemplate": f"threshold of {label}: {number(curve.threshold)}<extra></extra>",
            }
        )  # fmt: skip
    if levels.guess is not None:
        values = levels.table["level"]
        data.append(_chance(levels.guess, float(values.min()), float(values.max()), "chance"))
    axis: Plot = {"title": {"text": as_label(levels.over)}, "zeroline": False}
    if levels.ranks:
        axis |= {"tickvals": [*range(1, len(levels.ranks) + 1)], "ticktext": [as_label(name) for name in levels.ranks]}
    said = "proportion of yes" if levels.guess is None else "proportion correct"
    layout = {
        "height": 440, "xaxis": axis, "yaxis": {"title": {"text": said}, "range": [-0.03, 1.03], "zeroline": False},
    }  # fmt: skip
    return {"data": data, "layout": layout}


def times_plot(counted: pd.DataFrame, study: Study) -> Plot:
    """A histogram of the times, up to their 99th percentile; conditions are shown where their names are clicked on.

    Args:
        counted: from ``times_of``.
    """
    most = float(counted["response_time"].quantile(0.99)) or 1.0
    edges = np.linspace(0, most, 41)
    middles = ((edges[:-1] + edges[1:]) / 2).tolist()
    conditions = {name: counted.loc[counted["condition"] == name, "response_time"] for name in study.names}
    shown = {"all": counted["response_time"]} | {name: own for name, own in conditions.items() if len(own)}
    colours, data = _colours(), []
    for name, own in shown.items():
        shares = (np.histogram(own, bins=edges)[0] / len(own)).tolist()
        colour = next(colours)
        looks: Plot = {"type": "bar", "marker": {"color": colour}, "opacity": 0.8}
        if name != "all":
            looks = {
                "type": "scatter",
                "mode": "lines",
                "line": {"color": colour, "shape": "hvh"},
                "visible": "legendonly",
            }
        hover = f"{as_label(name)}, %{{x:.2f}} s: %{{y:.3f}}<extra></extra>"
        data.append(looks | {"name": as_label(name), "x": middles, "y": shares, "hovertemplate": hover})
    layout = {
        "height": 360, "bargap": 0.04, "xaxis": {"title": {"text": "time from the last onset, s"}, "zeroline": False},
        "yaxis": {"title": {"text": "share of answers"}, "rangemode": "tozero", "zeroline": False},
    }  # fmt: skip
    return {"data": data, "layout": layout}


def _chance(height: float, left: float, right: float, name: str) -> Plot:
    return {
        "type": "scatter", "mode": "lines", "name": name, "x": [left, right], "y": [height] * 2,
        "line": {"color": "--muted", "width": 1, "dash": "dot"}, "hoverinfo": "skip",
    }  # fmt: skip


def _colours() -> Any:
    return (f"--c{index % _PALETTE}" for index in itertools.count())
