"""Where the images of a trial stand: each piece at its place, none beyond the screen or over another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from synthstim.errors import InputError
from synthstim.experiment.builder.experiment import used_routines
from synthstim.experiment.builder.pieces import Setup
from synthstim.experiment.builder.routine import SHOWN, Coordinate, Piece
from synthstim.experiment.images.covering import covers_fixation
from synthstim.experiment.placement import Box, in_degrees, photodiode_box, place, position
from synthstim.experiment.protocol import Protocol


def places_of(protocol: Protocol, setup: Setup) -> dict[str, tuple[float, float]]:
    """The centre of each piece that shows an image or a movie, in pixels right of and above the screen's centre, by its name."""
    found = {}
    for name in used_routines(protocol.flow, setup):
        for piece in protocol.routines[name].pieces:
            if piece.piece in SHOWN:
                found[piece.name] = _centre(piece, setup)
    return found


def check_places(
    protocol: Protocol,
    setup: Setup,
    places: Mapping[str, tuple[float, float]],
    held: Mapping[str, Sequence[Mapping[str, Any]]],
) -> None:
    """Check that whatever a trial may show stands wholly on the screen, off the photodiode, and beside what is shown with it.

    Args:
        places: of the pieces; an entry's own hold before them.
        held: the entries of the manifest that may stand in each slot.

    Raises:
        InputError: one would not.
    """
    rig = setup.rig
    patch = photodiode_box(rig)
    for name in used_routines(protocol.flow, setup):
        boxes: list[tuple[Piece, Box, str]] = []
        for piece in protocol.routines[name].pieces:
            if piece.piece not in SHOWN:
                continue
            for (size, centre), shown in _differing(piece, places, held.get(piece.slot, ())).items():
                box = place(shown, *size, centre, rig)
                if patch is not None and box.overlaps(patch):
                    raise InputError(f"{shown} would cover the photodiode's patch", "move one of them")
                if not setup.settings.get("allow_covering") and covers_fixation(box, setup):
                    raise InputError(
                        f"{shown} in {piece.slot} would cover the fixation point from one side",
                        "move it farther out, give a smaller size_deg, or set allow_covering=true",
                        code="too-large",
                    )
                for other, taken, beside in boxes:
                    if other.name != piece.name and box.overlaps(taken) and _together(piece, other, setup):
                        raise InputError(
                            f"{shown} in {piece.slot} would cover {beside} in {other.slot}, which is shown at the same time",
                            "move them apart, or give a smaller size_deg",
                        )
                boxes.append((piece, box, shown))


def _differing(
    piece: Piece, places: Mapping[str, tuple[float, float]], entries: Sequence[Mapping[str, Any]]
) -> dict[tuple[tuple[int, int], tuple[float, float]], str]:
    """The sizes and centres of what a piece may show, each with one that has them."""
    return {
        ((one["width_px"], one["height_px"]), one.get("places", places)[piece.name]): one["stimulus_id"]
        for one in entries
    }


def _centre(piece: Piece, setup: Setup) -> tuple[float, float]:
    across, up = (_degrees(coordinate, setup) for coordinate in piece.at)
    if not across and not up:
        return position(setup.settings, setup.rig)
    x, y = in_degrees(position(setup.settings, setup.rig), setup.rig)
    centred = {"x_deg": x + across, "y_deg": y + up, "eccentricity_deg": None, "polar_angle_deg": None}
    return position(centred, setup.rig)


def _degrees(coordinate: Coordinate, setup: Setup) -> float:
    if not isinstance(coordinate, str):
        return float(coordinate)
    value = float(setup.settings[coordinate.lstrip("-")])
    return -value if coordinate.startswith("-") else value


def _together(piece: Piece, other: Piece, setup: Setup) -> bool:
    (first, lasts), (second, other_lasts) = setup.span(piece), setup.span(other)
    first_ends = math.inf if lasts is None else first + lasts
    second_ends = math.inf if other_lasts is None else second + other_lasts
    return first < second_ends and second < first_ends
