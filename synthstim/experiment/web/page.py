"""What a page of an experiment is made of: its scripts, the stimuli, and experiment.json, which says all that is shown; and the page of jsPsych."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.experiment.builder.pieces import Setup
from synthstim.experiment.builder.routine import Piece, Step
from synthstim.experiment.protocol import Protocol
from synthstim.experiment.runtime.completion import SAID, SHOWN, fold
from synthstim.experiment.runtime.pages import COLUMNS, ROWS
from synthstim.experiment.runtime.plan import RIGHT, read_plan
from synthstim.experiment.runtime.trials import trial_columns
from synthstim.experiment.web.frames import split_movie
from synthstim.experiment.web.packages import JSPSYCH
from synthstim.files import as_json
from synthstim.modalities import MODALITIES

FOLDER, PLANS = "web", "plans"
STATIC = Path(__file__).parent / "static"
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


@dataclass(frozen=True)
class WebExperiment:
    """An exported experiment, of which pages are made.

    Attributes:
        directory: its folder, with its plan and its stimuli.
        background: level of the screen, 0 to 255.
    """

    directory: Path
    protocol: Protocol
    setup: Setup
    manifest: Mapping[str, Any]
    texts: Mapping[str, str]
    background: int

    def write_page(self, folder: Path, scripts: str, plans: Mapping[int, Sequence[Mapping[str, Any]]]) -> None:
        """Write what any page of the experiment needs: scripts, stimuli, what is shown, and each participant's plan."""
        folder.mkdir()
        for path in (*(STATIC / "shared").iterdir(), *(STATIC / scripts).iterdir()):
            shutil.copyfile(path, folder / path.name)
        shutil.copytree(self.directory / "stimuli", folder / "stimuli")
        for entry in self.manifest["stimuli"]:
            if "frames" in entry:
                split_movie(folder / entry["file"])
        (folder / PLANS).mkdir()
        for number, rows in plans.items():
            (folder / PLANS / f"{number:03d}.json").write_bytes(as_json(rows))
        (folder / "experiment.json").write_bytes(as_json(_content(self)))


def write_web(exported: WebExperiment) -> None:
    """Write the page of jsPsych into the folder ``web`` of an exported experiment; any server can serve it.

    Raises:
        InputError: jsPsych cannot be had.
    """
    files, web = JSPSYCH.files(), exported.directory / FOLDER
    # For a server that only serves files; this package's own gives each participant what is theirs.
    plans = read_plan(exported.directory / "plan.tsv")
    exported.write_page(
        web, "jspsych", {number: page_rows(rows, exported.manifest["slots"]) for number, rows in plans.items()}
    )
    (web / "jspsych").mkdir()
    for name, content in files.items():
        (web / "jspsych" / name).write_bytes(content)


def _content(exported: WebExperiment) -> dict[str, Any]:
    protocol, setup, manifest = exported.protocol, exported.setup, exported.manifest
    rig = setup.rig
    kept = ("protocol", "title", "modality", "participants", "slots", "masks", "questions", "asks", "criteria")
    said = ("stimulus_id", "file", "sha256", "width_px", "height_px", "duration_s", "places", "frames", "frame_rate_hz")
    entries = [{name: one.get(name) for name in said} for one in manifest["stimuli"]]
    return {name: manifest[name] for name in kept} | {
        "texts": dict(exported.texts),
        "columns": trial_columns(manifest["columns"], manifest["slots"]),
        "also": manifest.get("also", {}),
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
        "background": exported.background,
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
