"""Runs a program that must not outlive who started it: ``python watchdog.py PROGRAM ARGUMENT...``, the standard library only.

Its standard input is a pipe that whoever started it holds open and never writes to. When that ends, because it is
closed or because its holder was killed, the program is ended. On Linux the program also ends with this process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

GRACE_S = 3.0
_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run the program; returns its exit status, as a shell tells it."""
    process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, close_fds=False, preexec_fn=_ends_with_me())
    threading.Thread(target=_watch, args=(process,), daemon=True).start()
    code = process.wait()
    return code if code >= 0 else 128 - code


def _watch(process: subprocess.Popen[bytes]) -> None:
    # Not through sys.stdin, whose lock a thread may not hold when Python ends.
    while os.read(0, 1):
        pass
    process.terminate()
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _ends_with_me() -> Callable[[], None] | None:
    """What the program does before it begins, so that the system ends it with this process; only Linux can."""
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    system, watchdog = ctypes.CDLL(None), os.getpid()

    def before() -> None:
        system.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != watchdog:
            os._exit(1)

    return before


if __name__ == "__main__":
    sys.exit(main())
