"""Export: a folder that runs with PsychoPy alone, complete or not at all."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from synthstim.experiment.builder.experiment import build_experiment, write_experiment
from synthstim.experiment.builder.pieces import Setup
from synthstim.experiment.design.given import with_design
from synthstim.experiment.device import prepare_files
from synthstim.experiment.images.viewing import prepare_viewing
from synthstim.experiment.marker_codes import CODES
from synthstim.experiment.movies.viewing import prepare_movies
from synthstim.experiment.prepared import ExportRequest, Prepared
from synthstim.experiment.protocol import Protocol
from synthstim.experiment.protocol_folders import read_protocol
from synthstim.experiment.readme import write_readme
from synthstim.experiment.rig import DEFAULT_RIG, Rig, read_rig
from synthstim.experiment.running.psychopy_home import require_psychopy_home
from synthstim.experiment.sounds.labels import Labels
from synthstim.experiment.sounds.levels import with_volume
from synthstim.experiment.sounds.listening import prepare_listening
from synthstim.experiment.texts import fill_texts, with_texts
from synthstim.experiment.trials.prepare import prepare_trials
from synthstim.experiment.web.page import WebExperiment, require_for_web, write_web
from synthstim.experiment.web.psychojs import require_for_psychojs, write_psychojs
from synthstim.files import Staging, as_json
from synthstim.stimulus_set import StimulusSet
from synthstim.stimulus_set.read import opened_set

# Who prepares what a protocol's ``stimuli`` names.
KINDS = {
    "images": prepare_viewing,
    "movies": prepare_movies,
    "sounds": prepare_listening,
    "tones": prepare_listening,
    "files": prepare_files,
}
# Plans of trials prepare images and sounds alike.
PLANS = {"trials": prepare_trials}


def export_experiment(
    stimulus_set: StimulusSet | str | Path | None,
    protocol: str | Path = "passive_fixation",
    *,
    out: str | Path,
    rig: Rig | str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    labels: Labels = None,
    answers: str | Path | None = None,
    design: str | Path | None = None,
    table: str | Path | None = None,
    texts: str | Path | None = None,
    web: bool = False,
    psychojs: bool = False,
    title: str | None = None,
) -> Path:
    """Export a stimulus set as a PsychoPy experiment.

    Args:
        stimulus_set: the set, or its directory; None for a protocol that makes its own stimuli.
        protocol: one of ``list_protocols()``, or the path of a protocol's folder.
        out: the folder to make; nothing may be there yet.
        rig: a rig, or the path of a rig.yaml; None takes ``DEFAULT_RIG``, and the README says so.
        settings: values of the protocol's settings, by name.
        labels: for word_listening, what is said in each recording: words by source (the reference's stem), or a table
            with the columns source, word and perhaps role; None takes the letters with which each name begins.
        answers: for word_listening, a file of further words that may be answered, one a line.
        design: for experiments made of trials, a design.yaml, whose keys take the place of those of the protocol's design.
        table: a table with the column stimulus_id and further ones, which a design may name; for images one after another, with
            x_deg, y_deg and size_deg, by stimulus_id or by site.
        texts: a YAML file of names and texts, in any language, which take the place of the protocol's.
        web: write a page for browsers as well, which ``synthstim web`` serves; jsPsych is fetched once for it.
        psychojs: write an experiment in PsychoJS as well, for Pavlovia or another server that has its library.
        title: what the README and the manifest call the set; by default the name of its folder.

    Returns:
        The folder, which holds the .psyexp file, the compiled script, the conditions, the stimuli, and a README. What the
        person at the rig must know, such as images that cover the fixation point, stands in the README and under ``notes``
        of manifest.json.

    Raises:
        InputError: an argument, the set or the rig cannot be used; nothing is left behind.

    Example:
        >>> export_experiment("my_set", out="shown", settings={"x_deg": 3, "y_deg": -2}).name
        'shown'
        >>> export_experiment(None, "headphone_check", out="headphones").name
        'headphones'
    """
    chosen = with_texts(with_design(read_protocol(protocol), design), texts)
    described = rig if isinstance(rig, Rig) else DEFAULT_RIG if rig is None else read_rig(rig)
    values = with_volume(chosen.resolve(settings or {}), described)
    if web:
        require_for_web(chosen)
    if psychojs:
        require_for_psychojs(chosen)
    frames = {name: described.frames(values[name], name) for name in chosen.durations}
    source = None if stimulus_set is None else opened_set(stimulus_set)
    called = None if source is None else title or source.root.name
    request = ExportRequest(source, chosen, Setup(described, values, frames), labels, answers, table, called)
    if chosen.flow:
        require_psychopy_home()
    pages = [write for write, wanted in ((write_web, web), (write_psychojs, psychojs)) if wanted]
    with Staging(out, "export") as staging:
        _fill(staging.path, request, default_rig=rig is None, pages=pages)
        return staging.commit()


def _fill(
    directory: Path, request: ExportRequest, *, default_rig: bool, pages: Sequence[Callable[[WebExperiment], None]]
) -> None:
    protocol, setup = request.protocol, request.setup
    prepared = (PLANS.get(protocol.plan) or KINDS[protocol.stimuli])(request, directory)
    facts = {"title": protocol.title, **prepared.facts}
    manifest = _manifest(request, prepared, facts)
    (directory / "manifest.json").write_bytes(as_json(manifest))
    (directory / "settings.json").write_bytes(as_json(_settings(setup.rig, prepared)))
    (directory / "rig.yaml").write_text(_yaml(setup.rig.model_dump(mode="json")), encoding="utf-8")
    if protocol.design is not None:
        (directory / "design.yaml").write_text(_yaml(protocol.design.model_dump(mode="json")), encoding="utf-8")
    if protocol.flow:
        built, texts = prepared.protocol or protocol, fill_texts(protocol, facts)
        (directory / "texts.yaml").write_text(_yaml(texts), encoding="utf-8")
        _copy_runtime(directory)
        experiment = build_experiment(built, setup, background=prepared.background, blocks=prepared.blocks)
        for write in pages:
            write(WebExperiment(directory, built, setup, manifest, texts, prepared.background))
        write_experiment(experiment, directory, protocol.name)
    set_name = request.called or "no set"
    page = {**facts, **prepared.page, "notes": prepared.notes}
    write_readme(directory / "README.md", protocol, setup, page, set_name=set_name, default_rig=default_rig)


def _manifest(request: ExportRequest, prepared: Prepared, facts: dict[str, Any]) -> dict[str, Any]:
    protocol, setup, source = request.protocol, request.setup, request.source
    return {
        "protocol": protocol.name,
        "title": protocol.title,
        "minutes": float(facts["minutes"]),
        "keys": _waited_for(protocol),
        "codes": CODES,
        "notes": list(prepared.notes),
        "settings": dict(setup.settings),
        "frames": dict(setup.frames),
        "rig": setup.rig.model_dump(mode="json"),
        "stimulus_set": source and {"name": request.called, "versions": source.provenance.get("versions", {})},
        "versions": {
            "synthstim": metadata.version("synthstim"),
            "psychopy": metadata.version("psychopy"),
            "python": platform.python_version(),
        },
        **prepared.manifest,
    }


class _Readable(yaml.SafeDumper):
    """Texts of several lines stand as they are read."""


def _text_of(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Readable.add_representer(str, _text_of)


def _yaml(content: Any) -> str:
    return str(yaml.dump(content, Dumper=_Readable, sort_keys=False, allow_unicode=True, width=120))


def _waited_for(protocol: Protocol) -> dict[str, str]:
    # The first key that each routine with keys waits for.
    return {
        name: piece.keys[0] for name, routine in protocol.routines.items() for piece in routine.pieces if piece.keys
    }


def _settings(rig: Rig, prepared: Prepared) -> dict[str, Any]:
    monitor = rig.monitor
    return {
        "subject": rig.subject,
        "markers": rig.markers.model_dump(mode="json"),
        "responses": rig.responses.model_dump(mode="json"),
        "reward": None if rig.reward is None else rig.reward.model_dump(mode="json"),
        "eye_tracker": None if rig.eye_tracker is None else rig.eye_tracker.model_dump(mode="json"),
        "display": {
            "width_px": monitor.width_px,
            "height_px": monitor.height_px,
            "refresh_hz": monitor.refresh_hz,
            "check": monitor.check and prepared.screen_matters,
        },
        **prepared.settings,
    }


def _copy_runtime(directory: Path) -> None:
    (directory / "runtime").mkdir()
    for path in sorted((Path(__file__).parent / "runtime").glob("*.py")):
        shutil.copyfile(path, directory / "runtime" / path.name)
