"""What the endpoints over TCP and LSL share: a session that is served until it is done, a log, and an end."""

from __future__ import annotations

import logging
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from synthstim.errors import InputError
from synthstim.online.session import OnlineSession, PolicyFailed

LOG = "endpoint.log"
LOG_BYTES = 1_000_000
# How long an endpoint waits at most before it looks whether it is to stop.
TICK_S = 0.2


class Endpoint:
    """A session that is served."""

    def __init__(self, session: OnlineSession) -> None:
        self.session = session
        self._log, self._handler = _open_log(session.record.folder)
        self._stopping = threading.Event()

    def serve(self) -> None:
        """Serve until a rig that was told that all is done has left, or until ``stop``.

        Raises:
            InputError: a trial cannot be written down, or the policy fails; what was answered before is on disk.
        """
        self._log.info("%s, trial %d is next", self._where(), self.session.sequence)
        try:
            self._serve()
        except PolicyFailed as error:
            self._log.error("%s", error)
            raise InputError(str(error)) from error.__cause__
        self._log.info("stopped after trial %d", self.session.sequence - 1)

    def _where(self) -> str:
        """What the log says of where rigs find the endpoint."""
        raise NotImplementedError

    def _serve(self) -> None:
        """Answer rigs until all is done or ``_stopping`` is set."""
        raise NotImplementedError

    def stop(self) -> None:
        """Make ``serve`` return; from another thread."""
        self._stopping.set()

    def close(self) -> None:
        """Close the session's files, and whatever rigs are connected by."""
        self.session.close()
        self._log.removeHandler(self._handler)
        self._handler.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open_log(folder: Path) -> tuple[logging.Logger, logging.Handler]:
    """The session's log: a file that begins anew when it is full, keeping the one before."""
    handler = RotatingFileHandler(folder / LOG, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.Logger(f"synthstim.online.{folder.name}", logging.INFO)
    log.addHandler(handler)
    return log, handler
