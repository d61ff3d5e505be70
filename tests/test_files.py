"""What lies on disk: nothing of the user's is removed or replaced, and one process writes one place."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from synthstim.errors import InputError
from synthstim.files import Staging, require_ours, require_replaceable, written_whole
from synthstim.files.staging import MARK

# Stages a folder, says so, and waits to be ended.
_STAGES = """
import sys, time
from synthstim.files import Staging
with Staging(sys.argv[1], "a test") as staging:
    (staging.path / "half.txt").write_text("half")
    print("staged", flush=True)
    time.sleep(600)
"""


def staged_elsewhere(root: Path) -> subprocess.Popen:
    process = subprocess.Popen([sys.executable, "-c", _STAGES, str(root)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "staged\n"
    return process


def _folder(hidden, tmp_path):
    hidden.mkdir()
    (hidden / "thesis.tex").write_text("mine")


def _file(hidden, tmp_path):
    hidden.write_text("mine")


def _link(hidden, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / MARK).write_text("")
    (tmp_path / "elsewhere" / "thesis.tex").write_text("mine")
    hidden.symlink_to(tmp_path / "elsewhere")


def _dangling(hidden, tmp_path):
    hidden.symlink_to(tmp_path / "nowhere")


@pytest.mark.parametrize("theirs", [_folder, _file, _link, _dangling])
def test_what_a_user_keeps_under_the_hidden_name_is_left_alone(theirs, tmp_path):
    theirs(tmp_path / ".set.staging", tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="is in the way and is not synthstim's"):
        Staging(tmp_path / "set", "a test")
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(InputError, match="is in the way"):
        require_ours(tmp_path / ".set.staging", tmp_path / ".set.staging" / "other mark")


def test_leftovers_of_a_killed_process_are_taken_over(tmp_path):
    process = staged_elsewhere(tmp_path / "set")
    with pytest.raises(InputError, match=f"in use .a test, process {process.pid}"):
        Staging(tmp_path / "set", "another")
    assert (tmp_path / ".set.staging" / "half.txt").is_file(), "nothing of a living process is removed"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with Staging(tmp_path / "set", "another") as staging:
        assert [path.name for path in staging.path.iterdir()] == [MARK]
        (staging.path / "whole.txt").write_text("whole")
        staging.commit()
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["whole.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_process_killed_before_its_mark_leaves_nothing_in_the_way(tmp_path):
    (tmp_path / ".set.staging").mkdir()
    with Staging(tmp_path / "set", "a test") as staging:
        staging.commit()
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_of_many_that_stage_one_folder_at_once_one_does(tmp_path):
    together, done, refused = threading.Barrier(8), [], []

    def stage(number: int) -> None:
        together.wait()
        try:
            with Staging(tmp_path / "set", "a test") as staging:
                (staging.path / f"{number}.txt").write_text("whole")
                staging.commit()
            done.append(number)
        except InputError:
            refused.append(number)

    threads = [threading.Thread(target=stage, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    assert len(refused) == 7
    assert [path.name for path in (tmp_path / "set").iterdir()] == [f"{done[0]}.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    def fail() -> None:
        with Staging(tmp_path / "set", "a test") as staging:
            (staging.path / "half.txt").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not list(tmp_path.iterdir())


def test_a_file_is_replaced_only_by_one_of_its_kind(tmp_path):
    place = tmp_path / "page.html"
    ours = {"kind": "a page", "ours": lambda path: path.read_text().startswith("ours")}
    require_replaceable(place, **ours)
    place.write_text("ours, an earlier one")
    require_replaceable(place, **ours)
    place.write_bytes(b"\xff\xfe mine")
    with pytest.raises(InputError, match="is not a page"):
        require_replaceable(place, **ours)
    with pytest.raises(InputError, match="is a directory"):
        require_replaceable(tmp_path, **ours)
    (tmp_path / "link.html").symlink_to(place)
    with pytest.raises(InputError, match="is not a page"):
        require_replaceable(tmp_path / "link.html", **ours)


def test_a_file_that_fails_keeps_its_old_content(tmp_path):
    place = tmp_path / "figures.tsv"
    place.write_text("old")

    def fail() -> None:
        with written_whole(place) as part:
            part.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


def test_a_folder_takes_its_name_whole_and_none_that_is_taken(tmp_path):
    with written_whole(tmp_path / "fit") as part:
        part.mkdir()
        (part / "fit.json").write_text("{}")
        assert not (tmp_path / "fit").exists()
    with pytest.raises(OSError), written_whole(tmp_path / "fit") as part:  # noqa: PT012
        part.mkdir()
        (part / "other.json").write_text("{}")
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["fit", "fit/fit.json"]


@pytest.mark.parametrize("name", ["CON", "aux.txt", "Com1.set", "nul", "trailing.", "blank ", "line\nbreak", "x" * 248])
def test_names_that_some_system_does_not_take_are_refused_before_any_work(name, tmp_path):
    with pytest.raises(InputError, match="name"):
        Staging(tmp_path / name, "a test")
    assert not list(tmp_path.iterdir())
