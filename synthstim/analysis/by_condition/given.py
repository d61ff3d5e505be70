"""What was answered: confusions, how often each answer was given, how sure participants were."""

from __future__ import annotations

import pandas as pd

from synthstim.analysis.answered.study import Study
from synthstim.analysis.by_condition.groups import group_columns, group_rows, kept_answers
from synthstim.analysis.intervals import wilson


def confusions(trials: pd.DataFrame, participants: pd.DataFrame) -> pd.DataFrame:
    """What was answered instead: (condition, right, response, count) of wrong answers, most frequent first."""
    main = kept_answers(trials, participants)
    wrong = main[main["correct"].notna() & ~main["correct"].fillna(True).astype(bool)]
    counted = wrong.groupby(["condition", "right", "response"]).size().reset_index(name="count")
    return counted.sort_values(
        ["count", "condition", "right", "response"], ascending=[False, True, True, True], ignore_index=True
    )


def answers_by_condition(trials: pd.DataFrame, participants: pd.DataFrame, study: Study) -> pd.DataFrame:
    """How often each answer was given in each condition: (condition, right, response, count, proportion, low, high).

    Answers to trials of one right answer make up 1; ``low`` and ``high`` are Wilson's 95 % interval, as if answers were independent.
    """
    main = kept_answers(trials, participants)
    known = main.assign(right=main["right"].astype(object).where(main["right"].notna(), None))
    counts = known.groupby(["condition", "right", "response"], dropna=False).size().reset_index(name="count")
    totals = counts.groupby(["condition", "right"], dropna=False)["count"].transform("sum")
    ends = [wilson(count / total, total) for count, total in zip(counts["count"], totals, strict=True)]
    counts = counts.assign(
        proportion=counts["count"] / totals, low=[low for low, _ in ends], high=[high for _, high in ends]
    )
    place = {name: at for at, name in enumerate(study.names)}
    order = counts["condition"].map(place)
    return counts.iloc[order.argsort(kind="stable")].reset_index(drop=True)


def confidence_by_condition(trials: pd.DataFrame, participants: pd.DataFrame, study: Study) -> pd.DataFrame:
    """How sure participants were of right and of wrong answers, on average; without rows where they were not asked."""
    columns = [*group_columns(study), "answers", "confidence", "confidence_right", "confidence_wrong"]
    if "confidence" not in trials or trials["confidence"].isna().all():
        return pd.DataFrame(columns=columns)
    main = kept_answers(trials, participants)
    rows = []
    for condition, named in group_rows(study):
        own = main[(main["condition"] == condition) & main["confidence"].notna()]
        right = own["correct"].fillna(False).astype(bool)
        wrong = own["correct"].notna() & ~right
        means = (own["confidence"].mean(), own.loc[right, "confidence"].mean(), own.loc[wrong, "confidence"].mean())
        rows.append((*named, len(own), *map(float, means)))
    return pd.DataFrame(rows, columns=columns)


def chosen_stimuli(trials: pd.DataFrame, participants: pd.DataFrame, study: Study) -> pd.DataFrame:
    """How often each stimulus was shown and chosen, where nothing is right: (stimulus, shown, chosen, proportion).

    There are as many answers as slots then, in the same order; without rows where there are not.
    """
    main = kept_answers(trials, participants)
    slots = dict(zip(study.slots, study.answers, strict=False))
    if (
        main["right"].notna().any()
        or len(study.slots) != len(study.answers)
        or len(slots) < 2
        or not {*slots} <= {*main}
    ):
        return pd.DataFrame(columns=["stimulus", "shown", "chosen", "proportion"])
    shown = pd.concat([main[slot] for slot in slots]).value_counts()
    chosen = pd.concat([main.loc[main["response"] == answer, slot] for slot, answer in slots.items()]).value_counts()
    table = pd.DataFrame({"shown": shown, "chosen": chosen}).fillna(0).astype("int64")
    table = table.assign(proportion=table["chosen"] / table["shown"])
    return table.rename_axis("stimulus").reset_index().sort_values("proportion", ascending=False, ignore_index=True)
