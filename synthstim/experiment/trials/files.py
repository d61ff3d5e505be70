"""The stimuli of an experiment made of trials, written into its folder, each with its entry in the manifest."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.experiment.builder.pieces import Setup
from synthstim.experiment.design.material import Candidate
from synthstim.experiment.design.table import ID
from synthstim.experiment.images.positions import own_settings
from synthstim.experiment.images.stimuli import MAX_DECODED_BYTES, write_image
from synthstim.experiment.marker_codes import FIRST_STIMULUS
from synthstim.experiment.movies.files import write_shown
from synthstim.experiment.sounds.files import require_one_rate
from synthstim.experiment.sounds.sound_set import measured
from synthstim.files import sha256_of
from synthstim.modalities.odour import read_odour
from synthstim.stimulus_set import StimulusSet


def write_stimuli(
    members: Iterable[Candidate],
    source: StimulusSet,
    setup: Setup,
    directory: Path,
    made: Mapping[str, Path] | None = None,
) -> list[dict[str, Any]]:
    """Write what a participant may see or hear, each once.

    Args:
        made: files of members that were made at export, by id.

    Returns:
        The entries of the manifest, in order.

    Raises:
        InputError: a file cannot be shown or played as it is, or all together are too large.
    """
    (directory / "stimuli").mkdir(parents=True, exist_ok=True)
    suffix = source.modality.suffix
    write = _WRITERS[suffix]
    entries: list[dict[str, Any]] = []
    for member in members:
        path = (made or {}).get(member.stimulus_id) or source.path(member.file)
        target = directory / "stimuli" / f"{member.stimulus_id}{suffix}"
        facts = write(path, target, setup, member)
        entry: dict[str, Any] = {
            "stimulus_id": member.stimulus_id,
            "file": f"stimuli/{target.name}",
            "sha256": sha256_of(target),
        }
        entry |= {"source_sha256": member.sha256, "kind": member.kind, "status": member.status}
        entry |= {name: member.value(name) for name in ("reference", "observer", "layer")}
        # What else the set says, for an analysis over any of it.
        entry["columns"] = {name: value for name, value in member.columns.items() if name not in entry}
        entries.append(entry | facts | {"marker_code": FIRST_STIMULUS + len(entries)})
    _check(entries, source)
    return entries


def _write_image(path: Path, target: Path, setup: Setup, member: Candidate) -> dict[str, Any]:
    own = own_settings({**member.columns, ID: member.stimulus_id}, setup.settings)
    return _size(*write_image(path, target, own, setup.rig), setup)


def _write_movie(path: Path, target: Path, setup: Setup, member: Candidate) -> dict[str, Any]:
    own = own_settings({**member.columns, ID: member.stimulus_id}, setup.settings)
    shown = write_shown(path, target, own, setup.rig)
    return {
        **_size(shown.height, shown.width, setup),
        "frames": shown.frames,
        "frame_rate_hz": shown.rate_hz,
        "refreshes_per_frame": shown.refreshes,
        "duration_s": shown.frames * shown.refreshes / setup.rig.monitor.refresh_hz,
    }


def _size(height: int, width: int, setup: Setup) -> dict[str, Any]:
    return {
        "width_px": width,
        "height_px": height,
        "width_deg": round(setup.rig.degrees(width), 4),
        "height_deg": round(setup.rig.degrees(height), 4),
    }


def _write_sound(path: Path, target: Path, setup: Setup, member: Candidate) -> dict[str, Any]:
    facts = measured(path, path.name)
    shutil.copyfile(path, target)
    return facts


def _write_odour(path: Path, target: Path, setup: Setup, member: Candidate) -> dict[str, Any]:
    names, concentrations = read_odour(path)
    shutil.copyfile(path, target)
    mixture = {name: float(share) for name, share in zip(names, concentrations.tolist(), strict=True) if share}
    return {"mixture": mixture, "duration_s": setup.settings["odour_s"]}


_WRITERS = {".png": _write_image, ".apng": _write_movie, ".wav": _write_sound, ".odour": _write_odour}


def _decoded(entry: Mapping[str, Any]) -> int:
    """Bytes that an image, or all frames of a movie, take at the rig."""
    return 3 * int(entry["width_px"]) * int(entry["height_px"]) * int(entry.get("frames", 1))


def _check(entries: list[dict[str, Any]], source: StimulusSet) -> None:
    if source.modality.presents == "plays":
        require_one_rate({entry["rate_hz"]: entry["file"] for entry in reversed(entries)}, source)
    elif source.modality.presents == "shows" and (decoded := sum(map(_decoded, entries))) > MAX_DECODED_BYTES:
        raise InputError(
            f"the {source.modality.plural} need {decoded / 2**30:.1f} GiB at the rig, more than 4",
            "export the set in parts",
            code="too-large",
        )
