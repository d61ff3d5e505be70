"""The web folder of an experiment: the page, its script, jsPsych, the stimuli, and experiment.json, which says all that is shown."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.experiment.builder.pieces import Setup
from synthstim.experiment.builder.routine import Piece, Step
from synthstim.experiment.protocol import Protocol
from synthstim.experiment.runtime.completion import SAID, SHOWN, fold
from synthstim.experiment.runtime.pages import COLUMNS, ROWS
from synthstim.experiment.runtime.plan import RIGHT, read_plan
from synthstim.experiment.web.jspsych import VERSION, jspsych_files
from synthstim.files import as_json
from synthstim.modalities import MODALITIES

FOLDER, PLANS = "web", "plans"
_STATIC = Path(__file__).parent / "static"
# What plans trials ahead, each of them once.
_PLANS_TRIALS = ("trials", "balanced_conditions", "participants")
# What a page cannot do, and what it stands for there.
_LAB_ONLY = {
    "look": "watches the gaze",
    "hold": "watches the gaze",
    "reward": "gives rewards",
}


def require_for_web(protocol: Protocol) -> None:
    """Raise InputError where a protocol cannot be a page."""
    if protocol.plan not in _PLANS_TRIALS:
        raise InputError(
            f"{protocol.name} is not made of trials with slots; expected such a protocol for the web",
            "choose one, such as oddity",
        )
    if MODALITIES[protocol.modality].presents not in ("shows", "plays"):
        raise InputError(f"{protocol.name} presents {protocol.stimuli}, which pages do not", "run it in the laboratory")
    if protocol.adaptive:
        raise InputError(
            f"{protocol.name} is adaptive, which pages are not",
            "choose method: {kind: constant} for the web, or run it in the laboratory",
        )
    for routine in protocol.routines.values():
        for piece in routine.pieces:
            if piece.piece in _LAB_ONLY:
                raise InputError(
                    f"{protocol.name} {_LAB_ONLY[piece.piece]}, which pages do not", "run it in the laboratory"
                )


def write_web(
    directory: Path,
    protocol: Protocol,
    setup: Setup,
    manifest: Mapping[str, Any],
    texts: Mapping[str, str],
    *,
    background: int,
) -> None:
    """Write the page into the folder ``web`` of an exported experiment; any server can serve it.

    Args:
        directory: the experiment's folder, with its stimuli.
        background: level of the screen, 0 to 255.

    Raises:
        InputError: jsPsych cannot be had.
    """
    web = directory / FOLDER
    (web / "jspsych").mkdir(parents=True)
    for name, content in jspsych_files().items():
        (web / "jspsych" / name).write_bytes(content)
    for path in _STATIC.iterdir():
        shutil.copyfile(path, web / path.name)
    shutil.copytree(directory / "stimuli", web / "stimuli")
    # For a server that only serves files; this package's own gives each participant what is theirs.
    (web / PLANS).mkdir()
    for number, rows in read_plan(directory / "plan.tsv").items():
        (web / PLANS / f"{number:03d}.json").write_bytes(as_json(page_rows(rows, manifest["slots"])))
    (web / "experiment.json").write_bytes(as_json(_content(protocol, setup, manifest, texts, background)))


def _content(
    protocol: Protocol, setup: Setup, manifest: Mapping[str, Any], texts: Mapping[str, str], background: int
) -> dict[str, Any]:
    rig = setup.rig
    kept = ("protocol", "title", "modality", "participants", "slots", "masks", "questions", "asks", "criteria")
    entries = [
        {name: one.get(name) for name in ("stimulus_id", "file", "width_px", "height_px", "duration_s", "places")}
        for one in manifest["stimuli"]
    ]
    return {name: manifest[name] for name in kept} | {
        "jspsych": VERSION,
        "texts": dict(texts),
        "routines": {
            name: {
                "skip": routine.skip,
                "pieces": [_piece(piece, setup) for piece in routine.pieces if _used(piece, setup)],
            }
            for name, routine in protocol.routines.items()
        },
        "flow": _steps(protocol.flow, setup),
        "places": manifest.get("places", {}),
        "words": [[fold(word), word] for word in manifest.get("words", [])],
        "words_columns": COLUMNS,
        "words_rows": ROWS,
        "words_shown": SHOWN,
        "words_said": SAID,
        "stimuli": entries,
        "px_per_cm": 1 / rig.cm_per_px,
        "distance_cm": rig.monitor.distance_cm,
        "fixation_px": max(2.0, rig.pixels(setup.settings["fixation_deg"])) if "fixation_deg" in setup.settings else 0,
        "background": background,
        "rate_hz": manifest.get("rate_hz"),
        "level": manifest.get("fixed", {}).get("level"),
        "headphone_fail": setup.settings.get("headphone_fail", "stop"),
        "version": manifest["versions"],
    }


def page_rows(rows: list[dict[str, Any]], slots: Sequence[str]) -> list[dict[str, Any]]:
    """What a page is told of each planned trial."""
    return [{name: row[name] for name in ("trial", "phase", "rest", RIGHT, *slots)} for row in rows]


def _used(piece: Piece, setup: Setup) -> bool:
    return (not piece.when or bool(setup.settings[piece.when])) and not piece.piece.startswith("photodiode")


def _piece(piece: Piece, setup: Setup) -> dict[str, Any]:
    start, frames = setup.span(piece)
    return {
        "piece": piece.piece, "name": piece.name, "start_ms": setup.rig.milliseconds(start),
        "lasts_ms": None if frames is None else setup.rig.milliseconds(frames), "text": piece.text, "x": piece.x, "y": piece.y,
        "keys": list(piece.keys), "slot": piece.slot, "click": dict(piece.click), "ticks": list(piece.ticks), "labels": list(piece.labels),
        "plays": piece.plays, "repeat": piece.repeat, "shown_in": piece.shown_in, "after_s": float(setup.settings[piece.after]) if piece.after else 0.0,
    }  # fmt: skip


def _steps(flow: tuple[Step, ...], setup: Setup) -> list[dict[str, Any]]:
    return [
        {"routine": step.routine, "loop": step.loop, "each": _steps(step.each, setup)}
        for step in flow
        if not step.when or setup.settings[step.when]
    ]
