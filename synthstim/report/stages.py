"""The figure of the branch check: every metamer's match at every stage of the observer."""

from __future__ import annotations

import numpy as np

from synthstim.report.cards import Row, layer_of, rows_of, status_of, stem
from synthstim.report.figures import PALETTE, Figure, legend_once, safe, short
from synthstim.report.numbers import number, text
from synthstim.report.profiles import MatchProfile, profiles
from synthstim.stimulus_set import StimulusSet


def stages_figure(stimuli: StimulusSet) -> Figure | None:
    """Match against stage: a thin line a metamer, the median of those of a layer thick, a star at each matched stage."""
    found = profiles(stimuli)
    rows = [row for row in rows_of(stimuli) if row["stimulus_id"] in found]
    if not rows:
        return None
    stages = list(dict.fromkeys(stage.layer for row in rows for stage in found[row["stimulus_id"]].stages))
    layers = list(dict.fromkeys(map(layer_of, rows)))
    data = []
    for layer in layers:
        colour = f"--c{layers.index(layer) % PALETTE}"
        mine = [row for row in rows if layer_of(row) == layer]
        data.append(_median([found[row["stimulus_id"]] for row in mine], stages, layer, colour))
        data += [_line(row, found[row["stimulus_id"]], stages, colour) for row in mine]
    legend_once(data)
    layout = {
        "height": 460,
        "xaxis": {
            "tickvals": list(range(len(stages))),
            "ticktext": [short(stage, 24) for stage in stages],
            "range": [-0.4, len(stages) - 0.6],
            "zeroline": False,
        },
        "yaxis": {"title": {"text": "match, dB (20 log10)"}},
    }
    return {"data": data, "layout": layout}


def _line(row: Row, profile: MatchProfile, stages: list[str], colour: str) -> Figure:
    layer, status = layer_of(row), status_of(row)
    name = f"<b>{row['stimulus_id']}</b> of {safe(stem(text(row['reference'])))}, {safe(status)}"
    return {
        "type": "scatter", "mode": "lines+markers", "name": short(layer), "legendgroup": safe(layer),
        "x": [stages.index(stage.layer) for stage in profile.stages],
        "y": [round(stage.match_db, 2) for stage in profile.stages],
        "text": [
            f"{name}<br>{safe(stage.layer)}{', matched' if stage.matched else ''}: {number(stage.match_db, '.1f')} dB, "
            f"Pearson {stage.pearson}, Spearman {stage.spearman}"
            for stage in profile.stages
        ],
        "hovertemplate": "%{text}<extra></extra>", "opacity": 0.55,
        "line": {"color": colour, "width": 1, "dash": "dash" if status == "failed" else "solid"},
        "marker": {
            "color": colour,
            "symbol": ["star" if stage.matched else "circle" for stage in profile.stages],
            "size": [12 if stage.matched else 4 for stage in profile.stages],
        },
        "meta": {"kind": text(row["kind"]), "layer": layer, "status": status},
    }  # fmt: skip


def _median(found: list[MatchProfile], stages: list[str], layer: str, colour: str) -> Figure:
    values: dict[str, list[float]] = {}
    for stage in (stage for profile in found for stage in profile.stages):
        values.setdefault(stage.layer, []).append(stage.match_db)
    order = [stage for stage in stages if stage in values]
    return {
        "type": "scatter", "mode": "lines", "name": short(layer), "legendgroup": safe(layer),
        "x": [stages.index(stage) for stage in order],
        "y": [round(float(np.median(values[stage])), 2) for stage in order],
        "line": {"color": colour, "width": 3}, "hoverinfo": "skip", "meta": {"layer": layer},
    }  # fmt: skip
