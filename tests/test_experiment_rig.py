"""Rigs: degrees and frames, and what rig.yaml may not say."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path

import pytest
from experiment_fixture import RIG, write_rig

from synthstim.errors import InputError
from synthstim.experiment import DEFAULT_RIG, read_rig
from synthstim.experiment.placement import Box, place, position

MONITOR = "monitor: {width_cm: 30, distance_cm: 57, width_px: 480, height_px: 360, refresh_hz: 60}\n"
NOWHERE = {"x_deg": None, "y_deg": None, "eccentricity_deg": None, "polar_angle_deg": None}


def test_degrees_are_those_of_a_flat_screen() -> None:
    assert DEFAULT_RIG.pixels(DEFAULT_RIG.degrees(300)) == pytest.approx(300)
    # 57 cm away, the tangent of 45 degrees is 57 cm.
    assert DEFAULT_RIG.offset(45) * 53.1 / 1920 == pytest.approx(57)
    assert DEFAULT_RIG.degrees(1) == pytest.approx(math.degrees(53.1 / 1920 / 57), rel=1e-6)


def test_small_angles_agree_with_psychopy() -> None:
    from psychopy.monitors import Monitor
    from psychopy.tools.monitorunittools import deg2pix

    monitor = Monitor("synthstim_test", width=53.1, distance=57)
    monitor.setSizePix((1920, 1080))
    assert DEFAULT_RIG.pixels(1) == pytest.approx(float(deg2pix(1, monitor)), rel=1e-3)


@pytest.mark.parametrize(
    ("hz", "ms", "frames"), [(60, 100, 6), (59.94, 100, 6), (120, 100, 12), (60, 0, 0), (75, 93.3, 7)]
)
def test_durations_become_frames(hz: float, ms: float, frames: int, tmp_path: Path) -> None:
    rig = read_rig(write_rig(tmp_path, MONITOR.replace("hz: 60", f"hz: {hz}")))
    assert rig.frames(ms, "on_ms") == frames


@pytest.mark.parametrize(("hz", "ms", "said"), [(60, 10, "16.67 ms (1 frame)"), (75, 100, "93.33 ms (7 frames) or 106.7 ms (8 frames)")])  # fmt: skip
def test_impossible_durations_are_refused_with_what_is_possible(
    hz: float, ms: float, said: str, tmp_path: Path
) -> None:
    rig = read_rig(write_rig(tmp_path, MONITOR.replace("hz: 60", f"hz: {hz}")))
    with pytest.raises(InputError) as error:
        rig.frames(ms, "on_ms")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MONITOR.replace("width_cm", "width_mm"), "did you mean 'width_cm'?"),
        (MONITOR.replace("57", "-57"), "monitor.distance_cm"),
        (MONITOR.replace("57", "0.57"), "is 176 degrees wide: 30 cm, 0.57 cm from the eye; expected at most 150"),
        (MONITOR.replace("cm: 30", "cm: 531"), "is 156 degrees wide: 531 cm, 57 cm from the eye"),
        (MONITOR.replace(", refresh_hz: 60", ""), "monitor.refresh_hz is missing"),
        (
            MONITOR.replace("hz: 60", "hz: 16.667"),
            "refreshes 16.667 times a second; expected 23 to 1000 Hz: a frame of 16.667 ms is 60 Hz",
        ),
        (MONITOR.replace("hz: 60", "hz: 0.06"), "refreshes 0.06 times a second; expected 23 to 1000 Hz"),
        (MONITOR.replace("60}", "60, gamma: 1.3}"), "monitor.gamma"),
        (MONITOR + "markers: {kind: usb}\n", "markers.kind"),
        (MONITOR + "markers: {kind: serial, port: COM3, stream: x}\n", "markers.stream"),
        (MONITOR + 'markers: {kind: lsl, stream: "two\\nlines"}\n', "markers.stream"),
        (MONITOR + "markers: {kind: parallel, address: LPT1}\n", "markers.address"),
        (
            MONITOR.replace("60}", "60, luminance: {levels: [0, 128, 255], cd_m2: [1, 20, 90]}}"),
            "3 points: measure at 4",
        ),
        (
            MONITOR.replace("60}", "60, luminance: {levels: [0, 64, 128, 255], cd_m2: [1, 20, 19, 90]}}"),
            "falls or stays",
        ),
        (
            MONITOR.replace("60}", "60, luminance: {levels: [0, 64, 128, 255], cd_m2: [-1, 20, 30, 90]}}"),
            "not negative",
        ),
        (
            MONITOR.replace("60}", "60, luminance: {levels: [0, 64, 128, 250], cd_m2: [1, 20, 30, 90]}}"),
            "measure at 0 and at 255",
        ),
        (
            MONITOR.replace("60}", "60, luminance: {levels: [0, 64, 255], cd_m2: [1, 20, 30, 90]}}"),
            "3 levels and 4 values",
        ),
        (MONITOR.replace("60}", "60, luminance: {file: ../table.tsv}}"), "put it beside rig.yaml"),
        (
            MONITOR.replace(
                "60}", "60, primaries: {red: [0.64, 0.5, 20], green: [0.3, 0.6, 70], blue: [0.1, 0.1, 7]}}"
            ),
            "primaries has red",
        ),
        (MONITOR + "sound: {safe_limit_db_spl: 120}\n", "sound.safe_limit_db_spl"),
        (MONITOR + "sound: {calibration: {db_spl: 80, at_dbfs: -26, signal: music}}\n", "sound.calibration.signal"),
        (MONITOR + "responses: {kind: box, device_class: os.system, keys: [left]}\n", "responses.device_class"),
        (MONITOR + "reward: {kind: serial, port: COM3}\n", "max_pulses_per_day is missing"),
        (MONITOR + "reward: {kind: serial, port: COM3, pulse_ms: 600, max_pulses_per_day: 9}\n", "make them shorter"),
        (MONITOR + "photodiode: {corner: left}\n", "photodiode.corner"),
        (MONITOR + "subject: !!python/object/apply:os.system [ls]\n", "tag"),
        ("monitor: &m {width_cm: 3}\nother: *m\n", "anchor"),
        ("- 1\n", "mapping"),
    ],
)
def test_errors_of_rig_yaml_name_file_and_key(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_rig(write_rig(tmp_path, text))
    assert "rig.yaml" in str(error.value)
    assert said in str(error.value)


def test_positions_in_both_forms_agree(tmp_path: Path) -> None:
    rig = read_rig(write_rig(tmp_path))
    cartesian = position(NOWHERE | {"x_deg": 3.0, "y_deg": -4.0}, rig)
    polar = position(NOWHERE | {"eccentricity_deg": 5.0, "polar_angle_deg": math.degrees(math.atan2(-4, 3))}, rig)
    assert cartesian == pytest.approx(polar)
    assert cartesian[0] > 0 > cartesian[1]


@pytest.mark.parametrize("given", [{"eccentricity_deg": 3.0}, {"x_deg": 1.0, "eccentricity_deg": 3.0, "polar_angle_deg": 0.0}])  # fmt: skip
def test_contradictory_positions_are_refused(given: dict[str, float]) -> None:
    with pytest.raises(InputError):
        position(NOWHERE | given, DEFAULT_RIG)


@pytest.mark.parametrize("size", [(64, 64), (97, 128), (75, 81)])
@pytest.mark.parametrize("centre", [(0.0, 0.0), (33.4, -20.6), (-100.5, 77.49)])
def test_images_lie_on_whole_pixels(size: tuple[int, int], centre: tuple[float, float], tmp_path: Path) -> None:
    rig = read_rig(write_rig(tmp_path))
    box = place("image", *size, centre, rig)
    x, y = box.centre(rig)
    assert (rig.monitor.width_px / 2 + x - size[0] / 2) % 1 == 0
    assert (rig.monitor.height_px / 2 - y - size[1] / 2) % 1 == 0
    assert abs(x - centre[0]) <= 0.5
    assert abs(y - centre[1]) <= 0.5


def test_an_image_that_leaves_the_screen_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="would leave the 480 x 360 screen"):
        place("chelsea", 128, 97, (200, 0), read_rig(write_rig(tmp_path)))


def test_boxes_overlap_where_they_share_a_pixel() -> None:
    assert Box(0, 0, 10, 10).overlaps(Box(9, 9, 5, 5))
    assert not Box(0, 0, 10, 10).overlaps(Box(10, 0, 5, 5))


def test_the_rig_in_the_readme_is_one(tmp_path: Path) -> None:
    page = Path(__file__).parents[1] / "docs" / "protocols" / "writing.md"
    text = page.read_text(encoding="utf-8")
    start = text.index("    monitor:")
    rig = read_rig(write_rig(tmp_path, textwrap.dedent(text[start : text.index("\nOnly ", start)])))
    assert rig.markers.kind == "serial"
    assert rig.monitor.width_cm == DEFAULT_RIG.monitor.width_cm


def test_the_rig_of_the_tests_has_defaults(tmp_path: Path) -> None:
    rig = read_rig(write_rig(tmp_path, RIG))
    assert rig.markers.kind == "none"
    assert rig.monitor.gamma == 2.2
    assert not rig.linearised
