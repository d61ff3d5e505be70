"""Experiments made of trials analysed: exported, answered by simulated participants, summed up."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_browser import MARKS, open_browser, require_quiet
from trials_fixture import exported
from typer.testing import CliRunner

from synthstim.analysis import ColumnCondition, Study, analyse_experiment, analyse_trials, read_study
from synthstim.analysis.sensitivity import TASKS
from synthstim.analysis.simulated import Skill, balanced_plan, simulate_answers, simulate_participants, study_of
from synthstim.cli import app
from synthstim.errors import InputError

SKILLS = {"conv1": 0.5, "conv2": 1.5, "conv5": 3.0}


def skill_of(study: Study, **options) -> Skill:
    return Skill({name: SKILLS[name.partition(":")[2]] for name in study.names}, **options)


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """An oddity experiment that three simulated participants have done."""
    made = exported(tmp_path_factory.mktemp("oddity"), participants=3, repeats=6, catch_trials=4, practice_trials=2)
    simulate_participants(made, skill_of(read_study(made), spread=0.2, strategy="differencing"), seed=1)
    (made / "rehearsal").rename(made / "data")
    return made


@pytest.fixture(scope="module")
def analysed(answered):
    return analyse_experiment(answered, over="match_db")


@pytest.fixture
def folder(answered, tmp_path):
    return shutil.copytree(answered, tmp_path / "exp", ignore=shutil.ignore_patterns("analysis"))


def table_of(folder, number=1):
    return folder / "data" / f"oddity_participant_{number:03d}_trials.tsv"


def changed(path, change):
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    change(table).to_csv(path, sep="\t", index=False, lineterminator="\n")


def test_the_study_is_that_of_the_export(answered):
    study = read_study(answered)
    assert study.names == tuple(f"{net}:{layer}" for net in ("alexnet", "vone") for layer in SKILLS)
    assert (study.task, study.answers, study.columns, study.catch_trials) == (
        "oddity",
        ("1", "2", "3"),
        ("observer", "layer"),
        4,
    )
    assert study.trials == 18
    assert [study.label(name) for name in study.names[:2]] == ["conv1", "conv2"]
    assert {study.line(name) for name in study.names} == {"alexnet", "vone"}


def test_proportions_sensitivity_times_and_files(answered, analysed):
    found = analysed
    trials = pd.concat(pd.read_csv(path, sep="\t") for path in sorted((answered / "data").glob("*_trials.tsv")))
    main = trials[trials["phase"] == "main"]
    table = found.by_condition.set_index("condition")
    assert table["pooled"].to_dict() == pytest.approx(main.groupby("condition")["correct"].mean().to_dict())
    assert table["layer"].tolist() == [*SKILLS] * 2
    right = main[main["correct"] == 1].groupby("condition")["response_time"]
    times = found.times.set_index("condition")
    assert times["median_s"].to_dict() == pytest.approx(right.median().to_dict())
    assert times["p90_s"].to_dict() == pytest.approx(right.quantile(0.9).to_dict())
    own = found.sensitivity[found.sensitivity["strategy"] == "differencing"].set_index("condition")
    assert (own.loc["vone:conv1", "high"] < own.loc["vone:conv5", "low"]).all()
    assert [own.loc[f"{net}:conv5", "low"] < 3 < own.loc[f"{net}:conv5", "high"] for net in ("alexnet", "vone")] == [
        True
    ] * 2
    # Matches of deeper layers are worse, and easier to tell.
    assert all(curve.falls for curve in found.curves.values())
    names = {path.name for path in found.files}
    assert {"trials.tsv", "sensitivity.tsv", "thresholds.tsv", "mixed_model.R", "figure.svg", "analysis.html"} <= names
    written = pd.read_csv(answered / "analysis" / "trials.tsv", sep="\t")
    assert len(written) == len(trials)
    told = pd.read_csv(answered / "analysis" / "columns.tsv", sep="\t")
    for name in ("by_condition.tsv", "times.tsv", "sensitivity.tsv", "thresholds.tsv", "thresholds_by_participant.tsv"):
        assert set(told[told["table"] == name]["column"]) == set(pd.read_csv(answered / "analysis" / name, sep="\t"))


def test_what_did_not_end_in_an_answer_is_counted_and_left_out(folder):
    before = analyse_experiment(folder)

    def lost(table):
        main = table.index[table["phase"] == "main"]
        for at, status in zip(main[:4], ("interrupted", "no_response", "no_response", "aborted"), strict=True):
            table.loc[at, ["status", "response", "correct", "response_time"]] = [status, "n/a", "n/a", "n/a"]
        # What was aborted was given again.
        again = table.loc[[main[3]]].assign(status="answered", response="1", correct="0", response_time="1.0")
        return pd.concat([table, again])

    changed(table_of(folder), lost)
    found = analyse_experiment(folder)
    assert found.by_condition["trials"].sum() == before.by_condition["trials"].sum() - 3
    assert "1 trial was interrupted and left out." in found.notes
    assert "2 trials had no answer in time and were left out." in found.notes
    assert "1 trial was aborted, and given again." in found.notes


def test_who_knows_no_catch_trial_is_left_out(folder):
    def careless(table):
        table.loc[table["phase"] == "catch", "correct"] = "0"
        return table

    changed(table_of(folder, 2), careless)
    found = analyse_experiment(folder)
    assert found.participants.set_index("participant")["kept"].tolist() == [True, False, True]
    assert "Participant 2 is left out: catch trials: 0 of 4 correct, 80 % wanted." in found.notes
    assert set(found.sensitivity["participants"]) == {2}


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        (
            "condition",
            "alexnet:fc8",
            "has the condition 'alexnet:fc8', which is not among the conditions of this experiment",
        ),
        ("response", "4", "has the answer '4', which is not among the 3 answers of this experiment"),
        ("status", "lost", "has the status 'lost', which is not among what can become of a trial"),
        ("response_time", "soon", "a cell in the column response_time that is not a number"),
        ("participant", "7", "holds trials of participant 7"),
        ("trial", "0", "has the trial 0 twice"),
    ],
)
def test_a_damaged_participant_is_left_out_and_named(folder, column, cell, said):
    def spoil(table):
        table.loc[table.index[-1], column] = cell
        return table

    changed(table_of(folder, 3), spoil)
    found = analyse_experiment(folder)
    out = found.participants.set_index("participant").loc[3]
    assert not out["kept"]
    assert said in out["reason"]


def test_a_plan_that_is_missing_or_damaged_is_one_sentence(folder):
    (folder / "plan.tsv").write_text("participant\ttrial\n1\t0\n")
    with pytest.raises(InputError, match=r"plan\.tsv is not the plan of an experiment \(it has no column condition\)"):
        analyse_experiment(folder)
    (folder / "plan.tsv").unlink()
    with pytest.raises(InputError, match="No such file or directory"):
        analyse_experiment(folder)


def test_a_staircase_is_analysed_by_its_tracks(tmp_path):
    design = "conditions: [observer]\nmethod: {kind: staircase, over: match_db, easier: low, trials: 40, down: 2}\n"
    made = exported(tmp_path, design=design, participants=2, catch_trials=0, practice_trials=0)
    simulate_participants(made, Skill(4.0), seed=3)
    found = analyse_experiment(made, rehearsal=True)
    assert found.thresholds["curve"].tolist() == ["alexnet", "vone"]
    assert found.levels.adaptive
    assert found.sensitivity.empty
    assert any(note.startswith("The answers chose the levels") for note in found.notes)
    trials = pd.read_csv(next((made / "rehearsal").glob("*_001_trials.tsv")), sep="\t")
    last = trials[trials["track"] == "vone"].iloc[-1]
    own = found.thresholds_by_participant
    own = own[(own["participant"] == 1) & (own["curve"] == "vone")].iloc[0]
    assert own["track_threshold"] == pytest.approx(last["track_threshold"])
    assert own["reversals"] == last["track_reversals"]
    assert own["trials"] == 40
    # Two right answers in a row settle where 71 % are right.
    table = found.thresholds
    assert table["proportion"].to_numpy() == pytest.approx(0.5**0.5 - table["lapse"].to_numpy() * 0.56, abs=0.005)
    assert 22 <= own["threshold"] <= 42


# Each kind of answer, and the designs without an export.


def test_yes_no_takes_noise_from_the_condition_that_has_it():
    study = study_of("yes_no", ["natural", "metamer"], participants=4)
    plan = balanced_plan(study, 100).assign(right=lambda plan: np.where(plan["condition"] == "natural", "no", "yes"))
    found = analyse_trials(simulate_answers(plan, study, Skill(2.0), seed=1), study)
    assert found.sensitivity["condition"].tolist() == ["metamer"]
    assert found.sensitivity["d_prime"].iloc[0] == pytest.approx(2.0, abs=0.5)
    assert np.isfinite(found.sensitivity["bias"].iloc[0])


@pytest.mark.parametrize("task", ["2afc", "abx", "same_different", "match", "identify"])
def test_known_sensitivities_are_found_in_their_order(task):
    study = study_of(task, ["low", "high"], participants=6)
    trials = simulate_answers(balanced_plan(study, 60), study, Skill({"low": 0.7, "high": 2.2}), seed=2)
    found = analyse_trials(trials, study).sensitivity
    own = found[found["strategy"] == found["strategy"].iloc[0]].set_index("condition")
    # 360 answers: their standard error of d' is at most 0.35 at these values; five of them.
    assert own["d_prime"].to_dict() == pytest.approx({"low": 0.7, "high": 2.2}, abs=1.2)
    assert own.loc["low", "d_prime"] < own.loc["high", "d_prime"]


def ratings(answers):
    study = Study(
        (ColumnCondition("a"), ColumnCondition("b")), (), 3, protocol="rating", title="How natural?", columns=()
    )
    plan = balanced_plan(study_of("2afc", ["a", "b"], participants=3), 10)
    return study, plan.assign(right=pd.NA, response=answers(plan), correct=pd.NA, response_time=0.5, status="answered")


def test_ratings_are_means_with_intervals():
    study, trials = ratings(lambda plan: (plan["participant"] + 2 * (plan["condition"] == "b")).astype(str))
    found = analyse_trials(trials, study)
    assert found.measure.title == "Mean answer"
    assert found.by_condition["mean"].tolist() == [2, 4]
    # Participants differ by their level alone: within them there is no spread.
    assert found.by_condition["within_low"].tolist() == pytest.approx([2, 4])
    assert found.by_condition["low"].iloc[0] < 1
    assert "Mean answer" in found.svg()
    assert "d'" not in found.summary
    assert "lmer" in dict(analysis_files(found))["mixed_model.R"]


def analysis_files(found):
    from synthstim.analysis.shown.files import contents_of

    return contents_of(found)


def test_answers_that_are_neither_right_nor_numbers_are_counted(tmp_path):
    study, trials = ratings(lambda plan: np.where(plan["trial"] % 4 == 0, "left", "right"))
    study = Study(**{**vars(study), "answers": ("left", "right"), "slots": ("left", "right")})
    trials = trials.assign(left="x", right_slot="y").rename(columns={"right": "right_answer"})
    found = analyse_trials(trials.rename(columns={"right_slot": "right"}).assign(right=pd.NA), study)
    assert found.measure is None
    assert found.answers.groupby("condition")["proportion"].sum().tolist() == pytest.approx([1, 1])
    assert "figure.svg" not in analysis_files(found)
    assert "answers" in found.html()
    with pytest.raises(InputError, match="asks for no right answer and no number"):
        found.svg()


def test_confidence_is_summed_up_by_right_and_wrong():
    study = study_of("2afc", ["a"], participants=2)
    trials = simulate_answers(balanced_plan(study, 50), study, Skill(1.0))
    trials["confidence"] = np.where(trials["correct"], 4.0, 2.0)
    found = analyse_trials(trials, study)
    assert found.confidence[["confidence_right", "confidence_wrong"]].to_numpy().tolist() == [[4.0, 2.0]]
    assert "of wrong answers" in found.html()


# Simulated participants.


def test_the_page_on_analysis_says_what_to_type(folder, monkeypatch, capsys):
    text = (Path(__file__).parents[1] / "docs" / "analysis.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.S)[1]
    (folder / "data").rename(folder / "apart")
    folder.rename(folder.with_name("oddity"))
    monkeypatch.chdir(folder.parent)
    quick = code.replace('{"conv1": 0.5, "conv5": 2.0}', "2.0").replace("participants=8", "participants=2")
    exec(quick, {})
    assert "2 of 2" in capsys.readouterr().out
    for task in TASKS:
        assert f"`{task}`" in text


def test_the_same_seed_simulates_the_same_answers(tmp_path):
    study = study_of("abx", ["a", "b"], participants=2)
    plan = balanced_plan(study, 20)
    first, again, other = (simulate_answers(plan, study, Skill(1.0, spread=0.5), seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first["correct"].equals(other["correct"])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda study: Skill({"a": 1.0}), "no d' given for b: give a number"),
        (lambda study: Skill({"a": 1.0, "b": 1.0, "c": 1.0}), "the condition 'c' is not in the study"),
        (lambda study: Skill(1.0, lapses=1.5), "out of range"),
        (lambda study: Skill(1.0, strategy="lucky"), "expected one of independent, differencing"),
    ],
)
def test_what_cannot_be_simulated_is_one_sentence(wrong, said):
    study = study_of("abx", ["a", "b"], participants=2)
    with pytest.raises(InputError, match=said):
        simulate_answers(balanced_plan(study, 4), study, wrong(study))


def test_simulated_tables_replace_nothing(folder):
    copy = folder
    (copy / "data").rename(copy / "rehearsal")
    with pytest.raises(InputError, match="exists already"):
        simulate_participants(copy, skill_of(read_study(copy)))
    with pytest.raises(InputError, match="participants=9 given; expected 1 to 3"):
        simulate_participants(copy, skill_of(read_study(copy)), participants=9)


# Its faces.


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_the_lines_for_r_find_sensitivity(tmp_path):
    study = study_of("yes_no", ["low", "high"], participants=6)
    found = analyse_trials(
        simulate_answers(balanced_plan(study, 80), study, Skill({"low": 1.0, "high": 2.0}), seed=4), study
    )
    for name, content in analysis_files(found).items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    done = subprocess.run(
        ["Rscript", "--vanilla", "mixed_model.R"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if "there is no package called" in done.stderr:
        pytest.skip("lme4 is not installed for R")
    assert done.returncode == 0, done.stderr
    slope = float(re.search(r"^signal +(-?[\d.]+)", done.stdout, re.MULTILINE)[1])
    change = float(re.search(r"^conditionhigh:signal +(-?[\d.]+)", done.stdout, re.MULTILINE)[1])
    ours = found.sensitivity.set_index("condition")["d_prime"]
    assert slope == pytest.approx(ours["low"], abs=0.1)
    assert slope + change == pytest.approx(ours["high"], abs=0.15)


def test_the_lines_for_r_look_at_what_cannot_be_modelled_first():
    study = study_of("yes_no", ["low", "high"], participants=1)
    found = analyse_trials(simulate_answers(balanced_plan(study, 4), study, Skill({"low": 1.0, "high": 2.0})), study)
    lines = analysis_files(found)["mixed_model.R"]
    few, same, fitted = (
        lines.index(part) for part in ("need two participants", "unique(main$correct)) > 1", 'glmer(model("correct"')
    )
    assert few < same < fitted < lines.index("All answers are equally right")


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_the_lines_for_r_say_why_one_participant_has_no_mixed_model(tmp_path):
    study = study_of("yes_no", ["low", "high"], participants=1)
    found = analyse_trials(simulate_answers(balanced_plan(study, 4), study, Skill({"low": 1.0, "high": 2.0})), study)
    for name, content in analysis_files(found).items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    command = ["Rscript", "--vanilla", "mixed_model.R"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert "Error: mixed models need two participants or more" in done.stderr


def test_the_command_analyses_and_names_a_column_that_is_not_there(folder):
    done = CliRunner().invoke(app, ["analyse", str(folder)], catch_exceptions=False)
    assert "d' " in done.output
    assert "written " in done.output
    wrong = CliRunner().invoke(app, ["analyse", str(folder), "--over", "matchdb"])
    assert "'matchdb'" in str(wrong.exception)


@pytest.mark.browser
@pytest.mark.skipif(MARKS[1].args[0], reason="chromium or chromedriver is not installed")
def test_the_page_draws_every_figure_and_asks_no_host(answered, analysed, tmp_path):
    with open_browser(tmp_path / "chromium") as browser:
        require_quiet(browser, answered / "analysis" / "analysis.html")
        drawn = "return [...document.querySelectorAll('.figure')].map((figure) => [figure.dataset.figure, figure.querySelectorAll('.trace').length > 0])"
        assert browser.execute_script(drawn) == [
            [name, True] for name in ("recognised", "sensitivity", "psychometric", "times")
        ]
        rows = "return document.querySelector('#sensitivity tbody').rows.length"
        assert browser.execute_script(rows) == 18


def test_names_are_escaped_everywhere(folder):
    facts = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    script = "<script>alert(1)</script>"
    (folder / "manifest.json").write_text(json.dumps(facts | {"title": f"Odd{script}"}), encoding="utf-8")
    found = analyse_experiment(folder)
    html = found.html()
    start, end = html.index("* plotly.js v"), html.rindex("<script>")
    assert script not in html[:start] + html[end:] + found.svg()
