"""The progress bar of the command line, and its log file for batch use."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from synthstim.errors import InputError
from synthstim.production import MakeProgress

STEPS = 10_000


class ProgressDisplay:
    """Shows items done, the current match and the time left; or, when quiet, only writes the log.

    Args:
        console: where the bar goes.
        quiet: no bar.
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
        self.log = _opened(log) if log else None
        self._logged = 0.0

    def __enter__(self) -> ProgressDisplay:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()
        if self.log:
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
            self.log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')}\t{now.share:.4f}\t{text}\t{now.message}\n")
            self.log.flush()

    def checking(self, done: int, total: int) -> None:
        """Show where ``check`` stands."""
        self.bar.update(self.task, completed=STEPS * done / total, description=f"{done}/{total} measured again")

    def working(self, share: float, what: str) -> None:
        """Show the share of any other work that is done, and what is being done."""
        self.bar.update(self.task, completed=STEPS * share, description=escape(what))


def _opened(log: Path) -> TextIO:
    try:
        return log.open("a", encoding="utf-8")
    except OSError as error:
        raise InputError(f"the log {log} cannot be written ({error.strerror}): choose another place") from None
