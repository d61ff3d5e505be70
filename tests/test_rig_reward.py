"""Rewards: pulses of the asked duration under caps, ended even where the experiment is killed; and boxes whose buttons are keys."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from synthstim.experiment.runtime import response_box, reward_line
from synthstim.experiment.runtime.reward import Dispenser

RUNTIME = Path(reward_line.__file__).parent
SETTINGS: dict[str, Any] = {
    "kind": "serial", "port": "", "line": "rts", "pulse_ms": 100.0, "max_ms_per_pulse": 200.0, "max_pulses_per_day": 3,
    "ml_per_pulse": None, "max_ml_per_day": None,
}  # fmt: skip
# A line that writes each change, with its time, into a file: what the process of the valve does with it is what is tested.
LINE = """\
import sys, time
sys.path.insert(0, {parent!r})
from runtime import reward_line
class Line:
    def __init__(self, *where):
        self.file = open({log!r}, "a", buffering=1)
    def set(self, high):
        self.file.write(f"{{int(high)}} {{time.monotonic()}}\\n")
reward_line.SerialLine = Line
reward_line.main(*sys.argv[1:4])
"""


class Line:
    def __init__(self) -> None:
        self.changes: list[tuple[bool, float]] = []

    def set(self, high: bool) -> None:
        self.changes.append((high, time.perf_counter()))


@pytest.mark.parametrize("milliseconds", [5.0, 40.0])
def test_a_pulse_lasts_at_least_as_long_as_asked_and_ends(milliseconds: float) -> None:
    line = Line()
    reward_line.pulse(line, milliseconds)
    (opened, begun), (closed, ended) = line.changes
    assert opened and not closed  # noqa: PT018 - one state
    assert ended - begun >= milliseconds / 1000


def test_no_pulse_is_longer_than_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reward_line, "LONGEST_MS", 10.0)
    line = Line()
    begun = time.perf_counter()
    reward_line.pulse(line, 60_000)
    assert time.perf_counter() - begun < 30
    assert not line.changes[-1][0]


def test_the_line_is_low_when_requests_end_however_they_do() -> None:
    line = Line()
    reward_line.serve(line, io.StringIO("1\n1\n"))
    assert [high for high, _ in line.changes] == [True, False, True, False, False]
    with pytest.raises(ValueError, match="nonsense"):
        reward_line.serve(line, io.StringIO("nonsense\n"))
    assert not line.changes[-1][0]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a stand-in for the valve's line writes what is done with it."""
    script, written = tmp_path / "line.py", tmp_path / "line.txt"
    script.write_text(LINE.format(parent=str(RUNTIME.parent), log=str(written)))
    real = Path.with_name
    monkeypatch.setattr(Path, "with_name", lambda self, name: script if name == "reward_line.py" else real(self, name))
    return written


def states(log: Path) -> list[int]:
    return [int(line.split()[0]) for line in log.read_text().splitlines()]


def test_caps_hold_over_restarts(log: Path, tmp_path: Path) -> None:
    for run, expected in enumerate([[True, True], [True, False]]):
        dispenser = Dispenser(SETTINGS | {"pulse_ms": 1.0}, tmp_path / "data")
        assert [dispenser.give(), dispenser.give()] == expected
        dispenser.close()
        assert dispenser.facts["rewards_today"] == (2, 3)[run]
    assert sum(states(log)) == 3


@pytest.mark.parametrize("asked", [0.0, -5.0, 200.1, 1e9, float("nan")])
def test_a_pulse_beyond_its_cap_is_held_back(asked: float, tmp_path: Path) -> None:
    dispenser = Dispenser(SETTINGS, tmp_path / "data", opens=False)
    assert not dispenser.give(asked)
    assert dispenser.facts == {"rewards_today": 0, "reward_ml_today": 0.0, "rewards_refused": 1}
    dispenser.close()


def test_a_volume_has_a_cap_too(tmp_path: Path) -> None:
    few = SETTINGS | {"ml_per_pulse": 0.5, "max_ml_per_day": 1.2, "max_pulses_per_day": 100}
    dispenser = Dispenser(few, tmp_path / "data", opens=False)
    assert [dispenser.give(), dispenser.give(), dispenser.give(), dispenser.give(40)] == [True, True, False, True]
    assert dispenser.facts["reward_ml_today"] == pytest.approx(1.2)
    dispenser.close()


def test_a_line_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"/dev/nowhere cannot be opened .*No such file"):
        Dispenser(SETTINGS | {"port": "/dev/nowhere"}, tmp_path / "data")


def test_the_valve_closes_when_the_experiment_is_killed_in_a_pulse(tmp_path: Path) -> None:
    script, log = tmp_path / "line.py", tmp_path / "line.txt"
    script.write_text(LINE.format(parent=str(RUNTIME.parent), log=str(log)))
    experiment = textwrap.dedent(f"""
        import subprocess, sys, time
        valve = subprocess.Popen([sys.executable, {str(script)!r}, "serial", "", "rts"], stdin=subprocess.PIPE, text=True)
        valve.stdin.write("500\\n")
        valve.stdin.flush()
        time.sleep(60)
    """)
    process = subprocess.Popen([sys.executable, "-c", experiment], stdout=subprocess.PIPE)
    until = time.monotonic() + 30
    while not (log.exists() and 1 in states(log)) and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    # The valve's own process still holds the pipe until it ends: nothing is left to wait for.
    assert process.stdout is not None
    process.stdout.read()
    assert 1 in states(log)
    assert states(log)[-1] == 0


@pytest.mark.skipif(os.name != "posix", reason="Windows ends a process without asking")
def test_the_valve_closes_when_its_process_is_asked_to_end_in_a_pulse(tmp_path: Path) -> None:
    script, log = tmp_path / "line.py", tmp_path / "line.txt"
    script.write_text(LINE.format(parent=str(RUNTIME.parent), log=str(log)))
    command = [sys.executable, str(script), "serial", "", "rts"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as valve:
        assert valve.stdin is not None
        valve.stdin.write("2000\n")
        valve.stdin.flush()
        until = time.monotonic() + 30
        while not (log.exists() and 1 in states(log)) and time.monotonic() < until:
            time.sleep(0.02)
        valve.terminate()
        valve.wait(30)
    assert states(log)[-1] == 0


class Response:
    def __init__(self, channel: int) -> None:
        self.channel = channel


class Buttons:
    def __init__(self, *presses: int) -> None:
        self.waiting = [Response(channel) for channel in presses]

    def getResponses(self, state: bool) -> list[Response]:
        now, self.waiting = self.waiting, []
        return now


def test_buttons_are_handed_on_as_their_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    pressed: list[str] = []
    monkeypatch.setattr(response_box, "press", pressed.append)
    box = response_box.ButtonsAsKeys(Buttons(1, 0, 2, 7, 1), ["left", "right", ""])
    until = time.monotonic() + 10
    while len(pressed) < 3 and time.monotonic() < until:
        time.sleep(0.005)
    box.close()
    assert pressed == ["right", "left", "right"]


@pytest.mark.parametrize("name", ["psychopy.hardware.nothing.Box", "psychopy.hardware.keyboard.KeyPress"])
def test_a_box_that_is_none_is_one_sentence(name: str) -> None:
    settings = {"kind": "box", "device_class": name, "parameters": {}, "keys": ["left"]}
    with pytest.raises(SystemExit, match=r"correct the entry 'responses' of settings\.json"):
        response_box.open_box(settings)


def test_keys_need_no_box() -> None:
    assert response_box.open_box({"kind": "keys"}) is None
