"""The observer that responses to sounds are fitted with: played them at their own duration, where they have one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synthstim.encoding.defaults import BROUGHT, given_alike
from synthstim.modalities.sound import write_wav
from synthstim.models import Observer, load_model
from synthstim.stimulus_set import StimulusSet, adopt


def adopted(folder: Path, *seconds: float) -> StimulusSet:
    folder.mkdir()
    for number, each in enumerate(seconds):
        noise = 0.1 * np.random.default_rng(number).standard_normal(round(each * 20_000))
        write_wav(folder / f"noise_{number}.wav", noise.astype(np.float32), 20_000, coding="float32")
    return adopt(folder, folder.with_name(f"{folder.name}_set"))[0]


def opened(seconds: float | None = None) -> Observer:
    return load_model("cochleagram", seconds=seconds)


@pytest.mark.parametrize(
    ("durations", "lasts", "why"),
    [(((0.5, 0.5), (0.5,)), 0.5, "as the stimuli are"), (((0.5, 0.5), (0.75,)), opened().input.seconds, BROUGHT)],
)
def test_sounds_that_last_alike_are_played_as_long(tmp_path, durations, lasts, why):
    sets = [adopted(tmp_path / f"part_{number}", *each) for number, each in enumerate(durations)]
    ids = {name for part in sets for name in part.table["stimulus_id"]}
    (found,) = given_alike([opened], sets, sorted(ids))
    assert found[0].input.seconds == pytest.approx(lasts)
    assert found[1] == why
