"""From the trials of an experiment to figures, intervals, exclusions and the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from synthstim.analysis.answered.checking import check_trials
from synthstim.analysis.answered.columns import as_one_table
from synthstim.analysis.answered.participants import list_participants
from synthstim.analysis.answered.study import Study
from synthstim.analysis.answered.study_reading import read_study
from synthstim.analysis.answered.trials import Trials, read_trials
from synthstim.analysis.by_condition.counts import counted_by_condition, counted_by_participant
from synthstim.analysis.by_condition.given import (
    answers_by_condition,
    chosen_stimuli,
    confidence_by_condition,
    confusions,
)
from synthstim.analysis.by_condition.measure import Measure, measure_of
from synthstim.analysis.by_condition.proportions import by_condition, by_participant
from synthstim.analysis.by_condition.ratings import rated_by_condition, rated_by_participant
from synthstim.analysis.by_condition.times import times_by_condition, times_of
from synthstim.analysis.psychometric import (
    Levels,
    PsychometricCurve,
    fit_curves,
    levels_of,
    thresholds_by_curve,
    thresholds_by_participant,
)
from synthstim.analysis.psychometric.sigmoids import NORMAL
from synthstim.analysis.sensitivity.tables import sensitivity_by_condition, sensitivity_by_participant
from synthstim.analysis.shown import figure, page
from synthstim.analysis.shown.files import contents_of
from synthstim.analysis.shown.notes import notes_of
from synthstim.analysis.shown.sections import sections_of
from synthstim.analysis.shown.summary import summary_of
from synthstim.errors import InputError, counted
from synthstim.files import require_absent, require_folder
from synthstim.report.inline import require_page, write_text

PAGE = "analysis.html"


@dataclass(frozen=True, repr=False)
class Analysis:
    """What the answers to an experiment say.

    Attributes:
        study: the conditions, answers and criteria.
        trials: every trial of every participant who can be read, with the columns that all protocols have.
        participants: who came, who was kept and why not (``PARTICIPANTS``).
        measure: what the figure shows: proportions of right answers, or means; None for answers that are neither.
        by_participant: of each participant in each condition.
        by_condition: the group, with intervals, in the model's order.
        sensitivity: d' of the group, where the task has a model.
        sensitivity_by_participant: d' of each.
        levels: the answers with their levels, where something is ordered.
        curves: the psychometric functions of the group, by name.
        thresholds: of the group.
        thresholds_by_participant: of each.
        times: reaction times by condition.
        counted_times: the trials that they rest on.
        answers: how often each answer was given.
        confusions: what was answered instead.
        confidence: how sure participants were.
        chosen: which stimuli were chosen, where answers name them.
        caption: what a reader must know of the figure.
        notes: what must be stated with the figures, a sentence each.
        files: what was written, if anything.
    """

    study: Study
    trials: pd.DataFrame
    participants: pd.DataFrame
    measure: Measure | None
    by_participant: pd.DataFrame
    by_condition: pd.DataFrame
    sensitivity: pd.DataFrame
    sensitivity_by_participant: pd.DataFrame
    times: pd.DataFrame
    counted_times: pd.DataFrame
    answers: pd.DataFrame
    confusions: pd.DataFrame
    confidence: pd.DataFrame
    chosen: pd.DataFrame
    levels: Levels | None = None
    curves: Mapping[str, PsychometricCurve] = field(default_factory=dict)
    thresholds: pd.DataFrame = field(default_factory=pd.DataFrame)
    thresholds_by_participant: pd.DataFrame = field(default_factory=pd.DataFrame)
    caption: str = ""
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        return f"Analysis({self.study.title!r}: {self.who}, {len(self.by_condition)} conditions)"

    @property
    def who(self) -> str:
        """How many participants were kept."""
        return f"{int(self.participants['kept'].sum())} of {counted(len(self.participants), 'participant')}"

    @property
    def summary(self) -> str:
        """The result in a few lines of text."""
        return summary_of(self)

    def svg(self) -> str:
        """The figure that papers print, as a document of its own.

        Raises:
            InputError: the answers are neither right, wrong nor numbers: they have no such figure.
        """
        if self.measure is None:
            raise InputError(f"{self.study.title} asks for no right answer and no number: it has no figure of means")
        return figure.draw(self.study, self.by_condition, self.by_participant, self.caption, self.measure)

    def html(self) -> str:
        """The page with the interactive figures and the tables."""
        out = "" if self.participants["kept"].all() else "; who was left out and why is stated below"
        over = "Listening test" if self.study.is_listening else self.study.protocol.replace("_", " ")
        return page.render(title=self.study.title, over=over, lead=f"{self.who} kept{out}", sections=sections_of(self))


def analyse_experiment(
    directory: str | Path,
    out: str | Path | None = None,
    *,
    over: str | None = None,
    sigmoid: str = NORMAL,
    rehearsal: bool = False,
) -> Analysis:
    """Analyse an exported experiment that participants have done: proportions, d', thresholds and times, with intervals.

    Args:
        directory: the exported experiment, with its participants' tables in ``data``.
        out: folder for the tables (TSV), the figure (SVG) and the page (HTML); ``analysis`` in the experiment by
            default. Files of an earlier analysis are replaced, and no others.
        over: the column that psychometric functions are fitted over, of the conditions or of the set; by default what an
            adaptive method chose, or the first column of the conditions that holds numbers.
        sigmoid: their shape: ``normal``, ``logistic`` or ``gumbel``.
        rehearsal: analyse what rehearsals wrote, in its folder ``rehearsal``.

    Returns:
        The analysis, with the files that it wrote.

    Raises:
        InputError: nothing is answered in the experiment, nobody took part, no table can be used, or no participant is left
            after the exclusions. A participant whose table is damaged or of another experiment is left out, and said.

    Example:
        >>> analyse_experiment("words").by_condition["condition"].tolist()
        ['natural', 'conv1']
    """
    root = Path(directory)
    study = read_study(root)
    analysis = analyse_trials(read_trials(root, study, rehearsal=rehearsal), study, over=over, sigmoid=sigmoid)
    folder = root / ("analysis_of_rehearsal" if rehearsal else "analysis") if out is None else Path(out)
    require_folder(folder)
    contents = contents_of(analysis) | {PAGE: analysis.html()}
    if not require_page(folder / PAGE, "analysis").exists():
        for name in contents:
            require_absent(folder / name)
    files = tuple(write_text(folder / name, content) for name, content in contents.items())
    return Analysis(**{**vars(analysis), "files": files})


def analyse_trials(
    trials: Trials | pd.DataFrame, study: Study, *, over: str | None = None, sigmoid: str = NORMAL
) -> Analysis:
    """Analyse trials that are in memory; nothing is written.

    Args:
        trials: with the columns that an experiment writes, as ``read_trials`` gives them.
        study: what was tested.
        over: see ``analyse_experiment``.
        sigmoid: see there.

    Raises:
        InputError: as ``analyse_experiment``.
    """
    if isinstance(trials, pd.DataFrame):
        table = as_one_table(trials)
        check_trials(table, study)
        trials = Trials(table)
    participants = list_participants(trials, study)
    _require_somebody(participants)
    table = trials.table
    measure = measure_of(table, study)
    cells, groups = _by_measure(table, participants, study, measure)
    each = sensitivity_by_participant(table, participants, study)
    counted = times_of(table, participants)
    levels = levels_of(table, study, over, sigmoid=sigmoid) if measure is not None and measure.is_proportion else None
    fitted = {} if levels is None else _fitted(levels, participants)
    return Analysis(
        study=study, trials=table, participants=participants, measure=measure, by_participant=cells, by_condition=groups,
        sensitivity=sensitivity_by_condition(table, participants, study, each), sensitivity_by_participant=each,
        times=times_by_condition(counted, study), counted_times=counted,
        answers=answers_by_condition(table, participants, study), confusions=confusions(table, participants),
        confidence=confidence_by_condition(table, participants, study), chosen=chosen_stimuli(table, participants, study),
        caption=figure.caption(study, participants, groups, measure) if measure else "",
        notes=notes_of(trials, participants, groups, study, levels, fitted.get("curves", {})),
        **fitted,
    )  # fmt: skip


def _by_measure(
    table: pd.DataFrame, participants: pd.DataFrame, study: Study, measure: Measure | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of participants and of the group that what was measured has."""
    if measure is None:
        cells = counted_by_participant(table, participants, study)
        return cells, counted_by_condition(cells, table, study)
    if measure.is_proportion:
        cells = by_participant(table, participants, study)
        return cells, by_condition(cells, table, study)
    cells = rated_by_participant(table, participants, study)
    return cells, rated_by_condition(cells, table, study)


def _fitted(levels: Levels, participants: pd.DataFrame) -> dict[str, Any]:
    curves = fit_curves(levels, participants.loc[participants["kept"], "participant"])
    each = thresholds_by_participant(levels, participants)
    return {
        "levels": levels, "curves": curves, "thresholds_by_participant": each,
        "thresholds": thresholds_by_curve(levels, curves, each),
    }  # fmt: skip


def _require_somebody(participants: pd.DataFrame) -> None:
    if not participants["kept"].any():
        why = "; ".join(f"{row.participant}: {row.reason}" for row in participants.head(5).itertuples())
        more = f"; and {len(participants) - 5} more" if len(participants) > 5 else ""
        raise InputError(f"no participant is left after the exclusions ({why}{more}): nothing can be analysed yet")
