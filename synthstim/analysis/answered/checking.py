"""Whether trials are of the experiment that they are said to be of."""

from __future__ import annotations

import pandas as pd

from synthstim.analysis.answered.columns import ANSWERED, PHASES, STATUSES
from synthstim.analysis.answered.study import Study
from synthstim.errors import InputError, nearest

_TRIAL = ["participant", "phase", "attempt", "trial"]


def check_trials(table: pd.DataFrame, study: Study) -> None:
    """Check that trials belong to a study and that none was answered twice.

    Args:
        table: as ``as_one_table`` gives it.

    Raises:
        InputError: a phase, condition or answer is unknown, a trial is there twice, or an answered trial says nothing.
    """
    if (beyond := int(table["participant"].max())) > study.participants:
        raise InputError(
            f"participant {beyond} given; this experiment is for participants 1 to {study.participants}",
            "keep the data of different exports apart",
            code="too-large",
        )
    _check_values(table, study)
    counted = table[table["status"] == ANSWERED]
    for row in counted[counted.duplicated(_TRIAL)].head(1).to_dict("records"):
        raise _twice(row, "trial", row["trial"])
    if study.is_listening:
        heard = table[(table["phase"] != "headphone") & table["pair"].notna()]
        for row in heard[heard.duplicated(["participant", "pair"])].head(1).to_dict("records"):
            raise _twice(row, "source", row["pair"])
    scored = (counted["phase"] == "headphone") | counted["right"].notna()
    for row in counted[scored & counted["correct"].isna()].head(1).to_dict("records"):
        raise InputError(
            f"participant {row['participant']} has an answered trial that is neither right nor wrong",
            "restore the table",
        )


def _twice(row: dict[str, object], what: str, value: object) -> InputError:
    return InputError(
        f"participant {row['participant']} has the {what} {value!r} twice ({row['phase']})", "restore the table"
    )


def _check_values(table: pd.DataFrame, study: Study) -> None:
    shown = table[table["phase"] != "headphone"]
    words = "words" if study.is_listening else "answers"
    answers = f"the {len(study.answers)} {words} of this experiment"
    for rows, column, known, what in (
        (table, "phase", PHASES, "the parts of an experiment"),
        (shown[shown["phase"] != "catch"], "condition", study.names, "the conditions of this experiment"),
        (shown, "right", study.answers, answers),
        (shown, "response", study.accepted or study.answers, answers),
        (table, "status", STATUSES, "what can become of a trial"),
    ):
        if not known:
            continue  # answers that are free
        strange = rows[rows[column].notna() & ~rows[column].isin([*known])]
        for row in strange.head(1).to_dict("records"):
            raise InputError(
                f"participant {row['participant']} has the {_SAID.get(column, column)} {row[column]!r}, which is not among "
                f"{what} ({nearest(str(row[column]), known)})",
                "keep the data of different exports apart",
                code="unknown",
            )


_SAID = {"right": "right answer", "response": "answer"}
