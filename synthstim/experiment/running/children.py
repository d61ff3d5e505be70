"""Programs that end with what started them, however that ends: a killed rehearsal leaves nothing running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from synthstim.experiment.running import watchdog


@contextlib.contextmanager
def child(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for the length of a block; yields its watchdog, which ends when it does.

    The program ends with the block, and with this process even where that is killed. Where its watchdog is killed, Linux
    ends it at once, macOS with the block; Windows leaves it.

    Args:
        options: of ``subprocess.Popen``.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", watchdog.__file__, *command], stdin=subprocess.PIPE,
        start_new_session=os.name == "posix", **options,
    )  # fmt: skip
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(2 * watchdog.GRACE_S)
    if process.returncode is not None and process.returncode >= 0:
        return
    # It was killed, or hangs: what it started is in its process group.
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
