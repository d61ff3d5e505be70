"""A stimulus set as one picture: references and what was made of them, side by side, by what kind of stimulus they are."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from PIL import Image

from synthstim.modalities.image import read_image
from synthstim.modalities.odour import read_odour
from synthstim.modalities.sound import read_sound
from synthstim.modalities.sound.report.spectra import PICTURES
from synthstim.stimulus_set import StimulusSet

MOST, SIDE_IN, DPI = 5, 1.6, 110
# The same file on every machine: no dates, no versions.
_METADATA = {"Software": None}


def picture_of(stimuli: StimulusSet) -> bytes:
    """Draw references, each once, and stimuli of a set, five in a row; returns a PNG.

    Args:
        stimuli: made by a recipe of the gallery.
    """
    panels = _panels(stimuli)
    draw, width = _DRAWN[stimuli.modality.presents]
    rows = -(-len(panels) // MOST)
    columns = min(MOST, len(panels))
    # ids and layers may hold any characters: nothing is read as a formula.
    with mpl.rc_context({"text.parse_math": False, "font.size": 8}):
        figure = Figure(figsize=(columns * SIDE_IN * width, rows * (SIDE_IN + 0.45)), dpi=DPI, layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False)
        for ax in axes.flat:
            ax.axis("off")
        for ax, (title, file) in zip(axes.flat, panels, strict=False):
            ax.set_title(textwrap.fill(title, round(22 * width)), fontsize=6.5)
            draw(ax, stimuli.path(file))
        figure.savefig(stream := io.BytesIO(), format="png", metadata=_METADATA)
    return _small(stream.getvalue())


def _panels(stimuli: StimulusSet) -> list[tuple[str, str]]:
    panels: dict[str, str] = {}
    table = stimuli.table[~stimuli.table["kind"].isin(["natural", "noise"])]
    if (mixed := table["kind"] == "mixture").any():
        # From the reference to its metamer: both stand at the ends.
        return [(_title(row), row["file"]) for row in table[mixed].to_dict("records")]
    for row in table.to_dict("records"):
        reference = row.get("reference")
        if isinstance(reference, str):
            panels.setdefault(reference, "reference")
        panels[row["file"]] = _title(row)
    return [(title, file) for file, title in panels.items()]


def _title(row: dict[Any, Any]) -> str:
    """What sets a stimulus apart: its layer or unit, its place in a series, and how well it came out."""
    told = [row[name] for name in ("direction", "answers", "unit", "layer") if _known(row.get(name))][:1]
    told = [] if _known(row.get("mix")) else told
    told += [f"{name} {row[name]:.3g}" for name in ("mix", "amplitude", "level") if _known(row.get(name))]
    if _known(row.get("match_db")):
        told.append(f"{row['match_db']:.0f} dB")
    elif _known(row.get("activation")):
        told.append(f"{row['activation']:.3g}")
    # Units are read at the centre unless something else is said.
    return ", ".join(map(str, told)).replace(" at centre", "") or str(row["stimulus_id"])


def _known(value: object) -> bool:
    return not (value is None or value == "" or (pd.api.types.is_scalar(value) and pd.isna(value)))


def _image(ax: Any, path: Any) -> None:
    values = read_image(path).transpose(1, 2, 0)
    ax.imshow(values.repeat(3, axis=2) if values.shape[2] == 1 else values, interpolation="nearest")


def _sound(ax: Any, path: Any) -> None:
    heard = PICTURES["cochleagram"](*read_sound(path))
    if heard is not None:
        ax.imshow(heard.values, origin="lower", aspect="auto", cmap="magma", interpolation="nearest")


def _odour(ax: Any, path: Any) -> None:
    names, shares = read_odour(path)
    present = [(name, share) for name, share in zip(names, np.asarray(shares), strict=True) if share > 0]
    ax.axis("on")
    ax.spines[["top", "right"]].set_visible(False)
    ax.barh([name for name, _ in present], [float(share) for _, share in present], color="#7a4fb5", height=0.5)
    ax.set_xscale("log")
    ax.set_xlim(5e-4, 1.5)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.margins(y=0.3)
    ax.set_xlabel("of the stock")


# How a stimulus is drawn, and how wide in units of its height, by what an experiment does with it.
_DRAWN: dict[str, tuple[Callable[[Any, Any], None], float]] = {
    "shows": (_image, 1.0), "plays": (_sound, 1.3), "presents": (_odour, 1.9),
}  # fmt: skip


def _small(data: bytes) -> bytes:
    """The picture in 256 colours, a third of the bytes."""
    with Image.open(io.BytesIO(data)) as opened:
        opened.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(stream := io.BytesIO(), "PNG", optimize=True)
    return stream.getvalue()
