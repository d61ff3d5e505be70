"""Sites of a session that goes on: renamed, added, and with a gain that drifts."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from loop_fixture import WINDOW, begin, recorded

from synthstim.errors import InputError
from synthstim.loop import LoopSession, deliver, next_step
from synthstim.loop.drift import site_drift, without_drift
from synthstim.loop.history import History
from synthstim.loop.intake import under_session_names
from synthstim.loop.tonight import what_to_do
from synthstim.responses import Responses, from_array

ANCHORS = 12


def generation(number: int, counts: np.ndarray) -> SimpleNamespace:
    """One whose sites answered images (repeat, image, site), all of them shown again."""
    ids = [f"nat_{at}" for at in range(counts.shape[1])]
    sites = [f"s{at}" for at in range(counts.shape[2])]
    made = from_array(counts.astype(float), stimulus_ids=ids, sites=sites, window_s=WINDOW, session=str(number))
    plan = pd.DataFrame({"stimulus_id": ids, "role": "anchor", "goal": pd.array([None] * len(ids), dtype="string")})
    return SimpleNamespace(number=number, plan=plan, responses=made)


def test_drift_is_corrected_as_far_as_it_is_more_than_noise() -> None:
    random = np.random.default_rng(0)
    rate = random.gamma(3, 3, (1, ANCHORS, 200)) + 1
    gain = np.repeat([1.0, 0.6], 100)
    first, newest = (generation(number, random.poisson(rate * factor, (10, *rate.shape[1:]))) for number, factor in ((0, 1.0), (1, gain)))  # fmt: skip
    drift = site_drift(newest, first)
    z = np.log(drift["drift"] / gain) / drift["error"]
    assert 0.8 < z.std() < 1.2
    still, moved = drift["factor"][:100], drift["factor"][100:]
    # Noise is hardly corrected for, a real change nearly whole.
    assert np.log(still).std() < 0.7 * np.log(drift["drift"][:100]).std()
    assert moved.median() == pytest.approx(0.6, abs=0.03)
    mended = without_drift(newest.responses, drift)
    assert mended.trials["response"].mean() == pytest.approx(first.responses.trials["response"].mean(), rel=0.05)
    assert not len(site_drift(first, first))


@pytest.mark.parametrize(
    ("gain", "q", "said"),
    [
        (
            [1.3, 1.2],
            [0.01, 0.02],
            "Tonight: show generation 3 .* 2 of 2 goals are significantly beyond .*median gain 1.25",
        ),
        ([1.3, 1.0, 0.9], [0.01, 0.5, 0.9], "Tonight: show generation 3 .* fitted with these responses as well"),
        ([0.9, 1.0], [0.9, 0.5], "Tonight: before more controllers, show more stimuli that teach the model"),
    ],
)
def test_what_to_do_follows_from_what_was_gained(gain: list[float], q: list[float], said: str) -> None:
    sites = {"site": ["a", "b"], "score": [0.02, 0.5], "drift": [1.0, 0.5], "promise": [1.8, 3.2]}
    tables = {
        "gains.tsv": pd.DataFrame({"gain": gain, "q": q}), "sites.tsv": pd.DataFrame(sites),
        "levels.tsv": pd.DataFrame({"status": ["reached", "missed"]}),
    }  # fmt: skip
    session = SimpleNamespace(settings=SimpleNamespace(min_score=0.1, correct_drift=False))
    first, *others = what_to_do(session, SimpleNamespace(number=2, table=tables.__getitem__))
    assert re.search(said, first)
    starts = [
        "a: held-out score below 0.1",
        "b (0.5 times) answer the same stimuli",
        "What was expected of the stimuli was 1.7 times",
        "1 of 2 levels",
    ]
    assert [one.startswith(start) for one, start in zip(others, starts, strict=True)] == [True] * 4


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> LoopSession:
    """Generation 1 waits for responses."""
    folder = tmp_path_factory.mktemp("sites")
    goals = [{"name": "up", "goal": "drive_all", "sites": ["a", "b"], "copies": 4, "warm": 0, "evaluations": 4}]
    session = begin(
        folder, count=40, goals=goals, explore={"share": 0}, anchors={"natural": 4, "random": 10}, min_score=-1
    )
    deliver(session, [recorded(session, folder)])
    next_step(session.root)
    return LoopSession.read(session.root)


def test_sites_are_renamed_and_join_and_the_gain_of_a_day_is_taken_out(second: LoopSession, tmp_path: Path) -> None:
    path = second.root / "loop.yaml"
    text = (
        path.read_text()
        .replace("# renamed:", "renamed: {b2: b, lost: gone}")
        .replace("new_sites: leave", "new_sites: fit")
    )
    path.write_text(text.replace("correct_drift: false", "correct_drift: true"))
    trials = pd.read_csv(recorded(second, tmp_path), sep="\t")
    new = trials[trials["site"] == "c"].assign(site="fresh")
    told = trials.replace({"site": {"b": "b2"}})
    told["response"] = told["response"] * np.where(told["site"] == "a", 2.0, 1.0)
    pd.concat([told, new]).to_csv(tmp_path / "day.tsv", sep="\t", index=False)
    session = LoopSession.read(second.root)
    deliver(session, [tmp_path / "day.tsv"])
    words: list[str] = []
    next_step(session.root, last=True, tell=words.append)
    assert any("fresh: new, and fitted from now on" in one for one in words)
    assert any("divided by their drift: a 1.9" in one or "divided by their drift: a 2" in one for one in words)
    assert session.fit(session.newest).sites == ("a", "b", "c", "fresh")
    history = History.read(session, 1)
    assert history.scale.keys() == {"a", "b", "c", "fresh"}
    both = history.responses.only(sites=["a"]).trials.groupby("session", observed=True)["response"].mean()
    assert both["generation-001"] < 1.6 * both["generation-000"]
    # What was measured is told as it was recorded.
    table = session.newest.table("sites.tsv").set_index("site")
    assert table.at["a", "drift"] > 1.7
    assert np.isfinite(session.newest.table("gains.tsv")["merit_made"]).all()
    page = (session.newest.root / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") >= 4
    assert all(f'data-figure="site {site}"' in page for site in "abc")
    assert "answer the same stimuli otherwise than in generation 0" in page


def test_two_sites_do_not_become_one() -> None:
    counts = np.arange(24.0).reshape(3, 4, 2)
    made: Responses = from_array(counts, stimulus_ids=list("wxyz"), sites=["b", "b2"], window_s=WINDOW)
    with pytest.raises(InputError, match=r"renamed makes two sites of .* 'b'"):
        under_session_names(made, {"b2": "b"})
