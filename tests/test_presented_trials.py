"""Trials and answers as BIDS, from a real rehearsal."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from experiment_fixture import make_set, write_rig

from synthstim.errors import InputError
from synthstim.experiment import export_experiment, read_protocol, run_experiment
from synthstim.experiment.runtime.tables import read_table
from synthstim.experiment.runtime.texts import read_texts
from synthstim.experiment.texts import with_texts
from synthstim.presented import read_presented, write_bids_trials

TEXTS = Path(__file__).parents[1] / "docs" / "protocols" / "texts"
QUICK = {"include": "all", "participants": 1, "practice_trials": 1, "lead_ms": 50, "on_ms": 50, "gap_ms": 50}

pytestmark = [pytest.mark.display, pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")]


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("oddity")
    made = export_experiment(
        make_set(folder / "set"), "oddity", out=folder / "exp", rig=write_rig(folder), settings=QUICK
    )
    run_experiment(made, simulate=True)
    return made


def test_events_are_the_trials_with_their_stimuli_and_answers(rehearsed, tmp_path):
    (path,) = write_bids_trials(rehearsed, tmp_path, rehearsal=True)
    assert path.relative_to(tmp_path).as_posix() == "sub-001/ses-1/beh/sub-001_ses-1_task-oddity_events.tsv"
    events = pd.read_csv(path, sep="\t", dtype={"response": str, "right": str})
    trials = read_table(next((rehearsed / "rehearsal").glob("*_trials.tsv")))
    assert len(events) == len(trials) == 5
    for event, trial in zip(events.to_dict("records"), trials, strict=True):
        assert event["response"] == trial["response"]
        assert event["response_time"] == pytest.approx(float(trial["response_time"]))
        assert event["onset"] == pytest.approx(float(trial["first_onset_s"]))
        # From the first image's onset to the end of the last: three images and two gaps of three frames each.
        assert event["duration"] >= float(trial["third_onset_s"]) - float(trial["first_onset_s"])
        assert event["stim_file"].split(";") == [f"{trial[slot]}.png" for slot in ("first", "second", "third")]
    told = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert set(told) == {*events.columns, "StimulusPresentation"}
    about = json.loads(path.with_name("sub-001_ses-1_task-oddity_beh.json").read_text(encoding="utf-8"))
    assert about["TaskName"] == "oddity"
    assert "three pictures" in about["Instructions"]
    assert about["StimulusPresentation"]["Simulated"]
    with pytest.raises(InputError, match="exists already"):
        write_bids_trials(rehearsed, tmp_path, rehearsal=True)
    with pytest.raises(InputError, match="holds no trials yet"):
        write_bids_trials(rehearsed, tmp_path / "none")


def test_the_log_of_presentations_is_read_as_that_of_any_experiment(rehearsed):
    run = read_presented(next((rehearsed / "rehearsal").glob("*_presentations.tsv")), rehearsal=True)
    assert len(run) == 15
    assert (run.table["frames_shown"] == 3).all()


def test_texts_can_be_edited_line_by_line(rehearsed):
    text = (rehearsed / "texts.yaml").read_text(encoding="utf-8")
    assert "instructions: |\n  You will see three pictures, one after another.\n" in text


@pytest.mark.parametrize("path", sorted(TEXTS.iterdir()), ids=lambda path: path.stem)
def test_a_translation_has_every_text_with_its_figures(path):
    own = read_protocol(path.name.split(".")[0]).texts
    translated = with_texts(read_protocol(path.name.split(".")[0]), path).texts
    given = yaml.safe_load(path.read_text(encoding="utf-8"))

    def figures(text):
        # Its title is the protocol's own.
        return sorted(set(re.findall(r"{+(\w+)}+", text)) - {"title"})

    for name, text in own.items():
        assert figures(translated[name]) == figures(text), name
        # What holds figures alone needs no words.
        assert name in given or not re.sub(r"{{\w+}}", "", text).strip(), name


def test_every_word_of_a_protocol_can_be_another_language(tmp_path):
    german = TEXTS / "oddity.de.yaml"
    stimuli = make_set(tmp_path / "set")
    made = export_experiment(stimuli, "oddity", out=tmp_path / "exp", texts=german, settings=QUICK)
    texts = read_texts(made)
    assert texts["question"].startswith("Welches war anders?")
    assert "4 Mal" in texts["instructions"]
    # All that the participant reads is in the file.
    assert set(yaml.safe_load(german.read_text(encoding="utf-8"))) == set(texts)
    (tmp_path / "wrong.yaml").write_text("qestion: Was?\n", encoding="utf-8")
    with pytest.raises(InputError, match="has a text 'qestion', did you mean 'question'"):
        export_experiment(stimuli, "oddity", out=tmp_path / "none", texts=tmp_path / "wrong.yaml")
