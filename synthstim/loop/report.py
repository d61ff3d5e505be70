"""The page of a generation: predicted against measured, what was gained, levels and drift, from generation 0 on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from plotly.offline import get_plotlyjs

from synthstim.loop.generation import ROLES, Generation
from synthstim.loop.measure import FDR
from synthstim.loop.pictures import pictures_of
from synthstim.loop.session import LoopSession
from synthstim.loop.tonight import what_to_do
from synthstim.report.inline import as_label, as_script, asset, plain, policy, templates, write_text
from synthstim.report.numbers import number, text

# Points of a scatter; more of them are drawn at random.
MOST_POINTS = 4000
# Figures of single sites: more of them make a slow page.
MOST_SITES = 60
_COLOURS = {"natural": "--other", "anchor": "--c1", "exploit": "--accent", "explore": "--c2", "control": "--c3"}


def write_loop_report(session: LoopSession, generation: Generation) -> Path:
    """Write ``report.html`` of a generation, which shows all generations up to it, and opens offline."""
    known = session.generations[: generation.number + 1]
    plotly, script = as_script(get_plotlyjs()), as_script(asset("plots.js") + asset("draw.js"))
    newest = known[::-1]
    by_site = site_figures(generation)
    figures = {one.name: scatter(one) for one in newest} | {"gains": gain_figure(known)} | by_site
    media, groups = pictures_of(generation)
    page = (
        templates(media.home, Path(__file__).parent)
        .get_template("report.html.j2")
        .render(
            title=session.root.resolve().name,
            generation=generation.number,
            generations=[_generation(one) for one in newest],
            advice=what_to_do(session, generation),
            groups=groups,
            by_site=list(by_site),
            gained=bool(len(figures["gains"]["data"])),
            fdr=f"{FDR:.0%}",
            tolerance=session.settings.level_tolerance,
            figures=plain(figures),
            css=asset("report.css"),
            scripts=(plotly, script),
            policy=policy(plotly, script),
        )
    )
    return write_text(generation.root / "report.html", page)


def summary(generation: Generation) -> dict[str, float]:
    """Medians over sites, and over the goals that raise a response: NaN where there is none.

    Returns:
        ``score``, ``reliability``, ``r_predicted``, ``promise``, ``covered``, ``drift``, ``gain``, ``gained`` (share of sites with q below ``FDR``).
    """
    sites, gains = generation.table("sites.tsv"), generation.table("gains.tsv")
    out = {
        name: _median(sites, name) for name in ("score", "reliability", "r_predicted", "promise", "covered", "drift")
    }
    out["gain"], out["gained"] = _median(gains, "gain"), float("nan")
    if len(gains) and gains["q"].notna().any():
        out["gained"] = float((gains["q"].dropna() < FDR).mean())
    return out


def scatter(generation: Generation) -> dict[str, Any]:
    """Measured against predicted mean responses, one point an image and site, coloured by why the image was shown."""
    table = generation.table("predicted.tsv").dropna(subset=["predicted", "measured"])
    if len(table) > MOST_POINTS:
        table = table.sample(MOST_POINTS, random_state=0)
    data: list[dict[str, Any]] = []
    for role, colour in _COLOURS.items():
        part = table[table["role"] == role]
        if len(part):
            data.append(
                {
                    "type": "scatter", "mode": "markers", "name": f"{role}: {ROLES[role]}",
                    "x": part["predicted"].round(4).tolist(), "y": part["measured"].round(4).tolist(),
                    "text": [f"{as_label(row.stimulus_id)}, {as_label(row.site)}" for row in part.itertuples()],
                    "hovertemplate": "%{text}<br>predicted %{x:.3g}, measured %{y:.3g}<extra></extra>",
                    "marker": {"color": colour, "size": 6, "opacity": 0.6},
                }
            )  # fmt: skip
    if len(table):
        ends = [
            float(table[["predicted", "measured"]].min().min()),
            float(table[["predicted", "measured"]].max().max()),
        ]
        data.append(
            {"type": "scatter", "mode": "lines", "name": "equal", "x": ends, "y": ends, "hoverinfo": "skip",
             "line": {"color": "--muted", "width": 1, "dash": "dot"}}
        )  # fmt: skip
    layout = {
        "height": 480,
        "xaxis": {"title": {"text": "predicted mean response"}, "zeroline": False},
        "yaxis": {"title": {"text": "measured mean response"}, "zeroline": False},
    }
    return {"data": data, "layout": layout}


def site_figures(generation: Generation) -> dict[str, Any]:
    """Measured against expected mean responses of each site, with their errors; the first ``MOST_SITES`` of them."""
    table = generation.table("predicted.tsv").dropna(subset=["predicted", "measured"])
    out = {}
    for site, part in list(table.groupby("site", sort=False))[:MOST_SITES]:
        # Generation 0 was predicted by nobody before.
        told = "expected" if part["expected"].notna().any() else "predicted"
        data = [_with_errors(role, own, told) for role in _COLOURS if len(own := part[part["role"] == role])]
        ends = [float(part[[told, "measured"]].min().min()), float(part[[told, "measured"]].max().max())]
        data.append(
            {"type": "scatter", "mode": "lines", "x": ends, "y": ends, "hoverinfo": "skip", "showlegend": False,
             "line": {"color": "--muted", "width": 1, "dash": "dot"}}
        )  # fmt: skip
        layout = {
            "height": 320, "title": {"text": as_label(site)}, "showlegend": False,
            "xaxis": {"title": {"text": f"{told} mean response"}, "zeroline": False},
            "yaxis": {"title": {"text": "measured"}, "zeroline": False},
        }  # fmt: skip
        out[f"site {site}"] = {"data": data, "layout": layout}
    return out


def _with_errors(role: str, part: pd.DataFrame, told: str) -> dict[str, Any]:
    """Points with the standard deviation of what was expected, and the standard error of what was measured."""
    bars = {
        axis: {"type": "data", "array": part[name].fillna(0.0).round(4).tolist(), "thickness": 1, "width": 0}
        for axis, name in (("error_x", "sd"), ("error_y", "error"))
    }
    return {
        "type": "scatter", "mode": "markers", "name": role, **bars,
        "x": part[told].round(4).tolist(), "y": part["measured"].round(4).tolist(),
        "text": [as_label(name) for name in part["stimulus_id"]],
        "hovertemplate": "%{text}<br>" + told + " %{x:.3g}, measured %{y:.3g}<extra></extra>",
        "marker": {"color": _COLOURS[role], "size": 6, "opacity": 0.7},
    }  # fmt: skip


def gain_figure(generations: list[Generation]) -> dict[str, Any]:
    """Responses to what was made over those to the best natural images shown beside it, one point a site and goal."""
    parts = [one.table("gains.tsv").assign(generation=one.number) for one in generations]
    table = (
        pd.concat([part for part in parts if len(part)], ignore_index=True) if any(map(len, parts)) else pd.DataFrame()
    )
    data: list[dict[str, Any]] = []
    for at, (goal, part) in enumerate(table.dropna(subset=["gain"]).groupby("goal", sort=False) if len(table) else ()):
        middle = part.groupby("generation")["gain"].median()
        colour = f"--c{at % 8}"
        data.append(
            {"type": "scatter", "mode": "markers", "name": str(goal), "x": part["generation"].tolist(),
             "y": part["gain"].round(4).tolist(), "text": [as_label(name) for name in part["target"]],
             "hovertemplate": "%{text}<br>gain %{y:.3g}<extra></extra>", "marker": {"color": colour, "size": 7, "opacity": 0.6}}
        )  # fmt: skip
        data.append(
            {"type": "scatter", "mode": "lines", "name": f"{goal}, median", "x": middle.index.tolist(),
             "y": middle.round(4).tolist(), "line": {"color": colour, "width": 2}, "hoverinfo": "skip"}
        )  # fmt: skip
    layout = {
        "height": 380,
        "xaxis": {"title": {"text": "generation"}, "dtick": 1, "zeroline": False},
        "yaxis": {"title": {"text": "response made / best natural"}, "zeroline": False},
    }
    return {"data": data, "layout": layout}


def _generation(generation: Generation) -> dict[str, Any]:
    facts, predicted = summary(generation), generation.table("predicted.tsv")
    by = text(predicted["predicted_by"].iloc[0]) if len(predicted) else ""
    return {
        "name": generation.name,
        "number": generation.number,
        "images": len(generation.stimuli),
        "by": by,
        "taken": generation.taken,
        **{name: number(value, ".3f") for name, value in facts.items()},
        "roles": _roles(generation),
        "sites": _rows(generation.table("sites.tsv")),
        "gains": _rows(generation.table("gains.tsv")),
        "levels": _rows(generation.table("levels.tsv")),
    }


def _roles(generation: Generation) -> list[tuple[str, str, int]]:
    counts = generation.plan.drop_duplicates("stimulus_id")["role"].value_counts()
    return [(role, ROLES[role], int(counts[role])) for role in ROLES if role in counts]


def _rows(table: pd.DataFrame) -> list[dict[str, str]]:
    return [
        {str(key): number(value, ".3g") if isinstance(value, float) else text(value) for key, value in row.items()}
        for row in table.to_dict("records")
    ]


def _median(table: pd.DataFrame, name: str) -> float:
    return float(table[name].median()) if len(table) and name in table else float("nan")
