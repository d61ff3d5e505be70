"""The modules that run at the rig, one by one: logs, markers, checksums, the display check."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from experiment_fixture import read_bytes
from patience import PATIENCE_S

from synthstim.experiment.runtime import display, markers
from synthstim.experiment.runtime.checksums import damaged
from synthstim.experiment.runtime.frame_log import FrameLog, Presentation
from synthstim.experiment.runtime.tables import StreamedTable


def presentation(number: int, frames: int = 2) -> Presentation:
    return Presentation(number, 0, number, 0, "camera", "stimuli/camera.png", "0" * 64, 10, frames)


def tables(stem: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    frames, shown = (f"{stem}_{name}.tsv" for name in ("frames", "presentations"))
    return pd.read_csv(frames, sep="\t", keep_default_na=False), pd.read_csv(shown, sep="\t", keep_default_na=False)


def test_the_log_follows_presentations_back_to_back_and_apart(tmp_path: Path) -> None:
    log = FrameLog(str(tmp_path / "run"), 100)
    first, second = presentation(0), presentation(1)
    for time, shown in zip((0.0, 0.01, 0.02, 0.03, 0.04), (first, first, second, second, None), strict=True):
        log.flip(time, "trial", ("image",) if shown else (), (shown,) if shown else (), lambda: None)
    log.close()
    frames, shown = tables(tmp_path / "run")
    assert list(frames["onset"]) == [1, 0, 1, 0, 0]
    assert list(frames["drawn"]) == ["image"] * 4 + ["n/a"]
    assert list(shown["onset_frame"]) == [0, 2]
    assert list(shown["offset_frame"]) == [2, 4]
    assert list(shown["complete"]) == [True, True]


def test_missed_refreshes_belong_to_what_stayed_on_the_screen(tmp_path: Path) -> None:
    log = FrameLog(str(tmp_path / "run"), 100)
    first, second = presentation(0), presentation(1)
    # The second flip comes two refreshes late: the first frame of the first image stayed for three.
    for time, shown in ((0.0, first), (0.03, first), (0.04, None), (0.07, second), (0.08, second), (0.09, None)):
        log.flip(time, "trial", (), (shown,) if shown else (), lambda: None)
    log.close()
    frames, shown_table = tables(tmp_path / "run")
    assert list(frames["missed"]) == [0, 2, 0, 2, 0, 0]
    assert list(shown_table["missed"]) == [2, 0]
    assert list(shown_table["complete"]) == [False, True]
    assert log.missed == 4


def test_a_presentation_cut_short_is_logged_as_such(tmp_path: Path) -> None:
    log = FrameLog(str(tmp_path / "run"), 100)
    log.flip(0.0, "trial", ("image",), (presentation(0),), lambda: 10)
    log.close()
    frames, shown = tables(tmp_path / "run")
    assert (shown.loc[0, "frames_shown"], bool(shown.loc[0, "complete"]), shown.loc[0, "offset_frame"]) == (
        1,
        False,
        "n/a",
    )
    assert frames.loc[0, "marker"] == 10


def test_rows_are_in_the_file_as_soon_as_they_are_flushed(tmp_path: Path) -> None:
    table = StreamedTable(tmp_path / "t.tsv", ("a", "b", "c"))
    table.add({"a": 1, "b": 0.5, "c": None})
    assert (tmp_path / "t.tsv").read_text() == "a\tb\tc\n"
    table.flush()
    assert (tmp_path / "t.tsv").read_text() == "a\tb\tc\n1\t0.500000\tn/a\n"
    table.close()
    table.close()


def test_checksums_find_what_changed_or_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a")
    (tmp_path / "b.png").write_bytes(b"b")
    listed = [{"file": f"{name}.png", "sha256": hashlib.sha256(name.encode()).hexdigest()} for name in "abc"]
    (tmp_path / "b.png").write_bytes(b"changed")
    assert damaged(tmp_path, listed) == ["b.png has changed since the export", "c.png is missing"]


EXPECTED = {"width_px": 640, "height_px": 480, "refresh_hz": 60.0}


@pytest.mark.parametrize(
    ("size", "rate", "gamma", "said"),
    [
        ((640, 480), 59.95, None, []),
        ((1280, 960), 60.0, None, ["1280 x 960"]),
        ((640, 480), 144.0, None, ["144.00 Hz"]),
        ((640, 480), None, None, ["could not be measured"]),
        ((640, 480), 60.0, [2.2, 2.2, 2.2], ["corrects gamma"]),
        ((1, 1), 30.0, 2.0, ["1 x 1", "30.00 Hz", "gamma"]),
    ],
)
def test_a_display_other_than_the_rigs_is_told(
    size: tuple[int, int], rate: float | None, gamma: object, said: list[str]
) -> None:
    problems = display.display_problems(size, rate, gamma, EXPECTED)
    assert len(problems) == len(said)
    assert all(words in problem for words, problem in zip(said, problems, strict=True))


class Card:
    def __init__(self, ramp: Any) -> None:
        self.backend = self
        self.ramp = ramp

    def getGammaRamp(self) -> Any:
        if self.ramp is None:
            raise OSError("no such extension")
        return self.ramp


def test_the_graphics_cards_table_is_told() -> None:
    identity = [[step / 255 for step in range(256)]] * 3
    assert display.gamma_ramp_state(Card(identity)) == "identity"
    assert display.gamma_ramp_state(Card([[v**0.45 for v in identity[0]]] * 3)) == "altered"
    assert display.gamma_ramp_state(Card(None)) == "unreadable"


@pytest.mark.parametrize(("encoding", "sent"), [("byte", b"\x0a\xff"), ("line", b"10\n255\n")])
def test_serial_markers_arrive(encoding: str, sent: bytes) -> None:
    tty = pytest.importorskip("tty", reason="no pseudo-terminals on this system")
    reader, writer = os.openpty()
    tty.setraw(reader)
    settings = {"kind": "serial", "port": os.ttyname(writer), "baud": 9600, "encoding": encoding}
    port = markers.open_markers(settings)
    port.send(10)
    port.send(255)
    port.close()
    assert read_bytes(reader, len(sent)) == sent
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "serial", "port": "no such port", "baud": 9600, "encoding": "byte"}, "cannot be opened"),
        ({"kind": "usb"}, "expected none, serial, parallel or lsl"),
    ],
)
def test_markers_that_cannot_be_opened_stop_with_a_sentence(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        markers.open_markers(settings)


def test_no_markers_send_nothing() -> None:
    none = markers.open_markers({"kind": "none"})
    none.send(3)
    none.close()


LSL = """
import sys, time
sys.path.insert(0, sys.argv[1])
from runtime.markers import open_markers
import pylsl
outlet = open_markers({"kind": "lsl", "stream": "synthstim test"})
found = pylsl.resolve_byprop("name", "synthstim test", 1, 20)
inlet = pylsl.StreamInlet(found[0])
inlet.open_stream(20)
for code in (3, 10, 300, 4):
    outlet.send(code)
print([inlet.pull_sample(20)[0][0] for _ in range(4)], found[0].type())
outlet.close()
"""


def test_lsl_markers_arrive_over_loopback(tmp_path: Path) -> None:
    pytest.importorskip("pylsl", reason="pylsl is not installed")
    config = tmp_path / "lsl_api.cfg"
    config.write_text("[ports]\nIPv6 = disable\n[multicast]\nResolveScope = machine\nListenAddress = 127.0.0.1\n")
    package = Path(markers.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", LSL, str(package)], env=os.environ | {"LSLAPICFG": str(config)},
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert "['3', '10', '300', '4'] Markers" in done.stdout, done.stderr


class Broken:
    def send(self, code: int) -> None:
        raise OSError("unplugged")


def test_a_marker_that_fails_is_counted_and_does_not_stop_the_run() -> None:
    from synthstim.experiment.runtime.session import Session

    session = object.__new__(Session)
    session._markers, session._marker_failures = Broken(), 0
    assert not session._send(10)
    assert session._marker_failures == 1
