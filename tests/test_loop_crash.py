"""The closed loop in bad nights: kills, full disks, two watchers, locks left behind, and what an unattended watch does."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from loop_fixture import begin, recorded
from patience import PATIENCE_S

from synthstim.errors import InputError
from synthstim.files import locked, read_holder, sha256_of, whole
from synthstim.loop import LoopSession, deliver, next_step, read_status, watch
from synthstim.loop.log import Log
from synthstim.production.work_directory import WorkDirectory

# Children are forked, which Python 3.12 warns of where there are threads.
pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")]


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> LoopSession:
    """Generation 0, with its responses in the inbox."""
    folder = tmp_path_factory.mktemp("delivered")
    session = begin(folder)
    deliver(session, [recorded(session, folder)])
    return session


@pytest.fixture(scope="module")
def undisturbed(delivered: LoopSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Checksums of what a session that nothing disturbed comes to."""
    session = copied(delivered, tmp_path_factory.mktemp("undisturbed"))
    next_step(session.root)
    return contents(session)


def copied(session: LoopSession, folder: Path) -> LoopSession:
    return LoopSession.read(shutil.copytree(session.root, folder / "session"))


def contents(session: LoopSession) -> dict[str, str]:
    """Checksums of images, tables, fits and experiments: all that hold no times and no names of folders."""
    kept = (".tsv", ".png", ".yaml", ".safetensors", ".csv", ".md")
    return {
        path.relative_to(session.root).as_posix(): sha256_of(path)
        for path in sorted(session.root.rglob("*"))
        if path.suffix in kept and path.name != "log.tsv" and path.parent.name != "inbox"
    }


def hidden(session: LoopSession) -> list[str]:
    return [
        path.name for path in session.root.rglob(".*") if path.name != ".made.work" and ".made.work" not in path.parts
    ]


def in_a_child(work: Callable[[], object]) -> int:
    """Run something in a process of its own; the signal that ended it, or 0."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(3)
        os._exit(0)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


# Kills.


def test_a_kill_at_any_write_loses_nothing_and_resume_gives_the_same(
    delivered: LoopSession, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    session = copied(delivered, tmp_path)

    def killed_at(write: int) -> None:
        calls, flush = [], whole.flush

        def flush_and_die(path: Path) -> None:
            calls.append(path)
            if len(calls) == write:
                os.kill(os.getpid(), signal.SIGKILL)
            flush(path)

        whole.flush = flush_and_die
        next_step(session.root)

    # Each child gets one write further than the one before, and dies with what follows written in part.
    kills = 0
    while in_a_child(lambda: killed_at(kills + 1)) == signal.SIGKILL:
        kills += 1
        read_status(session)
        complete(session)
    assert kills >= 4
    assert contents(session) == undisturbed
    assert hidden(session) == []
    assert read_status(session).table["state"].tolist() == ["complete", "waits for responses"]
    log = session.log.read()
    assert (log["event"] == "lock taken over").sum() == kills
    assert log.loc[log["event"] == "lock taken over", "detail"].str.contains("which is gone").all()


def complete(session: LoopSession) -> None:
    """Whatever stands under a final name can be read whole."""
    for generation in session.generations:
        if (generation.root / "set").exists():
            assert generation.stimuli.damaged() == []
        if generation.experiment.exists():
            sums = (generation.experiment / "SHA256SUMS").read_text().split()
            assert all(
                sha256_of(generation.experiment / name) == digest
                for digest, name in zip(sums[::2], sums[1::2], strict=True)
            )
        if (generation.root / "responses.tsv").exists():
            assert len(generation.responses) == generation.taken["trials"]
        if (generation.root / "fit").exists():
            session.fit(generation)


def test_a_kill_in_the_middle_of_synthesis_resumes_to_the_same_set(
    delivered: LoopSession, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    session = copied(delivered, tmp_path)

    def killed_after_a_checkpoint() -> None:
        keep, calls = WorkDirectory.maybe_save, []

        def keep_and_die(work: WorkDirectory, *arguments: Any) -> None:
            calls.append(work)
            # As if so much time had passed.
            work._last = -1e9
            keep(work, *arguments)
            if len(calls) == 3:
                os.kill(os.getpid(), signal.SIGKILL)

        WorkDirectory.maybe_save = keep_and_die
        next_step(session.root)

    assert in_a_child(killed_after_a_checkpoint) == signal.SIGKILL
    work = session.newest.root / ".made.work"
    # One batch is done, the other, which starts from an image, was at its checkpoint.
    assert sorted(path.name for path in work.glob("job*")) == ["job-0000.safetensors", "job-0001-running-0.safetensors"]
    assert session.newest.lacks == "set"
    assert read_status(session).worker == ""
    assert "generation 1 is being made; continue with" in read_status(session).awaited
    next_step(session.root)
    assert contents(session) == undisturbed


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


# A full disk.


def test_a_disk_that_is_full_at_any_write_leaves_nothing_half_made_and_next_goes_on(
    delivered: LoopSession, undisturbed: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = copied(delivered, tmp_path)
    sync, left, told = os.fsync, [0], list[str]()

    def full(descriptor: int) -> None:
        # The log may lose its lines; whatever else is written fails once the room is used up.
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith(("log.tsv", "lock")):
            return
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        sync(descriptor)

    failures, done = 0, len(contents(session))
    while True:
        left[0] = 2 + 20 * failures
        monkeypatch.setattr(os, "fsync", full)
        try:
            next_step(session.root)
        except InputError as error:
            told.append(str(error))
        else:
            break
        finally:
            monkeypatch.setattr(os, "fsync", sync)
        complete(session)
        assert hidden(session) == []
        assert len(contents(session)) >= done
        failures, done = failures + 1, len(contents(session))
    assert failures >= 3
    assert all("No space left on device" in words and "make room" in words and "\n" not in words for words in told)
    assert contents(session) == undisturbed


def test_a_log_that_cannot_be_written_loses_its_line_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(tmp_path / "log.tsv")
    log.add(0, "one", "a\tb\nc")
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, line: write(descriptor, line[:10]))
    log.add(0, "two")
    monkeypatch.undo()
    log.add(1, "three")
    # A crash of the computer may leave half a line.
    with open(log.path, "ab") as stream:
        stream.write(b"2026-01-01T00:")
    log.add(1, "four")
    assert log.read()[["generation", "event", "detail"]].to_numpy().tolist() == [
        [0, "one", "a b c"],
        [1, "three", ""],
        [1, "four", ""],
    ]


# Locks.


def test_one_process_at_a_time_and_a_second_is_refused_in_a_sentence(delivered: LoopSession, tmp_path: Path) -> None:
    session = copied(delivered, tmp_path)
    with locked(session.lock, "watch"):
        for work in (lambda: watch(session.root), lambda: next_step(session.root)):
            with pytest.raises(
                InputError, match=rf"is in use \(watch, process {os.getpid()} on .* since 20.*\): let it finish"
            ) as caught:
                work()
            assert "\n" not in str(caught.value)
        # Whoever looks, or delivers, needs no lock.
        assert read_status(session).worker.startswith("watch, process")
    assert read_status(session).worker == ""
    assert read_holder(session.lock) is None


def test_a_lock_of_another_computer_is_not_taken_over(delivered: LoopSession, tmp_path: Path) -> None:
    session = copied(delivered, tmp_path)
    session.lock.write_text('{"pid": 1, "host": "rig-2", "started": "2026-01-01T00:00:00", "command": "watch"}\n')
    with pytest.raises(InputError, match=r"process 1 on rig-2 since .*if that computer is off, remove"):
        next_step(session.root)
    session.lock.unlink()
    assert next_step(session.root, last=True).moved


# Watching.


def watched(session: LoopSession, **options: object) -> tuple[threading.Thread, list[str], list[bool]]:
    """A watch in a thread of its own, what it tells, and the flag that ends it."""
    told: list[str] = []
    end: list[bool] = []
    thread = threading.Thread(
        target=lambda: watch(session.root, every=0.05, tell=told.append, ended=lambda: bool(end), **options),
        daemon=True,
    )
    thread.start()
    return thread, told, end


def test_a_watch_goes_on_when_responses_arrive_and_after_what_was_wrong(tmp_path: Path) -> None:
    session = begin(tmp_path)
    thread, told, _ = watched(session, until=1)
    file = recorded(session, tmp_path)
    until(lambda: any("waits for responses" in line for line in told))
    bad = tmp_path / "bad.tsv"
    pd.read_csv(file, sep="\t").assign(response=1.0).to_csv(bad, sep="\t", index=False)
    delivery = deliver(session, [bad])
    until(lambda: any("give the same response" in line for line in told))
    time.sleep(0.3)
    assert (session.log.read()["event"] == "refused").sum() == 1
    assert "give the same response in every trial" in read_status(session).error
    # Settings that cannot be read do not end it either.
    text = (session.root / "loop.yaml").read_text()
    (session.root / "loop.yaml").write_text("goals: [")
    until(lambda: any("not valid YAML" in line for line in told))
    (session.root / "loop.yaml").write_text(text)
    for path in (delivery[0], delivery[0].with_name("bad.tsv.sha256")):
        path.unlink()
    deliver(session, [file])
    until(lambda: len(session.generations) == 2 and session.newest.lacks == "responses.tsv")
    deliver(session, [recorded(session, tmp_path)])
    thread.join(90)
    assert not thread.is_alive()
    assert [generation.lacks for generation in session.generations] == [None, None]
    assert session.log.read()["event"].iloc[-1] == "ended"
    assert read_status(session).error == ""


def test_a_watch_tries_again_what_no_delivery_caused(
    delivered: LoopSession, undisturbed: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = copied(delivered, tmp_path)
    monkeypatch.setattr(sys.modules["synthstim.loop.watch"], "AGAIN_S", 0.05)
    fails = iter([RuntimeError("out of memory"), OSError(28, "No space left on device")])
    fit = sys.modules["synthstim.loop.steps"].fit_sites

    def sometimes(*arguments: object, **options: object) -> object:
        if (error := next(fails, None)) is not None:
            raise error
        return fit(*arguments, **options)

    monkeypatch.setattr(sys.modules["synthstim.loop.steps"], "fit_sites", sometimes)
    thread, told, end = watched(session)
    until(lambda: any("generation 1 waits" in line for line in told))
    end.append(True)
    thread.join(10)
    assert any("RuntimeError: out of memory" in line for line in told)
    assert any("No space left on device" in line for line in told)
    assert contents(session) == undisturbed


def test_sigterm_ends_a_watch_cleanly_and_the_next_goes_on_where_it_was(
    delivered: LoopSession, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    session = copied(delivered, tmp_path)
    child = os.fork()
    if child == 0:
        try:
            watch(session.root, every=0.1)
        finally:
            os._exit(0 if sys.exc_info()[0] is None else 3)
    until((session.root / "generation-000" / "fit").exists)
    assert f"watch, process {child} on" in read_status(session).worker
    os.kill(child, signal.SIGTERM)
    assert os.waitpid(child, 0)[1] == 0
    assert session.log.read()[["event", "detail"]].iloc[-1].tolist() == ["ended", "by SIGTERM"]
    assert read_holder(session.lock) is None
    assert hidden(session) == []
    next_step(session.root)
    assert contents(session) == undisturbed
