"""The figure that papers print, as SVG: proportion recognised against stage, natural recordings first."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from synthstim.analysis.design import NATURAL, Design

# Okabe & Ito's colours, which people with any colour vision tell apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
NATURAL_COLOUR = "#1a1a1a"
TITLE = "Proportion recognised"
_STEP, _LEFT, _RIGHT, _TOP, _HEIGHT = 58.0, 58.0, 24.0, 22.0, 250.0
_TILT, _CHARACTER = 35.0, 6.4


def places(design: Design) -> dict[str, float]:
    """Where each condition stands: natural at 0, stages from 1.3 on in order, a gap before each further model."""
    found: dict[str, float] = {}
    at, before = 0.0, None
    for condition in design.conditions:
        if found:
            at += 1.3 if before in (NATURAL, None) or condition.observer != before else 1.0
        found[condition.condition] = at
        before = NATURAL if condition.condition == NATURAL else condition.observer
    return found


def series(design: Design) -> dict[str, tuple[str, list[str]]]:
    """What is joined by a line: each model's stages. Name -> (colour, conditions)."""
    observers = list(dict.fromkeys(one.observer or "" for one in design.conditions if one.condition != NATURAL))
    found = {NATURAL: (NATURAL_COLOUR, [NATURAL])} if NATURAL in design.names else {}
    for index, observer in enumerate(observers):
        own = [
            one.condition for one in design.conditions if (one.observer or "") == observer and one.condition != NATURAL
        ]
        found[observer] = (COLOURS[index % len(COLOURS)], own)
    return found


def label_of(design: Design, name: str) -> str:
    """What stands under a condition: its stage, without the model where a legend names it."""
    condition = next(one for one in design.conditions if one.condition == name)
    return condition.layer or condition.condition


def caption(design: Design, participants: pd.DataFrame, table: pd.DataFrame) -> str:
    """What a reader must know of the figure, in words."""
    kept, came = int(participants["kept"].sum()), len(participants)
    who = f"{kept} of {came} participants" if kept < came else f"{kept} participant{'' if kept == 1 else 's'}"
    trials = table["trials"] / table["participants"].clip(lower=1)
    low, high = (f"{trials.min():.0f}", f"{trials.max():.0f}") if len(trials) else ("0", "0")
    each = low if low == high else f"{low} to {high}"
    error = (
        "bars are 95 % confidence intervals of the mean over participants" if kept > 1 else "one participant: no bars"
    )
    return f"{who}, {each} trials a condition; {error}; dots are participants; the dotted line is chance (1 in {design.one_in})."


def draw(design: Design, table: pd.DataFrame, cells: pd.DataFrame, words: str) -> str:
    """The figure as an SVG document that needs no other file.

    Args:
        design: conditions in order.
        table: from ``by_condition``.
        cells: from ``by_participant``.
        words: the caption, kept as the drawing's description.
    """
    at = places(design)
    labels = {name: label_of(design, name) for name in design.names}
    longest = max(len(label) for label in labels.values())
    # Tilted labels reach down, and the first one to the left.
    below = 20 + longest * _CHARACTER * math.sin(math.radians(_TILT)) + 14
    left = max(_LEFT, 12 + len(labels[design.names[0]]) * _CHARACTER * math.cos(math.radians(_TILT)) - _STEP / 2)
    width = left + _STEP * (max(at.values()) + 1) + _RIGHT
    height = _TOP + _HEIGHT + below + 26
    x = {name: left + _STEP * (place + 0.5) for name, place in at.items()}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#1a1a1a">',
        f"<title>{TITLE}: {_safe(design.title)}</title><desc>{_safe(words)}</desc>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        *_axes(left, width - _RIGHT, design.chance),
        *(_text(x[name], _TOP + _HEIGHT + 18, label, tilt=True) for name, label in labels.items()),
        *_participants(cells, x),
    ]
    for colour, names in series(design).values():
        parts += _series(table[table["condition"].isin(names)], x, colour)
    parts += _legend(design, left, height - 10)
    return "\n".join([*parts, "</svg>\n"])


def _y(value: float) -> float:
    return _TOP + _HEIGHT * (1 - value)


def _axes(left: float, right: float, chance: float) -> Iterator[str]:
    for tick in (0, 0.2, 0.4, 0.6, 0.8, 1):
        yield f'<line x1="{left - 5:.1f}" x2="{left:.1f}" y1="{_y(tick):.1f}" y2="{_y(tick):.1f}" stroke="#1a1a1a"/>'
        yield f'<text x="{left - 9:.1f}" y="{_y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
    yield f'<path d="M{left:.1f},{_y(1):.1f} V{_y(0):.1f} H{right:.1f}" fill="none" stroke="#1a1a1a"/>'
    yield (
        f'<line class="chance" x1="{left:.1f}" x2="{right:.1f}" y1="{_y(chance):.1f}" y2="{_y(chance):.1f}" stroke="#777777" '
        'stroke-dasharray="2 3"/>'
    )
    middle = _TOP + _HEIGHT / 2
    yield f'<text x="16" y="{middle:.1f}" text-anchor="middle" transform="rotate(-90 16 {middle:.1f})">{TITLE.lower()}</text>'


def _participants(cells: pd.DataFrame, x: dict[str, float]) -> Iterator[str]:
    for name, rows in cells[cells["kept"] & (cells["trials"] > 0)].groupby("condition"):
        # Side by side in the order of their numbers: the same data give the same drawing.
        offsets = np.linspace(-9, 9, len(rows)) if len(rows) > 1 else [0.0]
        for offset, value in zip(offsets, rows["proportion"], strict=True):
            yield f'<circle cx="{x[str(name)] + offset:.1f}" cy="{_y(value):.1f}" r="1.8" fill="#9a9a9a" fill-opacity="0.55"/>'


def _series(rows: pd.DataFrame, x: dict[str, float], colour: str) -> Iterator[str]:
    known = rows[rows["proportion"].notna()]
    points = [(x[row.condition], _y(row.proportion)) for row in known.itertuples()]
    if len(points) > 1:
        line = " L".join(f"{a:.1f},{b:.1f}" for a, b in points)
        yield f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
    for row, (a, b) in zip(known.itertuples(), points, strict=True):
        yield f'<g data-condition="{_safe(row.condition)}" stroke="{colour}" stroke-width="1.6">'
        if row.low == row.low:
            low, high = _y(row.low), _y(row.high)
            yield f'<path d="M{a:.1f},{low:.1f} V{high:.1f} M{a - 4:.1f},{low:.1f} h8 M{a - 4:.1f},{high:.1f} h8" fill="none"/>'
        yield f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4" fill="{colour}" stroke="#ffffff" stroke-width="1"/></g>'


def _legend(design: Design, left: float, y: float) -> Iterator[str]:
    named = [(name, colour) for name, (colour, _) in series(design).items() if name not in ("", NATURAL)]
    at = left
    for name, colour in named:
        yield f'<circle cx="{at + 5:.1f}" cy="{y - 4:.1f}" r="4" fill="{colour}"/>' + _text(at + 15, y, name)
        at += 30 + len(name) * _CHARACTER


def _text(x: float, y: float, words: str, *, tilt: bool = False) -> str:
    turn = f' text-anchor="end" transform="rotate(-{_TILT:g} {x:.1f} {y:.1f})"' if tilt else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{turn}>{_safe(words)}</text>'


def _safe(words: str) -> str:
    return html.escape(str(words))
