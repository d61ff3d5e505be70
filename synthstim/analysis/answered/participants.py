"""Who is left out of the group's figures, and why."""

from __future__ import annotations

import pandas as pd

from synthstim.analysis.answered.columns import ABORTED, ANSWERED, INTERRUPTED, NO_RESPONSE, answered
from synthstim.analysis.answered.study import ListenerCriteria, Study
from synthstim.analysis.answered.trials import Trials

PARTICIPANTS = (
    "participant", "kept", "reason", "headphone_correct", "headphone_trials", "headphone_attempts", "catch_correct",
    "catch_trials", "main_answered", "main_interrupted", "main_aborted", "main_no_response", "main_planned", "gaps", "cut_short",
    "missed_refreshes", "median_rt_s",
)  # fmt: skip


def list_participants(trials: Trials, study: Study) -> pd.DataFrame:
    """One row a participant: kept or not, the reason, and the counts that it rests on (columns: ``PARTICIPANTS``).

    A participant is left out who failed the headphone check in the last attempt or did not end it, who knew too few of
    the catch trials, or whose table cannot be used.
    """
    planned = dict(study.planned)
    own = {int(str(number)): rows for number, rows in trials.table.groupby("participant")}
    rows = []
    for number in sorted({*own, *trials.left_out}):
        counts = _counts(own.get(number, trials.table.iloc[:0]))
        counts |= {"participant": number, "main_planned": planned.get(number)}
        unusable = trials.left_out.get(number)
        reasons = [unusable] if unusable else _failed(counts, study.criteria)
        rows.append({**counts, "kept": not reasons, "reason": "; ".join(reasons) or None})
    table = pd.DataFrame(rows, columns=[*PARTICIPANTS])
    return table.astype({"main_planned": "Int64", "reason": "string"})


def _counts(own: pd.DataFrame) -> dict[str, object]:
    check, shown = own[own["phase"] == "headphone"], own[own["phase"].isin(["main", "catch"])]
    last = check[check["attempt"] == check["attempt"].max()]
    catch, main = answered(own, "catch"), answered(own)
    status = shown["status"].value_counts()
    heard = shown[shown["status"] == ANSWERED]
    return {
        "headphone_correct": int(last["correct"].sum()),
        "headphone_trials": int((last["status"] == ANSWERED).sum()),
        "headphone_attempts": int(check["attempt"].max()) if len(check) else 0,
        "catch_correct": int(catch["correct"].sum()),
        "catch_trials": len(catch),
        "main_answered": len(heard),
        "main_interrupted": int(status.get(INTERRUPTED, 0)),
        "main_aborted": int(status.get(ABORTED, 0)),
        "main_no_response": int(status.get(NO_RESPONSE, 0)),
        "gaps": _above_zero(shown, "underflows"),
        "cut_short": int((heard["played"].astype("boolean") == False).sum()) if "played" in heard else 0,  # noqa: E712 - not NA
        "missed_refreshes": _above_zero(heard, "missed_refreshes"),
        "median_rt_s": float(pd.to_numeric(main["response_time"]).median()) if len(main) else float("nan"),
    }


def _above_zero(rows: pd.DataFrame, column: str) -> int:
    return int((pd.to_numeric(rows[column]) > 0).sum()) if column in rows else 0


def _failed(counts: dict[str, object], criteria: ListenerCriteria) -> list[str]:
    def count(name: str) -> int:
        return int(str(counts[name]))

    reasons = []
    # No attempt at all: the check was left out.
    if criteria.headphone_pass and count("headphone_attempts"):
        heard, right = count("headphone_trials"), count("headphone_correct")
        if right < criteria.headphone_pass:
            if heard < criteria.headphone_trials:
                reasons.append(f"headphone check not ended: {heard} of {criteria.headphone_trials} trials")
            else:
                reasons.append(f"headphone check failed: {right} of {heard} correct, {criteria.headphone_pass} wanted")
    if criteria.catch_pass and count("catch_trials"):
        right, heard = count("catch_correct"), count("catch_trials")
        if right < criteria.catch_pass * heard - 1e-9:
            reasons.append(f"catch trials: {right} of {heard} correct, {100 * criteria.catch_pass:g} % wanted")
    if not reasons and not count("main_answered") - count("catch_trials"):
        reasons.append("no main trial answered")
    return reasons
