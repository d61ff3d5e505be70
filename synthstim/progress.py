"""The progress bar of the command line, and its log file for batch use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from synthstim.errors import InputError
from synthstim.files import require_replaceable

if TYPE_CHECKING:
    from synthstim.production import MakeProgress

STEPS = 10_000
# Says that a file is a log, and what its columns are.
FIRST_LINE = "# synthstim log: time, share of the work, what is made, note\n"


class ProgressDisplay:
    """Shows items done, the current match and the time left; or, when quiet, only writes the log.

    Args:
        log: a file that gains a line every few seconds.
    """

    def __init__(self, console: Console, *, quiet: bool = False, log: Path | None = None) -> None:
        columns = (
            "{task.description}",
            BarColumn(),
            "{task.percentage:3.0f}%",
            TimeElapsedColumn(),
            "left",
            TimeRemainingColumn(),
        )
        self.bar = Progress(
            *(TextColumn(c) if isinstance(c, str) else c for c in columns),
            console=console,
            disable=quiet,
            transient=True,
        )
        self.console = console
        self.task = self.bar.add_task("starting", total=STEPS)
        self.path, self.log = log, _opened(log) if log else None
        self._logged = 0.0

    def __enter__(self) -> ProgressDisplay:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()
        if self.log:
            with self._writing():
                self.log.close()

    def making(self, now: MakeProgress) -> None:
        """Show where ``make`` stands."""
        best = f"best {min(now.best):.1f} to {max(now.best):.1f}" if now.best else ""
        text = f"{now.done}/{now.total} {now.label} {best}".strip()
        self.bar.update(self.task, completed=now.share * STEPS, description=escape(text))
        if now.message:
            self.console.print(f"[yellow]note[/] {escape(now.message)}")
        if self.log and (now.message or time.monotonic() - self._logged > 5 or now.done == now.total):
            self._logged = time.monotonic()
            with self._writing():
                self.log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')}\t{now.share:.4f}\t{text}\t{now.message}\n")
                self.log.flush()

    def training(self, share: float, text: str) -> None:
        """Show where a training stands."""
        self.bar.update(self.task, completed=STEPS * share, description=escape(text))

    def checking(self, done: int, total: int) -> None:
        """Show where ``check`` stands."""
        self.bar.update(self.task, completed=STEPS * done / total, description=f"{done}/{total} measured again")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            log, self.log = self.log, None
            with suppress(OSError):
                if log is not None:
                    log.close()  # tries once more to write what it holds
            raise InputError(
                f"the log {self.path} could not be written ({error.strerror})",
                "make room, then start again",
                code="no-space",
            ) from error


def _opened(log: Path) -> TextIO:
    """A log to add to: a new one, or one that an earlier run began.

    Raises:
        InputError: something else is there, or the place cannot be written.
    """
    require_replaceable(log, _is_log, "a log of an earlier run")
    try:
        stream = log.open("a", encoding="utf-8")
        if not stream.tell():
            stream.write(FIRST_LINE)
            stream.flush()
    except OSError as error:
        raise InputError(f"the log {log} cannot be written ({error.strerror})", "choose another place") from None
    return stream


def _is_log(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(FIRST_LINE)) in (FIRST_LINE.encode(), b"")
