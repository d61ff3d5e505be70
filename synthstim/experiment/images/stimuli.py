"""The images or movies of a set as an experiment shows them: copied byte for byte, or rewritten, then checksummed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthstim.errors import InputError
from synthstim.experiment.images.light import check_conversion, converts, shown_values
from synthstim.experiment.images.positions import own_places, own_settings, with_positions
from synthstim.experiment.marker_codes import FIRST_STIMULUS, check_codes
from synthstim.experiment.placement import Box, photodiode_box, place, position
from synthstim.experiment.prepared import require_modality
from synthstim.experiment.rig import Rig
from synthstim.files import sha256_of
from synthstim.ids import free_id
from synthstim.modalities.image import FloatImage, read_image, resize, write_png
from synthstim.stimulus_set import StimulusSet, check_ids

# The rig keeps every image decoded in memory, so that none is read from disk between two flips.
MAX_DECODED_BYTES = 4 * 2**30
# An image that is resampled to less has been given another unit than degrees.
FEWEST_PX = 8
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class ShownImage:
    """An image or movie of the experiment: its file, checksums, place on the screen, the centre asked for, its marker code and frames."""

    stimulus_id: str
    file: str
    sha256: str
    source_sha256: str
    kind: str
    status: str
    box: Box
    asked: tuple[float, float]
    marker_code: int
    frames: int = 1


# From a file of the set, the one to make, the settings that hold for it, and the rig: its frames, height and width.
Write = Callable[[Path, Path, Mapping[str, Any], Rig], tuple[int, int, int]]


def prepare_images(
    stimulus_set: StimulusSet,
    settings: Mapping[str, Any],
    rig: Rig,
    directory: Path,
    *,
    protocol: str,
    table: str | Path | None = None,
) -> tuple[ShownImage, ...]:
    """Write the images into ``directory/stimuli`` and say where each is shown.

    Args:
        stimulus_set: the set; columns x_deg, y_deg and size_deg of its table are those of single stimuli.
        table: a table of the user's with such columns, by stimulus_id or by site.

    Raises:
        InputError: the set holds no images or none remains, one has 16 bits or leaves the screen, or the options contradict one another.
    """
    require_modality(stimulus_set, "image", protocol)
    check_options(settings, rig)
    return write_all(
        stimulus_set, settings, rig, directory, lambda *given: (1, *write_image(*given)), suffix=".png", table=table
    )


def write_all(
    stimulus_set: StimulusSet,
    settings: Mapping[str, Any],
    rig: Rig,
    directory: Path,
    write: Write,
    *,
    suffix: str,
    table: str | Path | None = None,
) -> tuple[ShownImage, ...]:
    """Write the chosen stimuli into ``directory/stimuli``, each as ``write`` does, and say where each is shown.

    Raises:
        InputError: the set is damaged, none remains, one leaves the screen, or all together are too large for the rig.
    """
    stimulus_set.require_intact()
    (directory / "stimuli").mkdir(parents=True)
    patch = photodiode_box(rig)
    prepared, decoded = [], 0
    for number, row in enumerate(_chosen(stimulus_set, settings, table)):
        own = own_settings(row, settings)
        source = stimulus_set.path(row["file"])
        target = directory / "stimuli" / f"{row['stimulus_id']}{suffix}"
        frames, height, width = write(source, target, own, rig)
        asked = position(own, rig)
        box = place(row["stimulus_id"], width, height, asked, rig)
        if patch is not None and box.overlaps(patch):
            raise InputError(f"{row['stimulus_id']} would cover the photodiode's patch", "move one of them")
        decoded += 3 * width * height * frames
        prepared.append(
            ShownImage(row["stimulus_id"], f"stimuli/{target.name}", sha256_of(target), row["sha256"], row["kind"],
                     row["status"], box, asked, FIRST_STIMULUS + number, frames)
        )  # fmt: skip
    if decoded > MAX_DECODED_BYTES:
        raise InputError(
            f"the {stimulus_set.modality.plural} need {decoded / 2**30:.1f} GiB at the rig, more than 4",
            "export the set in parts",
            code="too-large",
        )
    check_codes(prepared[-1].marker_code, rig)
    return tuple(prepared)


def check_options(settings: Mapping[str, Any], rig: Rig) -> None:
    """Raise InputError where options contradict one another or the rig."""
    if settings["size"] == "native" and settings["size_deg"] is not None:
        raise InputError("size=native shows images 1:1 and size_deg resamples them", "give one of the two")
    if settings["size"] == "size_deg" and settings["size_deg"] is None:
        raise InputError("size=size_deg resamples the images to a width", "give size_deg as well, in degrees")
    check_conversion(settings, rig)


def _chosen(stimulus_set: StimulusSet, settings: Mapping[str, Any], path: str | Path | None) -> list[dict[str, Any]]:
    table = with_positions(stimulus_set.table, path)
    if settings["include"] == "passed":
        table = table[table["status"].fillna("") != "failed"]
    rows = [
        {name: _text(row[name]) for name in ("stimulus_id", "file", "sha256", "kind", "status")} | own_places(row)
        for row in table.to_dict("records")
    ]
    if settings["references"]:
        rows += _references(table, {row["stimulus_id"].lower() for row in rows})
    if not rows:
        raise InputError(
            f"no stimulus of {stimulus_set.root.name} remains to be shown", "choose include=all", code="none-passed"
        )
    check_ids(row["stimulus_id"] for row in rows)
    return rows


def _references(table: pd.DataFrame, taken: set[str]) -> list[dict[str, Any]]:
    rows = []
    unique = table.dropna(subset=["reference"]).drop_duplicates("reference")
    for row in unique.to_dict("records"):
        file, digest = row["reference"], row["reference_sha256"]
        name = free_id(f"ref_{Path(file).stem}", taken)
        rows.append(
            {"stimulus_id": name, "file": file, "sha256": digest, "kind": "natural", "status": "n/a"} | own_places(row)
        )
    return rows


def _text(value: object) -> str:
    return "n/a" if value is None or value is pd.NA else str(value)


def write_image(source: Path, target: Path, settings: Mapping[str, Any], rig: Rig) -> tuple[int, int]:
    """Write an image as the display shows it, byte for byte where nothing asks for more; returns its height and width.

    Raises:
        InputError: it is no 8-bit PNG.
    """
    with open(source, "rb") as stream:
        header = stream.read(26)
    if header[:8] != _PNG:
        raise InputError(
            f"{source.name} is not a PNG: an experiment shows 8-bit PNG files, save it as one", code="unreadable"
        )
    if header[24] == 16:
        raise InputError(f"{source.name} has 16 bits, for analysis only: displays show 8, make the set with 8 bits")
    image = read_image(source)
    if settings["size_deg"] is None and not converts(settings, rig):
        shutil.copyfile(source, target)
    else:
        image = _converted(source.name, image, settings, rig)
        write_png(target, image)
    return int(image.shape[1]), int(image.shape[2])


def _converted(name: str, image: FloatImage, settings: Mapping[str, Any], rig: Rig) -> FloatImage:
    if settings["size_deg"] is not None:
        width = max(1, round(rig.pixels(settings["size_deg"])))
        height = max(1, round(width * image.shape[1] / image.shape[2]))
        if min(width, height) < FEWEST_PX:
            raise InputError(
                f"{name} {settings['size_deg']:g} degrees wide (size_deg) is {width} x {height} pixels here; expected {FEWEST_PX}"
                " or more a side",
                "give a larger size_deg, or correct the distance or width of the screen in rig.yaml",
            )
        # A width beyond the screen is refused by place(), with the same sentence as any other; do not compute it.
        if width <= rig.monitor.width_px and height <= rig.monitor.height_px:
            image = resize(image, (height, width))
        else:
            image = np.zeros((1, height, width), dtype=np.float32)
    return np.asarray(shown_values(image, settings, rig), dtype=np.float32)
