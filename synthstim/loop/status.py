"""Where a session stands, for people: read from what is there, while others work on it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from synthstim.errors import InputError, counted
from synthstim.files import read_holder
from synthstim.loop.advance import awaited
from synthstim.loop.generation import Generation
from synthstim.loop.inbox import read_inbox
from synthstim.loop.report import summary
from synthstim.loop.session import LoopSession
from synthstim.loop.tables import MISSING, shown
from synthstim.responses.files import listed

TABLE = ("generation", "stimuli", "trials", "sites", "repeats", "score", "r", "gain", "levels", "state")
_STATES = {
    "set": "being made",
    "experiment": "being exported",
    "responses.tsv": "waits for responses",
    "fit": "being fitted",
    "predicted.tsv": "being measured",
    "report.html": "being reported",
    None: "complete",
}


@dataclass(frozen=True, repr=False)
class Status:
    """Where a session stands.

    Attributes:
        table: one row a generation (``TABLE``); score, r and gain are medians over sites.
        awaited: what the session waits for, and where, in a sentence.
        worker: who works on it now, or "".
        late: files that came or changed after their generation was taken in, in words.
        error: what was wrong the last time, if nothing was done since; or "".
        log: its last events.
    """

    table: pd.DataFrame
    awaited: str
    worker: str
    late: tuple[str, ...]
    error: str
    log: pd.DataFrame

    def __repr__(self) -> str:
        return f"Status({counted(len(self.table), 'generation')}; {self.awaited})"


def read_status(session: LoopSession, *, events: int = 8) -> Status:
    """Read where a session stands; no lock is needed.

    Args:
        events: how many of the log's last ones.
    """
    generations = session.generations
    newest = generations[-1]
    log = session.log.read()
    holder = read_holder(session.lock)
    return Status(
        pd.DataFrame([_row(one) for one in generations], columns=list(TABLE)),
        _awaited(newest, session),
        str(holder) if holder is not None and not holder.gone else "",
        tuple(f"generation {one.number}: {listed(late)} came too late" for one in generations if (late := one.late)),
        _error(log),
        log.tail(events).reset_index(drop=True),
    )


def _row(generation: Generation) -> tuple[object, ...]:
    lacks = generation.lacks
    stimuli: object = MISSING if lacks == "set" else len(generation.stimuli)
    trials = sites = repeats = MISSING
    try:
        if lacks not in ("set", "experiment", "responses.tsv"):
            facts = generation.taken
            trials, sites = str(facts["trials"]), str(len(facts["sites"]))
            repeats = " to ".join(str(count) for count in dict.fromkeys(facts["repeats"]))
    except (InputError, KeyError, TypeError):
        trials = "damaged"
    figures = summary(generation)
    levels = generation.table("levels.tsv")
    reached = f"{(levels['status'] == 'reached').sum()} of {len(levels)}" if len(levels) else MISSING
    shown_figures = (shown(figures[name]) for name in ("score", "r_predicted", "gain"))
    return (generation.number, stimuli, trials, sites, repeats, *shown_figures, reached, _STATES[lacks])


def _awaited(newest: Generation, session: LoopSession) -> str:
    if newest.lacks == "responses.tsv":
        inbox = read_inbox(newest.inbox)
        if inbox.complete:
            return f"generation {newest.number}: {counted(len(inbox.arrived), 'file')} arrived; go on with: synthstim loop next {session.root}"
        return awaited(newest, inbox)
    if newest.lacks is None:
        return f"generation {newest.number} is complete; continue with: synthstim loop next {session.root}"
    return f"generation {newest.number} is {_STATES[newest.lacks]}; continue with: synthstim loop next {session.root}"


def _error(log: pd.DataFrame) -> str:
    """The last error, unless something was done after it."""
    done = ("taken", "fitted", "reported", "planned", "made", "exported", "started", "delivered")
    for event, detail in zip(log["event"][::-1], log["detail"][::-1], strict=True):
        if event in done:
            return ""
        if event in ("error", "refused", "damaged"):
            return str(detail)
    return ""
