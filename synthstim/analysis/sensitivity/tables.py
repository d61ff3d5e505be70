"""d' of every participant and of the group, by condition and by the strategies of the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from synthstim.analysis.answered.columns import answered
from synthstim.analysis.answered.study import Study
from synthstim.analysis.by_condition.groups import group_columns, group_rows
from synthstim.analysis.intervals import UNKNOWN, Interval, student
from synthstim.analysis.sensitivity.estimate import AnswerCounts, estimate_sensitivity, sensitivity_of
from synthstim.analysis.sensitivity.models import TaskModel, models_of

SENSITIVITY = {
    "strategy": "How observations become answers; a task may have several, of which an experiment does not say which",
    "participants": "Participants who were kept and answered a trial of it",
    "trials": "Their answers",
    "d_prime": "d' of their answers counted together",
    "low": "95 % interval over participants (jackknife); of the answers alone for fewer than three participants",
    "high": "Its upper end",
    "mean": "Mean over participants of the d' of each",
    "mean_low": "95 % t interval of it",
    "mean_high": "Its upper end",
    "bias": "Criterion c of their answers: above 0, the first answer (yes, different) was given too rarely",
}
BY_PARTICIPANT = ("participant", "condition", "strategy", "trials", "d_prime", "low", "high", "bias", "kept")
ByCell = Mapping[tuple[int, str], AnswerCounts]


def signal_answer(model: TaskModel, study: Study) -> str:
    """The answer that is a hit where it is right: the model's own name for it, or the first of the study."""
    return model.signal if model.signal in study.answers else study.answers[0]


def tally_answers(trials: pd.DataFrame, study: Study, signal: str) -> dict[tuple[int, str], AnswerCounts]:
    """AnswerCounts main trials counted, by participant and condition.

    A condition without any trial of noise, or without any of signal, takes those of the participant's other conditions that have
    only them: natural stimuli, for instance, are the noise of every layer.
    """
    main = answered(trials)
    main = main[main["correct"].notna()].assign(is_signal=main["right"] == signal, said=main["response"] == signal)
    counted = {
        (int(number), str(condition)): AnswerCounts(
            len(own), int(own["correct"].sum()), int(own["is_signal"].sum()), int((own["is_signal"] & own["said"]).sum()),
            int((~own["is_signal"]).sum()), int((~own["is_signal"] & own["said"]).sum()),
        )
        for (number, condition), own in main.groupby(["participant", "condition"])
    }  # fmt: skip
    return {key: _with_noise(tally, key[0], counted, study) for key, tally in counted.items()}


def _with_noise(tally: AnswerCounts, participant: int, counted: ByCell, study: Study) -> AnswerCounts:
    if not shares_noise(study) or tally.noise or not tally.signal:
        return tally
    others = [one for (number, _), one in counted.items() if number == participant and one.noise and not one.signal]
    noise, alarms = sum(one.noise for one in others), sum(one.false_alarms for one in others)
    return AnswerCounts(tally.trials, tally.correct, tally.signal, tally.hits, noise, alarms)


def shares_noise(study: Study) -> bool:
    """Whether trials of noise may serve several conditions: in yes-no tasks, and where two are the same or different."""
    return study.task in ("yes_no", "same_different")


def sensitivity_by_participant(trials: pd.DataFrame, participants: pd.DataFrame, study: Study) -> pd.DataFrame:
    """d' of every participant in every condition (columns: ``BY_PARTICIPANT``), its interval as if answers were independent."""
    answers, rows = len(study.answers), []
    for model in _models(study):
        tallies = tally_answers(trials, study, signal_answer(model, study))
        for number, kept in participants[["participant", "kept"]].itertuples(index=False):
            for condition in study.names:
                if (tally := tallies.get((int(number), condition))) is None or not _defined(tally, study):
                    continue
                found = estimate_sensitivity(model, tally, answers)
                rows.append(
                    (
                        number,
                        condition,
                        model.strategy,
                        tally.trials,
                        found.value,
                        found.low,
                        found.high,
                        found.bias,
                        kept,
                    )
                )
    return pd.DataFrame(rows, columns=[*BY_PARTICIPANT])


def sensitivity_by_condition(
    trials: pd.DataFrame, participants: pd.DataFrame, study: Study, cells: pd.DataFrame
) -> pd.DataFrame:
    """The group's d' in every condition (columns: those of the conditions, then ``SENSITIVITY``).

    Args:
        participants: from ``list_participants``; those kept count.
        study: the task, its answers and conditions.
        cells: from ``sensitivity_by_participant``.
    """
    answers, rows = len(study.answers), []
    kept = [int(number) for number in participants.loc[participants["kept"], "participant"]]
    for model in _models(study):
        tallies = tally_answers(trials, study, signal_answer(model, study))
        for condition, named in group_rows(study):
            own = [tallies[number, condition] for number in kept if (number, condition) in tallies]
            if not own or not _defined(total := sum(own[1:], own[0]), study):
                continue
            pooled = estimate_sensitivity(model, total, answers)
            ends = jackknife(model, own, answers) if len(own) > 2 else (pooled.low, pooled.high)
            each = cells[(cells["condition"] == condition) & (cells["strategy"] == model.strategy) & cells["kept"]][
                "d_prime"
            ]
            rows.append(
                (
                    *named, model.strategy, len(own), total.trials, pooled.value, *ends,
                    float(each.mean()), *student(each), pooled.bias,
                )
            )  # fmt: skip
    return pd.DataFrame(rows, columns=[*group_columns(study), *SENSITIVITY])


def jackknife(model: TaskModel, tallies: Sequence[AnswerCounts], answers: int) -> Interval:
    """The 95 % interval of pooled d', participants being the random unit: t's, of the values that leave one out each.

    It is never narrower than that of the answers alone, which a jackknife of answers that are all right would be.
    """
    total = sum(tallies[1:], tallies[0])
    pooled = estimate_sensitivity(model, total, answers)
    without = np.array([sensitivity_of(model, total - one, answers) for one in tallies])
    if len(tallies) < 3 or not np.isfinite(without).all():
        return UNKNOWN
    # Pseudo-values, whose mean and spread are those of the estimate.
    count = len(tallies)
    pseudo = count * pooled.value - (count - 1) * without
    low, high = student(pseudo)
    half = (high - low) / 2
    return min(pooled.value - half, pooled.low), max(pooled.value + half, pooled.high)


def _models(study: Study) -> tuple[TaskModel, ...]:
    """The models by which a study has a d': none where answers chose the levels, which d' would be an average over."""
    return () if study.is_adaptive else models_of(study.task, len(study.answers))


def _defined(tally: AnswerCounts, study: Study) -> bool:
    """Whether a condition has a d': where noise serves others, it has none of its own."""
    if not shares_noise(study):
        return tally.trials > 0
    return tally.signal > 0 and tally.noise > 0
