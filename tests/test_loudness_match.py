"""A loudness match: copies at the gains that the design names, and a staircase that ends where both are equally loud."""

from __future__ import annotations

import json

import numpy as np
import pytest
from experiment_sounds import make_sounds
from test_protocols import make_sets

from synthstim.analysis import read_study
from synthstim.errors import InputError
from synthstim.experiment import export_experiment
from synthstim.experiment.runtime.adaptive import Tracks, read_candidates
from synthstim.experiment.runtime.tables import read_table
from synthstim.modalities.sound import read_sound
from synthstim.stimulus_set import StimulusSet


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    return make_sounds(tmp_path_factory.mktemp("loudness") / "sounds", ("garden", "window"), stages=("relu0",))


@pytest.fixture(scope="module")
def match(sounds):
    return export_experiment(sounds, "loudness_match", out=sounds.parent / "match", settings={"participants": 1})


def test_the_copies_have_the_gains_that_the_candidates_name(match, sounds):
    source = StimulusSet.read(sounds)
    own = {row.stimulus_id: read_sound(source.path(row.file))[0] for row in source.table.itertuples()}
    candidates = read_candidates(match / "candidates.tsv")
    assert {one["level"] for one in candidates} == {*range(-6, 7), -10, -8, 8, 10}
    for one in candidates:
        made = read_sound(match / one["a"])[0]
        kept = next(waveform for name, waveform in own.items() if one["pair"].startswith(name))
        # Within half a step of 24 bits.
        assert np.abs(made - kept * 10 ** (one["level"] / 20)).max() <= 2**-23


def test_a_staircase_ends_where_both_are_equally_loud(match):
    """Somebody to whom the metamers sound 3 dB softer than they are."""
    manifest = json.loads((match / "manifest.json").read_text(encoding="utf-8"))
    tracks = Tracks.read(match, manifest, 1)
    generator = np.random.default_rng(5)
    for track in manifest["tracks"]:
        while not tracks.finished(track):
            level = tracks.next(track)["level"]
            tracks.answer(track, level, bool(generator.normal(level - 3, 1) > 0))
    found = [tracks.describe(track)["track_threshold"] for track in manifest["tracks"]]
    # The mean of 8 reversals, of a standard deviation of about 1.5 dB, in two tracks: 2 dB are four standard errors.
    assert np.mean(found) == pytest.approx(3, abs=2)
    assert read_study(match).task == "equality"


@pytest.mark.parametrize(
    ("design", "said"),
    [
        ("gains_db: [0, 60]", "would clip at a gain of 60 dB"),
        ("gains_db: [0, 3, 0]", "has a gain twice"),
        ("gains_db: [0, 1000]", "gains_db"),
        ("gains_db: []", "names the column 'gain_db'"),
        ("gains_db: [0, 3]\nmethod: {kind: staircase, over: gain_db, easier: high, start: 9}", "the track starts at 9"),
    ],
)
def test_gains_that_cannot_be_had_are_refused(design, said, sounds, tmp_path):
    (tmp_path / "design.yaml").write_text(design + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=said):
        export_experiment(sounds, "loudness_match", out=tmp_path / "match", design=tmp_path / "design.yaml")
    assert not (tmp_path / "match").exists()


def test_images_have_no_gains(tmp_path):
    (tmp_path / "design.yaml").write_text("gains_db: [0, 3]\n", encoding="utf-8")
    sets = make_sets(tmp_path)
    with pytest.raises(InputError, match="a set of images; expected sounds"):
        export_experiment(sets["image"], "two_interval", out=tmp_path / "match", design=tmp_path / "design.yaml")


def test_constant_gains_are_conditions(sounds, tmp_path):
    text = "gains_db: [-6, 0, 6]\nconditions: [gain_db]\nmethod: {kind: constant}\n"
    (tmp_path / "design.yaml").write_text(text, encoding="utf-8")
    made = export_experiment(
        sounds, "loudness_match", out=tmp_path / "match", design=tmp_path / "design.yaml",
        settings={"participants": 1, "practice_trials": 0, "check_headphones": False},
    )  # fmt: skip
    assert sorted({row["condition"] for row in read_table(made / "plan.tsv")}, key=float) == ["-6", "0", "6"]
