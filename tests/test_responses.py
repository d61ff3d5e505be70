"""Trials of recorded responses: what a table may hold, matching with stimuli, reliability, selection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from responses_fixture import WINDOW, simulated, trials

from synthstim.errors import InputError
from synthstim.responses import (
    Responses,
    from_array,
    join_responses,
    mean_responses,
    reliability,
    reliability_figure,
    require_match,
    require_variance,
    select_sites,
    spearman_brown,
    unmatched,
    write_reliability,
)
from synthstim.responses.means import repeat_blocks


def test_a_ragged_table_is_kept_as_it_is() -> None:
    responses = Responses(trials())
    assert (responses.sites, responses.stimulus_ids, responses.sessions) == (
        ("007", "v4_b"),
        ("cat", "dog", "owl"),
        ("monday",),
    )
    assert responses.windows == (WINDOW,)
    assert repr(responses) == "Responses(11 trials: 3 stimuli x 2 sites, 1 session, window 0.07 to 0.17 s)"
    means = mean_responses(responses)
    assert np.array_equal(means.mean, [[10.5, 0.5], [13.5, 3.5], [16.5, 6.0]])
    assert np.array_equal(means.count, [[2, 2], [2, 2], [2, 1]])


def test_means_follow_the_order_asked_for_and_leave_what_is_missing() -> None:
    means = mean_responses(Responses(trials()).only(sites=["v4_b"]), ["owl", "unseen", "cat"])
    assert means.mean[[0, 2], 0].tolist() == [6.0, 0.5]
    assert np.isnan(means.mean[1, 0])
    assert means.count[:, 0].tolist() == [1, 0, 2]


def second(**changes: object) -> pd.DataFrame:
    """The trials with some cells of the third row changed."""
    table = trials().astype(object)
    for name, value in changes.items():
        table.loc[2, name] = value
    return table


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (trials().drop(columns="site"), "lacks the column site"),
        (trials().iloc[:0], "holds 0 trials"),
        (second(response=np.nan), "1 trial of 11 is NaN or infinite, first row 3"),
        (second(response=np.inf), "NaN or infinite"),
        (second(response="many"), "row 3 has 'many' as response; expected a number"),
        (second(stimulus_id=None), "row 3 has no usable stimulus_id"),
        (second(site=" "), "row 3 has no usable site"),
        (second(session="a\tb"), "row 3 has no usable session"),
        (second(repeat=0.5), "row 3 has repeat 0.5"),
        (second(repeat=-1), "row 3 has repeat -1"),
        (second(repeat=np.nan), "row 3 has no repeat"),
        (second(window_end_s=0.07), "must end after it starts"),
        (
            pd.concat([trials(), trials().iloc[:2]]),
            "2 trials appear twice, first stimulus cat, repeat 0, session monday",
        ),
        ([1, 2], "is a list"),
    ],
)
def test_a_table_that_breaks_a_rule_is_refused_in_one_sentence(table: pd.DataFrame, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        Responses(table, "monday.tsv")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("monday.tsv")


def test_numbers_and_text_name_the_same_site() -> None:
    responses = Responses(second(site=7, stimulus_id=12))
    assert "7" in responses.sites
    assert "12" in responses.stimulus_ids


def test_parts_of_a_table_are_chosen_by_name() -> None:
    responses = Responses(trials())
    assert responses.without(sites=["007"]).sites == ("v4_b",)
    assert responses.only(stimulus_ids=["dog", "owl"]).stimulus_ids == ("dog", "owl")
    assert len(responses.only(sessions=["monday"], window=WINDOW)) == 11
    for wrong, said in (
        (lambda: responses.only(sites=["v4_c"]), "no site 'v4_c': did you mean 'v4_b'"),
        (lambda: responses.without(stimulus_ids=["cow"]), "no stimulus 'cow'"),
        (lambda: responses.only(window=(0, 1)), "no window 0 to 1 s: it has 0.07 to 0.17 s"),
        (lambda: responses.without(sites=responses.sites), "no trial"),
    ):
        with pytest.raises(InputError, match=said):
            wrong()


def test_one_window_at_a_time_is_averaged() -> None:
    later = trials(window_start_s=0.17, window_end_s=0.27)
    responses = Responses(pd.concat([trials(), later]))
    assert len(responses.windows) == 2
    with pytest.raises(InputError, match="2 windows"):
        mean_responses(responses)
    assert len(responses.only(window=WINDOW)) == 11


def test_sessions_are_joined_and_the_same_one_twice_is_refused() -> None:
    monday = Responses(trials(), "a")
    tuesday = Responses(trials(session="tuesday", response=1.0 + monday.trials["response"]), "b", ("note",))
    both = join_responses([monday, tuesday])
    assert (len(both), both.sessions, both.notes) == (22, ("monday", "tuesday"), ("note",))
    with pytest.raises(InputError, match="11 trials appear twice"):
        join_responses([monday, monday])


STIMULI = pd.DataFrame(
    {"stimulus_id": ["cat", "dog", "owl", "fox"], "sha256": ["c" * 64, "d" * 64, "e" * 64, "f" * 64]}
)


def test_trials_are_matched_by_id_and_checksum() -> None:
    shown = trials()["stimulus_id"].map(dict(zip(STIMULI["stimulus_id"], STIMULI["sha256"], strict=True)))
    responses = Responses(trials(sha256=shown))
    assert unmatched(responses, STIMULI).empty
    require_match(responses, STIMULI)
    require_match(Responses(trials()), [STIMULI[:2], STIMULI[1:]])


def test_every_stimulus_that_does_not_match_is_listed_and_refused() -> None:
    responses = Responses(trials(sha256=["c" * 64] * 11)).renamed({"cat": "cat2"})
    problems = unmatched(responses, STIMULI)
    assert problems.to_dict("list") == {
        "stimulus_id": ["cat2", "dog", "owl"],
        "problem": ["unknown", "other file", "other file"],
        "trials": [4, 4, 3],
    }
    with pytest.raises(InputError, match=r"1 stimulus is not in the set \(cat2; did you mean 'cat'\)") as caught:
        require_match(responses, STIMULI)
    assert "2 were shown from another file than the set's (dog, owl)" in str(caught.value)


def test_names_of_files_in_the_place_of_ids_are_told_as_such() -> None:
    ends = {name: f"{name}.png" for name in STIMULI["stimulus_id"]}
    with pytest.raises(InputError, match="ids are names of files without their endings: take the endings off"):
        require_match(Responses(trials()).renamed(ends), STIMULI)


def test_two_sets_with_one_id_for_two_files_are_refused() -> None:
    with pytest.raises(InputError, match="'cat' for different files"):
        require_match(Responses(trials()), [STIMULI, STIMULI.assign(sha256="0" * 64)])


@pytest.mark.parametrize(("noise", "repeats"), [(1.0, 2), (2.0, 10), (3.0, 35)])
def test_reliability_agrees_with_what_the_simulation_put_in(noise: float, repeats: int) -> None:
    responses, _ = simulated(400, repeats, 12, noise=noise)
    table = reliability(responses, splits=30)
    assert table["reliability"].mean() == pytest.approx(1 / (1 + noise**2 / repeats), abs=0.025)
    assert np.allclose(table["ceiling"] ** 2, table["reliability"])


def test_reliability_of_ragged_repeats_lies_where_it_should() -> None:
    responses, _ = simulated(500, 12, 8, noise=2.0)
    generator = np.random.default_rng(3)
    keep = responses.trials["repeat"] < generator.integers(8, 13, 500)[responses.trials["stimulus_id"].cat.codes]
    table = reliability(Responses(responses.trials[keep]), splits=30)
    assert table["reliability"].mean() == pytest.approx(1 / (1 + 4 / 10), abs=0.03)


def test_reliability_of_noise_is_near_zero_and_has_no_ceiling_below_it() -> None:
    generator = np.random.default_rng(1)
    names = [f"s{index}" for index in range(300)]
    noise = from_array(generator.normal(size=(6, 300, 20)), stimulus_ids=names, sites=range(20), window_s=WINDOW)
    table = reliability(noise, splits=20)
    assert abs(table["reliability"].mean()) < 0.05
    assert table.loc[table["reliability"] <= 0, "ceiling"].isna().all()


def test_the_ceiling_is_the_correlation_of_a_perfect_model() -> None:
    responses, signal = simulated(2000, 8, 6, noise=2.0)
    means = mean_responses(responses)
    perfect = [np.corrcoef(means.mean[:, site], signal[:, site])[0, 1] for site in range(6)]
    assert np.allclose(reliability(responses, splits=20)["ceiling"], perfect, atol=0.03)


def test_sites_recorded_for_different_stimuli_have_blocks_of_their_own() -> None:
    blocks = list(repeat_blocks(Responses(trials())))
    assert sorted(block.count.tolist() for block in blocks) == [[2, 2, 1], [2, 2, 2]]
    whole = next(block for block in blocks if block.count.sum() == 6)
    assert np.array_equal(whole.values[..., 0], [[10, 11], [13, 14], [16, 17]])


def test_the_same_seed_gives_the_same_reliability() -> None:
    responses, _ = simulated(30, 4, 2, noise=1.0)
    assert reliability(responses, seed=5).equals(reliability(responses, seed=5))


def test_sites_that_cannot_be_judged_are_named() -> None:
    responses, _ = simulated(30, 4, 2, noise=1.0)
    single = Responses(responses.trials[responses.trials["repeat"] == 0])
    with pytest.raises(InputError, match=r"2 of 2 sites have one repeat of each stimulus \(site0, site1\)"):
        reliability(single)
    flat = responses.trials.assign(
        response=np.where(responses.trials["site"] == "site1", 4.0, responses.trials["response"])
    )
    with pytest.raises(InputError, match=r"1 of 2 sites gives the same response in every trial \(site1\)"):
        reliability(Responses(flat))
    with pytest.raises(InputError, match="site1"):
        require_variance(Responses(flat))
    with pytest.raises(InputError, match="fewer than 3 stimuli"):
        reliability(responses.only(stimulus_ids=["s0", "s1"]))


def test_spearman_and_browns_formula() -> None:
    assert spearman_brown(0.0) == 0
    assert spearman_brown(1.0) == 1
    assert spearman_brown(0.6) == pytest.approx(0.75)


def test_sites_are_chosen_by_reliability() -> None:
    table = pd.DataFrame({"site": list("abcd"), "reliability": [0.6, 0.95, 0.1, 0.7]})
    assert select_sites(table).sites == ("a", "b", "d")
    assert select_sites(table, most=2).sites == ("b", "d")
    assert repr(select_sites(table, at_least=0.9)) == "Selection(1 of 4 sites, reliability at least 0.9)"
    for options, said in (
        ({"at_least": 0.99}, "the best of 4 has 0.95"),
        ({"at_least": 2}, "expected 0 up to 1"),
        ({"most": 0}, "expected 1 or more"),
    ):
        with pytest.raises(InputError, match=said):
            select_sites(table, **options)


def test_the_plot_shows_every_site_and_reads_no_markup(tmp_path: Path) -> None:
    table = pd.DataFrame({"site": ["a", "<script>alert(1)</script>", "%{x}"], "reliability": [0.6, 0.95, 0.1]})
    selection = select_sites(table)
    figure = reliability_figure(selection)
    assert [len(trace["x"]) for trace in figure["data"]] == [2, 1]
    page = write_reliability(selection, tmp_path / "sites.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "split-half reliability" in page


def test_what_may_be_a_blank_is_told_where_few_ids_are_unknown() -> None:
    responses, _ = simulated(30, 2, 2, noise=1.0)
    table = pd.DataFrame({"stimulus_id": responses.stimulus_ids, "sha256": "0" * 64})
    with pytest.raises(InputError, match=r"1 stimulus is not in the set .*a blank presentation has no row"):
        require_match(responses, table[1:])
    with pytest.raises(InputError, match="10 stimuli are not in the set") as error:
        require_match(responses, table[10:])
    assert "blank" not in str(error.value)


def test_a_row_without_an_id_is_told_that_blanks_have_none() -> None:
    frame = trials().astype({"stimulus_id": object})
    frame.loc[2, "stimulus_id"] = None
    with pytest.raises(InputError, match=r"row 3 has no usable stimulus_id.*; a blank presentation has no row"):
        Responses(frame)
    with pytest.raises(InputError, match="row 3 has no usable site") as error:
        Responses(trials().astype({"site": object}).assign(site=lambda all: all["site"].where(all.index != 2)))
    assert "blank" not in str(error.value)
