"""The closed loop: what a session writes, what it takes in, and that it gets better."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from loop_fixture import (
    SETTINGS,
    SITES,
    WINDOW,
    announce,
    answer,
    begin,
    copied,
    deliveries,
    recorded,
    sealed,
    shown_and_recorded,
)

from synthstim.encoding.defaults import suggest_layers
from synthstim.errors import InputError
from synthstim.files import sha256_of
from synthstim.goals import GOALS
from synthstim.goals.wish import Want
from synthstim.loop import LoopSession, deliver, next_step, read_settings, read_status, start_loop, steps
from synthstim.loop.exploration import RIDGE, most_informative
from synthstim.loop.generation import PLAN, STEPS
from synthstim.loop.history import History
from synthstim.loop.requests import best, merit_of, site_stems
from synthstim.loop.settings import LoopSettings
from synthstim.loop.tables import read_frame, write_frame
from synthstim.loop.template import render_settings
from synthstim.models import load_model
from synthstim.production import make
from synthstim.recipe import parse_yaml, read_recipe, validate
from synthstim.responses import Responses, write_table
from synthstim.stimulus_set import adopt
from synthstim.verify import check_set

PLACES = "site\tx_deg\ty_deg\na\t6\t-4\nb\t-6\t3\nc\t6\t5\n"


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> LoopSession:
    """Generation 0 waits for responses."""
    folder = tmp_path_factory.mktemp("begun")
    (folder / "receptive_fields.tsv").write_text(PLACES, encoding="utf-8")
    shown = SETTINGS["experiment"] | {"places": str(folder / "receptive_fields.tsv")}
    return begin(folder, experiment=shown)


@pytest.fixture(scope="module")
def second(begun: LoopSession, tmp_path_factory: pytest.TempPathFactory) -> LoopSession:
    """Generation 0 is complete, generation 1 waits for responses."""
    folder = tmp_path_factory.mktemp("second")
    session = copied(begun, folder)
    deliver(session, [recorded(session, folder)])
    next_step(session.root)
    return session


# Settings.


def settings_of(**changes: object) -> LoopSettings:
    return validate(parse_yaml(json.dumps(SETTINGS | changes)), LoopSettings)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sites": ["a", "007"], "leave_out": ["dead"], "window_s": [0.05, 0.2], "controls": {"noise": 2}},
        {"goals": [], "explore": {"at_least": 5, "kind": "both"}},
        {"goals": [{"name": "up", "goal": "drive", "constraints": {"aperture": "site", "mean_luminance": 0.4}}]},
        {"goals": [{"name": "p", "goal": "pattern", "pattern": {"a": 1.5, "it's: odd": -1}}, {"name": "l", "goal": "level", "levels": [0, 2.5]}]},
    ],
)  # fmt: skip
def test_settings_are_written_with_comments_and_read_back_the_same(tmp_path: Path, changes: dict) -> None:
    settings = settings_of(**changes)
    (tmp_path / "loop.yaml").write_text(render_settings(settings))
    assert read_settings(tmp_path / "loop.yaml") == settings
    written = (tmp_path / "loop.yaml").read_text()
    assert written.count("# ") > 15
    assert "rate_hz:" not in written.replace("duration_s, rate_hz:", "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sites": "some"}, "sites is 'some'; expected 'all', 'selected' or a list of sites"),
        ({"window_s": [0.2, 0.1]}, "a window that ends after it starts"),
        ({"goals": [{"name": "up", "goal": "raise"}]}, r"goals\[0\].goal: 'raise' .text. given; expected 'drive', .*'level'"),
        ({"goals": [{"name": "up", "goal": "level"}]}, r"goals\[0\].levels is missing; expected a list of responses"),
        ({"goals": [{"name": "up", "goal": "drive", "levels": [1]}]}, "goes with goal 'level', but the goal here is 'drive'"),
        ({"goals": [{"name": "up", "goal": "drive", "copies": 1, "warm": 2}]}, "is 2, more than the 1 copies"),
        ({"goals": [{"name": "up", "goal": "drive"}, {"name": "Up", "goal": "drive"}]}, "another goal is called"),
        ({"goals": []}, "are none: give one, such as .*, or say explore.at_least"),
        ({"goal": 1}, "goal is unknown: did you mean 'goals'"),
        ({"fitting": {"method": "lasso"}}, "fitting.method: 'lasso' .text. given"),
        ({"explore": {"share": 1.0}}, "explore.share: 1.0 .number. given"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_settings_is_one_sentence(changes: dict, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        settings_of(**changes)
    assert "\n" not in str(caught.value)


# What is asked for.


def test_merit_is_highest_for_what_does_what_the_goal_asks() -> None:
    z = np.array([[2.0, 2.0], [1.5, -1.0], [-2.0, 0.0], [np.nan, 1.0]])
    history = SimpleNamespace(z=z, means=SimpleNamespace(sites=("a", "b")), scale={"a": (0.0, 1.0)})
    wants = {
        "level": Want(("a",), level=1.4), "pattern": Want(("a", "b"), pattern=(-2.0, 0.1)), "drive_all": Want(("a", "b")),
        "drive_mean": Want(("a", "b"), pattern=(0.5, 0.5)), "drive_contrast": Want(("a", "b"), pattern=(1.0, -1.0)),
        "drive_axis": Want(("a", "b"), pattern=(-0.6, 0.8)),
    }  # fmt: skip
    pursued = [name for name, goal in GOALS.usable() if goal.wish is not None]
    winners = {goal: best(merit_of(goal, wants.get(goal, Want(("a",))), history), range(4), 4) for goal in pursued}
    assert {goal: rows[0] for goal, rows in winners.items()} == {
        "drive": 0, "suppress": 2, "one_hot": 1, "level": 1, "pattern": 2, "drive_all": 0, "drive_mean": 0, "drive_contrast": 1,
        "drive_axis": 2,
    }  # fmt: skip
    # What was not measured is never chosen.
    assert all(len(rows) == 3 for rows in winners.values())
    history.z, history.means.sites = z[:, :1], ("a",)
    assert merit_of("one_hot", Want(("a",)), history)[0] == 2


def test_images_that_teach_most_lower_the_variance_of_predictions_most() -> None:
    generator = np.random.default_rng(0)
    shown, candidates = generator.normal(size=(30, 20)) * ([1] * 10 + [0.01] * 10), generator.normal(size=(200, 20))

    def variance(chosen: list[int]) -> float:
        x = np.concatenate([shown, candidates[chosen]]) / np.sqrt(np.mean(shown**2) * 20)
        return float(np.trace(np.linalg.inv(x.T @ x + RIDGE * np.eye(20))))

    chosen = most_informative(shown, candidates, 10)
    assert len(set(chosen)) == 10
    at_random = [variance(list(generator.permutation(200)[:10])) for _ in range(50)]
    assert variance(chosen) < min(at_random)
    # One that was shown already teaches less than any direction that was not.
    assert most_informative(np.eye(4)[:2], np.eye(4), 2) in ([2, 3], [3, 2])


def test_sites_keep_their_names_in_the_names_of_images() -> None:
    names = ["v4_01", "it/3", "it:3", "IT/3", "a" * 40, "a" * 41]
    stems = list(site_stems(names).values())
    assert stems[0] == "v4_01"
    assert len({stem.lower() for stem in stems}) == len(names)
    assert max(map(len, stems)) <= 14


# Generation 0.


def test_a_session_begins_with_natural_images_whose_experiment_is_sealed(begun: LoopSession) -> None:
    first = begun.newest
    assert sorted(path.name for path in begun.root.iterdir()) == [
        "generation-000",
        "log.tsv",
        "loop.yaml",
        "places.tsv",
    ]
    assert (first.lacks, len(first.stimuli), set(first.stimuli.table["kind"])) == ("responses.tsv", 60, {"natural"})
    # The same number of crops of each of 16 photographs, give or take one.
    assert first.plan["group"].value_counts().between(3, 4).all()
    assert tuple(first.plan.columns) == PLAN
    check = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=first.experiment, capture_output=True
    )
    assert check.returncode == 0
    assert begun.log.read()["event"].tolist() == ["started"]
    assert read_status(begun).table["state"].tolist() == ["waits for responses"]


def test_layers_are_those_of_a_fit_and_photographs_that_were_given_stay_the_pool(
    begun: LoopSession, synthstim, tmp_path: Path
) -> None:
    mine = begun.newest.root / "set" / "stimuli"
    asked = ("--size", 32, "--naturals", mine, "--count", 16, "--probes", 0)
    out = synthstim("loop", "init", "s", *asked, cwd=tmp_path, status=0)
    session = LoopSession.read(tmp_path / "s")
    assert session.settings.layers == suggest_layers(load_model(size=(32, 32)))
    assert f"as none was named: {', '.join(session.settings.layers)} (--layers takes others)" in out
    assert session.settings.pool == str(mine.resolve())
    settings = SETTINGS | {"pool": str(tmp_path)}
    kept = start_loop(tmp_path / "own", settings, naturals=mine, count=16, probes=0)
    assert kept.settings.pool == str(tmp_path.resolve())


def test_a_set_is_shown_as_it_is_and_its_groups_come_from_a_table(begun: LoopSession, tmp_path: Path) -> None:
    adopt(begun.newest.root / "set" / "stimuli", tmp_path / "mine")
    pd.DataFrame({"stimulus_id": [f"nat_{at:04d}" for at in range(60)], "group": [f"p{at % 6}" for at in range(60)]}).to_csv(
        tmp_path / "of.tsv", sep="\t", index=False
    )  # fmt: skip
    session = start_loop(tmp_path / "s", SETTINGS | {"groups": str(tmp_path / "of.tsv")}, naturals=tmp_path / "mine")
    assert session.newest.stimuli.table["sha256"].tolist() == begun.newest.stimuli.table["sha256"].tolist()
    assert session.newest.plan["group"].nunique() == 6
    assert session.settings.groups == "groups.tsv"


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        ({"layers": ["blocks.99"]}, {}, "no layer 'blocks.99'"),
        ({"fitting": {"folds": 50}}, {}, "50 folds given for 16 groups"),
        ({"experiment": {"protocol": "nothing"}}, {}, "nothing"),
        ({"experiment": {"settings": {"on_ms": 5}}}, {}, "on_ms"),
        ({"experiment": {"settings": {"on_ms": 5}}}, {"probes": 3, "making": pytest.fail}, "on_ms"),
        ({}, {"naturals": "no_folder"}, "no_folder is not a folder: give a stimulus set, or a folder of photographs"),
        ({"observer": "fly-antenna", "layers": ["receptors"]}, {}, "the loop shows images or plays sounds"),
        (
            {},
            {"count": 3},
            "4 folds given for 3 groups of stimuli; .*: give 4 photographs or more, or ask for fewer folds",
        ),
        (
            {},
            {"count": 10},
            "make a fold of 2; expected 3 or more: show 12 images or more .count, --count., or ask for fewer",
        ),
    ],
)
def test_what_cannot_be_shown_or_fitted_is_refused_before_anything_is_left(
    tmp_path: Path, changes: dict, options: dict, said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        start_loop(tmp_path / "s", SETTINGS | changes, **({"count": 40, "probes": 0} | options))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_settings_of_another_session_bring_their_files(begun: LoopSession, tmp_path: Path) -> None:
    (tmp_path / "rig.yaml").write_text(
        "monitor: {width_cm: 30, distance_cm: 57, width_px: 640, height_px: 480, refresh_hz: 60}\n"
    )
    changed = (begun.root / "loop.yaml").read_text()
    (tmp_path / "places.tsv").write_text(PLACES)
    (tmp_path / "mine.yaml").write_text(
        changed.replace("protocol: passive_fixation", "protocol: passive_fixation, rig: rig.yaml")
    )
    session = start_loop(tmp_path / "s", tmp_path / "mine.yaml", count=40, probes=0)
    (tmp_path / "rig.yaml").unlink()
    assert LoopSession.read(session.root).settings.experiment.rig == "rig.yaml"
    assert json.loads((session.newest.experiment / "manifest.json").read_text())["rig"]["monitor"]["width_px"] == 640


def test_images_of_a_site_stand_where_its_places_say(second: LoopSession) -> None:
    told = {
        one["stimulus_id"]: (one["x_deg"], one["y_deg"])
        for one in json.loads((second.newest.experiment / "manifest.json").read_text())["stimuli"]
    }
    units = second.newest.stimuli.table.set_index("stimulus_id")["unit"]
    of_a = [told[name] for name in units.index[(units == "a").fillna(False)]]
    others = [told[name] for name in units.index[units.isna()]]
    assert of_a
    assert others
    assert all(place == pytest.approx((6, -4), abs=0.1) for place in of_a)
    assert all(place == pytest.approx((0, 0), abs=0.1) for place in others)


# Taking responses in.


def test_next_says_what_it_waits_for_and_where(begun: LoopSession, tmp_path: Path) -> None:
    session = copied(begun, tmp_path)
    outcome = next_step(session.root)
    assert (outcome.waits, outcome.moved) == (True, False)
    assert f"generation 0 waits for responses to {session.newest.experiment}" in outcome.words
    assert str(session.newest.inbox) in outcome.words


def test_a_generation_is_taken_in_fitted_reported_and_followed_by_the_next(second: LoopSession) -> None:
    first, newest = second.generations
    assert [name for name in STEPS if not (first.root / name).exists()] == []
    assert newest.lacks == "responses.tsv"
    assert first.responses.sessions == ("generation-000",)
    assert first.responses.window == WINDOW
    assert sorted(path.name for path in newest.root.iterdir()) == [
        "experiment", "inbox", "plan.tsv", "recipe.yaml", "set", "starts",
    ]  # fmt: skip
    assert read_recipe(newest.root / "recipe.yaml").observer.name == "fit:../generation-000/fit"
    # Predictions of the first generation are of members that never saw the image.
    table = first.table("predicted.tsv")
    assert set(table["predicted_by"]) == {"held out"}
    assert len(table) == 60 * 3
    own = table[table["site"] == "a"]
    assert np.corrcoef(own["predicted"], own["measured"])[0, 1] > 0.5
    fit = second.fit(first)
    whole = fit.predict(first.stimuli).merge(table, on=["stimulus_id", "site"], suffixes=("_whole", ""))
    closer = (whole["predicted_whole"] - whole["measured"]).abs().mean()
    assert closer < (whole["predicted"] - whole["measured"]).abs().mean()
    # What is of one photograph stands in one fold.
    folds = dict(zip(fit.provenance["stimuli"], fit.provenance["options"]["folds"], strict=True))
    at = first.plan["stimulus_id"].map(folds)
    assert at.groupby(first.plan["group"]).nunique().max() == 1
    events = second.log.read()["event"].tolist()
    assert events == ["started", "delivered", "taken", "fitted", "reported", "planned", "made", "exported"]


def test_the_next_set_holds_what_was_made_what_is_explored_and_what_is_shown_again(second: LoopSession) -> None:
    first, newest = second.generations
    plan, table = newest.plan, newest.stimuli.table.set_index("stimulus_id")
    assert set(plan["stimulus_id"]) == set(table.index)
    assert plan["role"].value_counts().to_dict() == {"anchor": 5, "exploit": 2, "explore": 2}
    new = plan.loc[plan["role"].isin(["exploit", "explore"]), "stimulus_id"]
    assert new.str.startswith("g1_").all()
    # Shown again byte for byte, under the same name, and so one image for the fit.
    old = first.stimuli.table.set_index("stimulus_id")["sha256"]
    again = plan.loc[plan["role"] == "anchor", "stimulus_id"].unique()
    assert all(table.loc[name, "sha256"] == old[name] for name in again)
    assert newest.stimuli.damaged() == []
    # The best natural images by what was measured, the highest first.
    history = History.read(second, 0)
    means = dict(zip(history.means.stimulus_ids, history.means.mean[:, history.means.sites.index("a")], strict=True))
    aimed = plan.loc[(plan["role"] == "anchor") & (plan["goal"] == "stretch"), "stimulus_id"].tolist()
    assert [means[name] for name in aimed] == sorted(means.values())[::-1][:2]
    # One of two copies starts from the best image, and shares its fold.
    warm = plan[plan["start"].notna()].iloc[0]
    assert (warm["start"], warm["group"]) == (aimed[0], history.groups[aimed[0]])


def test_every_generations_set_passes_its_check_and_its_recipe_makes_it_again(
    second: LoopSession, tmp_path: Path
) -> None:
    first, newest = second.generations
    observer = second.fit(first).observer
    assert check_set(newest.stimuli, observer).problems == []
    again = make(read_recipe(newest.root / "recipe.yaml"), tmp_path / "again", observer=observer)
    made = newest.stimuli.table.set_index("stimulus_id")["sha256"]
    assert again.table["sha256"].tolist() == [made[name] for name in again.table["stimulus_id"]]


def test_later_generations_are_fitted_together_and_predicted_before(second: LoopSession, tmp_path: Path) -> None:
    session = copied(second, tmp_path)
    deliver(session, [recorded(session, tmp_path)])
    outcome = next_step(session.root, last=True)
    assert (outcome.generation, outcome.waits) == (1, False)
    first, newest = session.generations
    fit = session.fit(newest)
    assert set(fit.provenance["stimuli"]) == set(first.stimuli.table["stimulus_id"]) | set(newest.plan["stimulus_id"])
    assert fit.provenance["responses"]["sessions"] == ["generation-000", "generation-001"]
    table = newest.table("predicted.tsv")
    assert set(table["predicted_by"]) == {"generation-000"}
    before = session.fit(first).predict(newest.stimuli)
    assert np.allclose(before["predicted"], table["predicted"])
    gains = newest.table("gains.tsv").iloc[0]
    measured = table[table["site"] == "a"].set_index("stimulus_id")["measured"]
    plan = newest.plan[newest.plan["goal"] == "stretch"]
    made, natural = (measured[plan.loc[plan["role"] == role, "stimulus_id"]].mean() for role in ("exploit", "anchor"))
    assert (gains["made"], gains["natural"]) == pytest.approx((made, natural))
    assert gains["gain"] == pytest.approx(made / natural)
    # Images drawn blindly answer as they did: three of them, six repeats, Poisson.
    sites = newest.table("sites.tsv").set_index("site")
    assert sites["drift"].between(0.6, 1.6).all()
    own = table[(table["site"] == "a") & table["stimulus_id"].isin(plan.loc[plan["role"] == "exploit", "stimulus_id"])]
    assert sites.at["a", "promise"] == pytest.approx(own["expected"].mean() / own["measured"].mean())
    assert 0 <= sites.at["a", "covered"] <= 1
    assert sites.loc[["b", "c"], "promise"].isna().all()
    page = (newest.root / "report.html").read_text()
    figures = json.loads(page.split('id="figures">')[1].split("</script>")[0])
    assert set(figures) == {"generation-000", "generation-001", "gains", "site a", "site b", "site c"}
    assert sum(len(trace["x"]) for trace in figures["generation-001"]["data"][:-1]) == len(table)
    assert "http" not in page.split("<body>")[1].split("<script")[0]
    # Going on from a finished generation makes the next one; controllers of this one are shown again.
    next_step(session.root)
    plan = session.newest.plan
    assert any(name.startswith("g1_stretch") for name in plan.loc[plan["role"] == "anchor", "stimulus_id"])
    assert plan.loc[plan["role"] == "exploit", "stimulus_id"].str.startswith("g2_").all()
    assert plan["stimulus_id"].nunique() == len(session.newest.stimuli)


Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.replace({"stimulus_id": {"nat_0003": "nat_9003"}}), r"1 stimulus is not in the set \(nat_9003; did you mean 'nat_0.*: deliver what answers this generation's set"),
        (lambda t: t.assign(sha256="f" * 64), "60 were shown from another file than the set's"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "1 trial appears twice, first stimulus nat_0000, repeat 0"),
        (lambda t: t.assign(response=t["response"].where(t.index != 4)), "1 trial of 1080 is NaN"),
        (lambda t: t[t["repeat"] == 0], "have one repeat of each stimulus .*, and reliability needs two: show each stimulus again"),
        (lambda t: t.assign(response=t["response"].where(t["site"] != "b", 2.0)), r"1 of 3 sites gives the same response .*\(b\): name them under leave_out in loop.yaml"),
        (lambda t: t.assign(window_end_s=0.2), "has no window 0.07 to 0.17 s: it has 0.07 to 0.2 s"),
        (lambda t: t[t["stimulus_id"].isin([f"nat_{at:04d}" for at in range(50)])], "50 of 60 stimuli .* have 2 trials or more; expected 90%: deliver the rest as well"),
        (lambda t: t.drop(columns="response"), "lacks the column response"),
    ],
)  # fmt: skip
def test_responses_that_are_wrong_are_refused_and_nothing_is_consumed(
    begun: LoopSession, tmp_path: Path, change: Change, said: str
) -> None:
    session = copied(begun, tmp_path)
    table = change(pd.read_csv(recorded(session, tmp_path), sep="\t", dtype={"site": str}))
    table.to_csv(tmp_path / "bad.tsv", sep="\t", index=False, na_rep="n/a")
    deliver(session, [tmp_path / "bad.tsv"])
    with pytest.raises(InputError, match=said) as caught:
        next_step(session.root)
    assert "\n" not in str(caught.value)
    assert deliveries(session) == ["bad.tsv", "bad.tsv.sha256"]
    assert not [name for name in ("responses.tsv", "taken.json", ".taking") if (session.newest.root / name).exists()]
    status = read_status(session)
    assert status.error == str(caught.value)
    assert status.table["state"].tolist() == ["waits for responses"]


def test_a_site_that_is_named_dead_is_left_out_and_the_delivery_is_taken(begun: LoopSession, tmp_path: Path) -> None:
    session = copied(begun, tmp_path)
    table = pd.read_csv(recorded(session, tmp_path), sep="\t")
    table.assign(response=table["response"].where(table["site"] != "b", 0.0)).to_csv(
        tmp_path / "n.tsv", sep="\t", index=False
    )
    deliver(session, [tmp_path / "n.tsv"])
    text = (session.root / "loop.yaml").read_text()
    (session.root / "loop.yaml").write_text(text.replace("# leave_out:", "leave_out: [b]"))
    next_step(session.root, last=True)
    assert session.newest.responses.sites == ("a", "c")


def test_selected_sites_are_those_that_repeat_themselves(begun: LoopSession, tmp_path: Path) -> None:
    session = copied(begun, tmp_path)
    text = (session.root / "loop.yaml").read_text()
    (session.root / "loop.yaml").write_text(text.replace("sites: all", "sites: selected"))
    good = answer(session.newest.stimuli).trials.astype({"site": str})
    noise = good[good["site"] == "b"].assign(site="noise")
    noise["response"] = np.random.default_rng(0).poisson(6, len(noise)).astype(float)
    deliver(session, [write_table(Responses(pd.concat([good, noise])), tmp_path / "n.tsv")])
    next_step(session.root, last=True)
    assert session.newest.responses.sites == ("a", "b", "c")


def test_several_files_of_one_generation_are_taken_together(begun: LoopSession, tmp_path: Path) -> None:
    session = copied(begun, tmp_path)
    trials = answer(session.newest.stimuli).trials
    for part in range(2):
        half = trials[trials["repeat"] // 3 == part].assign(session=f"block{part}")
        write_table(Responses(half), session.newest.inbox / f"block{part}.tsv")
    digests = [sha256_of(session.newest.inbox / f"block{part}.tsv") for part in range(2)]
    sums = session.newest.inbox / "SHA256SUMS"
    # Half of the list was copied: the second file is not announced yet.
    sums.write_text(f"{digests[0]}  block0.tsv\n")
    assert "waits in" in next_step(session.root).words
    assert "the checksum of block1.tsv" in next_step(session.root).words
    sums.write_text(f"{digests[0]}  block0.tsv\n{digests[1]} *./out/block1.tsv\n")
    next_step(session.root, last=True)
    assert session.newest.responses.sessions == ("generation-000 block0", "generation-000 block1")
    assert len(session.newest.responses) == len(trials)


# The inbox.


def test_only_what_is_whole_by_its_checksum_is_read(begun: LoopSession, tmp_path: Path) -> None:
    session = copied(begun, tmp_path)
    inbox, whole = session.newest.inbox, recorded(session, tmp_path).read_bytes()

    def words() -> str:
        outcome = next_step(session.root)
        assert not outcome.moved
        return outcome.words

    for name in ("n.tsv.part", ".n.tsv", "n.TMP"):
        (inbox / name).write_bytes(whole)
    assert "waits for responses" in words()
    # A size that does not change says nothing.
    (inbox / "n.tsv").write_bytes(whole[: len(whole) // 2])
    assert "the checksum of n.tsv" in words()
    sealed(inbox / "n.tsv", whole)
    assert "n.tsv differs from its checksum" in words()
    assert read_status(session).awaited == words()
    words()
    assert (session.log.read()["event"] == "damaged").sum() == 1
    (inbox / "n.tsv").unlink()
    assert "n.tsv, which a checksum announces" in words()
    (inbox / "n.tsv").write_bytes(whole)
    (inbox / "notes.txt").write_text("nobody reads this")
    assert next_step(session.root, last=True).moved


def test_a_file_that_changes_after_its_checksum_was_compared_is_not_taken(
    begun: LoopSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = copied(begun, tmp_path)
    file = deliver(session, [recorded(session, tmp_path)])[0]
    from synthstim.loop import intake

    def changes_first(source: Path, target: Path, digest: str) -> dict:
        source.write_bytes(b"".join(source.read_bytes().splitlines(keepends=True)[:-1]))
        return copy(source, target, digest)

    copy = intake.copy_checked
    monkeypatch.setattr(intake, "copy_checked", changes_first)
    with pytest.raises(InputError, match=r"night0.tsv changed while it was read: leave delivered files as they are"):
        next_step(session.root)
    assert session.newest.lacks == "responses.tsv"
    monkeypatch.undo()
    announce(file)
    next_step(session.root, last=True)
    # What changes after it was taken in is named, and not read.
    taken = len(session.newest.responses)
    file.write_bytes(file.read_bytes() + b"\n")
    shutil.copyfile(file, file.with_name("more.tsv"))
    status = read_status(session)
    assert status.late == ("generation 0: more.tsv, night0.tsv came too late",)
    assert len(session.newest.responses) == taken
    with pytest.raises(InputError, match="has its responses already"):
        deliver(session, [tmp_path / "night0.tsv"])


def test_responses_to_other_images_than_their_ids_say_are_doubted(
    second: LoopSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As reliable as before, and predicted by nothing."""
    shutil.copytree(second.root, tmp_path / "s")
    session = LoopSession.read(tmp_path / "s")
    first = session.generations[0]
    sites = read_frame(first.root / "sites.tsv", text=("site",)).assign(r_predicted=0.02, reliability=0.9)
    # Of so few sites as these nothing is doubted.
    sites = pd.concat([sites, sites.assign(site="more_" + sites["site"])], ignore_index=True)
    monkeypatch.setattr(steps, "measure_generation", lambda *_: write_frame(first.root / "sites.tsv", sites))
    told: list[str] = []
    steps.STEPS["predicted.tsv"](session, first, told.append, None)
    assert "if ids and stimuli were mixed up" in told[-1]
    assert session.log.read()["event"].iloc[-1] == "note"


def test_a_file_of_no_kind_that_is_read_is_not_delivered(begun: LoopSession, tmp_path: Path) -> None:
    (tmp_path / "day1.txt").write_text("stimulus_id\n")
    with pytest.raises(InputError, match=r"day1.txt is not a file of responses; expected one of .*\.csv"):
        deliver(begun, [tmp_path / "day1.txt"])
    assert not list(begun.newest.inbox.glob("day1*"))


def test_deliver_refuses_what_would_be_mixed_up(begun: LoopSession, tmp_path: Path) -> None:
    session = copied(begun, tmp_path)
    file = recorded(session, tmp_path)
    (tmp_path / "b").mkdir()
    shutil.copyfile(file, tmp_path / "b" / file.name)
    (tmp_path / "empty.tsv").touch()
    for files, said in (
        ([file, tmp_path / "b" / file.name], "two files are called night0.tsv"),
        ([tmp_path / "none.tsv"], "no file of responses at"),
        ([tmp_path / "empty.tsv"], "is empty"),
        ([], "no file given"),
    ):
        with pytest.raises(InputError, match=said):
            deliver(session, files)
    assert deliveries(session) == []
    with pytest.raises(InputError, match="the session has 0 to 0"):
        deliver(session, [file], generation=1)
    # A call that was stopped after it had copied a file is gone on with.
    shutil.copyfile(file, session.newest.inbox / file.name)
    deliver(session, [file])
    assert deliveries(session) == ["night0.tsv", "night0.tsv.sha256"]
    with pytest.raises(InputError, match=r"is in .* already"):
        deliver(session, [file])


def test_the_log_of_a_rehearsal_is_delivered_only_where_that_is_asked_for(begun: LoopSession, tmp_path: Path) -> None:
    session = copied(begun, tmp_path)
    files = shown_and_recorded(session, tmp_path / "rehearsal")
    (tmp_path / "rehearsal" / "run_session.json").write_text('{"status": "completed", "simulated": true}')
    with pytest.raises(InputError, match=r"run_presentations\.tsv is of a rehearsal, which nobody watched"):
        deliver(session, files)
    assert deliveries(session) == []
    assert len(deliver(session, files, rehearsal=True)) == 3


def test_an_experiments_log_is_read_with_its_spikes_and_a_clock_that_jumps_is_refused(
    begun: LoopSession, tmp_path: Path
) -> None:
    session = copied(begun, tmp_path)
    files = shown_and_recorded(session, tmp_path / "rig", jump=0.4)
    deliver(session, files[:1])
    assert (
        "spikes.tsv (or run_spikes.tsv) and markers.tsv (or run_markers.tsv) to run_presentations.tsv"
        in next_step(session.root).words
    )
    deliver(session, files[1:])
    with pytest.raises(InputError, match="jumps by"):
        next_step(session.root)
    for path in session.newest.inbox.iterdir():
        path.unlink()
    deliver(session, shown_and_recorded(session, tmp_path / "rig2"))
    next_step(session.root, last=True)
    responses = session.newest.responses
    expected = answer(session.newest.stimuli, repeats=4, seed=5)
    assert len(responses) == len(expected) == 60 * 4 * 3
    totals = [
        one.trials.astype({"stimulus_id": str, "site": str}).groupby(["stimulus_id", "site"])["response"].sum()
        for one in (responses, expected)
    ]
    assert totals[0].sort_index().tolist() == totals[1].sort_index().tolist()
    assert "clock fitted to 240 markers" in session.newest.taken["notes"][0]
    assert "note" in session.log.read()["event"].tolist()


# Goals.


def test_a_level_that_was_missed_is_asked_for_again_and_one_that_was_reached_is_not(
    begun: LoopSession, tmp_path: Path
) -> None:
    goals = [{"name": "steps", "goal": "level", "sites": ["a"], "levels": [6, 500], "copies": 1, "warm": 0}]
    session = with_settings(copied(begun, tmp_path), goals=goals, level_tolerance=4.0, explore={"share": 0})
    deliver(session, [recorded(session, tmp_path)])
    next_step(session.root)
    plan = session.newest.plan
    assert plan.loc[plan["role"] == "exploit", ["target", "level"]].to_numpy().tolist() == [["a", 6.0], ["a", 500.0]]
    deliver(session, [recorded(session, tmp_path)])
    next_step(session.root)
    levels = session.generations[1].table("levels.tsv")
    assert levels[["level", "status"]].to_numpy().tolist() == [[6.0, "reached"], [500.0, "missed"]]
    plan = session.newest.plan
    assert plan.loc[plan["role"] == "exploit", "level"].tolist() == [500.0]
    assert read_status(session).table["levels"].tolist() == ["n/a", "1 of 2", "n/a"]


def test_patterns_are_asked_for_on_the_scale_of_generation_0_and_explored(begun: LoopSession, tmp_path: Path) -> None:
    goals = [{"name": "mix", "goal": "pattern", "pattern": {"a": 1.0, "b": -1.0}, "copies": 2, "evaluations": 8}]
    session = with_settings(
        copied(begun, tmp_path), goals=goals, explore={"share": 0.5, "kind": "both", "evaluations": 8}
    )
    deliver(session, [recorded(session, tmp_path)])
    next_step(session.root)
    plan = session.newest.plan
    explored = plan[plan["role"] == "explore"]
    assert explored["kind"].fillna("natural").tolist() == ["pattern", "natural"]
    entry = read_recipe(session.newest.root / "recipe.yaml").stimuli[0]
    history, fit = History.read(session, 0), session.fit(session.generations[0])
    assert entry.pattern is not None
    for site, z in entry.pattern.items():
        row = fit.table[fit.table["site"] == site].iloc[0]
        mean, spread = history.scale[site]
        assert row["mean"] + z * row["spread"] == pytest.approx(mean + spread * {"a": 1, "b": -1}[site], abs=1e-3)
    # The natural images that came nearest are shown again.
    z = history.z[:, [history.means.sites.index(site) for site in ("a", "b")]]
    nearest = history.means.stimulus_ids[int(np.linalg.norm(z - [1, -1], axis=1).argmin())]
    assert nearest in set(plan.loc[(plan["role"] == "anchor") & (plan["goal"] == "mix"), "stimulus_id"])


def test_controls_are_shown_beside_and_keep_apart_from_those_of_other_generations(
    begun: LoopSession, tmp_path: Path
) -> None:
    session = with_settings(copied(begun, tmp_path), controls={"noise": 1, "best_natural": 1}, explore={"share": 0})
    for _ in range(2):
        deliver(session, [recorded(session, tmp_path)])
        next_step(session.root)
    for generation in session.generations[1:]:
        plan = generation.plan
        controls = plan[plan["role"] == "control"]
        assert controls[["goal", "kind", "target"]].drop_duplicates().to_numpy().tolist() == [["stretch", "drive", "a"]]
        assert controls["stimulus_id"].str.startswith(f"g{generation.number}_").all()
        table = generation.stimuli.table.set_index("stimulus_id")
        # Noise of the spectrum of each of two controllers, and the natural image that the model likes best.
        assert sorted(table.loc[controls["stimulus_id"], "kind"]) == ["control", "control", "natural"]
        assert set(generation.stimuli.companion("controls.tsv")["stimulus_id"]) <= set(table.index)
        assert generation.stimuli.damaged() == []
    measured = session.generations[1].table("predicted.tsv").query("site == 'a' and role == 'control'")["measured"]
    assert session.generations[1].table("gains.tsv")["control"].iloc[0] == pytest.approx(measured.mean())


def test_when_every_goal_is_over_next_says_so_and_goes_on_when_there_is_one(begun: LoopSession, tmp_path: Path) -> None:
    goal = SETTINGS["goals"][0] | {"last": 1}
    session = with_settings(copied(begun, tmp_path), goals=[goal | {"first": 2, "last": 2}])
    deliver(session, [recorded(session, tmp_path)])
    with pytest.raises(InputError, match=r"every goal of loop.yaml is reached or over by generation 1: add a goal"):
        next_step(session.root)
    assert session.generations[0].lacks is None
    with_settings(session, goals=[goal | {"sites": ["d"]}])
    with pytest.raises(InputError, match="the goal stretch names the site 'd', which is not among the 3"):
        next_step(session.root)
    with_settings(session, goals=[goal])
    assert next_step(session.root).generation == 1


def with_settings(session: LoopSession, **changes: object) -> LoopSession:
    data = session.settings.model_dump(mode="json", exclude_unset=True) | changes
    (session.root / "loop.yaml").write_text(render_settings(validate(parse_yaml(json.dumps(data)), LoopSettings)))
    return LoopSession.read(session.root)


def test_every_generation_gains_over_the_best_natural_images(tmp_path: Path) -> None:
    """Fisher's combination over three sites: images no better than the natural ones would pass once in 1,000 times."""
    goals = [{"name": "stretch", "goal": "drive", "sites": list(SITES), "copies": 5, "warm": 0, "evaluations": 80}]
    fitting = {"folds": 3, "method": "factorised", "ensemble": "none"}
    session = begin(tmp_path, count=100, goals=goals, fitting=fitting, explore={"share": 0})
    for generation in range(3):
        deliver(session, [recorded(session, tmp_path)])
        next_step(session.root, last=generation == 2)
    for generation in session.generations[1:]:
        gains = generation.table("gains.tsv")
        assert set(gains["target"]) == set(SITES)
        assert scipy.stats.combine_pvalues(gains["p"]).pvalue < 1e-3, gains
    # Sites are predicted for what was made for others, too.
    assert (session.newest.table("sites.tsv")["r_predicted"] > 0.5).all()


# The command line.


def test_the_command_line_goes_once_round(synthstim, tmp_path: Path) -> None:
    out = synthstim(
        "loop", "init", "s", "--size", 64, "--layers", "blocks.1", "--count", 60, "--probes", 3, cwd=tmp_path, status=0
    )
    assert "show s/generation-000/experiment, then: synthstim loop deliver s FILES" in out
    session = LoopSession.read(tmp_path / "s")
    assert [goal.goal for goal in session.settings.goals] == ["drive", "one_hot"]
    recorded(session, tmp_path)
    assert "delivered s/generation-000/inbox/night0.tsv" in synthstim(
        "loop", "deliver", "s", "night0.tsv", cwd=tmp_path, status=0
    )
    assert "1 file arrived; go on with: synthstim loop next s" in synthstim(
        "loop", "status", "s", cwd=tmp_path, status=0
    )
    out = synthstim("loop", "next", "s", "--last", "--quiet", cwd=tmp_path, status=0)
    assert "generation 0 is complete: s/generation-000/report.html" in out
    assert "complete" in synthstim("loop", "status", "s", cwd=tmp_path, status=0)
    (tmp_path / "more.tsv").write_bytes((tmp_path / "night0.tsv").read_bytes())
    said = synthstim("loop", "deliver", "s", "more.tsv", cwd=tmp_path, status=2)
    assert "has its responses already, and nothing more is read for it: all files of one generation" in said
    assert "is not a session: it has no loop.yaml" in synthstim("loop", "next", "other", cwd=tmp_path)
    assert "--layers given with --from" in synthstim(
        "loop", "init", "t", "--from", "s/loop.yaml", "--layers", "blocks.2", cwd=tmp_path
    )
