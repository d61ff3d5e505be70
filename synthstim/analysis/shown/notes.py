"""What must be stated with the figures of an analysis, a sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from synthstim.analysis.answered.study import Study
from synthstim.analysis.answered.trials import Trials
from synthstim.analysis.psychometric import Levels, PsychometricCurve
from synthstim.analysis.sensitivity import UNMODELLED, models_of


def notes_of(
    trials: Trials,
    participants: pd.DataFrame,
    table: pd.DataFrame,
    study: Study,
    levels: Levels | None,
    curves: Mapping[str, PsychometricCurve],
) -> tuple[str, ...]:
    """Exclusions, interruptions, what was missing, and what figures rest on.

    Args:
        levels: the answers with their levels, where something is ordered.
        curves: the functions that were fitted to them.
    """
    kept = participants[participants["kept"]]
    return (
        *_exclusions(participants),
        *(["Every run was simulated: these figures are of a rehearsal, not of people."] if trials.rehearsed else []),
        *_trials_left_out(kept),
        *_presentation(kept),
        *_checks(participants, study),
        *_conditions(table, study),
        *_models(study, levels, curves),
        *(f"{note}." for note in trials.notes),
    )


def _exclusions(participants: pd.DataFrame) -> Iterator[str]:
    for row in participants[~participants["kept"]].itertuples():
        yield f"Participant {row.participant} is left out: {str(row.reason).rstrip('.')}."
    if int(participants["kept"].sum()) == 1:
        yield "One participant: there is no interval over participants; the pooled one is of the answers alone."


def _trials_left_out(kept: pd.DataFrame) -> Iterator[str]:
    for column, one, several in (
        ("main_interrupted", "was interrupted and left out", "were interrupted and left out"),
        ("main_aborted", "was aborted, and given again", "were aborted, and given again"),
        ("main_no_response", "had no answer in time and was left out", "had no answer in time and were left out"),
    ):
        if count := int(kept[column].sum()):
            yield f"{count} trial{'' if count == 1 else 's'} {one if count == 1 else several}."


def _presentation(kept: pd.DataFrame) -> Iterator[str]:
    for column, what in (("gaps", "played with gaps"), ("cut_short", "not played to its end")):
        if heard := int(kept[column].sum()):
            words = f"{heard} sound was" if heard == 1 else f"{heard} sounds were"
            what = what if heard == 1 else what.replace("its end", "their ends")
            yield f"{words} {what}, and kept: {_named(kept[kept[column] > 0])}."
    if missed := int(kept["missed_refreshes"].sum()):
        trials = "a trial" if missed == 1 else f"{missed} trials"
        yield f"The screen missed a refresh in {trials}, kept: {_named(kept[kept['missed_refreshes'] > 0])}."
    if (
        short := (
            kept["main_answered"] + kept["main_interrupted"] + kept["main_no_response"] < kept["main_planned"]
        ).fillna(False)
    ).any():
        yield f"Not at the end of the plan, and kept: {_named(kept[short])}."


def _checks(participants: pd.DataFrame, study: Study) -> Iterator[str]:
    sounds = study.is_listening or study.criteria.headphone_pass
    if sounds and (not study.criteria.headphone_pass or not (participants["headphone_attempts"] > 0).any()):
        yield "No headphone check was made."
    if not study.catch_trials:
        yield "There were no catch trials."


def _conditions(table: pd.DataFrame, study: Study) -> Iterator[str]:
    if unheard := [str(row["condition"]) for row in table.to_dict("records") if not row["trials"]]:
        yield f"No answer yet in the condition{'s' if len(unheard) > 1 else ''} {', '.join(unheard)}."
    if missing := len(study.left_out):
        yield f"{missing} metamer{' was' if missing == 1 else 's were'} missing from the experiment: manifest.json lists them."


def _models(study: Study, levels: Levels | None, curves: Mapping[str, PsychometricCurve]) -> Iterator[str]:
    if study.is_adaptive:
        yield "The answers chose the levels: proportions stay near where the rule settles, and there is no d' over all levels."
    elif study.task not in UNMODELLED and not models_of(study.task, len(study.answers)):
        yield f"No d': the task {study.task} has no model for {len(study.answers)} answers."
    if study.task == "equality":
        yield (
            "Right stands for the answer that the stimulus under comparison has more of what was asked for: the threshold is the"
            " level at which both are equal."
        )
    if levels is not None and levels.ranks:
        yield f"The levels of {levels.over} are places in an order, not measured."
    for name, curve in curves.items():
        if not curve.inside:
            yield f"The threshold of {name} lies beyond the levels that were given: it is a guess."
    if levels is not None and (lacking := [name for name in levels.curves if name not in curves]):
        yield f"Too few levels or answers for a psychometric function: {', '.join(lacking)}."


def _named(participants: pd.DataFrame) -> str:
    numbers = ", ".join(map(str, participants["participant"]))
    return f"participant{'s' if len(participants) > 1 else ''} {numbers}"
