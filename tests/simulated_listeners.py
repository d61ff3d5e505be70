"""Simulated listeners: the trial tables that a listening test writes, from assumed accuracies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthstim.analysis.answered.study import LISTENING, NATURAL, Study
from synthstim.analysis.planning.proportions import population, skills_of
from synthstim.analysis.shown.files import table_text
from synthstim.errors import InputError
from synthstim.experiment.runtime.trials import trial_columns
from synthstim.experiment.sounds.balance import balanced_conditions, order_of, with_catch

_KNOWS_CATCH, _HEARS_TONES, _GUESSES_TONES = 0.98, 0.99, 1 / 3
Counts = NDArray[np.int64]
TRIAL_COLUMNS = trial_columns(("source", "observer", "layer"), ("tones", "heard"))
# What listening tests of release 0.1 called the same, and the columns that they had.
EARLIER = {
    "session": "run", "right": "word", "response": "answer", "response_time": "rt_s", "heard": "stimulus_id",
    "heard_sha256": "sha256", "heard_onset_s": "onset_s", "first_key_time": "first_key_s",
}  # fmt: skip
EARLIER_COLUMNS = (
    "participant", "run", "part", "attempt", "trial", "catch", "source", "condition", "observer", "layer", "stimulus_id",
    "file", "sha256", "word", "answer", "correct", "status", "played", "underflows", "onset_s", "duration_s", "rt_s", "first_key_s",
    "replaced", "headphone_passed", "time",
)  # fmt: skip


def simulate_trials(
    design: Study,
    accuracies: Mapping[str, float],
    *,
    trials: int,
    participants: int | None = None,
    spread: float = 0.1,
    careless: int = 0,
    seed: int = 0,
) -> pd.DataFrame:
    """Simulate the trials of a listening test.

    Args:
        design: its conditions, words, catch trials and criteria.
        accuracies: condition -> proportion that people recognise, in the population.
        trials: in each condition, of each participant.
        participants: how many; by default as the design plans.
        spread: standard deviation between participants at a proportion of 0.5; it shrinks towards 0 and 1.
        careless: how many of the last participants guess in the headphone check and the catch trials.
        seed: the same seed gives the same trials.

    Returns:
        One row a trial with the columns that an experiment writes, the whole headphone check and main part.

    Raises:
        InputError: a condition has no accuracy or an unknown one has, or a value is out of range.
    """
    count = design.participants if participants is None else participants
    generator = np.random.default_rng(seed)
    skills = skills_of(population(design, accuracies), count, spread=spread, generator=generator)
    if not 0 <= careless <= count or trials < 1:
        raise InputError(
            f"careless={careless} of {count} participants, {trials} trials: give 0 to {count}, and at least 1 trial"
        )
    conditions = len(design.names)
    plans = balanced_conditions(trials * conditions, conditions, participants=count, seed=seed)
    parts = []
    for number, plan in enumerate(plans, start=1):
        poor = number > count - careless
        parts.append(_headphone(design, number, poor, generator))
        parts.append(_main(design, number, np.array(plan), skills[number - 1], poor, seed, generator))
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return table.astype({"correct": "boolean", "attempt": "Int64"})


def _main(
    design: Study, number: int, plan: Counts, skill: NDArray[np.float64], poor: bool, seed: int, generator: np.random.Generator
) -> pd.DataFrame:  # fmt: skip
    order = order_of(number, len(plan), seed=seed)
    mixed = with_catch(order, design.catch_trials, participant=number, seed=seed)
    catch = np.array([is_catch for is_catch, _ in mixed])
    source = np.array([which for _, which in mixed])
    condition = np.where(catch, 0, plan[np.where(catch, 0, source)])
    chance = np.where(catch, design.chance if poor else _KNOWS_CATCH, skill[condition])
    correct = generator.random(len(mixed)) < chance
    words = len(design.answers)
    word = np.where(catch, len(plan) + source, source) % words
    # Any other word of the list, as likely as the next.
    answer = np.where(correct, word, (word + generator.integers(1, max(words, 2), len(mixed))) % words)
    names = np.array(
        [NATURAL if is_catch else design.names[one] for is_catch, one in zip(catch, condition, strict=True)]
    )
    by_name = {one.condition: one for one in design.conditions}
    sources = np.where(catch, np.char.add("catch", source.astype(str)), np.char.add("source", source.astype(str)))
    table = _rows(design, number, np.where(catch, "catch", "main"), generator)
    return table.assign(
        source=sources, pair=sources, condition=names, correct=correct,
        observer=pd.Series([by_name[name].observer if name in by_name else None for name in names], dtype=object),
        layer=pd.Series([by_name[name].layer if name in by_name else None for name in names], dtype=object),
        heard=np.char.add(np.char.add(sources, "_"), names), right=np.array(design.answers)[word],
        response=np.array(design.answers)[answer],
    )  # fmt: skip


def _headphone(design: Study, number: int, poor: bool, generator: np.random.Generator) -> pd.DataFrame:
    heard = design.criteria.headphone_trials
    correct = generator.random(heard) < (_GUESSES_TONES if poor else _HEARS_TONES)
    softest = generator.integers(0, 3, heard)
    table = _rows(design, number, np.full(heard, "headphone"), generator)
    return table.assign(
        correct=correct,
        attempt=1,
        condition="headphone",
        right=(softest + 1).astype(str),
        response=((softest + ~correct) % 3 + 1).astype(str),
    )


def _rows(design: Study, number: int, phases: NDArray[np.str_], generator: np.random.Generator) -> pd.DataFrame:
    count = len(phases)
    table = pd.DataFrame({name: pd.Series([None] * count, dtype=object) for name in TRIAL_COLUMNS})
    times = np.exp(generator.normal(1.0, 0.35, count))
    return table.assign(
        participant=number, session=1, phase=phases, trial=np.arange(count), block=0, status="answered", played=True,
        response_time=times.round(6), replaced=0,
    )  # fmt: skip


def as_earlier(trials: pd.DataFrame) -> pd.DataFrame:
    """The same trials as listening tests of release 0.1 wrote them."""
    catch = trials["phase"] == "catch"
    table = trials.rename(columns=EARLIER).assign(
        part=trials["phase"].mask(catch, "main"),
        catch=catch,
        attempt=trials["attempt"].fillna(1),
        file=None,
        duration_s=None,
    )
    return table[[*EARLIER_COLUMNS]]


def write_experiment(design: Study, trials: pd.DataFrame, out: str | Path) -> Path:
    """Write simulated trials as an experiment's folder that ``analyse_experiment`` reads.

    Args:
        design: what was tested.
        trials: from ``simulate_trials``.
        out: the folder to make; nothing may be there yet.
    """
    root = Path(out)
    if root.exists():
        raise InputError(f"{root} exists already: choose another name or remove it")
    (root / "data").mkdir(parents=True)
    manifest = {
        "protocol": LISTENING, "title": design.title, "participants": design.participants, "words": [*design.answers],
        "n_catch": design.catch_trials, "criteria": asdict(design.criteria),
        "conditions": [asdict(one) for one in design.conditions],
        "left_out": [dict(zip(("source", "condition", "reason"), one, strict=True)) for one in design.left_out],
    }  # fmt: skip
    (root / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    for number, own in trials.groupby("participant"):
        path = root / "data" / f"{LISTENING}_participant_{number:03d}_trials.tsv"
        path.write_text(table_text(own), encoding="utf-8", newline="\n")
    return root
