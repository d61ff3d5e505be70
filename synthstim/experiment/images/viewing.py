"""Experiments that show images: their files, orders, markers and figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from synthstim.errors import InputError
from synthstim.experiment.builder.experiment import duration, used_routines
from synthstim.experiment.builder.pieces import Setup
from synthstim.experiment.images.covering import covering_notes, from_the_centre
from synthstim.experiment.images.light import light_facts, shown_values
from synthstim.experiment.images.orders import randomised_blocks, write_conditions
from synthstim.experiment.images.stimuli import ShownImage, prepare_images
from synthstim.experiment.marker_codes import write_markers
from synthstim.experiment.placement import in_degrees
from synthstim.experiment.prepared import ExportRequest, Prepared, require_no_words
from synthstim.experiment.protocol import Protocol
from synthstim.experiment.rig import Rig

# What a protocol may name: how presentations are ordered, a list of items a block.
PLANS: dict[str, Callable[[int, Mapping[str, Any]], list[list[int]]]] = {
    "randomised_blocks": lambda items, values: randomised_blocks(
        items, blocks=values["blocks"], repeats=values["repeats_per_block"], seed=values["seed"]
    ),
}


def prepare_viewing(request: ExportRequest, directory: Path) -> Prepared:
    """Write images, conditions.csv and markers.tsv into the folder of an experiment.

    Raises:
        InputError: the set, a setting or the rig cannot be used, or words are given.
    """
    protocol, setup = request.protocol, request.setup
    if request.source is None:
        raise InputError(f"{protocol.name} shows the images of a set", "give one")
    require_no_words(request)
    stimuli = prepare_images(
        request.source, setup.settings, setup.rig, directory, protocol=protocol.name, table=request.table
    )
    return viewed(protocol, setup, directory, stimuli)


def viewed(
    protocol: Protocol, setup: Setup, directory: Path, stimuli: tuple[ShownImage, ...], refreshes: int = 0
) -> Prepared:
    """Write the orders and markers of stimuli that are shown one after another.

    Args:
        refreshes: of one frame of a movie; 0 for images.

    Raises:
        InputError: there are too many presentations, or some cover the fixation point.
    """
    orders = PLANS[protocol.plan](len(stimuli), setup.settings)
    write_conditions(directory / "conditions.csv", orders, stimuli, setup.rig)
    write_markers(directory / "markers.tsv", [shown.stimulus_id for shown in stimuli], setup.rig)
    shown_for = refreshes * sum(shown.frames for shown in stimuli) / len(stimuli)
    facts = _facts(protocol, setup, len(stimuli), len(orders), len(orders[0]), shown_for)
    return Prepared(
        facts=facts,
        manifest={
            "n_presentations": facts["n_presentations"],
            "trials_per_block": facts["trials_per_block"],
            "light": light_facts(setup.settings, setup.rig),
            "stimuli": [_entry(shown, setup.rig, refreshes) for shown in stimuli],
        },
        page=_page(stimuli, setup),
        notes=covering_notes([(shown.stimulus_id, shown.box) for shown in stimuli], setup),
        background=background_of(setup),
        blocks=len(orders),
    )


def _facts(
    protocol: Protocol, setup: Setup, n_stimuli: int, blocks: int, trials: int, shown_for: float
) -> dict[str, Any]:
    trial = shown_for + sum(
        duration(protocol.routines[name], setup) for name in used_routines(protocol.flow, setup, "trials")
    )
    block = sum(duration(protocol.routines[name], setup) for name in used_routines(protocol.flow, setup, "blocks"))
    # The routines of a block hold those of one trial, as far as they have a duration of their own.
    total = blocks * (block + shown_for + (trials - 1) * trial)
    return {
        "n_stimuli": n_stimuli,
        "n_blocks": blocks,
        "n_presentations": blocks * trials,
        "trials_per_block": trials,
        "minutes": f"{total * setup.rig.milliseconds(1) / 60000:.1f}",
        "rate_hz": f"{1000 / (trial * setup.rig.milliseconds(1)):.3g}" if trial else "at most 1",
    }


def _entry(shown: ShownImage, rig: Rig, refreshes: int) -> dict[str, Any]:
    x_deg, y_deg = in_degrees(shown.box.centre(rig), rig)
    of_movie = {"frames": shown.frames, "refreshes_per_frame": refreshes} if refreshes else {}
    return {
        "stimulus_id": shown.stimulus_id,
        "file": shown.file,
        "sha256": shown.sha256,
        "source_sha256": shown.source_sha256,
        "kind": shown.kind,
        "status": shown.status,
        "marker_code": shown.marker_code,
        "left_px": shown.box.left,
        "top_px": shown.box.top,
        "x_deg": round(x_deg, 4),
        "y_deg": round(y_deg, 4),
        "width_px": shown.box.width,
        "height_px": shown.box.height,
        "width_deg": round(rig.degrees(shown.box.width), 4),
        "height_deg": round(rig.degrees(shown.box.height), 4),
        **of_movie,
    }


def _page(stimuli: tuple[ShownImage, ...], setup: Setup) -> dict[str, Any]:
    rig = setup.rig
    widths = sorted({shown.box.width for shown in stimuli})
    return {
        "kinds": Counter(shown.kind for shown in stimuli),
        "failed": sum(shown.status == "failed" for shown in stimuli),
        "sizes": [(width, rig.degrees(width)) for width in widths],
        "centre": from_the_centre(stimuli[0].box, rig),
        "places": len({shown.asked for shown in stimuli}),
        "last_code": stimuli[-1].marker_code,
    } | light_facts(setup.settings, rig)


def background_of(setup: Setup) -> int:
    """The level of the grey screen, 0 to 255."""
    return round(255 * float(shown_values(np.array(setup.settings["background"]), setup.settings, setup.rig)))
