"""Running an exported experiment in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from synthstim.errors import InputError
from synthstim.experiment.manifest import Experiment, read_manifest
from synthstim.experiment.running.children import child
from synthstim.experiment.running.idle_limit import IdleLimit, load, processors
from synthstim.experiment.running.psychopy_home import require_psychopy_home
from synthstim.experiment.running.stop_reason import reason_of
from synthstim.experiment.running.virtual_display import has_display, virtual_display
from synthstim.experiment.running.virtual_sound import has_sound, virtual_speaker
from synthstim.experiment.runtime.simulate import DATA, MARKERS, REHEARSAL, SWITCH

LOG = "run.log"
_TABLES = ("*_presentations.tsv", "*_trials.tsv")


@dataclass(frozen=True)
class Run:
    """One run of an experiment, and where its data are.

    Attributes:
        status: ``completed``, ``stopped early`` (Escape), ``headphone check failed`` or ``error``.
        record: what ran where, as JSON.
        presentations: a row a presentation, or a trial of a listening experiment, as TSV.
        frames: a row a flip, as TSV; None for sounds.
        data: PsychoPy's own table, as CSV.
        notes: what must be known of it, a sentence each: that it was a rehearsal, markers that were not sent.
    """

    status: str
    record: Path
    presentations: Path
    frames: Path | None
    data: Path
    notes: tuple[str, ...] = ()


def run_experiment(
    directory: str | Path, simulate: bool = False, *, markers: bool = False, time_limit_s: float | None = None
) -> Run:
    """Run an exported experiment with this Python; it ends with this process, however that ends.

    Args:
        directory: the exported folder.
        simulate: rehearse: press the keys that it waits for, tolerate another display or sound device, use Xvfb and a
            private PulseAudio where there is none, send no markers, and write into the folder ``rehearsal`` instead of
            ``data``, so that no participant is used up.
        markers: send the rig's markers in a rehearsal too.
        time_limit_s: stop it after so long; by default a rehearsal may show nothing new for three times its duration and
            4 minutes, longer on a busy computer, and a real run takes as long as it needs.

    Raises:
        InputError: the folder is no experiment, there is no display, the run failed or took too long; the reason that it
            gave is in the message, all that it printed in ``run.log`` of its folder of data.

    Example:
        >>> run_experiment("my_set")
        Traceback (most recent call last):
        synthstim.errors.InputError: ...
    """
    root = Path(directory).resolve()
    experiment = read_manifest(root, Experiment)
    script = root / f"{experiment.protocol}.py"
    if not script.is_file() and (root / "presentations.tsv").is_file():
        raise InputError(
            f"a device of the lab's presents {root.name}, as its README.md says",
            "there is nothing to run",
            code="missing",
        )
    require_psychopy_home()
    data = _data_folder(root, simulate)
    if not script.is_file():
        raise InputError(
            f"{root} lacks {script.name}", "restore it from a copy, or export the set again", code="missing"
        )
    before = set(data.glob("*_session.json"))
    with _display(experiment, simulate) as environment, _sound(experiment.rate_hz, simulate) as sound:
        environment |= sound | {SWITCH: "1" if simulate else "0", MARKERS: "1" if markers else "0"}
        idle_limit = IdleLimit(data, experiment.minutes) if simulate and time_limit_s is None else None
        code = _run(root, f"{experiment.protocol}.py", environment, data / LOG, time_limit_s, idle_limit)
    made = sorted(set(data.glob("*_session.json")) - before)
    if code != 0 or not made:
        raise InputError(
            f"the experiment stopped before its end: {reason_of(data / LOG, code)} (see {data.name}/{LOG})"
        )
    return _ran(made[-1], experiment, simulate=simulate)


def _ran(session: Path, experiment: Experiment, *, simulate: bool) -> Run:
    stem, record = str(session).removesuffix("_session.json"), json.loads(session.read_text(encoding="utf-8"))
    shown = session.parent / record["trials"] if "trials" in record else Path(f"{stem}_presentations.tsv")
    frames = None if experiment.rate_hz else Path(f"{stem}_frames.tsv")
    notes = ["a rehearsal: nobody took part, and its data are kept apart from real ones"] if simulate else []
    if experiment.rig.markers.kind != "none" and not record["markers"].get("sent", True):
        notes.append(f"the markers ({experiment.rig.markers}) were not sent, as this was a rehearsal")
    if failed := record.get("marker_failures"):
        notes.append(f"{failed} markers were not sent: the device did not take them (see {LOG})")
    return Run(record["status"], session, shown, frames, Path(f"{stem}.csv"), tuple(notes))


def _data_folder(root: Path, simulate: bool) -> Path:
    data = root / (REHEARSAL if simulate else DATA)
    if simulate and not (root / "runtime" / "lock.py").is_file():
        raise InputError(
            f"{root} was exported by an earlier version, whose rehearsals use up participants", "export the set again"
        )
    try:
        data.mkdir(exist_ok=True)
        (data / LOG).write_bytes(b"")
    except OSError as error:
        raise InputError(
            f"{data} cannot be written ({error.strerror})", "copy the experiment to a folder that you may write to"
        ) from None
    return data


def rehearsal_lacks(directory: str | Path) -> str:
    """What this computer lacks to rehearse an experiment, and the package that brings it; "" where nothing is missing.

    Raises:
        InputError: the folder is no experiment.
    """
    experiment = read_manifest(Path(directory), Experiment)
    if not has_display() and shutil.which("Xvfb") is None:
        return "there is no display and no Xvfb (Debian: apt-get install xvfb)"
    if experiment.rate_hz and not has_sound() and shutil.which("pulseaudio") is None:
        return "there is no sound device and no PulseAudio (Debian: apt-get install pulseaudio libasound2-plugins)"
    return ""


@contextlib.contextmanager
def _display(experiment: Experiment, simulate: bool) -> Iterator[dict[str, str]]:
    environment = dict(os.environ)
    if has_display():
        yield environment
        return
    if not simulate:
        raise InputError("there is no display", "run this at the rig, or with --simulate", code="missing")
    monitor = experiment.rig.monitor
    with virtual_display(monitor.width_px, monitor.height_px) as number:
        yield environment | {"DISPLAY": number}


@contextlib.contextmanager
def _sound(rate_hz: int | None, simulate: bool) -> Iterator[dict[str, str]]:
    if rate_hz is None or not simulate or has_sound():
        yield {}
        return
    with virtual_speaker(rate_hz) as environment:
        yield environment


def _run(
    root: Path, script: str, environment: dict[str, str], log: Path, time_limit_s: float | None, idle_limit: IdleLimit | None
) -> int:  # fmt: skip
    # -B: the folder stays as it was exported, without compiled files.
    command = [sys.executable, "-B", script]
    begun = time.time()
    with (
        open(log, "wb") as stream,
        child(command, cwd=root, env=environment, stdout=stream, stderr=subprocess.STDOUT) as process,
    ):
        while True:
            try:
                return process.wait(time_limit_s if idle_limit is None else 1.0)
            except subprocess.TimeoutExpired:
                if idle_limit is None:
                    so_far = f"was still running after {time_limit_s:.0f} s"
                elif idle_limit.over:
                    so_far = f"has shown nothing new for {idle_limit.idle_s:.0f} s"
                else:
                    continue
            raise InputError(f"the experiment {so_far}, {_too_slow(log, begun)}")


def _too_slow(log: Path, begun: float) -> str:
    tables = [path for name in _TABLES for path in log.parent.glob(name) if path.stat().st_mtime >= begun - 1]
    rows = sum(max(0, path.read_bytes().count(b"\n") - 1) for path in tables)
    return (
        f"{rows} presentations in: this computer is too slow or too busy for it (load {load():.1f} on {processors()}"
        f" processors), or it waits for something; try again when nothing else runs (see {log.parent.name}/{log.name})"
    )
