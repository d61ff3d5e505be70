"""The level of a session's sounds: one for all of them, natural and made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synthstim.errors import InputError
from synthstim.loop import start_loop
from synthstim.loop.loudness import with_level
from synthstim.loop.session import lasting
from synthstim.loop.settings import LoopSettings
from synthstim.loop.write_recipe import of_session
from synthstim.modalities import MODALITIES
from synthstim.modalities.sound import write_wav
from synthstim.stimulus_set import adopt

RIG = """
monitor: {width_cm: 50, distance_cm: 57, width_px: 1280, height_px: 720, refresh_hz: 60}
eye_tracker: {kind: mouse}
"""
GOALS = [{"name": "up", "goal": "drive"}]


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Noises from 10 to 40 dB below full scale."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for at in range(12):
        noise = np.random.default_rng(at).standard_normal(24_000).astype(np.float32)
        write_wav(
            folder / f"noise_{at}.wav", noise / noise.std() * 10 ** (-(14 + 2 * at) / 20), 48_000, coding="float32"
        )
    return folder


def settings_of(**more: object) -> LoopSettings:
    return LoopSettings.model_validate(
        {"observer": {"name": "cochleagram", "duration_s": 0.3}, "layers": ["cochleagram"], "goals": GOALS} | more
    )


@pytest.mark.parametrize("level", [None, -32.0])
def test_natural_sounds_are_at_the_level_of_those_that_are_made(
    level: float | None, tmp_path: Path, recordings: Path
) -> None:
    (tmp_path / "rig.yaml").write_text(RIG)
    asked = settings_of(
        experiment={"rig": str(tmp_path / "rig.yaml")}, fitting={"method": "ridge", "folds": 3}, level_dbfs=level
    )
    session = start_loop(tmp_path / "session", asked, naturals=recordings, count=12, probes=0)
    wanted = -26.0 if level is None else level
    assert session.settings.level_dbfs == wanted == lasting(session.settings)["level_dbfs"]
    np.testing.assert_allclose(session.newest.stimuli.table["level_dbfs"].astype(float), wanted, atol=0.01)
    assert of_session(session.settings, session.root)["level_dbfs"] == wanted
    title = (session.newest.experiment / "README.md").read_text(encoding="utf-8").splitlines()[0]
    assert title.endswith(": session, generation 0")


def test_sounds_that_are_played_as_they_are_give_the_level_and_those_of_another_are_told(
    tmp_path: Path, recordings: Path
) -> None:
    stimuli, _ = adopt(recordings, tmp_path / "set")
    told: list[str] = []
    levels = 10 ** (stimuli.table["level_dbfs"].astype(float) / 10)
    kept = with_level(settings_of(), MODALITIES["sound"], stimuli.root, told.append)
    assert kept.level_dbfs == pytest.approx(10 * np.log10(levels.mean()), abs=0.01)
    (sentence,) = told
    assert "of the 12 sounds of" in sentence
    assert "sites may tell them by their loudness" in sentence


def test_images_have_no_level() -> None:
    with pytest.raises(InputError, match=r"level_dbfs is -30; images have none"):
        with_level(settings_of(level_dbfs=-30), MODALITIES["image"], None, print)
    assert with_level(settings_of(), MODALITIES["image"], None, print).level_dbfs is None
