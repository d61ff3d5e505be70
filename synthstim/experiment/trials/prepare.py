"""Experiments made of trials: a set and a design -> stimuli, plan.tsv, and what the manifest says of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.random import default_rng

from synthstim.errors import InputError
from synthstim.experiment.builder.experiment import duration, used_routines
from synthstim.experiment.builder.piece_code import questions_of
from synthstim.experiment.builder.pieces import Setup
from synthstim.experiment.builder.routine import SHOWN
from synthstim.experiment.design.material import Candidate, Pool, read_pool
from synthstim.experiment.design.pairs import Pair, between_references, list_pairs
from synthstim.experiment.design.plan import Counts, PlannedTrial, plan_trials
from synthstim.experiment.design.schema import MASK, Design
from synthstim.experiment.design.table import with_columns
from synthstim.experiment.images.light import light_facts
from synthstim.experiment.images.positions import LIMITS, with_positions
from synthstim.experiment.images.stimuli import check_options
from synthstim.experiment.images.viewing import background_of
from synthstim.experiment.marker_codes import check_codes, write_markers
from synthstim.experiment.movies.files import natively
from synthstim.experiment.prepared import ExportRequest, Prepared, require_modality
from synthstim.experiment.protocol import Protocol
from synthstim.experiment.sounds.headphones import TONES
from synthstim.experiment.sounds.levels import calibration_notes, sound_settings
from synthstim.experiment.sounds.tones import SPEAKERS
from synthstim.experiment.trials.answers import with_numbered
from synthstim.experiment.trials.columns import meanings
from synthstim.experiment.trials.files import write_stimuli
from synthstim.experiment.trials.gains import add_gains
from synthstim.experiment.trials.masks import add_masks
from synthstim.experiment.trials.presenting import present, require_devices
from synthstim.experiment.trials.tracks import adaptive_of, with_levels
from synthstim.experiment.trials.written import write_plan
from synthstim.stimulus_set import StimulusSet

_ANSWER_S, _PAGES_S = 2.0, 60.0
SOUND_BACKGROUND = 64
# Designs in which where a stimulus stands would say which it is.
_TOLD_APART = ("reference", "copy", "observer", "layer")


def prepare_trials(request: ExportRequest, directory: Path) -> Prepared:
    """Write stimuli, plan.tsv, the participants' conditions files and markers.tsv into the folder of an experiment.

    Raises:
        InputError: the set, the design or a setting cannot be used.
    """
    if request.protocol.stimuli == "movies":
        request = dataclasses.replace(request, setup=natively(request.setup))
    protocol, setup = request.protocol, request.setup
    source, design = _source_and_design(request)
    pool = read_pool(
        _rows(source, protocol, request.table), source.root.name, include=setup.settings["include"],
        kept_of_references=tuple(LIMITS) if protocol.shows else (),
    )  # fmt: skip
    counts = _counts(setup.settings, design)
    pool, louder = add_gains(pool, design, source, directory)
    pairs, obvious = _compared(pool, design, counts, setup.settings)
    _require_one_place(pairs, design)
    pairs = with_levels(pool, pairs, design)
    pairs, obvious, made = add_masks(pairs, obvious, design, source, directory, seed=counts.seed)
    entries = write_stimuli(_members([*pairs, *obvious]), source, setup, directory, louder | made)
    check_codes(entries[-1]["marker_code"], setup.rig)
    answers = design.answers({column: [one.value(column) for one in pool.members] for column in pool.columns})
    protocol = with_numbered(protocol, answers)
    adaptive = adaptive_of(design, pairs, counts, directory, entries)
    plans = adaptive.plans if adaptive else plan_trials(design, pairs, counts, obvious=obvious)
    how = present(protocol, setup, source, directory, entries, plans, _held(design, pairs, entries))
    manifest = _manifest(protocol, design, pairs, plans, answers) | (adaptive.manifest if adaptive else {})
    manifest |= how.manifest | {"stimuli": entries}
    manifest["criteria"]["catch_pass"] = setup.settings["catch_pass"]
    files = {entry["stimulus_id"]: entry["file"] for entry in entries}
    write_plan(directory, how.plans, manifest["slots"], design.conditions, files)
    write_markers(directory / "markers.tsv", [*files], setup.rig)
    trial_s = _trial_s(protocol, setup, entries)
    at_ear = protocol.plays and setup.rig.sound.calibration is not None
    columns = meanings(design.conditions, manifest["slots"], adaptive=adaptive is not None, at_ear=at_ear)
    page = {"manifest": manifest, "design": design, "n_participants": len(plans), "columns": columns}
    page |= light_facts(setup.settings, setup.rig) | {"last_code": entries[-1]["marker_code"]}
    return Prepared(
        facts={"n_stimuli": len(entries), "trial_s": trial_s, "answers": _numbered(answers)}
        | how.facts
        | _length(how.plans, trial_s),
        manifest=manifest,
        settings={"participant": None, SPEAKERS: sound_settings(setup.rig)} | how.settings,
        page=page | how.page,
        background=background_of(setup) if protocol.shows else SOUND_BACKGROUND,
        screen_matters=protocol.shows,
        notes=(
            *_notes(pool, design, pairs),
            *_without_reward(protocol, setup),
            *calibration_notes(setup.rig, source.provenance),
        ),
        protocol=protocol,
    )


def _source_and_design(request: ExportRequest) -> tuple[StimulusSet, Design]:
    """What trials are made of, if the protocol can be given it with these settings on this rig."""
    protocol, setup, source = request.protocol, request.setup, request.source
    design = protocol.design
    if source is None or design is None:
        raise InputError(f"{protocol.name} takes the stimuli of a set", "give one")
    if request.labels is not None or request.answers is not None:
        raise InputError(f"{protocol.name} asks for no words of a list", "leave labels and answers out")
    require_devices(protocol, setup)
    if setup.settings["practice_trials"] and not used_routines(protocol.flow, setup, "practice_trials"):
        raise InputError(
            f"practice_trials={setup.settings['practice_trials']} given; {protocol.name} has no practice",
            "set practice_trials=0",
        )
    require_modality(source, protocol.modality, protocol.name)
    if protocol.shows:
        check_options(setup.settings, setup.rig)
    source.require_intact()
    return source, design.model_copy(update={"mask": setup.settings["mask"]}) if "mask" in setup.settings else design


def _rows(source: StimulusSet, protocol: Protocol, table: str | Path | None) -> pd.DataFrame:
    """The set's table with the user's; of images also by site, with their own places and sizes."""
    if protocol.shows:
        return with_positions(source.table, table)
    return source.table if table is None else with_columns(source.table, table)


def _counts(values: Mapping[str, Any], design: Design) -> Counts:
    return Counts(
        participants=values["participants"] or 20,
        repeats=values["repeats"], practice=values["practice_trials"] if design.method.kind == "constant" else 0,
        catch=values["catch_trials"] if design.method.kind == "constant" else 0, break_every=values["break_every"], seed=values["seed"],
    )  # fmt: skip


def _require_one_place(pairs: Sequence[Pair], design: Design) -> None:
    """Raise InputError where what is told apart stands at several places, which would give the answer away."""
    for pair in pairs if design.compare in _TOLD_APART else ():
        for column in LIMITS:
            if len({one.value(column) for one in pair.stimuli.values()}) > 1:
                names = " and ".join(one.stimulus_id for one in pair.stimuli.values())
                raise InputError(
                    f"{names} are told apart, and have different {column}, which would give the answer away",
                    "give the stimuli of a reference one place and size",
                )


def _compared(pool: Pool, design: Design, counts: Counts, values: Mapping[str, Any]) -> tuple[list[Pair], list[Pair]]:
    generator = default_rng([counts.seed, 6])
    pairs = list_pairs(pool, design, natural=values["references"], count=values["comparisons"], generator=generator)
    if column := design.column_of_right:
        pool.require((column,), "right")
        if silent := next((pair for pair in pairs if pair.stimuli["a"].value(column) == "n/a"), None):
            raise InputError(
                f"the column {column!r} says nothing of {silent.stimuli['a'].stimulus_id}, but what is right",
                "fill it in",
            )
    if counts.catch and design.compare not in ("reference", "copy", "observer", "layer"):
        raise InputError(
            f"catch_trials={counts.catch} given; a design that compares {design.compare} has no trials that anybody gets right",
            "set catch_trials=0",
        )
    drawn = between_references(pool, default_rng([counts.seed, 7]), counts.catch) if counts.catch else []
    obvious = [
        Pair(f"{first.stimulus_id}+{second.stimulus_id}", {"a": first, "b": second}, {}, "catch", first.file)
        for first, second in drawn
    ]
    return pairs, obvious


def _members(pairs: Sequence[Pair]) -> list[Candidate]:
    return list({member.stimulus_id: member for pair in pairs for member in pair.stimuli.values()}.values())


def _held(
    design: Design, pairs: Sequence[Pair], entries: Sequence[Mapping[str, Any]]
) -> dict[str, list[Mapping[str, Any]]]:
    by_id = {entry["stimulus_id"]: entry for entry in entries}
    held: dict[str, list[Mapping[str, Any]]] = {}
    for slot in design.slots:
        letters = {way.slots[slot] for way in design.arrangements}
        ids = {pair.stimuli[letter].stimulus_id for pair in pairs for letter in letters if letter in pair.stimuli}
        held[slot] = [by_id[name] for name in sorted(ids)]
    return held


def _manifest(
    protocol: Protocol,
    design: Design,
    pairs: Sequence[Pair],
    plans: Sequence[Sequence[PlannedTrial]],
    answers: Sequence[str],
) -> dict[str, Any]:
    questions = questions_of(protocol)
    return {
        "modality": protocol.modality,
        "participants": len(plans),
        "slots": [*([TONES] if protocol.plays else []), *design.slots],
        "masks": [*design.slots_of(MASK)],
        "columns": list(design.conditions),
        "conditions": [
            {"condition": name, **dict(told)} for name, told in {pair.condition: pair.columns for pair in pairs}.items()
        ],
        "answers": list(answers),
        "questions": questions,
        "asks": any(asked["stores"] == "response" and asked["kind"] != "participant" for asked in questions.values()),
        "design": design.model_dump(mode="json"),
        "n_catch": sum(trial.phase == "catch" for trial in plans[0]),
        "words": [],
    }


def _numbered(answers: Sequence[str]) -> str:
    return "    ".join(f"{number}: {answer}" for number, answer in enumerate(answers, 1))


def _trial_s(protocol: Protocol, setup: Setup, entries: Sequence[Mapping[str, Any]]) -> float:
    """About how long a trial lasts."""
    routines = [protocol.routines[name] for name in used_routines(protocol.flow, setup, "main_trials")]
    shown_s = setup.rig.milliseconds(sum(duration(routine, setup) for routine in routines)) / 1000 + _ANSWER_S
    if "duration_s" not in entries[0]:
        return shown_s
    # A routine with a movie lasts until that ends, and has no duration of its own.
    before = sum(setup.span(piece)[0] for routine in routines for piece in routine.pieces if piece.piece in SHOWN)
    shown_s += setup.rig.milliseconds(before) / 1000
    lasts = [entry["duration_s"] for entry in entries]
    around = float(setup.settings.get("lead_s", 0)) + float(setup.settings.get("purge_s", 0))
    return shown_s + len(protocol.slots) * (sum(lasts) / len(lasts) + around)


def _length(plans: Sequence[Sequence[PlannedTrial]], trial_s: float) -> dict[str, Any]:
    main = max(sum(trial.phase in ("main", "catch") for trial in plan) for plan in plans)
    practice = sum(trial.phase == "practice" for trial in plans[0])
    return {"n_trials": main, "n_practice": practice, "minutes": f"{(_PAGES_S + (main + practice) * trial_s) / 60:.1f}"}


def _without_reward(protocol: Protocol, setup: Setup) -> tuple[str, ...]:
    rewards = any(piece.piece == "reward" for routine in protocol.routines.values() for piece in routine.pieces)
    return ("the rig has no reward: none is given",) * (rewards and setup.rig.reward is None)


def _notes(pool: Pool, design: Design, pairs: Sequence[Pair]) -> tuple[str, ...]:
    notes = []
    if pool.dropped:
        notes.append(f"{pool.dropped} stimuli are left out because they failed their check (include=all keeps them)")
    used = {member.stimulus_id for pair in pairs for member in pair.stimuli.values()}
    if unused := [member.stimulus_id for member in pool.members if member.stimulus_id not in used]:
        notes.append(
            f"{len(unused)} stimuli of the set are in no trial, such as {unused[0]}: the design compares {design.compare}"
        )
    return tuple(notes)
