"""Handing responses over: files copied into an inbox under temporary names, renamed, and announced by checksums last."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from synthstim.errors import InputError
from synthstim.files import sha256_of, write_whole, written_whole
from synthstim.loop.generation import Generation
from synthstim.loop.inbox import PRESENTATIONS, SESSION
from synthstim.loop.session import LoopSession
from synthstim.loop.tables import full
from synthstim.responses import is_rehearsal
from synthstim.responses.files import listed, require_file
from synthstim.responses.read import require_reader


def deliver(
    session: LoopSession, files: Sequence[str | Path], *, generation: int | None = None, rehearsal: bool = False
) -> list[Path]:
    """Copy files into a generation's inbox so that a watcher reads them whole or not at all.

    Args:
        session: the session; its lock is not needed.
        files: the responses of one generation, all together.
        generation: which one; by default the newest.
        rehearsal: take logs of rehearsals, which nobody watched.

    Returns:
        The files in the inbox.

    Raises:
        InputError: a file is missing, or of no kind that is read, two have one name, the generation was never shown, or has its responses already, or
            a log is of a rehearsal.

    Example:
        >>> [path.name for path in deliver(LoopSession.read("monkey_b"), ["tonight.tsv"])]
        ['tonight.tsv']
    """
    target = _target(session, generation)
    paths = [require_file(path) for path in files]
    names = [path.name for path in paths]
    if twice := [name for at, name in enumerate(names) if name in names[:at]]:
        raise InputError(f"two files are called {twice[0]}", "rename one")
    if not paths:
        raise InputError("no file given", "name the files of responses")
    for path in paths:
        if not path.name.endswith(SESSION):
            require_reader(path)
    logs = [path for path in paths if path.name.endswith(PRESENTATIONS)]
    if not rehearsal and (imagined := [path.name for path in logs if is_rehearsal(path)]):
        raise InputError(
            f"{imagined[0]} is of a rehearsal, which nobody watched",
            "ask for it explicitly (--rehearsal)",
            code="not-allowed",
        )
    if taken := [path.name for path in paths if _is_there(path, target.inbox)]:
        raise InputError(f"{listed(taken)} is in {target.inbox} already", "remove it there, or give yours another name")
    try:
        target.inbox.mkdir(exist_ok=True)
        for path in paths:
            if not (target.inbox / path.name).exists():
                _copy(path, target.inbox / path.name)
        for path in paths:
            line = f"{sha256_of(target.inbox / path.name)}  {path.name}\n"
            write_whole(target.inbox / f"{path.name}.sha256", line.encode())
    except OSError as error:
        raise full(target.inbox, error) from error
    session.log.add(target.number, "delivered", listed(names))
    return [target.inbox / name for name in names]


def _target(session: LoopSession, number: int | None) -> Generation:
    known = session.generations
    if number is not None and not 0 <= number < len(known):
        raise InputError(f"generation {number} given; the session has 0 to {len(known) - 1}")
    target = known[-1] if number is None else known[number]
    if target.lacks in ("set", "experiment"):
        raise InputError(
            f"generation {target.number} is still being made: finish it with: synthstim loop next {session.root}"
        )
    if target.lacks != "responses.tsv":
        raise InputError(
            f"generation {target.number} has its responses already, and nothing more is read for it",
            f"all files of one generation are delivered together: to begin it again, remove {target.root / 'responses.tsv'}"
            " and what was made after it (docs/loop.md)",
        )
    return target


def _is_there(source: Path, inbox: Path) -> bool:
    """Whether a file of this name was delivered; one without a checksum, of a call that was stopped, is gone on with."""
    there = inbox / source.name
    return there.exists() and ((inbox / f"{source.name}.sha256").exists() or sha256_of(there) != sha256_of(source))


def _copy(source: Path, target: Path) -> None:
    with written_whole(target) as part:
        shutil.copyfile(source, part)
        if sha256_of(part) != sha256_of(source):
            raise InputError(f"{source} changed while it was copied", "deliver it when it is complete")
