"""Going on: the next steps of a session, from whatever is there to the next thing that somebody else must do."""

from __future__ import annotations

from dataclasses import dataclass

from synthstim.errors import InputError
from synthstim.files import remove
from synthstim.loop.generation import Generation
from synthstim.loop.inbox import Inbox, read_inbox
from synthstim.loop.intake import take_responses
from synthstim.loop.plan import MADE
from synthstim.loop.requests import require_sites
from synthstim.loop.session import LoopSession
from synthstim.loop.steps import STEPS, Making, Tell
from synthstim.responses.files import listed


@dataclass(frozen=True)
class Outcome:
    """Where a session stands after it went on.

    Attributes:
        generation: number of the newest.
        waits: whether responses to it are awaited; otherwise it was the last.
        words: what was done, or what is awaited, and where.
        moved: whether anything was done.
    """

    generation: int
    waits: bool
    words: str
    moved: bool


def advance(
    session: LoopSession,
    *,
    until: int | None = None,
    tell: Tell = lambda text: None,
    making: Making | None = None,
    known: dict[tuple[str, int, int], str] | None = None,
) -> Outcome:
    """Take in what arrived, fit, report, and make and export the next generation.

    Whatever a session was doing when it was stopped is gone on with first; what is complete is never done twice. The caller
    holds the lock.

    Args:
        session: read anew, so that it has the settings as they are now.
        until: end with the report of this generation, and make no further one.
        tell: is told of each step.
        making: is told where the synthesis stands.
        known: checksums of files that were read before, for who looks again and again.

    Raises:
        InputError: responses are refused, and nothing is taken; or a step cannot be done, and is done by the next call.
    """
    moved = False
    _tidy(session)
    while True:
        generation = session.newest
        lacks = generation.lacks
        if until is not None and (generation.number > until or (generation.number == until and lacks is None)):
            words = f"generation {until} is complete: {session.generations[until].root / 'report.html'}"
            return Outcome(generation.number, False, words, moved)
        if lacks == "responses.tsv":
            arrived = read_inbox(generation.inbox, known)
            if not arrived.complete:
                for problem in arrived.damaged:
                    session.log.add_once(generation.number, "damaged", problem)
                return Outcome(generation.number, True, awaited(generation, arrived), moved)
            _take(session, generation, arrived, tell)
        elif lacks is None:
            session.begin(generation.number + 1)
        else:
            if lacks == "fit" and until != generation.number:
                # A fit takes long; what no later generation could be made of is said before.
                require_sites(session.settings, generation.number + 1, generation.responses.sites)
            STEPS[lacks](session, generation, tell, making)
        moved = True


def awaited(generation: Generation, inbox: Inbox) -> str:
    """What is awaited, and where, in a sentence."""
    if inbox.damaged:
        return f"generation {generation.number}: {'; '.join(inbox.damaged)}"
    if inbox.awaited:
        return f"generation {generation.number} waits in {generation.inbox} for {listed(inbox.awaited, 3)}"
    return (
        f"generation {generation.number} waits for responses to {generation.experiment}: put them into {generation.inbox} with"
        f" their checksums, or: synthstim loop deliver {generation.root.parent} FILES"
    )


def _tidy(session: LoopSession) -> None:
    """Remove what steps that were killed left under hidden names, and log files that came too late."""
    for path in session.newest.root.glob(".*"):
        # What make goes on from.
        if path.name != f".{MADE}.work":
            remove(path)
    for generation in session.generations:
        if late := generation.late:
            words = f"{listed(late)} arrived or changed after the responses were read, and is ignored"
            session.log.add_once(generation.number, "late", words)


def _take(session: LoopSession, generation: Generation, inbox: Inbox, tell: Tell) -> None:
    tell(f"generation {generation.number}: reading {listed(sorted(inbox.arrived))}")
    try:
        taken = take_responses(session, generation, inbox)
    except InputError as error:
        session.log.add_once(generation.number, "refused", str(error))
        raise
    session.log.add(generation.number, "taken", f"{taken!r} of {listed(sorted(inbox.arrived))}")
    for note in taken.notes:
        tell(f"generation {generation.number}: {note}")
        session.log.add(generation.number, "note", note)
