"""From results to a set: every file is written, read back and measured; the table holds what was measured."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from synthstim.goals import GOALS
from synthstim.goals.aim import Aim
from synthstim.modalities.base import Stimulus
from synthstim.models import Observer
from synthstim.production.cases import Controls, write_controls
from synthstim.production.fingerprint import Fingerprint
from synthstim.production.jobs import Job, reference_stem
from synthstim.production.series import write_series
from synthstim.production.work_directory import Made
from synthstim.recipe import STARTS, Metamer, Recipe
from synthstim.stimulus_set import SetWriter
from synthstim.verify import Measurer, judge, profile_of
from synthstim.verify.transfer import TRANSFER, transfer_of

BEST_SHOWN = 4
STILL = "the gradient was zero everywhere, so that nothing could move it"


def write_set(
    out: Path,
    recipe: Recipe,
    measurer: Measurer,
    jobs: list[Job],
    results: list[Made],
    controls: Controls,
    fingerprint: Fingerprint,
) -> None:
    """Write a set and its tables; nothing appears under its name until all of it is there."""
    observer = measurer.observer
    measurer.prepare(aim for job in jobs for aim in job.aims)
    modality = observer.input.modality
    with SetWriter(out, modality=modality.name, **modality.writing(observer.input)) as writer:
        rows: dict[str, dict[str, Any]] = {}
        aims: dict[str, Aim] = {}
        nulls: dict[str, dict[str, int]] = {}
        for job, made in zip(jobs, results, strict=True):
            for at, item in enumerate(job.items):
                row = _synthesis_columns(job, at, made, observer)
                _add_item(writer, measurer, recipe, job, at, made, row, nulls)
                rows[item.stimulus_id], aims[item.stimulus_id] = row, job.aims[at]
                curve = pd.DataFrame(made.curves[at], columns=["evaluation", "score"])
                writer.add_rows("curves.tsv.gz", curve.assign(stimulus_id=item.stimulus_id))
        described: dict[str, dict[str, object]] = {name: aim.facts() for name, aim in aims.items()}
        described |= write_controls(writer, measurer, controls)
        mixtures = write_series(writer, recipe, observer, [item for job in jobs for item in job.items])
        _add_natural(writer, measurer, list(aims.values()))
        facts = provenance(recipe, observer, measurer, described, nulls)
        writer.commit(facts | ({"series": mixtures} if mixtures else {}) | {"fingerprint": fingerprint})


def _synthesis_columns(job: Job, at: int, made: Made, observer: Observer) -> dict[str, Any]:
    item, aim = job.items[at], job.aims[at]
    entry = item.entry
    columns: dict[str, Any] = {
        "name": entry.name,
        "kind": entry.kind,
        "goal": aim.goal,
        "observer": observer.name,
        "layer": "+".join(item.layers or aim.layers) or aim.layer,
        "unit": aim.unit_name,
        "others": "; ".join(unit.name for unit in aim.others) or None,
        "level": aim.level,
        "copy": item.copy,
        "seed": item.seed,
    }
    columns |= {name: value for name, value in aim.given if name in ("direction", "amplitude", "target_db")}
    columns |= {"target_db": entry.target_db} if isinstance(entry, Metamer) else {}
    if not job.phases:
        return columns
    return columns | {
        "start": job.phases[0].start if entry.start in STARTS else Path(entry.start).name,
        "parametrisation": job.phases[0].kind,
        "optimiser": ", then ".join(job.phases[phase].label for phase in made.taken[at]),
        "evaluations": made.evaluations[at],
        "converged": made.converged[at],
    }


def _add_item(
    writer: SetWriter,
    measurer: Measurer,
    recipe: Recipe,
    job: Job,
    at: int,
    made: Made,
    row: dict[str, Any],
    nulls: dict[str, Any],
) -> None:
    """Write one stimulus, measure the file, and add both to its row."""
    item, aim = job.items[at], job.aims[at]
    if item.reference is not None and job.references is not None:
        seen = job.references[at].numpy()
        bits = writer.modality.reference_bits(item.entry.bits)
        row["reference"], row["reference_sha256"] = writer.add_reference(
            seen, reference_stem(item.reference), bits=bits
        )
    path = writer.add(item.stimulus_id, made.stimuli[at].numpy(), bits=item.entry.bits)
    writer.rows[-1].update(row)
    if made.latents is not None:
        writer.add_latents(item.stimulus_id, made.latents[at].numpy())
    read = writer.modality.read
    stimulus, measured = read(path), writer.modality.statistics(path)
    reference = None if item.reference is None else read(writer.path(row["reference"]))
    measured |= GOALS[aim.goal].measure(measurer, stimulus, aim, reference, item.layers or ())
    if reference is not None:
        key = f"{row['reference']} {row['layer']}"
        if GOALS[aim.goal].against_null and key not in nulls:
            nulls[key] = measurer.null(aim.layers).facts(measurer.pool.recognise(reference))
            rows = measurer.null_rows(reference, aim.layers)
            writer.add_rows("null.tsv.gz", rows.assign(reference=row["reference"], layer=row["layer"]))
        _add_profile(writer, measurer.observer, item.stimulus_id, stimulus, reference, aim, recipe)
    named = measurer.observer.members_of([layer for entry in recipe.stimuli for layer in entry.layers_named])
    writer.add_rows(TRANSFER, transfer_of(measurer.observer, item.stimulus_id, stimulus, reference, named))
    measured["status"], measured["reason"] = judge(aim, measured, recipe.criteria.model_dump(), row.get("target_db"))
    if measured["status"] == "failed" and made.still[at]:
        measured["reason"] += f"; {STILL}"
    row.update(measured)
    writer.rows[-1].update({name: value for name, value in measured.items() if name in writer.columns})


def _add_profile(
    writer: SetWriter,
    observer: Observer,
    stimulus_id: str,
    stimulus: Stimulus,
    reference: Stimulus,
    aim: Aim,
    recipe: Recipe,
) -> None:
    """Add the match at every stage: of the observer where it names them, else of those that the recipe names."""
    named = observer.members_of([layer for entry in recipe.stimuli for layer in entry.layers_named])
    stages = [layer for layer in observer.layers if layer in {*observer.stages, *named}]
    profile = pd.DataFrame(profile_of(observer, stimulus, reference, stages)).T.rename_axis("layer").reset_index()
    profile["matched"] = ["true" if layer in aim.layers else "false" for layer in profile["layer"]]
    writer.add_rows("matches.tsv.gz", profile.assign(stimulus_id=stimulus_id))


def _add_natural(writer: SetWriter, measurer: Measurer, aims: list[Aim]) -> None:
    """The pool's best stimuli for each controlled unit and goal, and the unit's activations over the pool."""
    seen: set[tuple[object, ...]] = set()
    for aim in aims:
        of_pool = (aim.controlled, aim.pattern, aim.unit_name)
        if not aim.controlled or (key := (*of_pool, aim.goal, aim.level)) in seen:
            continue
        seen.add(key)
        order, activations = measurer.natural_order(aim)
        where = {"unit": aim.unit_name, "layer": aim.layer, "goal": aim.goal}
        for rank in range(min(BEST_SHOWN, len(order))):
            stem = f"{aim.goal}_{len(seen):03d}_{rank}"
            file, sha256 = writer.add_best_natural(measurer.pool.stimulus(order[rank]), stem)
            photograph = measurer.pool.names[measurer.pool.origin[order[rank]]]
            facts = {**where, "rank": rank, "file": file, "sha256": sha256, "activation": activations[rank]}
            writer.add_rows("best_natural.tsv", pd.DataFrame([{**facts, "photograph": photograph}]))
        if of_pool not in seen:
            seen.add(of_pool)
            steps = [percentile / 2 for percentile in range(201)]
            values = pd.Series(activations).quantile([step / 100 for step in steps]).tolist()
            spread = pd.DataFrame(
                {"unit": aim.unit_name, "layer": aim.layer, "percentile": steps, "activation": values}
            )
            writer.add_rows("pool_activations.tsv.gz", spread)


def observer_facts(observer: Observer) -> dict[str, Any]:
    """What opens an observer again; of several as one, what opens each."""
    parts = {name: observer_facts(part) for name, part in observer.parts.items()}
    return {
        "name": observer.name,
        "weights": observer.weights,
        "weights_sha256": observer.weights_sha256,
        "input": asdict(observer.input),
        **({"observers": parts} if parts else {"opening": observer.opening}),
        **({"axes": observer.axes.words} if observer.axes.words and not parts else {}),
    }


def provenance(
    recipe: Recipe,
    observer: Observer,
    measurer: Measurer,
    described: Mapping[str, dict[str, object]],
    nulls: Mapping[str, dict[str, int]],
) -> dict[str, Any]:
    """How a set was made, as plain data; ``described`` is what each stimulus is meant to do."""
    shown = observer.input
    return {
        "recipe": recipe.text,
        "seed": recipe.seed,
        "observer": observer_facts(observer),
        "fit": recipe.fit,
        "coding": shown.modality.coding,
        **{name: getattr(recipe, name) for name in shown.modality.reading},
        **({"calibration": recipe.calibration.model_dump(exclude_none=True)} if recipe.calibration else {}),
        **({"level_db_spl": recipe.level_db_spl} if recipe.level_db_spl is not None else {}),
        "match_convention": "dB = -20 log10(|features - reference features| / |reference features|)",
        "criteria": recipe.criteria.model_dump(),
        "pool": measurer.pool.facts(),
        "null": dict(nulls),
        "device": {
            "type": observer.device.type,
            "dtype": str(observer.network_dtype),
            "threads": torch.get_num_threads(),
        },
        "versions": {"python": platform.python_version()}
        | {
            name: version(name)
            for name in ("synthstim", "torch", "timm", "kornia", "numpy", "scikit-image", "scikit-learn")
        },
        "stimuli": dict(described),
    }
