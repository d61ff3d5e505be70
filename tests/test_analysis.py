"""Listening tests analysed: the published accuracies come back, intervals cover them, exclusions are stated, bad tables are refused."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from analysis_fixture import PARTICIPANTS, PUBLISHED, WORDS, accuracies_of, design_of
from report_browser import MARKS, open_browser, require_quiet
from scipy import stats
from simulated_listeners import EARLIER_COLUMNS, TRIAL_COLUMNS, as_earlier, simulate_trials, write_experiment
from typer.testing import CliRunner

from synthstim.analysis import (
    Condition,
    ListenerCriteria,
    Study,
    analyse_experiment,
    analyse_trials,
    between,
    plan_participants,
    read_study,
    student,
    wilson,
    within,
)
from synthstim.analysis.by_condition.proportions import BY_CONDITION, BY_PARTICIPANT
from synthstim.analysis.planning.proportions import population, skills_of
from synthstim.analysis.shown.figure import places
from synthstim.cli import app
from synthstim.errors import InputError
from synthstim.experiment.runtime.plan import PARTS

SMALL = Study(
    (Condition("natural"), Condition("conv1", "net", "conv1"), Condition("conv2", "net", "conv2")), WORDS[:40], 6, 4
)
SHARES = {"natural": 0.9, "conv1": 0.6, "conv2": 0.1}


@pytest.fixture(scope="module")
def small_trials():
    return simulate_trials(SMALL, SHARES, trials=10, seed=4)


@pytest.fixture
def folder(small_trials, tmp_path):
    """A small test as a folder."""
    return write_experiment(SMALL, small_trials, tmp_path / "words")


def table_of(folder, participant: int):
    return folder / "data" / f"word_listening_participant_{participant:03d}_trials.tsv"


def changed(path, change) -> None:
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


# The published accuracies.


@pytest.mark.parametrize("model", PUBLISHED)
def test_simulated_participants_give_the_published_accuracies_back(model, tmp_path):
    design, published = design_of(model), np.array(PUBLISHED[model])
    studies = [simulate_trials(design, accuracies_of(model), trials=40, seed=seed) for seed in range(5)]
    tables = [analyse_experiment(write_experiment(design, studies[0], tmp_path / model)).by_condition]
    tables += [analyse_trials(trials, design).by_condition for trials in studies[1:]]
    assert {tuple(table["condition"]) for table in tables} == {design.names}
    # A study's own error is about 0.02; five together are within 0.03 of the truth.
    assert np.abs(np.mean([table["proportion"] for table in tables], axis=0) - published).max() < 0.03
    inside = np.array([(table["low"] <= published) & (published <= table["high"]) for table in tables])
    assert inside.mean() > 0.85


def test_intervals_cover_the_published_accuracies_as_often_as_they_say():
    generator, covered, t_covered = np.random.default_rng(2), [], []
    for model, published in PUBLISHED.items():
        means = population(design_of(model), accuracies_of(model))
        for _ in range(500):
            heard = generator.binomial(40, skills_of(means, PARTICIPANTS, spread=0.1, generator=generator)) / 40
            for place, mean in enumerate(published):
                low, high = between(heard[:, place], np.full(PARTICIPANTS, 40))
                covered.append((model, place, low <= mean <= high))
                low, high = student(heard[:, place])
                t_covered.append((model, place, low <= mean <= high))
    rates = pd.DataFrame(covered).groupby([0, 1])[2].mean()
    assert 0.93 <= rates.mean() <= 0.97
    # Two binomial standard errors of 500 around the same bounds, at every stage, 0.2 % recognised included.
    assert rates.min() >= 0.91
    assert rates.max() <= 0.985
    # Why t is not the main interval: where nearly nothing is recognised it misses far more often than 5 %.
    assert pd.DataFrame(t_covered).groupby([0, 1])[2].mean().min() < 0.8


@pytest.mark.slow
def test_intervals_cover_through_the_whole_analysis():
    covered = []
    for model, published in PUBLISHED.items():
        design = design_of(model, catch_trials=0)
        for seed in range(50):
            table = analyse_trials(
                simulate_trials(design, accuracies_of(model), trials=40, seed=seed), design
            ).by_condition
            covered.append((table["low"] <= np.array(published)) & (np.array(published) <= table["high"]))
    rates = np.concatenate(covered)
    assert 0.93 <= rates.mean() <= 0.97


# Intervals.


def test_wilson_agrees_with_an_independent_implementation():
    for right, count in ((0, 10), (3, 10), (10, 10), (17, 400)):
        theirs = stats.binomtest(right, count).proportion_ci(method="wilson")
        assert wilson(right / count, count) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_the_t_interval_agrees_with_an_independent_implementation():
    values = np.random.default_rng(3).uniform(size=14)
    theirs = stats.t.interval(0.95, 13, loc=values.mean(), scale=stats.sem(values))
    assert student(values) == pytest.approx(theirs)


def test_in_the_middle_of_the_scale_the_interval_is_nearly_t():
    values = np.random.default_rng(4).normal(0.5, 0.12, 30)
    ours, t = between(values, np.full(30, 100)), student(values)
    assert ours == pytest.approx(t, abs=0.004)


def test_where_nobody_or_everybody_is_right_it_keeps_a_width():
    assert between(np.zeros(20), np.full(20, 10)) == pytest.approx(wilson(0, 200))
    assert between(np.ones(20), np.full(20, 10)) == pytest.approx(wilson(1, 200))
    assert student(np.zeros(20)) == (0, 0)


def test_participants_are_the_random_unit():
    # Two kinds of participants: more answers of each do not make the mean over participants surer.
    values = np.repeat([0.2, 0.8], 10)
    few, many = between(values, np.full(20, 20)), between(values, np.full(20, 2000))
    assert few == pytest.approx(many)
    assert many[1] - many[0] > 5 * (wilson(0.5, 40_000)[1] - wilson(0.5, 40_000)[0])


def test_one_participant_has_no_interval():
    for interval in (between([0.5], [10]), student([0.5])):
        assert np.isnan(interval).all()
    assert np.isnan(within([[0.5, 0.6]])).all()


def test_within_participant_intervals_leave_differences_between_participants_out():
    generator = np.random.default_rng(5)
    effects = generator.normal(0, 0.02, (20, 4)) + np.array([0.2, 0.4, 0.6, 0.7])
    shifted = effects + generator.normal(0, 0.5, (20, 1))
    assert within(shifted) == pytest.approx(within(effects))
    # Morey's correction: for two conditions the interval is t's of the difference, over the square root of 2.
    two = effects[:, :2]
    low, high = student(two[:, 1] - two[:, 0])
    assert within(two) == pytest.approx([(high - low) / 2 / np.sqrt(2)] * 2)


# Tables and files.


def test_tables_of_earlier_exports_say_the_same(small_trials, tmp_path):
    old = as_earlier(small_trials)
    assert tuple(old.columns) == EARLIER_COLUMNS
    folders = [
        write_experiment(SMALL, trials, tmp_path / name) for name, trials in (("new", small_trials), ("old", old))
    ]
    new, earlier = (analyse_experiment(folder) for folder in folders)
    pd.testing.assert_frame_equal(new.by_condition, earlier.by_condition)
    pd.testing.assert_frame_equal(new.participants, earlier.participants)
    pd.testing.assert_frame_equal(new.confusions, earlier.confusions)


def test_proportions_are_those_of_a_plain_count(small_trials):
    found = analyse_trials(small_trials, SMALL)
    main = small_trials[small_trials["phase"] == "main"]
    for row in found.by_participant.itertuples():
        own = main[(main["participant"] == row.participant) & (main["condition"] == row.condition)]
        assert (row.trials, row.correct) == (len(own), own["correct"].sum())
    means = found.by_participant.groupby("condition")["proportion"].mean()
    assert found.by_condition.set_index("condition")["proportion"].to_dict() == pytest.approx(means.to_dict())
    assert found.by_condition["pooled"].tolist() == pytest.approx(
        [main[main["condition"] == name]["correct"].mean() for name in SMALL.names]
    )


def test_files_hold_what_the_analysis_holds(folder, small_trials, tmp_path):
    found = analyse_experiment(folder, tmp_path / "out")
    assert sorted(path.name for path in found.files) == sorted(path.name for path in (tmp_path / "out").iterdir())
    with open(tmp_path / "out" / "by_condition.tsv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert list(rows[0]) == ["condition", "observer", "layer", *BY_CONDITION]
    assert [float(row["proportion"]) for row in rows] == pytest.approx(
        found.by_condition["proportion"].tolist(), abs=1e-5
    )
    assert (rows[0]["observer"], rows[1]["observer"]) == ("n/a", "net")
    with open(tmp_path / "out" / "by_participant.tsv", encoding="utf-8") as stream:
        assert list(csv.DictReader(stream, delimiter="\t").fieldnames) == list(BY_PARTICIPANT)
    assert (tmp_path / "out" / "summary.txt").read_text(encoding="utf-8").strip() == found.summary
    straight = analyse_trials(small_trials, SMALL).by_condition.drop(columns=["median_rt_s"])
    pd.testing.assert_frame_equal(found.by_condition.drop(columns=["median_rt_s"]), straight)


def test_results_stand_beside_the_data_and_are_replaced(folder):
    analyse_experiment(folder)
    old = (folder / "analysis" / "by_condition.tsv").read_text()
    for number in range(3, 7):
        table_of(folder, number).unlink()
    analyse_experiment(folder)
    assert (folder / "analysis" / "by_condition.tsv").read_text() != old
    assert len(list((folder / "analysis").iterdir())) == 12


def test_the_order_is_the_models_with_natural_first(folder):
    changed(
        folder / "manifest.json",
        lambda text: json.dumps({**json.loads(text), "conditions": json.loads(text)["conditions"][::-1]}),
    )
    assert read_study(folder).names == ("natural", "conv2", "conv1")
    assert analyse_experiment(folder).by_condition["condition"].tolist() == ["natural", "conv2", "conv1"]


def test_chance_comes_from_the_list_of_words(folder):
    assert read_study(folder).chance == 1 / 40
    assert "chance (1 in 40)" in analyse_experiment(folder).caption


def as_r_reads(cells: pd.Series) -> str:
    """The type that R's read.delim gives a column whose missing values are n/a (``type.convert``)."""
    known = [cell for cell in cells if cell != "n/a"]
    if all(cell in ("T", "F", "TRUE", "FALSE") for cell in known):
        return "logical"
    for kind, pattern in (("integer", r"[+-]?\d+"), ("numeric", r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|NaN|[+-]?Inf")):
        if all(re.fullmatch(pattern, cell.strip()) for cell in known):
            return kind
    return "character"


def test_r_reads_yes_and_no_as_numbers(folder):
    analyse_experiment(folder)
    trials = pd.read_csv(table_of(folder, 1), sep="\t", dtype=str, keep_default_na=False)
    kinds = {name: as_r_reads(trials[name]) for name in trials}
    assert {kinds[name] for name in ("correct", "played", "trial", "session", "replaced")} == {"integer"}
    assert kinds["response_time"] == "numeric"
    kept = pd.read_csv(folder / "analysis" / "participants.tsv", sep="\t", dtype=str, keep_default_na=False)["kept"]
    assert as_r_reads(kept) == "integer"


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_the_lines_for_r_give_the_same_proportions(folder):
    found = analyse_experiment(folder)
    done = subprocess.run(
        ["Rscript", "--vanilla", "mixed_model.R"],
        cwd=folder / "analysis",
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if "there is no package called" in done.stderr:
        pytest.skip("lme4 is not installed for R")
    assert done.returncode == 0, done.stderr
    shares = dict(re.findall(r"^\d+ +(natural|conv\d) +([\d.]+)$", done.stdout, re.MULTILINE))
    for row in found.by_condition.itertuples():
        assert float(shares[row.condition]) == pytest.approx(row.pooled, abs=1e-6)
    # A harder condition has lower odds than natural recordings.
    odds = done.stdout.partition("Logarithms of the reaction times")[0]
    slopes = dict(re.findall(r"^condition(conv\d) +(-?[\d.]+)", odds, re.MULTILINE))
    assert float(slopes["conv2"]) < float(slopes["conv1"]) < 0


def test_confusions_are_counted(small_trials):
    found = analyse_trials(small_trials, SMALL).confusions
    main = small_trials[small_trials["phase"] == "main"]
    assert found["count"].sum() == (~main["correct"].astype(bool)).sum()
    assert (found["right"] != found["response"]).all()


# Exclusions.


def test_careless_participants_are_left_out_and_named():
    trials = simulate_trials(SMALL, SHARES, trials=10, careless=2, seed=7)
    found = analyse_trials(trials, SMALL)
    out = found.participants[~found.participants["kept"]]
    assert out["participant"].tolist() == [5, 6]
    assert out["reason"].str.contains("catch trials: [0-3] of 4 correct, 80 % wanted").all()
    assert "participants kept: 4 of 6" in found.summary
    assert [f"Participant {number} is left out" in found.summary for number in (5, 6)] == [True, True]
    assert (found.by_condition["participants"] == 4).all()
    assert set(found.by_participant["participant"]) == set(range(1, 7))


def headphone_rows(trials, participant: int, *, attempt: int, correct: int) -> pd.DataFrame:
    check = trials[(trials["participant"] == participant) & (trials["phase"] == "headphone")]
    return check.assign(attempt=attempt, correct=pd.array(np.arange(len(check)) < correct, dtype="boolean"))


def test_the_last_attempt_at_the_headphone_check_counts(small_trials):
    rest = small_trials[~((small_trials["participant"] == 2) & (small_trials["phase"] == "headphone"))]

    def kept(*attempts) -> pd.Series:
        rows = [headphone_rows(small_trials, 2, attempt=n, correct=right) for n, right in enumerate(attempts, start=1)]
        return analyse_trials(pd.concat([rest, *rows]), SMALL).participants.set_index("participant").loc[2]

    assert kept(5)["kept"]
    assert kept(2, 6)["kept"]
    failed = kept(6, 4)
    assert (failed["kept"], failed["reason"]) == (False, "headphone check failed: 4 of 6 correct, 5 wanted")
    assert failed["headphone_attempts"] == 2


def test_a_check_that_was_not_ended_is_no_pass(small_trials):
    check = (small_trials["participant"] == 3) & (small_trials["phase"] == "headphone")
    found = analyse_trials(small_trials[~(check & (small_trials["trial"] >= 4))], SMALL).participants.set_index(
        "participant"
    )
    assert found.loc[3, "reason"] == "headphone check not ended: 4 of 6 trials"


def test_where_no_check_was_made_nobody_fails_it(small_trials):
    found = analyse_trials(small_trials[small_trials["phase"] != "headphone"], SMALL)
    assert found.participants["kept"].all()
    assert "No headphone check was made." in found.notes


def test_interrupted_trials_are_counted_and_left_out(small_trials):
    trials = small_trials.copy()
    hit = (trials["participant"] == 1) & (trials["phase"] != "headphone") & (trials["trial"] == 3)
    trials.loc[hit, ["status", "response"]] = ["interrupted", None]
    trials.loc[hit, "correct"] = pd.NA
    found, before = analyse_trials(trials, SMALL), analyse_trials(small_trials, SMALL)
    catch = trials.loc[hit, "phase"].iloc[0] == "catch"
    assert found.by_condition["trials"].sum() == before.by_condition["trials"].sum() - (not catch)
    assert "1 trial was interrupted and left out." in found.notes


def test_gaps_in_what_was_played_are_said(small_trials):
    trials = small_trials.copy()
    trials.loc[trials.index[[8, 9]], "underflows"] = 2
    trials.loc[trials.index[10], "played"] = False
    found = analyse_trials(trials, SMALL)
    assert "2 sounds were played with gaps, and kept: participant 1." in found.notes
    assert "1 sound was not played to its end, and kept: participant 1." in found.notes
    assert found.participants["kept"].all()


def test_who_did_not_end_the_plan_is_kept_and_named(folder):
    (folder / "conditions").mkdir()
    for number in (1, 2):
        rows = "part_number,trial_number\n" + "".join(f"2,{trial}\n" for trial in range(34 if number == 1 else 40))
        (folder / "conditions" / f"participant_{number:03d}.csv").write_text(rows)
    found = analyse_experiment(folder)
    assert "Not at the end of the plan, and kept: participant 2." in found.notes
    assert found.participants.set_index("participant")["main_planned"].tolist()[:2] == [34, 40]


def test_rehearsals_are_analysed_only_where_they_are_asked_for(folder):
    record = {"simulated": True, "participant": 2}
    (folder / "data" / "run_session.json").write_text(json.dumps(record))
    (folder / "data" / "cut_session.json").write_text('{"simulated": tr')
    found = analyse_experiment(folder)
    assert found.participants.set_index("participant").loc[2, "reason"] == "rehearsal: the run was simulated"
    assert not any("rehearsal, not of people" in note for note in found.notes)
    for number in (1, 3, 4, 5, 6):
        table_of(folder, number).unlink()
    with pytest.raises(InputError, match="rehearsal: the run was simulated"):
        analyse_experiment(folder)
    (folder / "data").rename(folder / "rehearsal")
    with pytest.raises(InputError, match="has only been rehearsed"):
        analyse_experiment(folder)
    rehearsed = analyse_experiment(folder, rehearsal=True)
    assert any("rehearsal, not of people" in note for note in rehearsed.notes)
    assert rehearsed.files[0].parent == folder / "analysis_of_rehearsal"


# Bad input: one sentence each.


def test_one_participant_is_analysed_and_said(folder):
    for number in range(2, 7):
        table_of(folder, number).unlink()
    found = analyse_experiment(folder)
    assert found.by_condition["low"].isna().all()
    assert found.by_condition["pooled_low"].notna().all()
    assert any(note.startswith("One participant") for note in found.notes)
    assert "<circle" in found.svg()


def test_a_line_that_a_crash_cut_off_is_left_out_and_said(folder):
    changed(table_of(folder, 4), lambda text: text[:-60])
    found = analyse_experiment(folder)
    assert any("participant_004_trials.tsv ends within a line" in note for note in found.notes)
    assert found.by_condition["trials"].sum() == 6 * 30 - 1


def _no_data(folder):
    shutil.rmtree(folder / "data")


def _headers_only(folder):
    for path in (folder / "data").iterdir():
        changed(path, lambda text: text.split("\n")[0] + "\n")


def _short_line(folder):
    changed(table_of(folder, 2), lambda text: text.replace("\tmain\t", "\t", 1))


def _other_columns(folder):
    changed(table_of(folder, 2), lambda text: text.replace("participant\t", "subject\t", 1))


def _image_experiment(folder):
    changed(folder / "manifest.json", lambda text: text.replace("word_listening", "passive_fixation"))


def _no_manifest(folder):
    (folder / "manifest.json").unlink()


def _broken_manifest(folder):
    changed(folder / "manifest.json", lambda text: text[:50])


def _old_manifest(folder):
    changed(folder / "manifest.json", lambda text: text.replace('"words"', '"word_list"'))


def _copy(folder):
    shutil.copy(table_of(folder, 1), folder / "data" / "word_listening_participant_001_trials (copy).tsv")


def _condition(folder):
    changed(table_of(folder, 3), lambda text: text.replace("\tconv1\t", "\tconv7\t"))


def _words(folder):
    changed(table_of(folder, 3), lambda text: re.sub(r"\tword\d+\tword\d+\t", "\tzebra\tzebra\t", text))


def _number(folder):
    changed(table_of(folder, 3), lambda text: re.sub(r"^3\t1\t", "3\tone\t", text, count=1, flags=re.MULTILINE))


def _flag(folder):
    changed(table_of(folder, 3), lambda text: re.sub(r"(\tword\d+\tword\d+\t)[01]\t", r"\1yes\t", text, count=1))


def _trial_twice(folder):
    changed(table_of(folder, 3), lambda text: text + text.split("\n")[-2] + "\n")


def _beyond(folder):
    changed(folder / "manifest.json", lambda text: text.replace('"participants": 6', '"participants": 4'))


def _says_nothing(folder):
    changed(table_of(folder, 3), lambda text: re.sub(r"(\tword\d+\tword\d+\t)[01]\t", r"\1n/a\t", text, count=1))


def _bytes(folder):
    table_of(folder, 3).write_bytes(b"\xff\xfe\x00participant")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_no_data, "holds no data: no participant has taken part yet"),
        (_headers_only, "holds no data: no trial has been answered yet"),
        (_image_experiment, "holds the experiment 'passive_fixation', in which nothing is answered"),
        (_no_manifest, "is not an exported experiment: it has no manifest.json"),
        (_broken_manifest, "is not the manifest of an experiment"),
        (_old_manifest, "lacks 'words'"),
    ],
)
def test_what_cannot_be_analysed_is_one_sentence(folder, spoil, said):
    spoil(folder)
    with pytest.raises(InputError, match=said) as caught:
        analyse_experiment(folder)
    assert "\n" not in str(caught.value)
    assert not (folder / "analysis").exists()


@pytest.mark.parametrize(
    ("spoil", "number", "said"),
    [
        (_short_line, 2, r"participant_002_trials\.tsv, line 8 has 34 of 35 cells"),
        (_other_columns, 2, r"participant_002_trials\.tsv is not a table of trials"),
        (_copy, 1, "participant 1 is in .* and in .*: remove the one that is a copy"),
        (
            _condition,
            3,
            "participant 3 has the condition 'conv7', which is not among the conditions of this experiment",
        ),
        (_words, 3, "participant 3 has the right answer 'zebra', which is not among the 40 words of this experiment"),
        (_number, 3, "a cell in the column session that is not a whole number"),
        (_flag, 3, "a cell in the column correct that is neither 1 nor 0"),
        (_trial_twice, 3, "participant 3 has the trial 33 twice"),
        (_beyond, 6, "participant 6 given; this experiment is for participants 1 to 4"),
        (_says_nothing, 3, "participant 3 has an answered trial that is neither right nor wrong"),
        (_bytes, 3, "is not text in UTF-8"),
    ],
)
def test_a_damaged_participant_is_left_out_and_the_others_are_analysed(folder, spoil, number, said):
    spoil(folder)
    found = analyse_experiment(folder)
    out = found.participants[~found.participants["kept"]].set_index("participant")
    assert re.search(said, out.loc[number, "reason"])
    assert f"Participant {number} is left out: " in found.summary
    assert len(found.participants) == 6
    assert set(found.participants["participant"]) - set(out.index)
    for other in range(1, 7):
        if other != number:
            table_of(folder, other).unlink()
    with pytest.raises(InputError, match=said) as caught:
        analyse_experiment(folder)
    assert "\n" not in str(caught.value)


def test_nobody_left_is_one_sentence_with_the_reasons(folder):
    for path in (folder / "data").iterdir():
        changed(path, lambda text: re.sub(r"(\theadphone\t.*\t[123]\t[123])\t1\t", r"\1\t0\t", text))
    with pytest.raises(
        InputError, match=r"no participant is left .*1: headphone check failed: 0 of 6 correct.*and 1 more"
    ):
        analyse_experiment(folder)


def test_a_file_in_the_place_of_results_is_said(folder):
    (folder / "analysis").write_text("")
    with pytest.raises(InputError, match="exists already"):
        analyse_experiment(folder)


def test_columns_are_those_that_experiments_write(small_trials):
    assert tuple(small_trials.columns) == TRIAL_COLUMNS


# Simulation and planning.


def test_the_same_seed_simulates_the_same_trials():
    first, again, other = (simulate_trials(SMALL, SHARES, trials=5, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first["correct"].equals(other["correct"])


def test_each_source_is_heard_once_and_conditions_are_balanced(small_trials):
    main = small_trials[small_trials["phase"] != "headphone"]
    assert not main.duplicated(["participant", "source"]).any()
    assert set(main[main["phase"] == "main"].groupby(["participant", "condition"]).size()) == {10}
    assert set(main[main["phase"] == "catch"]["condition"]) == {"natural"}
    assert ((main["right"] == main["response"]) == main["correct"]).all()


def test_skills_have_the_population_s_mean_and_the_spread_asked_for():
    skills = skills_of(np.array([0.5, 0.02, 0.0]), 20_000, spread=0.1, generator=np.random.default_rng(0))
    assert skills.mean(axis=0) == pytest.approx([0.5, 0.02, 0.0], abs=2e-3)
    assert skills[:, 0].std() == pytest.approx(0.1, abs=2e-3)
    assert 0.3 < np.corrcoef(skills[:, 0], skills[:, 1])[0, 1] < 0.6


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"accuracies": {"natural": 0.9}}, "no proportion given for conv1"),
        ({"accuracies": {"natural": 90}}, "90 given as the proportion of natural; expected 0 to 1"),
        ({"accuracies": {**SHARES, "conv3": 0.1}}, "'conv3' is not in the study"),
        ({"accuracies": {**SHARES, "conv1": 60}}, "60 given as the proportion of conv1"),
        ({"spread": 0.7}, "0 to 0.5"),
        ({"careless": 9}, "careless=9 of 6 participants"),
        ({"trials": 0}, "at least 1 trial"),
    ],
)
def test_what_cannot_be_simulated_is_one_sentence(options, said):
    with pytest.raises(InputError, match=said):
        simulate_trials(SMALL, **{"accuracies": SHARES, "trials": 5, **options})


def test_more_participants_tell_more_apart():
    plan = plan_participants(
        SMALL, {"natural": 0.8, "conv1": 0.7, "conv2": 0.7}, trials=20, participants=(8, 30), repeats=150
    )
    small, large = (plan[plan["participants"] == count].set_index("condition") for count in (8, 30))
    assert (large["half_width"] < 0.7 * small["half_width"]).all()
    assert large.loc["conv1", "power"] > small.loc["conv1", "power"] + 0.2
    # No difference: false alarms only.
    assert large.loc["conv2", "power"] < 0.12
    assert np.isnan(large.loc["natural", "power"])


def test_too_few_to_plan_for_are_refused():
    with pytest.raises(InputError, match=r"1 participants, 5 trials .* expected 2, 1 and 1 or more"):
        plan_participants(SMALL, SHARES, trials=5, participants=(1,))


def test_the_command_plans_with_the_design_of_an_exported_test(small_trials, tmp_path):
    root = write_experiment(SMALL, small_trials, tmp_path / "words")
    shares = [word for name, share in SHARES.items() for word in ("--expect", f"{name}={share}")]
    words = ["power", str(root), *shares, "--participants", "4,8", "--repeats", "5"]
    # Nothing was planned here: the trials have to be said.
    assert "--trials" in str(CliRunner().invoke(app, words).exception)
    (root / "conditions").mkdir()
    rows = "part_number\n" + f"{PARTS.index('main')}\n" * (SMALL.catch_trials + 30)
    (root / "conditions" / "participant_001.csv").write_text(rows)
    done = CliRunner().invoke(app, words, env={"COLUMNS": "120"}, catch_exceptions=False)
    assert "with 10 trials a condition" in done.output
    assert [line.split()[:2] for line in done.output.splitlines() if "conv1" in line] == [
        ["4", "conv1"],
        ["8", "conv1"],
    ]
    wrong = CliRunner().invoke(app, ["power", str(root), "--expect", "natural=loud"])
    assert "--expect natural=loud" in str(wrong.exception)


# The figure and the page.


def test_the_figure_is_a_drawing_of_the_table(small_trials):
    found = analyse_trials(small_trials, SMALL)
    svg = ElementTree.fromstring(found.svg())
    space = "{http://www.w3.org/2000/svg}"
    marks = {group.get("data-condition"): group for group in svg.iter(f"{space}g")}
    assert list(marks) == list(SMALL.names)
    ys = [float(marks[name].find(f"{space}circle").get("cy")) for name in SMALL.names]
    xs = [float(marks[name].find(f"{space}circle").get("cx")) for name in SMALL.names]
    assert xs == sorted(xs)
    shares = found.by_condition["proportion"].to_numpy()
    slope = np.polyfit(shares, ys, 1)
    assert np.polyval(slope, shares) == pytest.approx(ys, abs=0.1)
    for name, (low, high) in zip(SMALL.names, found.by_condition[["low", "high"]].to_numpy(), strict=True):
        bar = marks[name].find(f"{space}path").get("d")
        ends = [float(end) for end in re.match(r"M[\d.]+,([\d.]+) V([\d.]+)", bar).groups()]
        assert ends == pytest.approx([np.polyval(slope, low), np.polyval(slope, high)], abs=0.2)
    assert len(list(svg.iter(f"{space}circle"))) == 3 + 3 * 6 + 1
    assert "href" not in found.svg()


def test_natural_stands_apart_and_models_have_lines_of_their_own():
    design = Study(
        (Condition("natural"), *(Condition(f"{net}:{layer}", net, layer) for net in "ab" for layer in ("x", "y"))),
        WORDS,
        3,
    )
    assert list(places(design).values()) == pytest.approx([0, 1.3, 2.3, 3.6, 4.6])
    svg = analyse_trials(simulate_trials(design, dict.fromkeys(design.names, 0.5), trials=6), design).svg()
    assert svg.count('fill="none" stroke="#0072b2"') == svg.count('fill="none" stroke="#d55e00"') == 1


def test_names_are_escaped_everywhere(tmp_path):
    script = "<script>alert(1)</script>"
    conditions = (Condition("natural"), Condition(f"conv{script}", f"net{script}", f"conv{script}"))
    design = Study(
        conditions, tuple(f"w{n}{script}" for n in range(9)), 3, 0, title=f"Words{script}", left_out=((script,) * 3,)
    )
    trials = simulate_trials(design, dict.fromkeys(design.names, 0.4), trials=8)
    found = analyse_experiment(write_experiment(design, trials, tmp_path / "hostile"))
    assert script not in found.svg()
    html = found.html()
    start, end = html.index("* plotly.js v"), html.rindex("<script>")
    assert script not in html[:start] + html[end:]
    ElementTree.fromstring(found.svg())


@pytest.mark.browser
@pytest.mark.skipif(MARKS[1].args[0], reason="chromium or chromedriver is not installed")
def test_the_page_draws_the_figure_and_asks_no_host(folder, tmp_path):
    found = analyse_experiment(folder)
    page = next(path for path in found.files if path.suffix == ".html")
    with open_browser(tmp_path / "chromium") as browser:
        require_quiet(browser, page)
        bars = "return document.querySelectorAll('.figure .errorbars .yerror').length"
        assert (
            browser.execute_script(
                "return document.querySelectorAll('[data-figure=recognised] .scatterlayer .trace').length"
            )
            == 4
        )
        assert browser.execute_script(bars) == 3
        assert browser.execute_script("return document.querySelector('#conditions tbody').rows.length") == 3
        assert browser.execute_script("return document.querySelector('#participants tbody').rows.length") == 6


def test_criteria_of_a_manifest_are_those_that_hold(folder):
    changed(folder / "manifest.json", lambda text: text.replace('"catch_pass": 0.8', '"catch_pass": null'))
    assert read_study(folder).criteria == ListenerCriteria(6, 5, 0.0)
