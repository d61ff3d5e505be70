"""Small drawings of one distribution with marks on it, as numbers that the template draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthstim.report.distributions import Distribution, density
from synthstim.report.numbers import number


@dataclass(frozen=True)
class Mark:
    """A value on the axis. ``role`` (synthetic, natural, level) and ``status`` choose its look."""

    x: float
    role: str
    status: str
    label: str


@dataclass(frozen=True)
class Strip:
    """A density above an axis; all lengths in CSS pixels.

    Attributes:
        path: the density's outline, as an SVG path.
        axis: height of the axis from the top.
        ticks: (x, text) along the axis.
        label: the drawing in words.
    """

    width: float
    height: float
    axis: float
    path: str
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]
    label: str


def make_strip(
    distribution: Distribution,
    marks: list[tuple[float, str, str, str]],
    *,
    label: str,
    width: float = 208,
    height: float = 30,
    ticks: int = 0,
) -> Strip:
    """Place a distribution and its marks (value, role, status, label) on one axis."""
    samples = distribution.samples()
    values = np.array([value for value, *_ in marks] + [distribution.value[0], distribution.value[-1]])
    low, high = float(values.min()), float(values.max())
    pad = 0.04 * ((high - low) or 1.0)
    low, high = low - pad, high + pad
    axis = height - (18.0 if ticks else 1.0)
    margin = 14.0 if ticks else 2.0

    def place(value: float) -> float:
        return round(margin + (value - low) / (high - low) * (width - 2 * margin), 1)

    grid = np.linspace(low, high, 161)
    heights = density(samples, grid) * (axis - (16.0 if ticks else 4.0))
    outline = " L".join(f"{place(x):g},{axis - y:.1f}" for x, y in zip(grid, heights, strict=True))
    return Strip(
        width=width,
        height=height,
        axis=axis,
        path=f"M{place(low):g},{axis:g} L{outline} L{place(high):g},{axis:g} Z",
        marks=tuple(Mark(place(value), role, status, text) for value, role, status, text in marks),
        ticks=tuple((place(tick), number(tick)) for tick in nice_ticks(low, high, ticks)) if ticks else (),
        label=label,
    )


def nice_ticks(low: float, high: float, count: int) -> list[float]:
    """About ``count`` round numbers between low and high."""
    raw = (high - low) / max(count, 1)
    power = 10.0 ** np.floor(np.log10(raw))
    step = power * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first = np.ceil(low / step)
    return [round(float(step * k), 12) for k in np.arange(first, np.floor(high / step) + 1)]
