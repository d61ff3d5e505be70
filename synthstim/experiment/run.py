"""Running an exported experiment in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.experiment.virtual_sound import has_sound, virtual_speaker

_START_S = 240.0


@dataclass(frozen=True)
class Run:
    """One run of an experiment, and where its data are.

    Attributes:
        status: ``completed``, ``stopped early`` (Escape), ``headphone check failed`` or ``error``.
        record: what ran where, as JSON.
        presentations: a row a presentation, or a trial of a listening experiment, as TSV.
        frames: a row a flip, as TSV; None for sounds.
        data: PsychoPy's own table, as CSV.
    """

    status: str
    record: Path
    presentations: Path
    frames: Path | None
    data: Path


def run_experiment(directory: str | Path, simulate: bool = False, *, time_limit_s: float | None = None) -> Run:
    """Run an exported experiment with this Python.

    Args:
        directory: the exported folder.
        simulate: press the keys that it waits for, tolerate another display or sound device, and use Xvfb and a private
            PulseAudio where there is none.
        time_limit_s: stop it after so long; by default a simulated run may take three times its duration and 4 minutes,
            and a real one as long as it needs.

    Raises:
        InputError: the folder is no experiment, there is no display, the run failed or took too long; the last line of
            its output is in the message, all of it in ``run.log`` of the folder's ``data``.
    """
    root = Path(directory).resolve()
    manifest = _manifest(root)
    data = root / "data"
    data.mkdir(exist_ok=True)
    before = set(data.glob("*_session.json"))
    if time_limit_s is None and simulate:
        time_limit_s = _START_S + 180 * manifest["minutes"]
    rate_hz = manifest.get("rate_hz")
    with _display(manifest["rig"]["monitor"], simulate) as environment, _sound(rate_hz, simulate) as sound:
        environment |= sound
        if simulate:
            environment |= {"SYNTHSTIM_SIMULATE": "1"}
        code = _run(root, f"{manifest['protocol']}.py", environment, data / "run.log", time_limit_s)
    made = sorted(set(data.glob("*_session.json")) - before)
    if code != 0 or not made:
        raise InputError(f"the experiment stopped before its end: {_last_line(data / 'run.log')} (see data/run.log)")
    stem = str(made[-1]).removesuffix("_session.json")
    record = json.loads(made[-1].read_text(encoding="utf-8"))
    shown = data / record["trials"] if "trials" in record else Path(f"{stem}_presentations.tsv")
    frames = None if rate_hz else Path(f"{stem}_frames.tsv")
    return Run(record["status"], made[-1], shown, frames, Path(f"{stem}.csv"))


def rehearsal_lacks(directory: str | Path) -> str:
    """What this computer lacks to rehearse an experiment, and the package that brings it; "" where nothing is missing.

    Raises:
        InputError: the folder is no experiment.
    """
    manifest = _manifest(Path(directory))
    if not _has_display() and shutil.which("Xvfb") is None:
        return "there is no display and no Xvfb (Debian: apt-get install xvfb)"
    if manifest.get("rate_hz") and not has_sound() and shutil.which("pulseaudio") is None:
        return "there is no sound device and no PulseAudio (Debian: apt-get install pulseaudio libasound2-plugins)"
    return ""


def _manifest(root: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((root / "manifest.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        raise InputError(f"{root} is no exported experiment: it has no readable manifest.json") from None


@contextlib.contextmanager
def _display(monitor: dict[str, Any], simulate: bool) -> Iterator[dict[str, str]]:
    environment = dict(os.environ)
    if _has_display():
        yield environment
        return
    if not simulate:
        raise InputError("there is no display: run this at the rig, or with --simulate")
    with virtual_display(monitor["width_px"], monitor["height_px"]) as number:
        yield environment | {"DISPLAY": number}


def _has_display() -> bool:
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


@contextlib.contextmanager
def _sound(rate_hz: int | None, simulate: bool) -> Iterator[dict[str, str]]:
    if rate_hz is None or not simulate or has_sound():
        yield {}
        return
    with virtual_speaker(rate_hz) as environment:
        yield environment


@contextlib.contextmanager
def virtual_display(width_px: int, height_px: int) -> Iterator[str]:
    """Start Xvfb on a free display number; yields the number as DISPLAY wants it.

    Raises:
        InputError: Xvfb is not installed or does not start.
    """
    if shutil.which("Xvfb") is None:
        raise InputError("there is no display and Xvfb is not installed: install the package xvfb")
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{width_px}x{height_px}x24", "-nolisten", "tcp"],
        pass_fds=[writer], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writer)
    try:
        # Xvfb finds a free number by itself, and writes it when it is ready.
        with os.fdopen(reader) as stream:
            number = stream.readline().strip()
        if not number:
            raise InputError("Xvfb did not start: run it by hand to see why")
        yield f":{number}"
    finally:
        _end(server)


def _run(root: Path, script: str, environment: dict[str, str], log: Path, time_limit_s: float | None) -> int:
    with open(log, "wb") as stream:
        process = subprocess.Popen(
            # -B: the folder stays as it was exported, without compiled files.
            [sys.executable, "-B", script], cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=stream,
            stderr=subprocess.STDOUT, start_new_session=os.name == "posix",
        )  # fmt: skip
        try:
            return process.wait(time_limit_s)
        except subprocess.TimeoutExpired:
            raise InputError(f"the experiment was still running after {time_limit_s:.0f} s: see {log.name}") from None
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        if os.name == "posix" and os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()


def _last_line(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace")
    # PsychoPy writes its warnings when it exits, after what ended it.
    lines = [line.strip() for line in text.splitlines() if line.strip() and "WARNING" not in line]
    return lines[-1] if lines else "it wrote nothing"
