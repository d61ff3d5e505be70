"""Recordings that are put together: no trial twice under another name, and one unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from responses_fixture import WINDOW

from synthstim.errors import InputError
from synthstim.responses import Responses, from_array, join_responses, read_all, session_drift, write_table

STIMULI, SITES = 12, 3


def counted(
    session: str, *, seed: int, gain: float = 1.0, repeats: int = 2, shown: range = range(STIMULI)
) -> Responses:
    """Poisson counts of sites whose rates are the same in every session, in units of a gain."""
    rates = np.random.default_rng(0).gamma(2.0, 2.0, (STIMULI, SITES))[list(shown)]
    values = gain * np.random.default_rng(seed).poisson(rates, (repeats, *rates.shape))
    named = {"stimulus_ids": [f"s{at}" for at in shown], "sites": [f"v4_{at}" for at in range(SITES)]}
    return from_array(values, **named, window_s=WINDOW, session=session, source=f"{session}.tsv")


def test_sessions_of_one_unit_are_joined_without_a_word() -> None:
    for repeats in (1, 2, 5):
        parts = [counted(str(seed), seed=seed, repeats=repeats) for seed in range(6)]
        assert join_responses(parts).notes == ()


@pytest.mark.parametrize("gain", [10.0, 0.1, 1000.0])
def test_counts_and_rates_are_not_pooled(gain: float) -> None:
    parts = [counted("monday", seed=1), counted("tuesday", seed=2, gain=gain)]
    with pytest.raises(
        InputError, match=r"of session tuesday are .* times those of session monday to the same 12 stimuli"
    ):
        join_responses(parts)
    assert len(join_responses(parts, max_drift=2000).sessions) == 2
    drift = session_drift(join_responses(parts, max_drift=None))
    assert np.allclose(drift["drift"], gain, rtol=0.6)
    assert drift[["session", "against"]].drop_duplicates().to_numpy().tolist() == [["tuesday", "monday"]]


def test_few_common_stimuli_are_told_of_and_none_say_nothing() -> None:
    monday = counted("monday", seed=1)
    few, none = (counted("tuesday", seed=2, gain=10.0, shown=shown) for shown in (range(2), range(1)))
    assert "are both in one unit?" in join_responses([monday, few]).notes[0]
    other = none.renamed({"s0": "other"})
    assert join_responses([monday, other]).notes == ()


@pytest.mark.parametrize("repeats", [1, 2, 4])
def test_the_same_trials_under_a_second_name_are_refused(tmp_path: Path, repeats: int) -> None:
    monday = counted("monday", seed=1, repeats=repeats)
    again = Responses(monday.trials.assign(session="tuesday"), "copy.tsv")
    with pytest.raises(InputError, match="trials of session tuesday that session monday has as well are the same"):
        join_responses([monday, again])
    # In a file of two sessions; numbered on; of some of the stimuli; beside trials of its own.
    numbered = Responses(again.trials.assign(repeat=again.trials["repeat"] + repeats))
    part = again.only(stimulus_ids=again.stimulus_ids[:8])
    more = counted("tuesday", seed=3, repeats=repeats).renamed({f"s{at}": f"new{at}" for at in range(STIMULI)})
    longer = Responses(pd.concat([part.trials.astype({"stimulus_id": str}), more.trials.astype({"stimulus_id": str})]))
    for one in (numbered, part, longer):
        both = pd.concat([table.trials.astype({"stimulus_id": str, "session": str}) for table in (monday, one)])
        path = write_table(Responses(both), tmp_path / "both.tsv")
        with pytest.raises(InputError, match="give each recording once"):
            read_all([path])


def test_a_few_equal_trials_are_told_of() -> None:
    one = counted("monday", seed=1, repeats=1, shown=range(1))
    assert "is it one recording?" in join_responses([one, Responses(one.trials.assign(session="tuesday"))]).notes[0]


def test_responses_without_noise_may_repeat_themselves() -> None:
    rates = np.random.default_rng(0).gamma(2.0, 2.0, (1, STIMULI, SITES)).repeat(3, 0)
    named = {"stimulus_ids": [f"s{at}" for at in range(STIMULI)], "sites": list("abc"), "window_s": WINDOW}
    parts = [from_array(rates, **named, session=session) for session in ("1", "2")]
    assert "is it one recording?" in join_responses(parts).notes[0]
