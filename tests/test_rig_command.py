"""The commands of the rig: begun, shown, checked against a real display and port, and measured by a photometer."""

from __future__ import annotations

import os
import shutil
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from experiment_fixture import RIG, write_rig

from synthstim.errors import InputError
from synthstim.experiment import DEFAULT_RIG, read_rig
from synthstim.experiment.rig import checking, photometry
from synthstim.experiment.rig.found import read_xrandr
from synthstim.experiment.rig.luminance import LuminanceTable
from synthstim.experiment.rig.shown import describe_rig
from synthstim.experiment.rig.written import parse_markers
from synthstim.experiment.running.virtual_display import virtual_display

Synthstim = Callable[..., str]
WINDOW = RIG.splitlines()[0].replace("60}", "60, fullscreen: false}") + "\n"


@pytest.fixture(scope="module")
def screen() -> Iterator[None]:
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed")
    with virtual_display(480, 360) as number, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", number)
        yield


def without_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


def test_a_rig_is_begun_from_what_was_found_and_given(
    synthstim: Synthstim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_a_screen(monkeypatch)
    said = synthstim(
        "rig", "new", "--yes", "--width-cm", "60", "--distance-cm", "80.5", "--markers", "parallel:0x3bc", cwd=tmp_path, status=0
    )  # fmt: skip
    rig = read_rig(tmp_path / "rig.yaml")
    assert "assumed" in said
    assert (rig.monitor.width_cm, rig.monitor.distance_cm) == (60, 80.5)
    assert rig.markers.model_dump()["address"] == "0x3bc"
    assert "exists already" in synthstim("rig", "new", "--yes", cwd=tmp_path)


def test_a_rig_is_asked_for(synthstim: Synthstim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_a_screen(monkeypatch)
    answers = iter(["1", "31.5", "", "120", "1", "", "serial:COM7"])
    monkeypatch.setattr("rich.prompt.PromptBase.get_input", lambda *_, **__: next(answers))
    synthstim("rig", "new", cwd=tmp_path, status=0)
    rig = read_rig(tmp_path / "rig.yaml")
    told = rig.monitor
    assert (told.width_cm, told.distance_cm, told.refresh_hz, told.gamma) == (31.5, 57, 120, 1)
    assert rig.markers.model_dump()["port"] == "COM7"


def test_the_screen_that_is_there_is_found(synthstim: Synthstim, screen: None, tmp_path: Path) -> None:
    synthstim("rig", "new", "--yes", cwd=tmp_path, status=0)
    assert (read_rig(tmp_path / "rig.yaml").monitor.width_px, read_rig(tmp_path / "rig.yaml").monitor.height_px) == (
        480,
        360,
    )


@pytest.mark.parametrize("given", ["usb", "serial", "serial:", "parallel", "none:1", ""])
def test_markers_that_are_none_are_refused(given: str) -> None:
    with pytest.raises(InputError, match="expected none, lsl"):
        parse_markers(given)


def test_what_xrandr_prints_is_read() -> None:
    text = (
        "Screen 0: minimum 320 x 200, current 3840 x 1080\n"
        "HDMI-1 connected primary 1920x1080+0+0 (normal left inverted) 531mm x 299mm\n"
        "   1920x1080     60.00 +  119.98*  50.00  \n   1680x1050     59.88  \n"
        "DP-2 disconnected (normal left inverted)\n"
        "VIRTUAL1 connected 1280x1024+1920+0 0mm x 0mm\n   1280x1024     75.02*+\n"
    )
    first, second = read_xrandr(text)
    assert (first.width_px, first.refresh_hz, first.width_cm) == (1920, 119.98, 53.1)
    assert (second.height_px, second.refresh_hz, second.width_cm) == (1024, 75.02, None)


def test_a_check_says_what_is_as_written_and_what_is_not(
    synthstim: Synthstim, screen: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = {"name": "phones", "index": None, "channels": 2, "rate_hz": 44100.0}
    monkeypatch.setattr(checking, "sound_device", lambda name: device)
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    port = os.ttyname(theirs)
    write_rig(tmp_path, f"{WINDOW}sound: {{rate_hz: 48000}}\nmarkers: {{kind: serial, port: {port}}}\n")
    said = synthstim("rig", "check", cwd=tmp_path, status=1)
    assert "480 x 360" in said
    assert f"ok markers serial {port} opens" in said
    assert "problem sound the sound device 'phones' runs at 44100 Hz and would resample" in said
    assert "ok answers keys" in said
    os.close(ours)
    os.close(theirs)


def test_another_window_than_the_rigs_is_a_problem(screen: None, tmp_path: Path) -> None:
    rig = read_rig(write_rig(tmp_path, WINDOW.replace("width_px: 480", "width_px: 640").replace("false", "true")))
    found = [one for one in checking.check_rig(rig) if one.what == "screen"]
    assert any(not one.ok and "rig.yaml says 640 x 360" in one.said for one in found)


@pytest.mark.parametrize(
    ("text", "what", "said"),
    [
        ("markers: {kind: serial, port: /dev/nowhere}", "markers", "correct the entry 'markers'"),
        ("reward: {kind: serial, port: /dev/nowhere, max_pulses_per_day: 5}", "reward", "cannot be opened"),
        ("responses: {kind: box, device_class: psychopy.hardware.none.Box, keys: [a]}", "answers", "cannot be opened"),
        ("sound: {device: no such device}", "sound", "sound device"),
        ("", "screen", "no display"),
    ],
)
def test_what_is_not_connected_is_a_problem_in_a_sentence(
    text: str, what: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_a_screen(monkeypatch)
    found = [one for one in checking.check_rig(read_rig(write_rig(tmp_path, f"{WINDOW}{text}\n"))) if one.what == what]
    assert [one.ok for one in found] == [False]
    assert said in found[0].said


def test_what_a_rig_can_show_is_said(synthstim: Synthstim, tmp_path: Path) -> None:
    write_rig(
        tmp_path,
        f"{WINDOW}sound: {{calibration: {{db_spl: 80, at_dbfs: -26, signal: pink noise}}}}\n"
        "markers: {kind: serial, port: COM3, encoding: two_bytes}\n"
        "reward: {kind: digital, address: 0x378, max_pulses_per_day: 900, ml_per_pulse: 0.1, max_ml_per_day: 60}\n",
    )
    said = synthstim("rig", "show", cwd=tmp_path, status=0)
    for needed in (
        "15.9 px per degree",
        "29.5 x 22.3 deg",
        "16.67 ms",
        "up to 85.0 dB SPL",
        "16,246 stimuli",
        "60 ml a day",
    ):
        assert needed in said
    assert set(describe_rig(DEFAULT_RIG)) >= {"screen", "degrees", "frames", "light", "sound", "markers"}


def fake_lab(monkeypatch: pytest.MonkeyPatch, light: Callable[[int], float]) -> None:
    """A photometer that PsychoPy's registry knows, in front of a screen that a level sets."""
    shown = SimpleNamespace(level=0)

    class Window:
        def __init__(self, *_: Any, **__: Any) -> None:
            self.color = (0, 0, 0)

        def flip(self) -> None:
            shown.level = self.color[0]

        def close(self) -> None:
            pass

    class Photometer:
        def __init__(self, port: str) -> None:
            assert port == "COM5"

        def getLum(self) -> float:
            return light(shown.level)

    monkeypatch.setattr("psychopy.visual.Window", Window)
    monkeypatch.setattr("psychopy.hardware.photometer.getAllPhotometers", lambda: {"LS100": Photometer})
    monkeypatch.setattr(photometry, "SETTLE_S", 0.0)


def test_a_photometer_measures_the_table_that_a_rig_reads(
    synthstim: Synthstim, screen: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_lab(monkeypatch, lambda level: 0.2 + 90 * (level / 255) ** 1.9)
    write_rig(tmp_path, WINDOW)
    said = synthstim("rig", "measure", "--photometer", "LS100", "--port", "COM5", cwd=tmp_path, status=0)
    assert "nearest gamma 1.9" in said
    write_rig(tmp_path, WINDOW.replace("hz: 60,", "hz: 60, luminance: {file: luminance.tsv},"))
    table = read_rig(tmp_path / "rig.yaml").monitor.luminance
    assert isinstance(table, LuminanceTable)
    assert len(table.levels) == 17
    assert float(table.cd_m2_at(0.5)) == pytest.approx(0.2 + 90 * 0.5**1.9, rel=0.01)


@pytest.mark.parametrize("light", [lambda level: 5.0, lambda level: float("nan"), lambda level: 300.0 - level])
def test_readings_that_make_no_table_are_refused(
    light: Callable[[int], float], synthstim: Synthstim, screen: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_lab(monkeypatch, light)
    write_rig(tmp_path, WINDOW)
    said = synthstim("rig", "measure", "--photometer", "LS100", "--port", "COM5", cwd=tmp_path)
    assert "the photometer reads" in said
    assert not (tmp_path / "luminance.tsv").exists()


def test_an_order_of_levels_is_no_ramp() -> None:
    order: list[int] = []
    table = photometry.measure_levels(order.append, lambda: float(order[-1]) + 1, 9)
    assert sorted(order) == [round(level) for level in np.linspace(0, 255, 9)]
    assert order != sorted(order)
    assert table.cd_m2[0] == 1


def test_the_emulator_that_measures_no_light_is_not_offered() -> None:
    assert "ScreenBufferPhotometerDevice" not in photometry.photometers()
    with pytest.raises(InputError, match="install PsychoPy's plug-in"):
        photometry.open_photometer("LS100", None)
