"""The drawing of one sound: its waveform above its cochleagram, on one axis of time, as numbers that the template draws."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from plotly.colors import hex_to_rgb, sequential

from synthstim.report.numbers import number
from synthstim.report.strips import nice_ticks

WIDTH, HEIGHT = 280.0, 172.0
LEFT, RIGHT = 26.0, 276.0
WAVE_MIDDLE, WAVE_HALF = 22.0, 20.0
TOP, BOTTOM = 50.0, 154.0
COLUMNS = 250
_KHZ = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
# Labels nearer to one another than this would touch.
_LABEL_HEIGHT = 11.0

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Cochlear:
    """A cochleagram and its axes.

    Attributes:
        values: (channel, frame), channels from low to high frequency.
        frequencies: (channel,) centre frequencies in Hz, ascending.
        start, stop: what the frames span, in seconds.
    """

    values: Floats
    frequencies: NDArray[np.float64]
    start: float
    stop: float


@dataclass(frozen=True)
class Panel:
    """One sound as drawn; all lengths in CSS pixels.

    Attributes:
        wave: the outline between the lowest and the highest sample of each column, as an SVG path.
        picture: the cochleagram, a PNG as a data URI; empty where the sound is too short for one.
        left, right: where the cochleagram's first and last frame begin and end.
        times, frequencies: ticks as (place, text), in s and kHz.
    """

    wave: str
    picture: str
    left: float
    right: float
    times: tuple[tuple[float, str], ...]
    frequencies: tuple[tuple[float, str], ...]


def make_panel(waveform: Floats, seconds: float, cochlear: Cochlear | None, *, peak: float, brightest: float) -> Panel:
    """Draw a sound.

    Args:
        waveform: (time,) at full scale.
        cochlear: its cochleagram; None where it is too short for one.
        peak: the amplitude that fills the height; sounds that are compared share it.
        brightest: the cochleagram's value that takes the brightest colour; shared likewise.
    """

    def place(time: float) -> float:
        return round(LEFT + time / seconds * (RIGHT - LEFT), 2)

    return Panel(
        wave=_outline(waveform, peak),
        picture="" if cochlear is None else _png(cochlear.values / max(brightest, 1e-12)),
        left=LEFT if cochlear is None else place(cochlear.start),
        right=RIGHT if cochlear is None else place(cochlear.stop),
        times=tuple((place(tick), number(tick)) for tick in nice_ticks(0, seconds, 5)),
        frequencies=() if cochlear is None else tuple(_frequency_ticks(cochlear.frequencies)),
    )


def _outline(waveform: Floats, peak: float) -> str:
    edges = np.linspace(0, len(waveform), min(COLUMNS, len(waveform)) + 1).astype(int)
    high = np.maximum.reduceat(waveform, edges[:-1])
    low = np.minimum.reduceat(waveform, edges[:-1])
    x = LEFT + (np.arange(len(high)) + 0.5) * (RIGHT - LEFT) / len(high)
    scale = WAVE_HALF / max(peak, 1e-12)
    # Half a pixel at least, so that silence is a line.
    upper, lower = WAVE_MIDDLE - high * scale - 0.25, WAVE_MIDDLE - low * scale + 0.25
    points = [*zip(x, upper, strict=True), *zip(x[::-1], lower[::-1], strict=True)]
    return "M" + " L".join(f"{a:.1f},{b:.1f}" for a, b in points) + " Z"


def _frequency_ticks(frequencies: NDArray[np.float64]) -> list[tuple[float, str]]:
    # Channel by channel, as the picture is: whatever the spacing of the filters.
    height = (BOTTOM - TOP) / len(frequencies)
    ticks: list[tuple[float, str]] = []
    for khz in _KHZ:
        if frequencies[0] <= 1000 * khz <= frequencies[-1]:
            channel = float(np.interp(1000 * khz, frequencies, np.arange(len(frequencies))))
            y = round(BOTTOM - (channel + 0.5) * height, 1)
            if not ticks or ticks[-1][0] - y >= _LABEL_HEIGHT:
                ticks.append((y, f"{khz:g}"))
    return ticks


def _png(values: Floats) -> str:
    """A picture of (channel, frame) values in [0, 1], low channels at the bottom; what is beyond takes the last colour."""
    levels = np.clip(np.rint(values[::-1] * 255), 0, 255).astype(np.uint8)
    image = Image.fromarray(levels)
    image.putpalette(_palette())
    image.save(stream := io.BytesIO(), "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def _palette() -> list[int]:
    anchors = np.array([hex_to_rgb(colour) for colour in sequential.Magma], float)
    at = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(at, np.arange(len(anchors)), anchors[:, channel]) for channel in range(3)]
    return [int(level) for level in np.rint(np.stack(channels, axis=1)).ravel()]
