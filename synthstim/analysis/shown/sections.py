"""What the page shows of an analysis, section by section."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from synthstim.analysis.by_condition.measure import Measure
from synthstim.analysis.shown.cells import Cell, Row, as_they_are, ends_of, estimate_of, number_of, table_of, text_of
from synthstim.analysis.shown.page import PageSection, PageTable
from synthstim.analysis.shown.plots import by_condition_plot, psychometric_plot, times_plot
from synthstim.report.numbers import known, text

if TYPE_CHECKING:
    from synthstim.analysis.analyse import Analysis

_SHOWN = 25


def sections_of(found: Analysis) -> list[PageSection]:
    """The sections that an analysis has something for."""
    return list(_sections(found))


def _sections(found: Analysis) -> Iterator[PageSection]:
    if found.measure is not None and not found.study.is_adaptive:
        plot = by_condition_plot(found.study, found.by_condition, _drawn(found.by_participant), found.measure)
        yield PageSection("recognised", found.measure.title, found.caption, plot)
    if found.levels is not None and found.levels.adaptive:
        yield _psychometric(found)
    if found.notes:
        yield PageSection("notes", "To be stated", points=found.notes)
    yield _conditions(found)
    if len(found.sensitivity):
        yield _sensitivity(found)
    if found.levels is not None and not found.levels.adaptive:
        yield _psychometric(found)
    if found.times["answers"].any():
        yield _times(found)
    yield from _answers(found)
    yield _participants(found)
    if found.study.left_out:
        yield PageSection(
            "missing", "Metamers that were missing", count=str(len(found.study.left_out)),
            table=PageTable(("source", "condition", "reason"), found.study.left_out),
        )  # fmt: skip


def _drawn(cells: pd.DataFrame) -> pd.DataFrame:
    return cells[cells["kept"] & (cells["trials"] > 0)]


def _conditions(found: Analysis) -> PageSection:
    columns = _named(found)
    about = ""
    if found.measure is None:
        columns |= as_they_are(participants="participants", trials="trials")
    elif found.measure.is_proportion:
        about = (
            "Mean over participants with its 95 % interval (participants as the random unit); the within-participant interval "
            "(Cousineau and Morey) compares conditions; pooled is over all answers, with Wilson's interval."
        )
        columns |= {
            "proportion": number_of("proportion", ".3f"),
            "95 % interval": ends_of("low", "high"),
            "within participants": ends_of("within_low", "within_high"),
            "pooled": estimate_of("pooled", "pooled_low", "pooled_high", ".3f"),
        } | as_they_are(participants="participants", trials="trials")
    else:
        about = (
            "Mean over participants of their mean answers with its 95 % t interval; the within-participant interval "
            "(Cousineau and Morey) compares conditions."
        )
        columns |= {
            "mean": number_of("mean", ".3f"),
            "95 % interval": ends_of("low", "high"),
            "within participants": ends_of("within_low", "within_high"),
            "median": number_of("median", ".3g"),
        } | as_they_are(participants="participants", trials="trials")
    columns["median time, s"] = number_of("median_rt_s", ".2f")
    return PageSection("conditions", "By condition", about, table=table_of(found.by_condition, columns, _texts(found)))


def _sensitivity(found: Analysis) -> PageSection:
    strategies = list(dict.fromkeys(found.sensitivity["strategy"]))
    first = found.sensitivity[found.sensitivity["strategy"] == strategies[0]]
    cells = found.sensitivity_by_participant
    cells = cells[cells["kept"] & (cells["strategy"] == strategies[0])]
    bounds = pd.concat([first["d_prime"], first["low"], first["high"], cells["d_prime"]])
    bounds = bounds[np.isfinite(bounds)]
    measure = Measure("d_prime", "d'", min(0.0, float(bounds.min())), max(1.0, float(bounds.max())))
    said = f" The figure is by the first strategy, {strategies[0]}." if len(strategies) > 1 else ""
    about = (
        f"By the model of the task {found.study.task}: of the answers of all participants together, with the 95 % interval over "
        f"participants (jackknife), and the mean of each participant's.{said}"
    )
    columns: dict[str, Cell] = _named(found) | (as_they_are(strategy="strategy") if len(strategies) > 1 else {})
    texts = len(columns)
    columns |= {
        "d'": number_of("d_prime", ".2f"),
        "95 % interval": ends_of("low", "high", ".2f"),
        "mean of participants": estimate_of("mean", "mean_low", "mean_high", ".2f"),
        "bias c": number_of("bias", ".2f"),
    } | as_they_are(participants="participants", trials="trials")
    plot = by_condition_plot(found.study, first, cells, measure)
    return PageSection("sensitivity", "Sensitivity d'", about, plot, table_of(found.sensitivity, columns, texts))


def _psychometric(found: Analysis) -> PageSection:
    levels = found.levels
    assert levels is not None
    what = "staircase or other adaptive track" if levels.adaptive else "function"
    about = (
        f"Fitted by psignifit 4 to the answers of all participants, one {what} ({levels.sigmoid}) each; the horizontal bar is the 95 % interval of the "
        "threshold. Large points rest on many answers."
    )
    columns: dict[str, Cell] = {
        "": text_of("curve"),
        "threshold": number_of("threshold"),
        "95 % interval": ends_of("low", "high", ".4g"),
        "proportion there": number_of("proportion", ".3f"),
        "width": estimate_of("width", "width_low", "width_high", ".4g"),
        "slope": number_of("slope"),
        "lapses": number_of("lapse", ".3f"),
        "mean of participants": estimate_of("mean", "mean_low", "mean_high", ".4g"),
    }
    if levels.adaptive:
        columns["by the method itself"] = estimate_of("track_mean", "track_low", "track_high", ".4g")
    columns |= as_they_are(participants="participants", trials="trials")
    plot = psychometric_plot(levels, found.curves, found.thresholds) if found.curves else None
    return PageSection("psychometric", "Psychometric functions", about, plot, table_of(found.thresholds, columns, 1))


def _times(found: Analysis) -> PageSection:
    right = "right answers" if found.measure is not None and found.measure.is_proportion else "answers"
    about = (
        f"Times of {right}, from the onset of the trial's last stimulus; click on a condition's name to see its own."
    )
    columns = _named(found) | {
        "median, s": number_of("median_s", ".3f"),
        "10 to 90 %": ends_of("p10_s", "p90_s"),
        "mean of medians, s": number_of("mean_of_medians_s", ".3f"),
        "answers": text_of("answers"),
    }
    plot = times_plot(found.counted_times, found.study)
    return PageSection("times", "Reaction times", about, plot, table_of(found.times, columns, _texts(found)))


def _answers(found: Analysis) -> Iterator[PageSection]:
    if len(found.confidence):
        columns = _named(found) | {
            "confidence": number_of("confidence", ".3g"),
            "of right answers": number_of("confidence_right", ".3g"),
            "of wrong answers": number_of("confidence_wrong", ".3g"),
            "answers": text_of("answers"),
        }
        yield PageSection("confidence", "Confidence", table=table_of(found.confidence, columns, _texts(found)))
    if found.measure is None or (found.measure.is_proportion and 1 < len(found.study.answers) <= 12):
        scored = found.answers["right"].notna().any()
        columns = (
            as_they_are(condition="condition")
            | (as_they_are(right="right") if scored else {})
            | as_they_are(response="answered")
        )
        texts = len(columns)
        columns |= {
            "times": text_of("count"),
            "proportion": number_of("proportion", ".3f"),
            "95 % interval": ends_of("low", "high"),
        }
        yield PageSection("answers", "Answers", table=table_of(found.answers, columns, texts))
    elif len(found.confusions):
        columns = as_they_are(
            condition="condition",
            right="said" if found.study.is_listening else "right",
            response="answered",
            count="times",
        )
        yield PageSection(
            "confused", "Most frequent confusions", table=table_of(found.confusions.head(_SHOWN), columns, 3)
        )
    if len(found.chosen):
        columns = as_they_are(stimulus="stimulus", shown="shown", chosen="chosen") | {
            "proportion": number_of("proportion", ".3f")
        }
        yield PageSection("chosen", "Most often chosen", table=table_of(found.chosen.head(_SHOWN), columns, 1))


def _participants(found: Analysis) -> PageSection:
    def check(row: Row) -> str:
        if not row["headphone_attempts"]:
            return "none"
        again = f", attempt {row['headphone_attempts']}" if row["headphone_attempts"] > 1 else ""
        return f"{row['headphone_correct']} of {row['headphone_trials']}{again}"

    table = found.participants
    columns: dict[str, Cell] = (
        as_they_are(participant="participant")
        | {
            "": lambda row: "kept" if row["kept"] else "left out",
            "reason": text_of("reason"),
            "headphone check": check,
            "catch trials": lambda row: (
                f"{row['catch_correct']} of {row['catch_trials']}" if row["catch_trials"] else "none"
            ),
            "main trials": lambda row: (
                text(row["main_answered"]) + (f" of {text(row['main_planned'])}" if known(row["main_planned"]) else "")
            ),
        }
        | as_they_are(main_interrupted="interrupted")
    )
    for name, head in (
        ("main_aborted", "aborted"),
        ("main_no_response", "without answer"),
        ("missed_refreshes", "missed refreshes"),
    ):
        if table[name].any():
            columns |= as_they_are(**{name: head})
    out = frozenset(at for at, kept in enumerate(table["kept"]) if not kept)
    count = f"{int(table['kept'].sum())} of {len(table)} kept"
    return PageSection("participants", "Participants", table=table_of(table, columns, 3, out), count=count)


def _named(found: Analysis) -> dict[str, Cell]:
    """The columns that tell conditions; those that say nothing of any are left out."""
    columns = ["condition", *(name for name in found.study.columns if found.by_condition[name].notna().any())]
    return as_they_are(**{name: "model" if name == "observer" else name for name in columns})


def _texts(found: Analysis) -> int:
    return len(_named(found))
