"""Export: a folder that runs with PsychoPy alone, complete or not at all."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from synthstim.experiment.builder import build_experiment, duration, used_routines, write_experiment
from synthstim.experiment.pieces import Stage
from synthstim.experiment.plan import CODES, randomised_blocks, write_conditions, write_markers
from synthstim.experiment.protocol import Protocol, read_protocol
from synthstim.experiment.readme import write_readme
from synthstim.experiment.rig import DEFAULT_RIG, Rig, read_rig
from synthstim.experiment.stimuli import Stimulus, prepare_images
from synthstim.images import linear_light
from synthstim.stimulus_set import StimulusSet, require_absent

# What a protocol may name: how its stimuli are prepared, and how presentations are ordered, a list of items a block.
STIMULI = {"images": prepare_images}
PLANS: dict[str, Callable[[int, Mapping[str, Any]], list[list[int]]]] = {
    "randomised_blocks": lambda items, values: randomised_blocks(
        items, blocks=values["blocks"], repeats=values["repeats_per_block"], seed=values["seed"]
    ),
}


def export_experiment(
    stimulus_set: StimulusSet | str | Path,
    protocol: str = "passive_fixation",
    *,
    out: str | Path,
    rig: Rig | str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Export a stimulus set as a PsychoPy experiment.

    Args:
        stimulus_set: the set, or its directory.
        protocol: one of ``list_protocols()``.
        out: the folder to make; nothing may be there yet.
        rig: a rig, or the path of a rig.yaml; None takes ``DEFAULT_RIG``, and the README says so.
        settings: values of the protocol's settings, by name.

    Returns:
        The folder, which holds the .psyexp file, the compiled script, conditions.csv, the stimuli, and a README.

    Raises:
        InputError: an argument, the set or the rig cannot be used; nothing is left behind.

    Example:
        >>> export_experiment("my_set", out="tonight", settings={"x_deg": 3, "y_deg": -2})  # doctest: +SKIP
    """
    chosen = read_protocol(protocol)
    values = chosen.resolve(settings or {})
    described = rig if isinstance(rig, Rig) else DEFAULT_RIG if rig is None else read_rig(rig)
    frames = {name: described.frames(values[name], name) for name in chosen.durations}
    stimuli_from = stimulus_set if isinstance(stimulus_set, StimulusSet) else StimulusSet.read(stimulus_set)
    root = require_absent(out)
    staging = root.parent / f".{root.name}.staging"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir()
        _fill(staging, stimuli_from, chosen, Stage(described, values, frames), default_rig=rig is None)
        staging.rename(root)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return root


def _fill(directory: Path, source: StimulusSet, protocol: Protocol, stage: Stage, *, default_rig: bool) -> None:
    stimuli = STIMULI[protocol.stimuli](source, stage.settings, stage.rig, directory)
    values = stage.settings
    orders = PLANS[protocol.plan](len(stimuli), values)
    write_conditions(directory / "conditions.csv", orders, stimuli, stage.rig)
    write_markers(directory / "markers.tsv", stimuli)
    facts = _facts(protocol, stage, len(stimuli), len(orders), len(orders[0]))
    _write_json(directory / "manifest.json", _manifest(source, protocol, stage, stimuli, facts))
    _write_json(directory / "settings.json", _settings(stage.rig))
    (directory / "rig.yaml").write_text(
        yaml.safe_dump(stage.rig.model_dump(mode="json"), sort_keys=False, allow_unicode=True), encoding="utf-8"
    )
    _copy_runtime(directory)
    experiment = build_experiment(protocol, stage, blocks=len(orders), background=_background(stage))
    write_experiment(experiment, directory, protocol.name)
    write_readme(
        directory / "README.md", protocol, stage, stimuli, facts, set_name=source.root.name, default_rig=default_rig
    )


def _facts(protocol: Protocol, stage: Stage, n_stimuli: int, blocks: int, trials: int) -> dict[str, Any]:
    """Figures that the protocol's texts may name."""
    trial = sum(duration(protocol.routines[name], stage) for name in used_routines(protocol.flow, stage, "trials"))
    block = sum(duration(protocol.routines[name], stage) for name in used_routines(protocol.flow, stage, "blocks"))
    total = blocks * (block + (trials - 1) * trial)
    return {
        "title": protocol.title,
        "n_stimuli": n_stimuli,
        "n_blocks": blocks,
        "n_presentations": blocks * trials,
        "trials_per_block": trials,
        "minutes": f"{stage.rig.milliseconds(total) / 60000:.1f}",
        "rate_hz": f"{1000 / stage.rig.milliseconds(trial):.3g}" if trial else "at most 1",
    }


def _manifest(
    source: StimulusSet, protocol: Protocol, stage: Stage, stimuli: tuple[Stimulus, ...], facts: dict[str, Any]
) -> dict[str, Any]:
    waiting = [
        (name, piece.keys[0]) for name, routine in protocol.routines.items() for piece in routine.pieces if piece.keys
    ]
    return {
        "protocol": protocol.name,
        "n_presentations": facts["n_presentations"],
        "trials_per_block": facts["trials_per_block"],
        "minutes": float(facts["minutes"]),
        "texts": {name: text.format_map(facts) for name, text in protocol.texts.items()},
        "keys": dict(waiting),
        "codes": CODES,
        "settings": dict(stage.settings),
        "frames": dict(stage.frames),
        "rig": stage.rig.model_dump(mode="json"),
        "stimulus_set": {"name": source.root.name, "versions": source.provenance.get("versions", {})},
        "versions": {
            "synthstim": metadata.version("synthstim"),
            "psychopy": metadata.version("psychopy"),
            "python": platform.python_version(),
        },
        "stimuli": [_stimulus(shown, stage.rig) for shown in stimuli],
    }


def _stimulus(shown: Stimulus, rig: Rig) -> dict[str, Any]:
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
        "width_px": shown.box.width,
        "height_px": shown.box.height,
        "width_deg": round(rig.degrees(shown.box.width), 4),
        "height_deg": round(rig.degrees(shown.box.height), 4),
    }


def _settings(rig: Rig) -> dict[str, Any]:
    monitor = rig.monitor
    return {
        "subject": rig.subject,
        "markers": rig.markers.model_dump(mode="json"),
        "display": {
            "width_px": monitor.width_px,
            "height_px": monitor.height_px,
            "refresh_hz": monitor.refresh_hz,
            "check": monitor.check,
        },
    }


def _background(stage: Stage) -> int:
    import torch

    value = float(stage.settings["background"])
    if stage.settings["convert_for_linear"]:
        value = float(linear_light(torch.tensor(value, dtype=torch.float64)))
    return round(255 * value)


def _copy_runtime(directory: Path) -> None:
    (directory / "runtime").mkdir()
    for path in sorted((Path(__file__).parent / "runtime").glob("*.py")):
        shutil.copyfile(path, directory / "runtime" / path.name)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
