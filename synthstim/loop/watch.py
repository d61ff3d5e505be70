"""Watching a session unattended: polls the inbox, goes on when responses arrived, goes on after errors."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from synthstim.errors import InputError
from synthstim.files import locked
from synthstim.loop.advance import Outcome, advance
from synthstim.loop.inbox import signature
from synthstim.loop.session import LoopSession
from synthstim.loop.settings import LOOP
from synthstim.loop.steps import Making, Tell
from synthstim.loop.tables import full

EVERY_S = 5.0
# After an error that no delivery caused, such as a full disk, the step is tried again, ever more rarely.
AGAIN_S, MOST_S = 10.0, 600.0


class Terminated(BaseException):
    """The process was asked to end; raised wherever it is."""


def next_step(
    directory: str | Path,
    *,
    last: bool = False,
    tell: Tell = lambda text: None,
    making: Making | None = None,
    **opening: Any,
) -> Outcome:
    """Go on with a session as far as it goes now; see ``advance``.

    Raises:
        InputError: another process works on the session, responses are refused, or a step cannot be done.

    Example:
        >>> next_step("monkey_b").words
        'generation 0 waits for responses to monkey_b/generation-000/experiment: ...'
    """
    session = LoopSession.read(directory, **opening)
    with _working(session, "next"):
        try:
            return advance(session, until=session.newest.number if last else None, tell=tell, making=making)
        except OSError as error:
            session.log.add_once(session.newest.number, "error", str(full(session.root, error)))
            raise full(session.root, error) from error
        except InputError as error:
            session.log.add_once(session.newest.number, "error", str(error))
            raise


def watch(
    directory: str | Path,
    *,
    every: float = EVERY_S,
    until: int | None = None,
    tell: Tell = lambda text: None,
    making: Making | None = None,
    ended: Callable[[], bool] = lambda: False,
    **opening: Any,
) -> Outcome:
    """Go on with a session whenever responses arrive, until it is ended.

    Errors are logged and told, and do not end it. After one of a delivery nothing is read again until the inbox or loop.yaml
    changes; any other step is tried again after a while. SIGTERM ends it cleanly; whatever was in work is gone on with next time.

    Args:
        directory: of the session.
        every: seconds between looks into the inbox.
        until: end with the report of this generation.
        tell: is told of each step.
        making: is told where the synthesis stands.
        ended: asked at every look whether to end.
        opening: ``device``, ``allow_code``, ``allow_download``.

    Returns:
        Where the session stood at the end.

    Raises:
        InputError: the directory is no session, or another process works on it.
    """
    if not every > 0:
        raise InputError(f"every {every:g} s given; expected more than 0", code="too-large")
    session = LoopSession.read(directory, **opening)
    with _working(session, "watch"), _terminable():
        session.log.add(session.newest.number, "watching", f"every {every:g} s")
        outcome = Outcome(session.newest.number, True, "ended before anything was done", False)
        try:
            for outcome in _looks(Path(directory), opening, every, until, tell, making):
                if not outcome.waits or ended():
                    break
        except (Terminated, KeyboardInterrupt) as stop:
            how = "SIGTERM" if isinstance(stop, Terminated) else "Ctrl-C"
            session.log.add(session.newest.number, "ended", f"by {how}")
        else:
            session.log.add(outcome.generation, "ended", outcome.words)
        return outcome


def _looks(
    directory: Path, opening: dict[str, Any], every: float, until: int | None, tell: Tell, making: Making | None
) -> Iterator[Outcome]:
    """One outcome for each look; those that find nothing new are yielded too."""
    known: dict[tuple[str, int, int], str] = {}
    refused: object = None
    pause, again, told = AGAIN_S, 0.0, ""
    while True:
        outcome = Outcome(0, True, "", False)
        try:
            session = LoopSession.read(directory, **opening)
            newest = session.newest
            outcome = Outcome(newest.number, True, "", False)
            seen = (signature(newest.inbox), signature(directory / LOOP), newest.lacks)
            if seen != refused or time.monotonic() >= again:
                outcome = advance(session, until=until, tell=tell, making=making, known=known)
                refused, pause = None, AGAIN_S
                if outcome.words != told:
                    tell(outcome.words)
                    told = outcome.words
        except Exception as error:
            # Unattended means that whatever fails tonight does not end it; a person reads the log.
            words = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            refused, again, pause = _after(directory, opening, pause)
            _log_error(directory, opening, words)
            if words != told:
                tell(words)
                told = words
        yield outcome
        time.sleep(every)


def _after(directory: Path, opening: dict[str, Any], pause: float) -> tuple[object, float, float]:
    """What must change, or until when to wait, before the next try; and the pause after that."""
    try:
        newest = LoopSession.read(directory, **opening).newest
        seen = (signature(newest.inbox), signature(directory / LOOP), newest.lacks)
        waits = newest.lacks == "responses.tsv"
    except Exception:
        return None, 0.0, pause
    # The same files would be refused for the same reason.
    again = float("inf") if waits else time.monotonic() + pause
    return seen, again, min(2 * pause, MOST_S)


def _log_error(directory: Path, opening: dict[str, Any], words: str) -> None:
    try:
        session = LoopSession.read(directory, **opening)
        session.log.add_once(session.newest.number, "error", words)
    except Exception:
        return


@contextmanager
def _working(session: LoopSession, command: str) -> Iterator[None]:
    with locked(session.lock, command) as before:
        if before is not None:
            session.log.add(session.newest.number, "lock taken over", f"of {before}, which is gone")
        yield


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM raises ``Terminated`` within the block; only a process's main thread can say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
