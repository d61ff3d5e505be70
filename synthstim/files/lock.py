"""One process at a time: the lock of a session, which ends with its process, however that ends.

The file that is locked says who holds it, for whoever is kept out. The package filelock has no place for that: up to version 3 it
empties the file before it knows whether it may have it, and on Windows it locks the byte that others would read first.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from synthstim.errors import InputError

# Far beyond the content, so that other processes can read who holds it (Windows locks bytes, not files).
_BYTE = 1 << 30


@dataclass(frozen=True)
class Holder:
    """Who holds, or held, a lock.

    Attributes:
        pid: number of the process.
        host: name of its computer.
        started: when it took the lock.
        command: what it does, such as ``watch``.
    """

    pid: int
    host: str
    started: str
    command: str

    def __str__(self) -> str:
        return f"{self.command}, process {self.pid} on {self.host} since {self.started}"

    @property
    def gone(self) -> bool:
        """Whether this is a process of this host that no longer exists."""
        return self.host == socket.gethostname() and not _exists(self.pid)


@contextlib.contextmanager
def locked(path: Path, command: str) -> Iterator[Holder | None]:
    """Hold a session's lock for the length of a block.

    The file is locked by the system, which lets go when the process ends, and says who holds it. One that a process of this
    host left behind is taken over; one of another host is not, since that may not see this host's locks.

    Yields:
        who left the lock behind, or None.

    Raises:
        InputError: another process holds it.
    """
    with _opened(path) as stream:
        before = read_holder(path)
        if not _try(stream, path) or (before is not None and before.host != socket.gethostname()):
            who = str(before) if before else "another process"
            raise InputError(
                f"{path.parent} is in use ({who})",
                f"let it finish, or stop it first; if that computer is off, remove {path}",
                code="in-use",
            )
        me = Holder(os.getpid(), socket.gethostname(), _now(), command)
        _say(stream, json.dumps(asdict(me)) + "\n")
        try:
            yield before
        finally:
            # Emptied, not removed: of two who open it, one might hold a file that is no longer there.
            _say(stream, "")


def read_holder(path: Path) -> Holder | None:
    """Who holds a lock or left it behind; None where nobody did."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return Holder(int(facts["pid"]), str(facts["host"]), str(facts["started"]), str(facts["command"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        stream = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "rb+")
    except OSError as error:
        raise InputError(f"{path} cannot be opened ({error.strerror}): grant this user the rights") from None
    try:
        yield stream
    finally:
        with contextlib.suppress(OSError):
            stream.close()


def _say(stream: IO[bytes], text: str) -> None:
    # The lock holds without its words, as on a full disk.
    with contextlib.suppress(OSError):
        stream.seek(0)
        stream.truncate()
        stream.write(text.encode())
        stream.flush()


def _try(stream: IO[Any], path: Path) -> bool:
    try:
        if os.name == "posix":
            import fcntl

            fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it may have removed it meanwhile: a lock on a file without a name keeps nobody out.
            return os.path.samestat(os.fstat(stream.fileno()), os.stat(path))
        else:
            import msvcrt

            stream.seek(_BYTE)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        return False
    return True


def _exists(pid: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
