"""Levels at the ear: converted by the rig, said wherever they are, and nothing louder than is safe, whoever edits which file."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from experiment_fixture import RIG, write_rig
from experiment_sounds import STAGES, WORDS, make_sounds

from synthstim.errors import InputError
from synthstim.experiment import DEFAULT_RIG, Rig, export_experiment, read_rig, run_experiment
from synthstim.experiment.rig.sound import Speakers
from synthstim.experiment.runtime.loudness import CEILING_DB_SPL, loudest_dbfs, strictest, too_loud
from synthstim.experiment.sounds.levels import calibration_notes
from synthstim.production import make
from synthstim.recipe import Recipe
from synthstim.recipe.calibration import LOUDEST_DB_SPL, Calibration

NOISE = "{db_spl: 80, at_dbfs: -26, signal: pink noise}"
BARE = RIG.splitlines()[0] + "\n"


def rig_with(folder: Path, sound: str) -> Path:
    return write_rig(folder, f"{BARE}sound: {sound}\n")


@pytest.mark.parametrize("level", [-40.0, -26.0, -3.0])
def test_levels_go_there_and_back(level: float) -> None:
    measured = Calibration(db_spl=80, at_dbfs=-26, signal="1 kHz tone")
    assert measured.dbfs_of(measured.db_spl_of(level)) == pytest.approx(level)
    assert measured.db_spl_of(level + 6) - measured.db_spl_of(level) == pytest.approx(6)


def test_a_measured_response_counts_at_its_loudest_for_safety() -> None:
    response: Any = {"hz": [125, 1000, 4000], "db_spl": [70, 80, 88]}
    speakers = Speakers(calibration=Calibration(db_spl=80, at_dbfs=-26, signal="pink noise", by_frequency=response))
    assert speakers.most_db_spl_at_full_scale == 88 + 26
    assert speakers.calibration is not None
    assert speakers.calibration.by_frequency is not None
    assert speakers.calibration.by_frequency.at(math.sqrt(125 * 1000)) == pytest.approx(75)


@pytest.mark.parametrize("rate", [16000, 48000])
def test_the_loudest_stretch_is_found_wherever_it_is(rate: int, tmp_path: Path) -> None:
    sound = np.zeros((2 * rate, 2))
    begin = round(1.3 * rate)
    sound[begin : begin + round(0.125 * rate), 1] = 0.1
    soundfile.write(tmp_path / "burst.wav", sound, rate, subtype="FLOAT")
    assert loudest_dbfs(tmp_path / "burst.wav") == pytest.approx(-20, abs=1e-3)
    soundfile.write(tmp_path / "click.wav", np.full(rate // 100, 0.1), rate, subtype="FLOAT")
    assert loudest_dbfs(tmp_path / "click.wav") == pytest.approx(-20, abs=1e-3)
    soundfile.write(tmp_path / "silence.wav", np.zeros(rate), rate)
    assert loudest_dbfs(tmp_path / "silence.wav") == -math.inf


@pytest.mark.parametrize("limit", [99.9, 105.0, 1000.0])
def test_no_file_raises_the_limit_above_the_ceiling(limit: float, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "loud.wav", np.full(16000, 0.5), 16000, subtype="FLOAT")
    said = too_loud(tmp_path, ["loud.wav"], {"full_scale_db_spl": 107.0, "safe_limit_db_spl": limit})
    assert said is not None
    assert f"at most {min(limit, CEILING_DB_SPL):g}" in said


@pytest.mark.parametrize(
    "edited", [{}, {"full_scale_db_spl": None}, {"full_scale_db_spl": 90.0, "safe_limit_db_spl": 1e9}]
)
def test_what_is_taken_out_of_one_file_stands_in_the_other(edited: dict[str, Any]) -> None:
    whole = {"full_scale_db_spl": 106.0, "safe_limit_db_spl": 85.0}
    assert strictest(edited, whole) == strictest(whole, edited) == whole


@pytest.mark.parametrize(
    ("sound", "settings", "said"),
    [
        ("{}", {"level_db_spl": 65}, "without a calibration"),
        (f"{{calibration: {NOISE}}}", {"level_db_spl": 86}, "expected at most 85, the rig's safe limit"),
        (f"{{calibration: {NOISE}}}", {"level_db_spl": 65, "level_dbfs": -30}, "given twice"),
        (f"{{calibration: {NOISE}, safe_limit_db_spl: 95}}", {"level_db_spl": 92}, "where the noise may have at most -16"),
        ("{calibration: {db_spl: 60, at_dbfs: -10, signal: pink noise}}", {"level_db_spl": 80}, "more than a file holds"),
        (f"{{calibration: {NOISE}}}", {"set_volume": True}, "at one volume only"),
        (f"{{calibration: {NOISE}, safe_limit_db_spl: 60}}", {}, "dB SPL at the ear; expected at most 60"),
        ("{rate_hz: 44100}", {"rate_hz": 48000}, "would resample them"),
    ],
)  # fmt: skip
def test_what_a_rig_cannot_play_is_refused_at_export(
    sound: str, settings: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as error:
        export_experiment(
            None, "headphone_check", out=tmp_path / "out", rig=rig_with(tmp_path, sound), settings=settings
        )
    assert said in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_level_at_the_ear_is_the_level_of_the_files(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, f"{{calibration: {NOISE}}}")
    folder = export_experiment(None, "headphone_check", out=tmp_path / "out", rig=rig, settings={"level_db_spl": 64})
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["level_dbfs"] == -42
    assert manifest["level_db_spl"] == 64
    samples, _ = soundfile.read(folder / manifest["fixed"]["level"])
    assert 20 * math.log10(float(np.sqrt((samples**2).mean()))) == pytest.approx(-42, abs=0.5)
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert "64.0 dB SPL" in page
    assert "must stay as it was" in page


def test_a_calibrated_test_says_levels_and_stops_before_a_louder_file(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, f"{{calibration: {NOISE}}}")
    source = make_sounds(tmp_path / "set", WORDS[:2], stages=STAGES[:1])
    folder = export_experiment(
        source,
        "word_listening",
        out=tmp_path / "out",
        rig=rig,
        settings={"participants": 2, "check_headphones": False, "demo_trials": 0, "catch_trials": 0},
    )
    manifest = json.loads((folder / "manifest.json").read_text())
    levels = {one["stimulus_id"]: one.get("level_db_spl") for one in manifest["stimuli"]}
    for one in manifest["stimuli"]:
        if "level_dbfs" in one:
            assert one["level_db_spl"] == pytest.approx(one["level_dbfs"] + 106, abs=0.01)
    ran = run_experiment(folder, simulate=True)
    assert ran.status == "completed"
    trials = pd.read_csv(next((folder / "rehearsal").glob("*_trials.tsv")), sep="\t", keep_default_na=False)
    told = trials[trials["phase"] == "main"]
    assert [float(level) for level in told["heard_db_spl"]] == [levels[name] for name in told["heard"]]
    # Nobody was asked to set the volume of a rig that was calibrated.
    assert "set_level" not in (folder / "word_listening.py").read_text(encoding="utf-8")
    settings = json.loads((folder / "settings.json").read_text())
    settings["sound"] |= {"full_scale_db_spl": 300.0, "safe_limit_db_spl": 1000}
    (folder / "settings.json").write_text(json.dumps(settings))
    with pytest.raises(InputError, match="dB SPL at the ear; expected at most 85"):
        run_experiment(folder, simulate=True)


def test_a_rig_reads_its_sound(tmp_path: Path) -> None:
    rig = read_rig(
        rig_with(tmp_path, f"{{device: USB Audio, rate_hz: 48000, calibration: {NOISE}, safe_limit_db_spl: 75}}")
    )
    assert rig.sound.dbfs_of(65) == -41
    assert rig.sound.db_spl_of(-41) == 65


RECIPE: dict[str, Any] = {
    "observer": {"name": "cochleagram", "duration_s": 0.3},
    "calibration": {"db_spl": 80, "at_dbfs": -26, "signal": "pink noise"},
    "level_db_spl": 65,
    "stimuli": [
        {"name": "up", "kind": "controller", "goal": "drive", "unit": {"layer": "cochleagram", "channel": 80}, "evaluations": 3},
    ],
}  # fmt: skip


def with_limit(**limit: Any) -> dict[str, Any]:
    return RECIPE | {"stimuli": [RECIPE["stimuli"][0] | {"constraints": limit}]}


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (RECIPE | {"calibration": None}, "level_db_spl needs calibration"),
        (RECIPE | {"level_dbfs": -30}, "are both given"),
        (RECIPE | {"level_db_spl": 101}, "level_db_spl"),
        (RECIPE | {"level_db_spl": 99, "calibration": {"db_spl": 60, "at_dbfs": -10, "signal": "pink noise"}}, "29.0 dB re full"),
        (with_limit(level_db_spl=60) | {"calibration": None, "level_db_spl": None}, "constraints.level_db_spl needs calibration"),
        (with_limit(level_db_spl=60, level_dbfs=-30), "goes without level_dbfs"),
    ],
)  # fmt: skip
def test_levels_that_a_recipe_may_not_ask_for(recipe: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as error:
        Recipe.from_dict({name: value for name, value in recipe.items() if value is not None})
    assert said in str(error.value)


def test_a_recipe_says_levels_at_the_ear_and_reads_the_same_again() -> None:
    recipe = Recipe.from_dict(with_limit(level_db_spl=60))
    assert recipe.level_dbfs == -41
    again = Recipe.from_text(recipe.text)
    assert (again.level_dbfs, again.level_db_spl) == (-41, 65)
    limit: Any = again.stimuli[0].constraints
    assert recipe.dbfs_of(limit.level_db_spl) == -46
    assert LOUDEST_DB_SPL == CEILING_DB_SPL


def test_sounds_are_made_at_the_level_asked_for_and_a_rig_that_differs_is_told(tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    pool.mkdir()
    generator = np.random.default_rng(0)
    for number in range(30):
        soundfile.write(pool / f"{number}.wav", 0.1 * generator.standard_normal(6600), 20000)
    made = make(Recipe.from_dict(RECIPE | {"pool": "pool"}, tmp_path), tmp_path / "set")
    assert made.table["level_dbfs"].to_numpy() == pytest.approx(-41, abs=0.01)
    assert made.provenance["calibration"]["db_spl"] == 80
    rig = Rig(
        monitor=DEFAULT_RIG.monitor,
        sound=Speakers(calibration=Calibration(db_spl=83, at_dbfs=-26, signal="pink noise")),
    )
    assert "3.0 dB louder" in calibration_notes(rig, made.provenance)[0]
    assert calibration_notes(rig, {}) == ()
    assert "nobody knows" in calibration_notes(DEFAULT_RIG, made.provenance)[0]
