"""Sounds from a recipe to a checked set: real recordings, a real model, every figure that of the saved file."""

import numpy as np
import pytest
import torch

from synthstim import StimulusSet, check_set, load_model, make
from synthstim.errors import InputError
from synthstim.production import observer_of_set, pool_of_set
from synthstim.recordings import carried
from synthstim.sounds import coding_of, level_of, read_sound, write_wav

ENTRIES = [
    {"name": "word", "kind": "metamer", "reference": "word.wav", "layers": ["cochleagram"], "copies": 2, "evaluations": 40},
    {"name": "up", "kind": "controller", "goal": "drive", "unit": {"layer": "cochleagram", "channel": 100, "position": "mean"}, "evaluations": 30},
    {"name": "down", "kind": "controller", "goal": "suppress", "unit": {"layer": "cochleagram", "channel": 100, "position": "mean"}, "evaluations": 30},
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> StimulusSet:
    folder = tmp_path_factory.mktemp("sounds")
    try:
        waveform, rate = carried("activated").read()
    except InputError as error:
        pytest.skip(str(error))
    write_wav(folder / "word.wav", waveform, rate)
    from synthstim import Recipe

    recipe = Recipe.from_dict({"observer": {"name": "cochleagram", "duration_s": 0.3}, "stimuli": ENTRIES}, folder)
    return make(recipe, folder / "set")


def test_files_are_24_bit_at_the_rate_played_and_at_the_level(made):
    assert made.modality == "sound"
    assert len(made) == 4
    for row in made.table.itertuples():
        path = made.path(row.file)
        waveform, rate = read_sound(path)
        assert (rate, len(waveform), coding_of(path)) == (48_000, 14_400, "pcm24")
        assert level_of(waveform).rms_dbfs == pytest.approx(-26, abs=0.01)
        assert row.level_dbfs == pytest.approx(level_of(waveform).rms_dbfs, abs=1e-3)
        assert level_of(waveform).peak_dbfs <= 0


def test_the_match_in_the_table_is_that_of_the_file(made):
    observer = load_model("cochleagram", seconds=0.3)
    row = made.table.iloc[0]
    both = torch.from_numpy(np.stack([made.stimulus(row["file"]), made.stimulus(row["reference"])]))
    ours, theirs = observer.activations(both, ["cochleagram"])["cochleagram"]
    assert row["match_db"] == pytest.approx(float(-20 * torch.log10((ours - theirs).norm() / theirs.norm())), abs=0.05)
    assert row["match_db"] > 12
    assert row["waveform_distance"] > 0.5
    assert not np.array_equal(
        made.stimulus("stimuli/word_cochleagram_0.wav"), made.stimulus("stimuli/word_cochleagram_1.wav")
    )


def test_controllers_go_the_right_way(made):
    rows = made.table.set_index("name")
    assert rows.loc["up", "activation"] > rows.loc["up", "best_natural"]
    assert rows.loc["down", "activation"] < rows.loc["up", "best_natural"]
    assert set(made.table["status"]) <= {"passed", "failed"}


def test_pool_and_profile(made):
    pool = made.provenance["pool"]
    assert pool["origins"] == pool["stimuli"] > 50
    profile = made.companion("matches.tsv.gz")
    assert set(profile["stimulus_id"]) == {"word_cochleagram_0", "word_cochleagram_1"}
    assert profile.loc[profile["layer"] == "cochleagram", "matched"].tolist() == ["true", "true"]


def test_check_finds_nothing_then_what_was_changed(made, tmp_path):
    observer = observer_of_set(made)
    pool = pool_of_set(made, observer)
    assert check_set(made, observer, pool=pool).problems == []
    import shutil

    shutil.copytree(made.root, tmp_path / "copy")
    copied = StimulusSet.read(tmp_path / "copy")
    path = copied.path("stimuli/up_0.wav")
    waveform, rate = read_sound(path)
    write_wav(path, waveform * np.float32(0.9), rate)
    assert any("up_0" in problem for problem in check_set(copied, observer, pool=pool).problems)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"bits": 8}, "bits 8 does not go with sounds: choose one of 16, 24, 32"),
        (
            {"constraints": {"mean_luminance": 0.5}},
            "the constraint mean_luminance came, but the observer is played sounds",
        ),
        ({"parametrisation": "fourier"}, "parametrisation 'fourier' came, but the observer is played sounds"),
        ({"layers": ["cochleogram"]}, "cochleagram has no layer 'cochleogram': did you mean 'cochleagram'"),
    ],
)
def test_settings_of_images_are_refused(made, change, sentence, tmp_path):
    from synthstim import Recipe

    recipe = {"observer": {"name": "cochleagram", "duration_s": 0.3}, "stimuli": [{**ENTRIES[0], **change}]}
    with pytest.raises(InputError, match=sentence):
        make(Recipe.from_dict(recipe, made.root.parent), tmp_path / "never")
