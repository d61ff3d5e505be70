"""The closed loop with sounds: sites planted in bands of the cochleagram are fitted, and sounds made for one, end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from loop_fixture import WINDOW

from synthstim.loop import LoopSession, deliver, next_step, start_loop
from synthstim.models import Observer
from synthstim.responses import Responses, from_array, write_table
from synthstim.stimulus_set import StimulusSet
from synthstim.verify import check_set

BAND = slice(60, 80)
SITES = ("high", "low")


def answer(observer: Observer, stimuli: StimulusSet, folder: Path, seed: int) -> Path:
    """Spike counts of two bands of the cochleagram, the mean over time."""
    waveforms = np.stack([stimuli.stimulus(str(file)) for file in stimuli.table["file"]])
    with torch.no_grad():
        heard = observer.activations(torch.from_numpy(waveforms), ["cochleagram"])["cochleagram"].numpy()
    bands = np.stack([heard[:, 100:140].mean((1, 2)), heard[:, BAND].mean((1, 2))], 1)
    rates = 2 + 40 * bands / SCALE
    counts = np.random.default_rng(seed).poisson(rates, (8, *rates.shape)).astype(float)
    ids = [str(name) for name in stimuli.table["stimulus_id"]]
    made = from_array(counts, stimulus_ids=ids, sites=SITES, window_s=WINDOW, session="day")
    digests = dict(zip(ids, stimuli.table["sha256"].astype(str), strict=True))
    trials = made.trials.assign(sha256=made.trials["stimulus_id"].astype(str).map(digests))
    return write_table(Responses(trials), folder / f"day{seed}.tsv")


SCALE = 0.2
RIG = """
monitor: {width_cm: 50, distance_cm: 57, width_px: 1280, height_px: 720, refresh_hz: 60}
eye_tracker: {kind: mouse}
"""


@pytest.mark.slow
def test_a_session_of_sounds_goes_round(tmp_path: Path) -> None:
    goals = [{"name": "up", "goal": "drive", "sites": ["low"], "copies": 2, "warm": 1, "evaluations": 20}]
    settings = {
        "observer": {"name": "cochleagram", "duration_s": 0.3}, "layers": ["cochleagram"], "sites": "all", "goals": goals,
        "fitting": {"method": "ridge", "folds": 3}, "explore": {"share": 0.3, "candidates": 10}, "seed": 1, "min_score": -1,
    }  # fmt: skip
    (tmp_path / "rig.yaml").write_text(RIG)
    settings["experiment"] = {"rig": str(tmp_path / "rig.yaml")}
    session = start_loop(tmp_path / "session", settings, count=40, probes=0)
    first = session.newest
    assert {path.suffix for path in (first.root / "set" / "stimuli").iterdir()} == {".wav"}
    deliver(session, [answer(session.observer, first.stimuli, tmp_path, 0)])
    next_step(session.root)
    session = LoopSession.read(session.root)
    plan = session.newest.plan
    assert set(plan["role"]) == {"exploit", "explore", "anchor"}
    assert {path.suffix for path in (session.newest.root / "starts").iterdir()} == {".wav"}
    fit = session.fit(session.generations[0])
    assert (fit.table["r"] > 0.6).all()
    named = fit.observer.given(fit.observer.input, name="fit:../generation-000/fit")
    assert check_set(session.newest.stimuli, named).problems == []
    deliver(session, [answer(session.observer, session.newest.stimuli, tmp_path, 1)])
    next_step(session.root, last=True)
    levels = session.newest.stimuli.table["level_dbfs"].astype(float)
    np.testing.assert_allclose(levels, -26, atol=0.05)
    gains = session.newest.table("gains.tsv").set_index("target")
    assert np.isfinite(gains.loc["low", ["made", "natural", "gain"]].astype(float)).all()
    assert "data:audio/" in (session.newest.root / "report.html").read_text(encoding="utf-8")
