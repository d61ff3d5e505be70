"""Programs that a rehearsal starts end with it, whoever of them is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from synthstim.experiment.running.children import child

# A program that writes its number and its parent's down, and would then run for ever; it may refuse to be terminated.
PROGRAM = """
import os, pathlib, signal, sys, time
if sys.argv[2] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {os.getppid()}\\n")
while True:
    time.sleep(0.1)
"""
STARTER = """
import signal, sys, time
# Where tests run in the background these are ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from synthstim.experiment.running.children import child
with child([sys.executable, "-c", sys.argv[1], sys.argv[2], sys.argv[3]]) as process:
    process.wait()
"""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")


def numbers(path: Path) -> list[int]:
    ends = time.monotonic() + 600
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < ends
        time.sleep(0.05)
    return [int(number) for number in path.read_text().split()]


def ends(number: int) -> bool:
    until = time.monotonic() + 600
    while time.monotonic() < until:
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return True
        # One that has ended, and that nobody has asked for yet, is still listed.
        state = subprocess.run(["ps", "-o", "state=", "-p", str(number)], capture_output=True, text=True, check=False)
        if state.stdout.strip() in ("", "Z"):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        (signal.SIGKILL, ""),
        (signal.SIGKILL, "stubborn"),
        (signal.SIGTERM, ""),
        (signal.SIGINT, ""),
        (signal.SIGHUP, ""),
    ],
)
def test_it_ends_with_who_started_it(how: signal.Signals, kind: str, tmp_path: Path) -> None:
    written = tmp_path / "numbers"
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, PROGRAM, str(written), kind], stderr=subprocess.DEVNULL
    )  # fmt: skip
    try:
        program, watchdog = numbers(written)
        starter.send_signal(how)
        assert starter.wait(600) != 0
        assert ends(program)
        assert ends(watchdog)
    finally:
        starter.kill()
        starter.wait()


@pytest.mark.parametrize("kind", ["", "stubborn"])
def test_it_ends_with_the_block(kind: str, tmp_path: Path) -> None:
    with child([sys.executable, "-c", PROGRAM, str(tmp_path / "numbers"), kind]):
        both = numbers(tmp_path / "numbers")
    assert all(ends(number) for number in both)


def test_it_ends_with_the_block_where_its_watchdog_was_killed(tmp_path: Path) -> None:
    with child([sys.executable, "-c", PROGRAM, str(tmp_path / "numbers"), ""]) as process:
        program, watchdog = numbers(tmp_path / "numbers")
        os.kill(watchdog, signal.SIGKILL)
        assert process.wait(600) == -signal.SIGKILL
        if sys.platform.startswith("linux"):
            assert ends(program)
    assert ends(program)


@pytest.mark.parametrize(
    ("program", "status"), [("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)]
)
def test_its_status_is_told(program: str, status: int) -> None:
    with child([sys.executable, "-c", program]) as process:
        assert process.wait(600) == status
