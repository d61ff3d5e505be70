"""Probes: images of random read-outs that generation 0 shows beside natural ones."""

from pathlib import Path

import numpy as np
import pytest
import torch
from loop_fixture import begin, recorded

from synthstim.loop import deliver, next_step
from synthstim.loop.history import History
from synthstim.observers import open_observer
from synthstim.verify import check_set


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("probes")
    session = begin(folder, count=24, probes=None)
    deliver(session, [recorded(session, folder)])
    next_step(session.root, last=True)
    return session


def test_three_go_with_eight_crops_and_are_no_natural_images(fitted):
    plan = fitted.newest.plan
    assert plan["role"].value_counts().to_dict() == {"natural": 24, "explore": 9}
    assert plan["group"].nunique() > 9
    history = History.read(fitted, 0)
    natural = {history.means.stimulus_ids[row] for row in history.natural()}
    assert natural == set(plan.loc[plan["role"] == "natural", "stimulus_id"])


def test_the_fit_is_of_both_and_both_are_predicted(fitted):
    ids = set(fitted.newest.plan["stimulus_id"])
    assert set(fitted.fit(fitted.newest).provenance["stimuli"]) == ids
    assert set(fitted.newest.table("predicted.tsv")["stimulus_id"]) == ids


def test_they_drive_what_they_were_made_for_beyond_the_natural_images(fitted):
    root: Path = fitted.newest.root
    stimuli = fitted.newest.stimuli
    observer = open_observer(f"fit:{root / 'probes'}")
    made = stimuli.table[stimuli.table["kind"] == "controller"]
    read = observer.activations(stimuli_of(stimuli), ["sites"])["sites"].numpy()
    rows = {name: number for number, name in enumerate(stimuli.table["stimulus_id"])}
    natural = [rows[name] for name in stimuli.table.loc[stimuli.table["kind"] == "natural", "stimulus_id"]]
    for row in made.itertuples(index=False):
        column = observer.sites.index(row.unit)
        assert read[rows[row.stimulus_id], column] > read[natural, column].max()


def test_the_set_checks_out(fitted):
    observer = open_observer(f"fit:{fitted.newest.root / 'probes'}")
    assert check_set(fitted.newest.stimuli, observer).problems == []


def test_none_are_made_where_none_are_wanted(tmp_path):
    session = begin(tmp_path, count=24)
    assert set(session.newest.plan["role"]) == {"natural"}
    assert not (session.newest.root / "probes").exists()


def stimuli_of(stimuli):
    return torch.from_numpy(np.stack([stimuli.stimulus(file) for file in stimuli.table["file"]]))
