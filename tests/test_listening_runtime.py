"""The modules that run at a listening test, one by one: trials and their resuming, the sound device, questions."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from synthstim.experiment.runtime import speaker
from synthstim.experiment.runtime.completion import WordEntry
from synthstim.experiment.runtime.pages import Figures, figures_of_page, pages_of
from synthstim.experiment.runtime.plan import PARTS, part_of, read_plan
from synthstim.experiment.runtime.question import Question
from synthstim.experiment.runtime.tables import StreamedTable, read_table
from synthstim.experiment.runtime.trials import TrialLog, finished, trial_columns

TONES, MAIN = 6, 4
COLUMNS = trial_columns(("source",), ("tones", "heard"))


def plan(*, main: int = MAIN) -> list[dict[str, Any]]:
    parts = [("headphone", trial) for trial in range(TONES)] + [("practice", 0)] * bool(main)
    parts += [("catch" if trial == 1 else "main", trial) for trial in range(main)]
    return [
        {"participant": 3, "trial": trial, "block": 0, "phase": phase, "rest": 0, "condition": "natural", "pair": "n/a", "track": "n/a",
         "source": f"s{number}", "heard": "stimuli/x.wav", "right": "dog"}
        for number, (phase, trial) in enumerate(parts)
    ]  # fmt: skip


_LOGS: list[TrialLog] = []


@pytest.fixture(autouse=True)
def _files_closed() -> Iterator[None]:
    yield
    while _LOGS:
        die(_LOGS.pop())


def opened(stem: Path, rows: list[dict[str, Any]] | None = None, *, passes: int = 5) -> TrialLog:
    _LOGS.append(TrialLog(stem, rows or plan(), COLUMNS, passes=passes))
    return _LOGS[-1]


def die(log: TrialLog) -> None:
    """Close the files as the system does when a process dies: nothing more is written."""
    for table in (log._trials, log._started):
        assert not table._waiting
        table.close()


def hear(log: TrialLog, part: str, *, right: int | None = None, count: int | None = None) -> None:
    """Hear what remains of a part, so many of them, and answer the first few rightly."""
    remaining = [log._plan[number]["trial"] for number in log.remaining(part)]
    for number, trial in enumerate(remaining[:count]):
        log.start(part, trial)
        log.answer(part, trial, {"response": "dog", "correct": right is None or number < right, "played": True})


def rows(stem: Path) -> list[dict[str, str]]:
    return read_table(Path(f"{stem}_trials.tsv"))


def test_a_whole_session_leaves_a_row_a_trial(tmp_path: Path) -> None:
    log = opened(tmp_path / "p")
    for part in PARTS:
        hear(log, part)
        assert log.remaining(part) == []
    log.close()
    found = rows(tmp_path / "p")
    assert [row["phase"] for row in found] == ["headphone"] * 6 + ["practice", "main", "catch", "main", "main"]
    assert all(tuple(row) == COLUMNS for row in found)
    assert [row["headphone_passed"] for row in found] == ["n/a"] * 6 + ["1"] * 5
    assert {(row["participant"], row["session"], row["status"], row["played"]) for row in found} == {
        ("3", "1", "answered", "1")
    }
    assert finished(tmp_path / "p", plan(), passes=5)


def test_a_sound_that_had_begun_is_never_played_again(tmp_path: Path) -> None:
    log = opened(tmp_path / "p")
    hear(log, "headphone")
    hear(log, "main", count=1)
    log.start("main", 1)
    die(log)
    again = opened(tmp_path / "p")
    assert (again.session, again.attempt) == (2, 1)
    assert again.remaining("headphone") == []
    assert [again._plan[number]["trial"] for number in again.remaining("main")] == [2, 3]
    interrupted = rows(tmp_path / "p")[-1]
    assert (interrupted["status"], interrupted["session"], interrupted["trial"]) == ("interrupted", "1", "1")
    assert (interrupted["response"], interrupted["correct"], interrupted["played"]) == ("n/a", "n/a", "n/a")
    hear(again, "main")
    again.close()
    assert [row["trial"] for row in rows(tmp_path / "p") if part_of(row) == "main"] == ["0", "1", "2", "3"]
    assert [row["session"] for row in rows(tmp_path / "p")][-3:] == ["1", "2", "2"]


def test_escape_leaves_the_interrupted_trial_at_once(tmp_path: Path) -> None:
    log = opened(tmp_path / "p")
    log.start("main", 0)
    log.close()
    assert [row["status"] for row in rows(tmp_path / "p")] == ["interrupted"]
    assert len(opened(tmp_path / "p").rows) == 1


def test_a_line_that_a_crash_cut_off_is_heard_all_the_same(tmp_path: Path) -> None:
    log = opened(tmp_path / "p")
    hear(log, "main", count=2)
    die(log)
    table = tmp_path / "p_trials.tsv"
    table.write_bytes(table.read_bytes()[:-30])
    again = opened(tmp_path / "p")
    assert [(row["trial"], row["status"]) for row in rows(tmp_path / "p")] == [("0", "answered"), ("1", "interrupted")]
    assert [again._plan[number]["trial"] for number in again.remaining("main")] == [2, 3]


def test_whoever_fails_may_try_again_before_the_main_part(tmp_path: Path) -> None:
    log = opened(tmp_path / "p")
    hear(log, "headphone", right=4)
    assert log.checked
    assert not log.passed
    log.close()
    again = opened(tmp_path / "p")
    assert again.attempt == 2
    assert len(again.remaining("headphone")) == TONES
    hear(again, "headphone", right=5)
    assert again.passed
    hear(again, "main", count=1)
    again.close()
    assert [row["attempt"] for row in rows(tmp_path / "p")] == ["1"] * 6 + ["2"] * 6 + ["n/a"]
    assert rows(tmp_path / "p")[-1]["headphone_passed"] == "1"


def test_whoever_fails_and_goes_on_is_not_checked_again(tmp_path: Path) -> None:
    log = opened(tmp_path / "p")
    hear(log, "headphone", right=0)
    hear(log, "main", count=1)
    log.close()
    again = opened(tmp_path / "p")
    assert (again.attempt, again.remaining("headphone")) == (1, [])
    assert rows(tmp_path / "p")[-1]["headphone_passed"] == "0"


def test_an_interrupted_tone_counts_as_not_right(tmp_path: Path) -> None:
    log = opened(tmp_path / "p")
    hear(log, "headphone", count=4)
    log.start("headphone", 4)
    die(log)
    again = opened(tmp_path / "p")
    assert len(again.remaining("headphone")) == 1
    hear(again, "headphone")
    assert again.checked
    assert (again.correct, again.passed) == (5, True)


def test_the_check_alone_is_finished_when_it_is_passed(tmp_path: Path) -> None:
    alone = plan(main=0)
    for right, done in ((3, False), (6, True)):
        log = opened(tmp_path / "p", alone)
        hear(log, "headphone", right=right)
        log.close()
        assert finished(tmp_path / "p", alone, passes=5) is done
    assert not finished(tmp_path / "other", alone, passes=5)


def test_without_a_check_nothing_is_known_of_headphones(tmp_path: Path) -> None:
    rest = [row for row in plan() if row["phase"] != "headphone"]
    log = opened(tmp_path / "p", rest, passes=0)
    hear(log, "main")
    assert not log.checked
    assert {row["headphone_passed"] for row in rows(tmp_path / "p")} == {"n/a"}


def test_tables_of_another_version_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "p_trials.tsv").write_text("participant\tanswer\n3\tdog\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="move it to another folder"):
        opened(tmp_path / "p")


def test_cells_keep_their_place_whatever_they_hold(tmp_path: Path) -> None:
    table = StreamedTable(tmp_path / "t.tsv", ("a", "b"))
    table.add({"a": "two\nlines\tand a tab", "b": "x\u2028y"})
    table.close()
    again = StreamedTable(tmp_path / "t.tsv", ("a", "b"), append=True)
    again.add({"a": 1, "b": None})
    again.close()
    assert read_table(tmp_path / "t.tsv") == [{"a": "two lines and a tab", "b": "x y"}, {"a": "1", "b": "n/a"}]


def test_a_plan_is_read_as_numbers_and_paths(tmp_path: Path) -> None:
    cells = {name: str(value) for name, value in plan()[0].items()}
    (tmp_path / "plan.tsv").write_text("\t".join(cells) + "\n" + "\t".join(cells.values()) + "\n", encoding="utf-8")
    assert read_plan(tmp_path / "plan.tsv") == {3: [plan()[0]]}
    (tmp_path / "plan.tsv").write_text("participant\ttrial\n1\tx\n", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"plan.tsv cannot be read"):
        read_plan(tmp_path / "plan.tsv")


DEVICE = {"name": "phones", "channels": 2, "rate_hz": 48000.0}


@pytest.mark.parametrize(
    ("device", "rate", "said"),
    [
        (DEVICE, 48000, []),
        (DEVICE, 44100, ["set the device to 44100 Hz"]),
        (DEVICE | {"rate_hz": None}, 44100, []),
        (DEVICE | {"channels": 1}, 48000, ["connect stereo headphones"]),
    ],
)
def test_a_device_that_would_alter_the_sounds_is_told(device: dict[str, Any], rate: int, said: list[str]) -> None:
    problems = speaker.sound_problems(device, rate)
    assert len(problems) == len(said)
    assert all(words in problem for words, problem in zip(said, problems, strict=True))


class Interfaces:
    """What sounddevice tells of a Windows computer whose device runs at 48 kHz."""

    def __init__(self, devices: list[dict[str, Any]]) -> None:
        self.devices = devices

    def query_devices(self, number: int = 0, kind: str = "") -> dict[str, Any]:
        if not self.devices:
            raise ValueError("no output device")
        return self.devices[number]

    def query_hostapis(self, number: int | None = None) -> Any:
        interfaces = [
            {"name": "MME", "default_output_device": 0},
            {"name": "Windows WASAPI", "default_output_device": 1},
        ]
        return interfaces if number is None else interfaces[number]


@pytest.mark.parametrize(("system", "rate"), [("win32", 48000.0), ("darwin", 44100.0)])
def test_each_system_tells_its_rate(system: str, rate: float, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = [
        {"name": "phones", "max_output_channels": 2, "default_samplerate": value} for value in (44100.0, 48000.0)
    ]
    monkeypatch.setitem(sys.modules, "sounddevice", Interfaces(devices))
    monkeypatch.setattr(sys, "platform", system)
    assert speaker.sound_device() == {"name": "phones", "index": None, "channels": 2, "rate_hz": rate}


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands in for pactl")
@pytest.mark.parametrize(
    ("sinks", "rate"),
    [
        ("1\\tother\\tm.c\\ts16le 2ch 44100Hz\\tIDLE\\n2\\tphones\\tm.c\\ts32le 2ch 96000Hz\\tRUNNING\\n", 96000.0),
        ("1\\tother\\tm.c\\ts16le 2ch 44100Hz\\tIDLE\\n", None),
        ("", None),
    ],
)
def test_the_sound_server_tells_its_rate(
    sinks: str, rate: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "pactl"
    script.write_text(
        f"#!/bin/sh\n[ \"$1\" = get-default-sink ] && echo phones || printf '{sinks}'\n", encoding="utf-8"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setitem(sys.modules, "sounddevice", Interfaces([{"name": "default", "max_output_channels": 32}]))
    monkeypatch.setattr(sys, "platform", "linux")
    assert speaker.sound_device() == {"name": "default", "index": None, "channels": 32, "rate_hz": rate}


def test_a_device_of_a_name_is_taken_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    class Named(Interfaces):
        def query_devices(self, name: Any = None, kind: str = "") -> dict[str, Any]:
            if name != "USB Audio":
                raise ValueError(f"No output device matching {name!r}")
            return self.devices[0]

    device = {"name": "USB Audio", "index": 7, "hostapi": 1, "max_output_channels": 2, "default_samplerate": 96000.0}
    monkeypatch.setitem(sys.modules, "sounddevice", Named([device]))
    monkeypatch.setattr(sys, "platform", "win32")
    assert speaker.sound_device("USB Audio") == {"name": "USB Audio", "index": 7, "channels": 2, "rate_hz": 96000.0}
    with pytest.raises(SystemExit, match=r"'USB' cannot be used .*correct sound\.device"):
        speaker.sound_device("USB")


def test_without_a_device_the_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Interfaces([]))
    with pytest.raises(SystemExit, match="no sound device to play on"):
        speaker.sound_device()


def key(name: str, time_s: float) -> SimpleNamespace:
    return SimpleNamespace(name=name, tDown=time_s)


def test_answers_have_the_times_of_their_keys() -> None:
    from psychopy import logging

    now = logging.defaultClock.getTime()
    question = Question(WordEntry(["dog", "cat"]))
    question.asked_at = now - 5
    # The first return shows the only word left, the second answers it.
    keys = [key("d", now - 4), key("x", now - 3.5), key("backspace", now - 3), key("return", now - 2.5)]
    assert question.read(keys) is None
    keys += [key("return", now - 2)]
    assert question.read(keys) == ("dog", now - 2)
    assert question.first_key_at == now - 4


@pytest.mark.parametrize(
    ("word", "typed"),
    [("Tür", "Tür"), ("Tür", "TUR"), ("ガラス", "ガラス"), ("ねこ", "ねこ"), ("стол", "Стол"), ("mañana", "manana")],
)
def test_characters_of_any_script_are_typed_and_taken_once(
    word: str, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from psychopy import logging

    monkeypatch.setattr(Question, "by_characters", False)
    now = logging.defaultClock.getTime()
    question = Question(WordEntry([word, "other"]))
    question.asked_at = now - 5
    question.type_in(typed, now - 3)
    # The keys of the same letters, by whatever names, come beside the characters and count no more.
    keys = [key("x", now - 3), key("y", now - 3)]
    assert question.read(keys) is None
    keys += [key("return", now - 1)]
    assert question.read(keys) == (word, now - 1)
    assert question.first_key_at == now - 3


def test_a_key_timed_by_another_clock_gets_the_time_at_which_it_was_seen() -> None:
    from psychopy import logging

    question = Question(None, keys={"num_2": "2"})
    question.asked_at = logging.defaultClock.getTime() - 0.5
    answer, time_s = question.read([key("num_2", -1000.0)]) or ("", 0.0)
    assert answer == "2"
    assert time_s == pytest.approx(logging.defaultClock.getTime(), abs=1)


@pytest.mark.parametrize("twice", [False, True])
def test_a_simulated_participant_types_whatever_happens(twice: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHSTIM_SIMULATE", "1")
    question = Question(WordEntry(["hello", "help"]))
    assert question.next_key("hello") is None
    question.asked_at = 0.0
    keys: list[SimpleNamespace] = []
    for _ in range(20):
        name = question.next_key("hello")
        assert name is not None
        # None while that key is on its way.
        assert twice or question.next_key("hello") is None
        # A key that arrives twice is taken back.
        keys += [key(name, 1.0)] * (2 if twice and name == "e" else 1)
        if question.read(keys):
            break
    assert "".join(made.name for made in keys if len(made.name) == 1).startswith("he")
    assert question.entry is not None
    assert question.entry.typed == "hello"


def test_pages_hold_all_words() -> None:
    manifest = {"words": [f"word{number}" for number in range(100)]}
    shown = [
        word
        for page in range(pages_of(manifest))
        for column in range(1, 5)
        for word in figures_of_page(manifest, page)[f"column_{column}"].split("\n")
        if word
    ]
    assert shown == manifest["words"]
    assert "{nothing}".format_map(Figures()) == ""
