"""What a session says, refuses or leaves alone: units, sites, scores, settings that changed, a folder that was copied."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from loop_fixture import answer, begin, copied, recorded
from responses_fixture import write_nwb_of
from typer.testing import CliRunner

from synthstim.cli import app
from synthstim.errors import InputError
from synthstim.loop import LoopSession, deliver, next_step, read_settings, read_status
from synthstim.loop.plan import poor_sites
from synthstim.responses import Responses, write_table


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> LoopSession:
    """Generation 0 waits for responses."""
    return begin(tmp_path_factory.mktemp("begun"), min_score=-1)


@pytest.fixture(scope="module")
def second(begun: LoopSession, tmp_path_factory: pytest.TempPathFactory) -> LoopSession:
    """Generation 0 is complete, generation 1 waits for responses."""
    folder = tmp_path_factory.mktemp("second")
    session = copied(begun, folder)
    deliver(session, [recorded(session, folder)])
    next_step(session.root)
    return session


def change(session: LoopSession, old: str, new: str) -> LoopSession:
    """The session after its loop.yaml was edited."""
    path = session.root / "loop.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return session


def delivered(session: LoopSession, folder: Path, changed: Callable[[pd.DataFrame], pd.DataFrame]) -> list[str]:
    """Take in changed responses to the newest generation; return what was told of it."""
    newest = session.newest
    trials = answer(newest.stimuli, seed=newest.number).trials.astype({"site": str, "stimulus_id": str})
    path = write_table(Responses(changed(trials)), folder / "night.tsv")
    deliver(session, [path])
    told: list[str] = []
    next_step(session.root, last=True, tell=told.append)
    return told


# Responses.


def test_a_generation_in_another_unit_is_refused_until_the_settings_allow_it(
    second: LoopSession, tmp_path: Path
) -> None:
    session = copied(second, tmp_path)
    rates = lambda trials: trials.assign(response=trials["response"] / 0.1)  # noqa: E731
    with pytest.raises(
        InputError, match=r"times those of session generation-000 .*: deliver all in one unit.*max_drift in"
    ):
        delivered(session, tmp_path, rates)
    assert not (session.newest.root / "responses.tsv").exists()
    change(session, "max_drift: 3.0", "max_drift: 20")
    next_step(session.root, last=True)
    assert session.newest.table("sites.tsv")["drift"].min() > 5


def test_the_same_trials_under_a_second_name_are_refused(begun: LoopSession, tmp_path: Path) -> None:
    session = copied(begun, tmp_path)
    first = recorded(session, tmp_path)
    table = pd.read_csv(first, sep="\t").assign(session="again")
    table.to_csv(tmp_path / "again.tsv", sep="\t", index=False)
    deliver(session, [first, tmp_path / "again.tsv"])
    with pytest.raises(InputError, match="give each recording once"):
        next_step(session.root)


def test_sites_that_appear_or_vanish_are_named(second: LoopSession, tmp_path: Path) -> None:
    session = copied(second, tmp_path)
    told = delivered(session, tmp_path, lambda trials: trials.replace({"site": {"c": "d"}}))
    assert any("d: not in generation 0, and not fitted" in text for text in told)
    assert any("c: fitted before, and not recorded now" in text for text in told)
    assert set(session.log.read().query("event == 'note'")["generation"]) == {1}


def test_a_site_that_a_goal_names_is_asked_for_before_the_fit(begun: LoopSession, tmp_path: Path) -> None:
    session = change(copied(begun, tmp_path), "sites: [a]", "sites: [z]")
    deliver(session, [recorded(session, tmp_path)])
    told: list[str] = []
    with pytest.raises(InputError, match="the goal stretch names the site 'z', which is not among the 3"):
        next_step(session.root, tell=told.append)
    assert session.newest.lacks == "fit"
    assert not [text for text in told if "activations" in text]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sites": ["b", "c"]}, r"goals\[0\].sites names 'a', which is not among sites"),
        ({"leave_out": ["a"]}, r"goals\[0\].sites names 'a', which leave_out names as well"),
        ({"window_s": [70, 170]}, r"window_s is \[70, 170\]; expected seconds from the onset, such as"),
    ],
)
def test_settings_that_cannot_be_met_are_refused_at_once(changes: dict, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        begin(tmp_path, **changes)
    assert not (tmp_path / "session").exists()


def test_no_images_are_made_for_a_site_that_the_model_does_not_predict(begun: LoopSession, tmp_path: Path) -> None:
    session = change(copied(begun, tmp_path), "sites: [a]", "sites: all")
    change(session, "min_score: -1.0", "min_score: 0.2")

    def shuffled(trials: pd.DataFrame) -> pd.DataFrame:
        # Reliable, and of nothing that the images show.
        ids = trials["stimulus_id"].unique()
        dealt = dict(zip(ids, np.random.default_rng(0).permutation(ids), strict=True))
        mine = trials["site"] == "c"
        lost = trials.loc[mine, "stimulus_id"].map(dealt)
        moved = trials[mine].assign(stimulus_id=lost).drop(columns="sha256")
        return pd.concat([trials[~mine].drop(columns="sha256"), moved])

    delivered(session, tmp_path, shuffled)
    scores = session.fit(session.newest).table.set_index("site")["score"]
    poor = poor_sites(session.fit(session.newest), ["a", "b", "c"], 0.2)
    assert poor == {site: score for site, score in scores.items() if not score >= 0.2}
    assert "c" in poor
    told: list[str] = []
    next_step(session.root, tell=told.append)
    assert any("nothing is made for" in text and "c (" in text and "below min_score, 0.2" in text for text in told)
    assert set(session.newest.plan["target"].dropna()) == {"a", "b", "c"} - set(poor)
    # Nothing is left to do, which is said as it is.
    lost = change(LoopSession.read(session.root), "min_score: 0.2", "min_score: 1.0")
    shutil.rmtree(lost.newest.root)
    with pytest.raises(InputError, match="has a held-out score below min_score, 1 "):
        next_step(lost.root)


def test_nwb_tables_and_names_are_chosen_in_the_settings(begun: LoopSession, tmp_path: Path) -> None:
    session = copied(begun, tmp_path)
    ids = [str(name) for name in session.newest.stimuli.table["stimulus_id"]]
    generator = np.random.default_rng(0)
    order = [ids[at] for _ in range(3) for at in generator.permutation(len(ids))]
    onsets = 1.0 + 0.4 * np.arange(len(order))
    rates = dict(zip(ids, generator.uniform(1, 12, len(ids)), strict=True))
    spikes = [
        onset + 0.08 + 0.002 * k
        for onset, name in zip(onsets, order, strict=True)
        for k in range(generator.poisson(rates[name]))
    ]

    def fill(content: object) -> None:
        content.add_trial_column(name="stimulus_id", description="d")
        content.add_trial_column(name="picture", description="d")
        content.add_unit_column(name="label", description="d")
        for onset, name in zip(onsets, order, strict=True):
            content.add_trial(start_time=onset, stop_time=onset + 0.1, stimulus_id="other", picture=name)

    path = write_nwb_of(tmp_path / "night.nwb", fill, spikes, label="a")
    deliver(session, [path])
    with pytest.raises(InputError, match="stimulus is not in the set"):
        next_step(session.root, last=True)
    text = (session.root / "loop.yaml").read_text()
    reading = next(line for line in text.splitlines() if line.startswith("reading: {"))
    change(session, reading, reading[:-1] + ", column: picture, site_column: label}")
    next_step(session.root, last=True)
    assert session.newest.responses.sites == ("a",)


# Settings.


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("window_s: [0.07, 0.17]", "window_s: [0.05, 0.15]", "window_s is .* began with"),
        ("size: [64, 64]", "size: [96, 96]", "observer.size is .* began with"),
        ("name: efficientnet-lite0", "name: squeezenet", "observer.name is squeezenet, this session began with"),
    ],
)
def test_what_stays_in_a_session_is_refused_when_it_changes(
    begun: LoopSession, tmp_path: Path, old: str, new: str, said: str
) -> None:
    session = change(copied(begun, tmp_path), old, new)
    with pytest.raises(InputError, match=said):
        LoopSession.read(session.root)


def test_other_layers_are_taken_and_said(second: LoopSession, tmp_path: Path) -> None:
    session = change(copied(second, tmp_path), "layers: [blocks.1]", "layers: [blocks.0, blocks.1]")
    told = delivered(session, tmp_path, lambda trials: trials)
    assert "generation 1: fitted to the layers blocks.0, blocks.1, before to blocks.1" in told


def test_a_session_that_was_copied_has_no_late_files(second: LoopSession, tmp_path: Path) -> None:
    root = tmp_path / "session"
    shutil.copytree(second.root, root, copy_function=shutil.copy)
    session = LoopSession.read(root)
    inbox = session.generations[0].inbox
    taken = inbox / "night0.tsv"
    assert taken.stat().st_mtime_ns != session.generations[0].taken["files"]["night0.tsv"]["mtime_ns"]
    next_step(root)
    assert "late" not in set(session.log.read()["event"])
    # One that was changed since is late, of whatever length.
    taken.write_bytes(taken.read_bytes().replace(b"nat_0001", b"nat_0002"))
    assert session.generations[0].late == ["night0.tsv"]


def run(*words: object, columns: int = 200) -> str:
    done = CliRunner().invoke(app, ["loop", *map(str, words)], env={"COLUMNS": str(columns)})
    return done.output if done.exception is None else str(done.exception)


def test_settings_of_the_protocol_are_kept_for_every_generation(tmp_path: Path) -> None:
    given = ["--layers", "blocks.1", "--size", 64, "--count", 60, "--set", "x_deg=3", "--set", "blocks=1"]
    run("init", tmp_path / "session", *given)
    assert read_settings(tmp_path / "session" / "loop.yaml").experiment.settings == {"x_deg": 3, "blocks": 1}
    readme = (tmp_path / "session" / "generation-000" / "experiment" / "README.md").read_text(encoding="utf-8")
    assert "3" in readme
    for options, said in (
        (["--set", "x_degrees=3"], "x_degrees"),
        (["--set", "x_deg"], "expected KEY=VALUE"),
        (
            ["--from", tmp_path / "session" / "loop.yaml", "--set", "x_deg=3"],
            "--set given with --from: change it in loop.yaml",
        ),
    ):
        assert said in run("init", tmp_path / "other", *(given[:6] if "--from" not in options else []), *options)
        assert not (tmp_path / "other").exists()


def test_a_file_of_settings_without_goals_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("observer: efficientnet-lite0\nlayers: [blocks.1]\n")
    assert "the file lacks goals: give some, such as goals: [{name: stretch" in run(
        "init", tmp_path / "session", "--from", tmp_path / "mine.yaml"
    )


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_status_cuts_nothing(second: LoopSession, columns: int) -> None:
    said = " ".join(run("status", second.root, columns=columns).split())
    for word in (*read_status(second).table.columns, "complete", "waits for", "responses", "time", "event", "detail"):
        assert word in said
    assert "\N{HORIZONTAL ELLIPSIS}" not in said


@pytest.mark.parametrize(
    ("words", "within"),
    [
        (["init", "{root}/new", "--layers", "blocks.1"], "synthstim.loop.start_loop"),
        (["next", "{root}/session"], "synthstim.loop.next_step"),
        (["deliver", "{root}/session", "{root}/night.tsv"], "synthstim.loop.deliver"),
        (["status", "{root}/session"], "synthstim.loop.read_status"),
    ],
)
def test_a_command_that_is_stopped_says_what_is_left(
    begun: LoopSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], within: str
) -> None:
    copied(begun, tmp_path)

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(within, stop)
    done = CliRunner().invoke(app, ["loop", *(word.format(root=tmp_path) for word in words)])
    assert done.exit_code == 130
    assert "stopped; what is complete is kept, and the same command continues from there" in " ".join(
        done.output.split()
    )
    assert "--resume" not in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["session"]
