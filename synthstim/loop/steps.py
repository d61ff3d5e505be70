"""The steps of a generation: its set, its experiment, its fit, its measures, its report."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from synthstim.encoding import Stimuli, fit_sites, save_fit
from synthstim.encoding.doubts import doubt_of
from synthstim.encoding.mapped_fields import mapped_fields, with_fields
from synthstim.errors import advised, counted
from synthstim.experiment import export_experiment
from synthstim.experiment.images.positions import sites_of
from synthstim.files import remove, write_sums, written_whole
from synthstim.loop.assemble import assemble_set, control_rows
from synthstim.loop.delivery import ADVICE
from synthstim.loop.drift import site_drift
from synthstim.loop.generation import Generation, read_json
from synthstim.loop.history import History
from synthstim.loop.measure import measure_generation
from synthstim.loop.plan import ALSO, MADE, plan_generation
from synthstim.loop.report import write_loop_report
from synthstim.loop.session import LoopSession
from synthstim.loop.tables import read_frame, write_frame
from synthstim.loop.write_recipe import RECIPE
from synthstim.production import MakeProgress, make
from synthstim.recipe import read_recipe
from synthstim.responses.files import listed
from synthstim.stimulus_set import StimulusSet

Tell = Callable[[str], None]
Making = Callable[[MakeProgress], None]


def export_generation(session: LoopSession, generation: Generation, *, called: str | None = None) -> None:
    """Export a generation's experiment, with SHA256SUMS of its files, and open its inbox.

    Args:
        called: the session, where its folder has another name yet.
    """
    asked = session.settings.experiment
    generation.inbox.mkdir(exist_ok=True)
    with written_whole(generation.experiment) as part:
        export_experiment(
            generation.stimuli,
            asked.protocol or generation.stimuli.modality.looped,
            out=part,
            rig=None if asked.rig is None else session.root / asked.rig,
            settings=asked.settings,
            table=_places(session, generation),
            title=f"{called or session.root.resolve().name}, generation {generation.number}",
        )
        write_sums(part)


def _places(session: LoopSession, generation: Generation) -> Path | None:
    """Where images of each site are shown; nothing of generation 0 is of a recorded one."""
    table = session.settings.experiment.places
    of_sites = table is not None and generation.number and sites_of(generation.stimuli.table)
    return session.root / str(table) if of_sites else None


def _make(session: LoopSession, generation: Generation, tell: Tell, making: Making | None) -> None:
    """The set of a generation: planned, made, joined with what is shown again."""
    root = generation.root
    if not (root / "plan.tsv").exists():
        plan_generation(session, generation, tell)
        session.log.add(generation.number, "planned", _counts(generation.plan))
    parts, prefix = [], f"g{generation.number}_"
    if (root / RECIPE).exists():
        previous = session.generations[generation.number - 1]
        tell(f"generation {generation.number}: making stimuli")
        fitted = session.fit(previous).observer
        name = f"fit:../{previous.name}/fit"
        observer = fitted.given(fitted.input, name=name, opening={"name": name})
        made = make(read_recipe(root / RECIPE), root / MADE, observer=observer, resume=True, watch=making)
        parts.append(made)
        planned = generation.plan[generation.plan["role"] != "control"]
        controls = control_rows(made, planned, prefix)
        if len(controls):
            write_frame(root / "plan.tsv", pd.concat([planned, controls], ignore_index=True))
    if (root / ALSO).exists():
        parts.append(StimulusSet.read(root / ALSO))
    assemble_set(root / "set", parts, prefix if (root / RECIPE).exists() else "")
    session.log.add(generation.number, "made", repr(generation.stimuli))


def _export(session: LoopSession, generation: Generation, tell: Tell, making: Making | None) -> None:
    tell(f"generation {generation.number}: experiment")
    # What the set was put together of; a crash may have kept it.
    for name in (MADE, ALSO):
        remove(generation.root / name)
    shutil.rmtree(generation.root / f".{MADE}.work", ignore_errors=True)
    export_generation(session, generation)
    session.log.add(generation.number, "exported", str(generation.experiment))


def _fit(session: LoopSession, generation: Generation, tell: Tell, making: Making | None) -> None:
    settings, history = session.settings, History.read(session, generation.number)
    shown = [one.stimuli for one in history.generations]
    present = set(history.responses.stimulus_ids)
    groups = {name: group for name, group in history.groups.items() if name in present}
    _tell_layers(session, generation, tell)
    if settings.correct_drift:
        _tell_drift(session, generation, tell)
    mapped = None
    if settings.fields is not None:
        # What is wrong with them is said before the fit.
        mapped = mapped_fields(session.root / settings.fields, history.responses.sites, session.observer.input.shape)
    with advised(ADVICE):
        fit = fit_sites(
            session.observer,
            history.responses,
            Stimuli.of_sets(shown, session.observer.input),
            settings.layers,
            method=settings.fitting.method,
            folds=settings.fitting.folds,
            groups=groups,
            members=None if settings.fitting.ensemble == "none" else settings.fitting.ensemble,
            seed=settings.seed,
            progress=lambda step: tell(f"generation {generation.number}: {step}"),
        )
    if mapped is not None:
        fit = with_fields(fit, mapped)
    with written_whole(generation.root / "fit") as part:
        save_fit(fit, part)
    session.log.add(generation.number, "fitted", repr(fit))


def _tell_layers(session: LoopSession, generation: Generation, tell: Tell) -> None:
    """Say and log that the settings name other layers than those of the fit before."""
    if generation.number == 0:
        return
    before = read_json(session.generations[generation.number - 1].root / "fit" / "fit.json")
    layers = list(session.settings.layers)
    if (known := before["provenance"]["options"]["layers"]) != layers:
        words = f"fitted to the layers {', '.join(layers)}, before to {', '.join(known)}"
        session.log.add_once(generation.number, "note", words)
        tell(f"generation {generation.number}: {words}")


def _tell_drift(session: LoopSession, generation: Generation, tell: Tell) -> None:
    """Say and log by what the responses of each site are divided."""
    drift = site_drift(generation, session.generations[0])
    moved = [f"{site} {factor:.3g}" for site, factor in drift["factor"].items() if abs(factor - 1) >= 0.005]
    if generation.number:
        words = f"responses of {len(moved)} of {counted(len(drift), 'site')} are divided by their drift: {listed(moved)}" if moved else "no site drifted beyond noise"  # fmt: skip
        session.log.add_once(generation.number, "note", words)
        tell(f"generation {generation.number}: {words}")


def _measure(session: LoopSession, generation: Generation, tell: Tell, making: Making | None) -> None:
    tell(f"generation {generation.number}: predictions and measurements")
    measure_generation(session, generation)
    sites = read_frame(generation.root / "sites.tsv", text=("site",))
    # Of later generations by the fit before, which knows nothing of them.
    if doubt := doubt_of(sites.assign(r=sites["r_predicted"])):
        tell(f"generation {generation.number}: {doubt}")
        session.log.add_once(generation.number, "note", doubt)


def _report(session: LoopSession, generation: Generation, tell: Tell, making: Making | None) -> None:
    path = write_loop_report(session, generation)
    session.log.add(generation.number, "reported", str(path))


STEPS: dict[str, Callable[[LoopSession, Generation, Tell, Making | None], None]] = {
    "set": _make,
    "experiment": _export,
    "fit": _fit,
    "predicted.tsv": _measure,
    "report.html": _report,
}


def _counts(plan: pd.DataFrame) -> str:
    counts = plan.drop_duplicates("stimulus_id")["role"].value_counts()
    return ", ".join(f"{count} {role}" for role, count in counts.items())
