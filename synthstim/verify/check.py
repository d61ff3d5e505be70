"""Checking a set: checksums, and every figure of the table measured again from the saved files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import EllipsisType
from typing import Any

import pandas as pd

from synthstim.errors import InputError, nearest
from synthstim.files import sha256_of
from synthstim.goals.aim import Aim
from synthstim.models import OUTPUT, Observer
from synthstim.parametrise import Parametrisation
from synthstim.stimulus_set import StimulusSet, altered
from synthstim.stimulus_set.read import opened_set
from synthstim.verify.consistency import MADE, aim_of, disagreements, read_aim
from synthstim.verify.differences import row_problems
from synthstim.verify.latents import rendered_otherwise
from synthstim.verify.measure import Measured, Measurer, match_of, resampled
from synthstim.verify.mixtures import mixed_otherwise
from synthstim.verify.natural import natural_pool
from synthstim.verify.pool import NaturalPool
from synthstim.verify.transfer import TRANSFER, transfer_of, transferred_otherwise

DECIBELS = 0.1
DECIBELS_ELSEWHERE = 0.5


@dataclass(frozen=True)
class Check:
    """What a check found.

    Attributes:
        problems: one sentence for each file or figure that is not as the table says.
        failed: (stimulus_id, reason) of stimuli marked failed: no problem of the set, and never hidden.
        measured: number of stimuli measured again.
        elsewhere: stimulus_id, match_db, pearson and same_class on the second observer, if one was asked for; after
            another resampler also table_db, the match in the table.
    """

    problems: list[str]
    failed: list[tuple[str, str]]
    measured: int
    elsewhere: pd.DataFrame


def check_set(
    stimuli: StimulusSet | str | Path,
    observer: Observer | EllipsisType | None = ...,
    *,
    pool: NaturalPool | None = None,
    second: Observer | None = None,
    second_layer: str = OUTPUT,
    resampler: str | None = None,
    parametrisation: Parametrisation | None = None,
    watch: Callable[[int, int], None] | None = None,
) -> Check:
    """Verify a set's checksums and measure every file again.

    Args:
        stimuli: the set, or its folder.
        observer: what it was made on. None checks only files, luminance and levels; it may be left out of an adopted set, of which
            nothing else is known.
        pool: the natural pool it was made with; by default the carried photographs.
        second: measure metamers on this observer too, given the same stimuli.
        second_layer: where.
        resampler: measure metamers of sounds also after another program's resampler (``Modality.resamplers``).
        parametrisation: what the set was made with, where that was given in Python: its latents are rendered again.
        watch: called with (measured, total).

    Raises:
        InputError: the set was made on an observer and none is given, the observer's weights are not those the set was made on, or the second observer is of the other
            modality, or the resampler is unknown or the set is of images.

    Example:
        >>> check_set(stimuli, None).problems
        []
    """
    stimuli = opened_set(stimuli)
    observer = _given(stimuli, observer)
    if resampler is not None:
        _require_resampled(stimuli, observer, resampler)
    if second is not None and second.input.modality != stimuli.modality:
        raise InputError(
            f"{second.name} {second.input.modality.is_given}, {stimuli.root} holds {stimuli.modality.plural}: "
            "choose another second observer"
        )
    damaged, problems = files_changed(stimuli)
    found = measured_again(
        stimuli, observer, damaged, pool=pool, second=second, second_layer=second_layer, resampler=resampler,
        parametrisation=parametrisation, watch=watch,
    )  # fmt: skip
    return replace(found, problems=[*problems, *found.problems])


def files_changed(stimuli: StimulusSet) -> tuple[set[str], list[str]]:
    """The stimuli, references and natural ones whose bytes have changed, and a sentence for each file of the set that has."""
    damaged = {problem.split(" ", 1)[0]: problem for problem in stimuli.damaged() + _damaged_naturals(stimuli)}
    others = {name: problem for problem in altered(stimuli) if (name := problem.split(" ", 1)[0]) not in damaged}
    return set(damaged), [*damaged.values(), *others.values()]


def measured_again(
    stimuli: StimulusSet,
    observer: Observer | None,
    damaged: Collection[str],
    *,
    pool: NaturalPool | None = None,
    second: Observer | None = None,
    second_layer: str = OUTPUT,
    resampler: str | None = None,
    parametrisation: Parametrisation | None = None,
    watch: Callable[[int, int], None] | None = None,
) -> Check:
    """Measure every file of a set again that is not damaged; arguments as of ``check_set``."""
    problems = list(disagreements(stimuli))
    measurer = None
    if observer is not None:
        _require_same(stimuli, observer)
        pool = pool or natural_pool(observer, level_dbfs=stimuli.provenance.get("level_dbfs"))
        measurer = Measurer(observer, pool)
        measurer.prepare(read_aim(facts) for facts in stimuli.provenance.get("stimuli", {}).values())
    same_pool = pool is None or pool.sha256 == stimuli.provenance.get("pool", {}).get("sha256")
    if not same_pool:
        problems.append(
            "the natural pool is another than the one the set was made with: percentiles and best naturals are not compared"
        )
    device = stimuli.provenance.get("device", {}).get("type")
    limit = DECIBELS if observer is None or device == observer.device.type else DECIBELS_ELSEWHERE
    rows = [{str(name): value for name, value in row.items()} for row in stimuli.table.to_dict("records")]
    measured, elsewhere = 0, []
    transfer = stimuli.companion(TRANSFER)
    for number, row in enumerate(rows):
        if row["file"] not in damaged and (pd.isna(row["reference"]) or row["reference"] not in damaged):
            aim = aim_of(stimuli, row) if measurer is not None else None
            problems += row_problems(stimuli, row, aim, measurer, limit, same_pool)
            if observer is not None and observer.parts and row["kind"] in MADE:
                problems += _transfer_problems(stimuli, row, observer, limit, transfer)
            measured += 1
            if second is not None and not pd.isna(row["reference"]):
                elsewhere.append({"stimulus_id": row["stimulus_id"], **_elsewhere(stimuli, row, second, second_layer)})
            if resampler is not None and observer is not None and aim is not None and aim.layers:
                elsewhere.append(_after(resampler, stimuli, row, aim, observer))
        if watch is not None:
            watch(number + 1, len(rows))
    problems += mixed_otherwise(stimuli, damaged)
    if observer is not None:
        problems += rendered_otherwise(stimuli, observer, parametrisation)
    failed = stimuli.table[stimuli.table["status"] == "failed"]
    return Check(
        problems, list(zip(failed["stimulus_id"], failed["reason"], strict=True)), measured, pd.DataFrame(elsewhere)
    )


def _transfer_problems(
    stimuli: StimulusSet, row: dict[str, Any], observer: Observer, limit: float, transfer: pd.DataFrame
) -> Iterator[str]:
    """Where what one of several observers makes of a stimulus is not as the set has it."""
    known = transfer[transfer["stimulus_id"] == row["stimulus_id"]]
    named = known.dropna(subset=["layer"])
    layers = [
        f"{name}.{layer}"
        for name, at in zip(named["observer"], named["layer"], strict=True)
        for layer in str(at).split("+")
    ]
    reference = None if pd.isna(row["reference"]) else stimuli.stimulus(row["reference"])
    again = transfer_of(observer, row["stimulus_id"], stimuli.stimulus(row["file"]), reference, layers)
    yield from transferred_otherwise(known, again, limit)


def _given(stimuli: StimulusSet, observer: Observer | EllipsisType | None) -> Observer | None:
    """The observer that a set is checked with, as the caller named it."""
    if observer is ...:
        if "parts" in stimuli.provenance:
            raise InputError(
                f"{stimuli.root} was joined of several sets, each with its own observer", "use check_joined"
            )
        if (made := stimuli.provenance.get("observer")) is not None:
            raise InputError(
                f"{stimuli.root} was made on {made.get('name')}, and no observer is given to measure it with",
                "give observer_of_set(stimuli) of synthstim.production, or None to check files, luminance and levels only",
                code="missing",
            )
        return None
    if observer is not None and not isinstance(observer, Observer):
        raise InputError(
            f"observer is a {type(observer).__name__}; expected an Observer or None",
            "open one: synthstim.load_model(name), or observer_of_set(stimuli) of synthstim.production",
            code="mismatch",
        )
    return observer


def _require_resampled(stimuli: StimulusSet, observer: Observer | None, resampler: str) -> None:
    known = stimuli.modality.resamplers
    if known and resampler not in known:
        raise InputError(f"no resampler is called {resampler!r}: {nearest(resampler, known)}")
    if not known or observer is None:
        held = "was adopted, without an observer" if known else f"holds {stimuli.modality.plural}"
        raise InputError(f"{stimuli.root} {held}, and no match depends on a resampler", "leave --resampler out")


def _require_same(stimuli: StimulusSet, observer: Observer) -> None:
    if "parts" in stimuli.provenance:
        raise InputError(f"{stimuli.root} was joined of several sets, each with its own observer", "use check_joined")
    recorded = stimuli.provenance.get("observer", {}).get("weights_sha256")
    if recorded != observer.weights_sha256:
        raise InputError(
            f"{stimuli.root} was made on {stimuli.provenance.get('observer', {}).get('name')} with weights "
            f"{str(recorded)[:12]}..., {observer.name} here has {observer.weights_sha256[:12]}...",
            "give the same weights; a function that draws them anew calls torch.manual_seed first",
            code="changed",
        )
    facts = stimuli.provenance.get("observer", {})
    if "input" in facts and (made := stimuli.modality.input_of(facts["input"])).shape != observer.input.shape:
        raise InputError(
            f"{stimuli.root} was made on {facts.get('name')} {made.modality.verb} {made.words}, {observer.name} here is"
            f" {made.modality.verb} {observer.input.words}",
            f"open it as then: {facts.get('opening', {})}",
            code="mismatch",
        )


def _damaged_naturals(stimuli: StimulusSet) -> list[str]:
    naturals = stimuli.companion("best_natural.tsv")
    return [
        f"{file} has changed since it was made"
        for file, sha256 in zip(naturals["file"], naturals["sha256"], strict=True)
        if sha256_of(stimuli.path(file)) != sha256
    ]


def _after(resampler: str, stimuli: StimulusSet, row: dict[str, Any], aim: Aim, observer: Observer) -> Measured:
    """The match of one metamer after another program's resampler, beside the table's."""
    heard = resampled(observer, resampler, stimuli.stimulus(row["file"]), stimuli.stimulus(row["reference"]))
    measured = match_of(observer, *heard, aim.layers)
    return {
        "stimulus_id": row["stimulus_id"],
        "resampler": resampler,
        "match_db": measured["match_db"],
        "table_db": row["match_db"],
        "same_class": measured["same_class"],
    }


def _elsewhere(stimuli: StimulusSet, row: dict[str, Any], second: Observer, layer: str) -> Measured:
    stimulus, reference = stimuli.stimulus(row["file"]), stimuli.stimulus(row["reference"])
    resized = second.input.given(stimulus.shape)
    shown = second if resized is second.input else second.given(resized)
    return {"observer": second.name, "layer": layer, **match_of(shown, stimulus, reference, [layer])}
