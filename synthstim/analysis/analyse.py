"""From the trials of a listening test to proportions, intervals, exclusions and the figure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from synthstim.analysis import figure, page
from synthstim.analysis.design import Design, read_design
from synthstim.analysis.participants import list_participants
from synthstim.analysis.proportions import BY_CONDITION, by_condition, by_participant, confusions
from synthstim.analysis.tables import table_text
from synthstim.analysis.trials import Trials, check_trials, read_trials
from synthstim.errors import InputError
from synthstim.files import require_absent, require_folder
from synthstim.report.inline import require_page, write_text
from synthstim.report.numbers import number


@dataclass(frozen=True, repr=False)
class Analysis:
    """What a listening test says.

    Attributes:
        design: the conditions, words and criteria.
        participants: who came, who was kept and why not (``PARTICIPANTS``).
        by_participant: proportion correct of each participant in each condition (``BY_PARTICIPANT``).
        by_condition: the group's proportions and their intervals (``BY_CONDITION``), in the model's order.
        confusions: what was answered instead.
        caption: what a reader must know of the figure.
        notes: what must be stated with the figures, a sentence each: exclusions, interruptions, missing metamers.
        files: what was written, if anything.
    """

    design: Design
    participants: pd.DataFrame
    by_participant: pd.DataFrame
    by_condition: pd.DataFrame
    confusions: pd.DataFrame
    caption: str
    notes: tuple[str, ...]
    files: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        kept, came = int(self.participants["kept"].sum()), len(self.participants)
        return f"Analysis({self.design.title!r}: {kept} of {came} participants, {len(self.by_condition)} conditions)"

    @property
    def summary(self) -> str:
        """The result in a few lines of text."""
        kept, came = int(self.participants["kept"].sum()), len(self.participants)
        lines = [f"{self.design.title}: participants kept: {kept} of {came}, chance {self.design.chance:.4f}"]
        width = max(len(name) for name in self.design.names)
        for row in self.by_condition.to_dict("records"):
            known = row["low"] == row["low"]
            interval = f"{number(row['low'], '.3f')} to {number(row['high'], '.3f')}" if known else "no interval"
            lines.append(
                f"  {row['condition']:<{width}}  {number(row['proportion'], '.3f')}  ({interval})  {row['trials']} trials"
            )
        return "\n".join([*lines, *self.notes])

    def svg(self) -> str:
        """The figure that papers print, as a document of its own."""
        return figure.draw(self.design, self.by_condition, self.by_participant, self.caption)

    def html(self) -> str:
        """The page with the interactive figure and the tables."""
        return page.render(
            self.design,
            table=self.by_condition,
            cells=self.by_participant,
            participants=self.participants,
            confused=self.confusions,
            caption=self.caption,
            notes=self.notes,
        )


def analyse_experiment(directory: str | Path, out: str | Path | None = None, *, rehearsal: bool = False) -> Analysis:
    """Analyse an exported listening test: proportion recognised by condition, with confidence intervals.

    Args:
        directory: the exported experiment, with its participants' tables in ``data``.
        out: folder for the tables (TSV), the figure (SVG) and the page (HTML); ``analysis`` in the experiment by
            default. Files of an earlier analysis are replaced, and no others.
        rehearsal: analyse what rehearsals wrote, in its folder ``rehearsal``.

    Returns:
        The analysis, with the files that it wrote.

    Raises:
        InputError: the folder is no listening test, nobody took part, no table can be used, or no participant is left
            after the exclusions. A participant whose table is damaged or of another experiment is left out, and said.

    Example:
        >>> analyse_experiment("words").by_condition["condition"].tolist()
        ['natural', 'conv1']
    """
    root = Path(directory)
    design = read_design(root)
    analysis = analyse_trials(read_trials(root, design, rehearsal=rehearsal), design)
    folder = root / ("analysis_of_rehearsal" if rehearsal else "analysis") if out is None else Path(out)
    require_folder(folder)
    contents = {
        "by_condition.tsv": table_text(analysis.by_condition),
        "by_participant.tsv": table_text(analysis.by_participant),
        "participants.tsv": table_text(analysis.participants),
        "confusions.tsv": table_text(analysis.confusions),
        "columns.tsv": table_text(pd.DataFrame(BY_CONDITION.items(), columns=["column", "meaning"])),
        "summary.txt": analysis.summary + "\n",
        "recognised.svg": analysis.svg(),
        "analysis.html": analysis.html(),
    }
    if not require_page(folder / "analysis.html", "analysis").exists():
        for name in contents:
            require_absent(folder / name)
    files = tuple(write_text(folder / name, content) for name, content in contents.items())
    return Analysis(**{**vars(analysis), "files": files})


def analyse_trials(trials: Trials | pd.DataFrame, design: Design) -> Analysis:
    """Analyse trials that are in memory; nothing is written.

    Args:
        trials: with the columns that an experiment writes, as ``read_trials`` or ``simulate_trials`` give them.
        design: what was tested.

    Raises:
        InputError: as ``analyse_experiment``.
    """
    if isinstance(trials, pd.DataFrame):
        check_trials(trials, design)
        trials = Trials(trials)
    participants = list_participants(trials, design)
    if not participants["kept"].any():
        why = "; ".join(f"{row.participant}: {row.reason}" for row in participants.head(5).itertuples())
        more = f"; and {len(participants) - 5} more" if len(participants) > 5 else ""
        raise InputError(f"no participant is left after the exclusions ({why}{more}): nothing can be analysed yet")
    cells = by_participant(trials.table, participants, design)
    table = by_condition(cells, trials.table, design)
    return Analysis(
        design=design,
        participants=participants,
        by_participant=cells,
        by_condition=table,
        confusions=confusions(trials.table, participants),
        caption=figure.caption(design, participants, table),
        notes=tuple(_notes(trials, participants, table, design)),
    )


def _notes(trials: Trials, participants: pd.DataFrame, table: pd.DataFrame, design: Design) -> list[str]:
    kept = participants[participants["kept"]]
    notes = [
        f"Participant {row.participant} is left out: {row.reason.rstrip('.')}."
        for row in participants[~participants["kept"]].itertuples()
    ]
    if len(kept) == 1:
        notes.append("One participant: there is no interval over participants; the pooled one is of the answers alone.")
    if trials.rehearsed:
        notes.append("Every run was simulated: these figures are of a rehearsal, not of people.")
    if interrupted := int(kept["main_interrupted"].sum()):
        notes.append(f"{interrupted} trial{' was' if interrupted == 1 else 's were'} interrupted and left out.")
    for column, what in (("gaps", "played with gaps"), ("cut_short", "not played to its end")):
        if heard := int(kept[column].sum()):
            words = f"{heard} sound was" if heard == 1 else f"{heard} sounds were"
            what = what if heard == 1 else what.replace("its end", "their ends")
            notes.append(f"{words} {what}, and kept: {_named(kept[kept[column] > 0])}.")
    if (short := (kept["main_answered"] + kept["main_interrupted"] < kept["main_planned"]).fillna(False)).any():
        notes.append(f"Not at the end of the plan, and kept: {_named(kept[short])}.")
    if not design.criteria.headphone_pass or not (participants["headphone_attempts"] > 0).any():
        notes.append("No headphone check was made.")
    if not design.catch_trials:
        notes.append("There were no catch trials.")
    if unheard := [str(row["condition"]) for row in table.to_dict("records") if not row["trials"]]:
        notes.append(f"No answer yet in the condition{'s' if len(unheard) > 1 else ''} {', '.join(unheard)}.")
    if missing := len(design.left_out):
        notes.append(
            f"{missing} metamer{' was' if missing == 1 else 's were'} missing from the experiment: manifest.json lists them."
        )
    return notes + [f"{note}." for note in trials.notes]


def _named(participants: pd.DataFrame) -> str:
    numbers = ", ".join(map(str, participants["participant"]))
    return f"participant{'s' if len(participants) > 1 else ''} {numbers}"
