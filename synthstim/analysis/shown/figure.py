"""The figure that papers print, as SVG: what was measured against stage or condition, natural stimuli first."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from synthstim.analysis.answered.study import NATURAL, Study
from synthstim.analysis.by_condition.measure import Measure

# Okabe & Ito's colours, which people with any colour vision tell apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
NATURAL_COLOUR = "#1a1a1a"
_STEP, _LEFT, _RIGHT, _TOP, _HEIGHT = 58.0, 58.0, 24.0, 22.0, 250.0
_TILT, _CHARACTER = 35.0, 6.4


def places(study: Study) -> dict[str, float]:
    """Where each condition stands: natural at 0, stages from 1.3 on in order, a gap before each further model."""
    found: dict[str, float] = {}
    at, before = 0.0, None
    for name in study.names:
        line = NATURAL if study.stands_apart(name) else study.line(name)
        if found:
            at += 1.3 if before == NATURAL or line != before else 1.0
        found[name] = at
        before = line
    return found


def series(study: Study) -> dict[str, tuple[str, list[str]]]:
    """What is joined by a line: each model's stages. Name -> (colour, conditions)."""
    apart = [name for name in study.names if study.stands_apart(name)]
    found = {NATURAL: (NATURAL_COLOUR, apart)} if apart else {}
    lines = list(dict.fromkeys(study.line(name) for name in study.names if name not in apart))
    for index, line in enumerate(lines):
        own = [name for name in study.names if name not in apart and study.line(name) == line]
        found[line] = (COLOURS[index % len(COLOURS)], own)
    return found


def caption(study: Study, participants: pd.DataFrame, table: pd.DataFrame, measure: Measure) -> str:
    """What a reader must know of the figure, in words."""
    kept, came = int(participants["kept"].sum()), len(participants)
    who = f"{kept} of {came} participants" if kept < came else f"{kept} participant{'' if kept == 1 else 's'}"
    trials = table["trials"] / table["participants"].clip(lower=1)
    low, high = (f"{trials.min():.0f}", f"{trials.max():.0f}") if len(trials) else ("0", "0")
    each = low if low == high else f"{low} to {high}"
    error = (
        "bars are 95 % confidence intervals of the mean over participants" if kept > 1 else "one participant: no bars"
    )
    chance = f"; the dotted line is chance (1 in {study.one_in})" if measure.chance == measure.chance else ""
    return f"{who}, {each} trials a condition; {error}; dots are participants{chance}."


def draw(study: Study, table: pd.DataFrame, cells: pd.DataFrame, words: str, measure: Measure) -> str:
    """The figure as an SVG document that needs no other file.

    Args:
        study: conditions in order.
        words: the caption, kept as the drawing's description.
        measure: the column that is drawn, and its scale.
    """
    at = places(study)
    labels = {name: study.label(name) for name in study.names}
    longest = max(len(label) for label in labels.values())
    # Tilted labels reach down, and the first one to the left.
    below = 20 + longest * _CHARACTER * math.sin(math.radians(_TILT)) + 14
    left = max(_LEFT, 12 + len(labels[study.names[0]]) * _CHARACTER * math.cos(math.radians(_TILT)) - _STEP / 2)
    width = left + _STEP * (max(at.values()) + 1) + _RIGHT
    height = _TOP + _HEIGHT + below + 26
    scale = _Scale(measure)
    x = {name: left + _STEP * (place + 0.5) for name, place in at.items()}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#1a1a1a">',
        f"<title>{measure.title}: {_safe(study.title)}</title><desc>{_safe(words)}</desc>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        *_axes(left, width - _RIGHT, scale),
        *(_text(x[name], _TOP + _HEIGHT + 18, label, tilt=True) for name, label in labels.items()),
        *_participants(cells, x, scale),
    ]
    for colour, names in series(study).values():
        parts += _series(table[table["condition"].isin(names)], x, colour, scale)
    parts += _legend(study, left, height - 10)
    return "\n".join([*parts, "</svg>\n"])


class _Scale:
    """Heights of values: the measure's ends are those of the axis."""

    def __init__(self, measure: Measure) -> None:
        self.measure = measure
        self._span = (measure.high - measure.low) or 1.0

    def __call__(self, value: float) -> float:
        # An interval may reach beyond what can be answered; the drawing does not.
        value = min(max(value, self.measure.low), self.measure.high)
        return _TOP + _HEIGHT * (1 - (value - self.measure.low) / self._span)

    @property
    def ticks(self) -> list[float]:
        if self.measure.is_proportion:
            return [0, 0.2, 0.4, 0.6, 0.8, 1]
        return [float(tick) for tick in np.linspace(self.measure.low, self.measure.low + self._span, 6)]


def _axes(left: float, right: float, y: _Scale) -> Iterator[str]:
    for tick in y.ticks:
        yield f'<line x1="{left - 5:.1f}" x2="{left:.1f}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#1a1a1a"/>'
        yield f'<text x="{left - 9:.1f}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:.4g}</text>'
    yield f'<path d="M{left:.1f},{_TOP:.1f} V{_TOP + _HEIGHT:.1f} H{right:.1f}" fill="none" stroke="#1a1a1a"/>'
    if y.measure.chance == y.measure.chance:
        height = y(y.measure.chance)
        yield (
            f'<line class="chance" x1="{left:.1f}" x2="{right:.1f}" y1="{height:.1f}" y2="{height:.1f}" stroke="#777777" '
            'stroke-dasharray="2 3"/>'
        )
    middle, title = _TOP + _HEIGHT / 2, y.measure.title.lower()
    yield f'<text x="16" y="{middle:.1f}" text-anchor="middle" transform="rotate(-90 16 {middle:.1f})">{title}</text>'


def _participants(cells: pd.DataFrame, x: dict[str, float], y: _Scale) -> Iterator[str]:
    for name, rows in cells[cells["kept"] & (cells["trials"] > 0)].groupby("condition"):
        # Side by side in the order of their numbers: the same data give the same drawing.
        offsets = np.linspace(-9, 9, len(rows)) if len(rows) > 1 else [0.0]
        for offset, value in zip(offsets, rows[y.measure.column], strict=True):
            yield f'<circle cx="{x[str(name)] + offset:.1f}" cy="{y(value):.1f}" r="1.8" fill="#9a9a9a" fill-opacity="0.55"/>'


def _series(rows: pd.DataFrame, x: dict[str, float], colour: str, y: _Scale) -> Iterator[str]:
    known = rows[rows[y.measure.column].notna()]
    points = [(x[name], y(value)) for name, value in zip(known["condition"], known[y.measure.column], strict=True)]
    if len(points) > 1:
        line = " L".join(f"{a:.1f},{b:.1f}" for a, b in points)
        yield f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
    for row, (a, b) in zip(known.to_dict("records"), points, strict=True):
        yield f'<g data-condition="{_safe(row["condition"])}" stroke="{colour}" stroke-width="1.6">'
        if row["low"] == row["low"]:
            low, high = y(row["low"]), y(row["high"])
            yield f'<path d="M{a:.1f},{low:.1f} V{high:.1f} M{a - 4:.1f},{low:.1f} h8 M{a - 4:.1f},{high:.1f} h8" fill="none"/>'
        yield f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4" fill="{colour}" stroke="#ffffff" stroke-width="1"/></g>'


def _legend(study: Study, left: float, y: float) -> Iterator[str]:
    named = [(name, colour) for name, (colour, _) in series(study).items() if name not in ("", NATURAL)]
    at = left
    for name, colour in named:
        yield f'<circle cx="{at + 5:.1f}" cy="{y - 4:.1f}" r="4" fill="{colour}"/>' + _text(at + 15, y, name)
        at += 30 + len(name) * _CHARACTER


def _text(x: float, y: float, words: str, *, tilt: bool = False) -> str:
    turn = f' text-anchor="end" transform="rotate(-{_TILT:g} {x:.1f} {y:.1f})"' if tilt else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{turn}>{_safe(words)}</text>'


def _safe(words: str) -> str:
    return html.escape(str(words))
