"""Where a site sees, in a closed loop: a table of a mapping session, and images that stand in its windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from loop_fixture import begin, recorded

from synthstim.loop import LoopSession, deliver, next_step
from synthstim.modalities.image import write_png

FIELDS = "site\tx_px\ty_px\tdiameter_px\na\t10\t-8\t24\nelsewhere\t1\t1\t9\n"


def test_images_of_a_generation_stand_in_the_window_of_their_site(tmp_path: Path) -> None:
    (tmp_path / "mapped.tsv").write_text(FIELDS)
    write_png(tmp_path / "best.png", np.full((3, 64, 64), 0.2, np.float32))
    limits = {"aperture": "site", "centre": {"of": "site", "times": 0.5, "image": str(tmp_path / "best.png")}}
    goals = [
        {"name": "up", "goal": "drive", "sites": ["a"], "copies": 1, "warm": 0, "evaluations": 4, "constraints": limits}
    ]
    (tmp_path / "sites.tsv").write_text("site\tregion\tanimal\na\tV4\tm\nb\tIT\tm\nc\tV4\tm\n")
    session = begin(
        tmp_path,
        count=24,
        goals=goals,
        fields=str(tmp_path / "mapped.tsv"),
        explore={"share": 0},
        site_table=str(tmp_path / "sites.tsv"),
        where={"region": "V4"},
    )
    deliver(session, [recorded(session, tmp_path)])
    with pytest.warns(UserWarning, match="elsewhere: not fitted, its field is left"):
        next_step(session.root)
    session = LoopSession.read(session.root)
    fit = session.fit(session.generations[0])
    assert fit.sites == ("a", "c")
    assert (fit.observer.fields["a"].diameter, fit.observer.fields["a"].up) == (24 / 64, -8 / 64)
    plan = session.newest.plan
    (name,) = plan.loc[plan["role"] == "exploit", "stimulus_id"]
    image = session.newest.stimuli.stimulus(f"stimuli/{name}.png")
    down, right = np.meshgrid(np.arange(64) - 31.5 - 8, np.arange(64) - 31.5 - 10, indexing="ij")
    away = np.hypot(down, right)
    assert np.allclose(image[:, away > 13], 0.5, atol=0.01)
    assert np.allclose(image[:, away < 5], 0.2, atol=0.01)
    assert np.ptp(image[:, (away > 7) & (away < 11)]) > 0.02
