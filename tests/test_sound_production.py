"""From a recipe to a set of sounds on disk: what is in it, that it is what was asked for, that it resumes and is checked."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import scipy.signal
import soundfile
import soxr
import torch
from patience import PATIENCE_S
from production_fixture import RUN
from sound_fixture import POOL, SMALL, TINY, write_sounds

from synthstim import StimulusSet, check_set, load_model, make, natural_pool, read_recipe
from synthstim.constraints import Luminance
from synthstim.errors import InputError
from synthstim.files import sha256_of
from synthstim.modalities.sound import RESAMPLERS, at_level, coding_of, level_of, read_sound, write_wav
from synthstim.models import Unit, read_units
from synthstim.objectives import drive, smooth
from synthstim.optimise import Synthesiser
from synthstim.parametrise import Waveform
from synthstim.production import observer_of_set, pool_of_set
from synthstim.recipe import Recipe
from synthstim.robustness import Robustness
from synthstim.stimulus_set import adopt
from synthstim.stimulus_set.columns import columns_of

SECONDS = 0.3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_sounds(tmp_path_factory.mktemp("sounds"), SMALL).parent


@pytest.fixture(scope="module")
def made(folder):
    return make(read_recipe(folder / "recipe.yaml"), folder / "set")


@pytest.fixture(scope="module")
def cochleagram():
    return load_model("cochleagram", seconds=SECONDS)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A set made in a second: its folder, and the set."""
    place = write_sounds(tmp_path_factory.mktemp("tiny"), TINY).parent
    return place, make(read_recipe(place / "recipe.yaml"), place / "set")


def copied(stimuli, place):
    shutil.copytree(stimuli.root, place)
    return StimulusSet.read(place)


def decibels(values, wanted):
    return -20 * np.log10(np.linalg.norm(values - wanted) / np.linalg.norm(wanted))


def test_every_row_of_the_recipe_is_a_row_of_the_table(made):
    assert made.modality.name == "sound"
    assert list(made.table["stimulus_id"]) == [
        *("pair_word_cochleagram_0", "pair_word_cochleagram_1", "pair_texture_cochleagram_0", "pair_texture_cochleagram_1"),
        *("up_ch80_0", "up_ch140_0", "down_0", "at_0", "only_0"),
    ]  # fmt: skip
    assert list(made.table.columns) == list(columns_of(made.provenance))
    assert not made.damaged()
    for column in ("mean_luminance", "rms_contrast", "pixel_distance"):
        assert made.table[column].isna().all()
    for column in ("rate_hz", "duration_s", "level_dbfs", "peak_dbfs"):
        assert made.table[column].notna().all()
    assert sorted(path.name for path in (made.root / "references").iterdir()) == ["texture.wav", "word.wav"]
    assert not list(made.root.parent.glob(".set*")), "nothing is left beside the set"


def test_files_are_24_bit_at_48_khz_at_the_recipes_level(made):
    for row in made.table.itertuples():
        told = soundfile.info(made.path(row.file))
        assert (told.format, told.subtype, told.samplerate, told.channels) == ("WAV", "PCM_24", 48_000, 1)
        assert told.frames == row.duration_s * row.rate_hz == SECONDS * 48_000
        values, _ = soundfile.read(made.path(row.file))
        assert row.level_dbfs == pytest.approx(20 * np.log10(np.sqrt((values**2).mean())), abs=1e-4)
        assert row.level_dbfs == pytest.approx(-26, abs=0.01)
        assert row.peak_dbfs == pytest.approx(20 * np.log10(np.abs(values).max()), abs=1e-4)
        assert row.peak_dbfs <= 0
        assert abs(values.mean()) < 1e-6
        # Nothing that the model cannot hear is played.
        power = np.abs(np.fft.rfft(values)) ** 2
        assert power[np.fft.rfftfreq(len(values), 1 / 48_000) > 10_000].sum() < 1e-9 * power.sum()
    reference = made.table["reference"].iloc[0]
    assert level_of(made.stimulus(reference)).rms_dbfs == pytest.approx(-26, abs=0.01)


def test_no_saved_sound_is_cut_and_another_resampler_gives_the_same_match(made, cochleagram):
    assert (made.table["peak_run"] == 0).all()
    metamers = made.table[made.table["kind"] == "metamer"]
    for row in metamers.itertuples():
        heard = [
            soxr.resample(soundfile.read(made.path(file))[0], 48_000, 20_000, quality="HQ")
            for file in (row.file, row.reference)
        ]
        with torch.no_grad():
            features = cochleagram.module(torch.from_numpy(np.stack(heard)).float()).flatten(1).double().numpy()
        assert row.match_db_soxr == pytest.approx(decibels(*features), abs=0.05)
        assert row.match_db_soxr == pytest.approx(row.match_db, abs=0.5)


@pytest.mark.parametrize("resampler", RESAMPLERS)
def test_check_by_another_resampler(tiny, cochleagram, resampler):
    place, stimuli = tiny
    found = check_set(stimuli, cochleagram, pool=pool_of_set(stimuli, cochleagram, place / "pool"), resampler=resampler)
    metamers = stimuli.table[stimuli.table["kind"] == "metamer"]
    assert list(found.elsewhere["stimulus_id"]) == list(metamers["stimulus_id"])
    assert (found.elsewhere["match_db"] - found.elsewhere["table_db"]).abs().max() < 1
    if resampler == "soxr":
        assert found.elsewhere["match_db"].tolist() == pytest.approx(metamers["match_db_soxr"].tolist(), abs=0.05)


def test_figures_table_db_are_those_of_the_files(made, cochleagram):
    """Read, resampled and compared by other code than ours; only the network is the same."""
    for row in made.table.iloc[:4].itertuples():
        heard = []
        for file in (row.file, row.reference):
            values, rate = soundfile.read(made.path(file))
            heard.append(scipy.signal.resample(values, round(len(values) * 20_000 / rate)))
        with torch.no_grad():
            features = cochleagram.module(torch.from_numpy(np.stack(heard)).float()).flatten(1).double().numpy()
        assert row.match_db == pytest.approx(decibels(*features), abs=0.05)
        assert row.match_db > 14
        assert row.pearson == pytest.approx(np.corrcoef(features)[0, 1], abs=1e-4)
        played = [soundfile.read(made.path(file))[0] for file in (row.file, row.reference)]
        distance = np.linalg.norm(played[0] - played[1]) / np.linalg.norm(played[1])
        assert row.waveform_distance == pytest.approx(distance, rel=1e-4)
        assert row.waveform_distance > 0.5, "it was found, not copied"
    one, two = (made.stimulus(f"stimuli/pair_word_cochleagram_{copy}.wav") for copy in (0, 1))
    assert np.linalg.norm(one - two) > 0.5 * np.linalg.norm(one), "copies differ"


def test_stimuli_do_what_they_were_made_for(made, cochleagram):
    table = made.table.set_index("stimulus_id")
    metamers = table[table["kind"] == "metamer"]
    assert (metamers["null_percentile"] == 100).all()
    assert (metamers["status"] == "passed").all()
    driven = table.loc[["up_ch80_0", "up_ch140_0"]]
    assert (driven["activation"] > 1.5 * driven["best_natural"]).all()
    assert abs(table.loc["at_0", "activation"] - 0.3) < 0.01
    natural = made.companion("pool_activations.tsv.gz")
    held = natural[(natural["unit"] == "channel 80 at mean") & (natural["percentile"] == 50)]["activation"].iloc[0]
    assert table.loc["down_0", "activation"] < min(held, table.loc["at_0", "activation"])
    assert table.loc["only_0", "status"] == "passed"
    # The target against those that are held down, on the saved file.
    sound = torch.from_numpy(made.stimulus("stimuli/only_0.wav"))[None]
    units = [Unit(layer="cochleagram", channel=channel, position="mean") for channel in (80, 60, 100, 150)]
    target, *others = read_units(cochleagram, sound, units)[0].tolist()
    assert target == pytest.approx(table.loc["only_0", "activation"], rel=1e-4)
    assert target > 2 * max(others)


def test_channels_come_first_in_layers_that_hear(made, cochleagram):
    """(channel, frame): channel 80 of 211 at frame 20, not frame 80 of a picture with 20 channels."""
    sound = torch.from_numpy(made.stimulus("stimuli/up_ch80_0.wav"))[None]
    values = cochleagram.activations(sound, ["cochleagram"])["cochleagram"][0]
    row = made.table.set_index("stimulus_id").loc["up_ch80_0"]
    assert row["unit"] == "channel 80 at (20,)"
    assert row["activation"] == pytest.approx(values[80, 20].item(), rel=1e-4)
    assert values[:, 20].argmax() in range(74, 87)


def test_provenance_and_companions(made, folder):
    facts = made.provenance
    assert facts["recipe"] == SMALL
    assert facts["modality"] == "sound"
    assert facts["level_dbfs"] == -26
    assert facts["observer"]["input"] == {"rate": 48_000, "samples": 14_400, "network_rate": 20_000}
    pool = facts["pool"]
    assert pool["origins"] == pool["stimuli"] == len(pool["names"]) > 100
    assert pool["source"] == "recordings of installed packages"
    curves = made.companion("curves.tsv.gz")
    last = curves.groupby("stimulus_id")["evaluation"].max()
    assert dict(last) == dict(zip(made.table["stimulus_id"], made.table["evaluations"], strict=True))
    null = made.companion("null.tsv.gz")
    assert set(null["reference"]) == {"references/word.wav", "references/texture.wav"}
    best = made.companion("best_natural.tsv")
    for file in best["file"]:
        assert coding_of(made.path(file)) == "pcm24"
        assert level_of(made.stimulus(file)).rms_dbfs == pytest.approx(-26, abs=0.01)
    assert set(best["photograph"]) <= set(pool["names"])
    assert json.loads((made.root / "stimuli.json").read_text()).keys() == columns_of(made.provenance).keys()


def test_the_null_is_of_pairs_of_different_recordings(tiny, cochleagram):
    """All ordered pairs of the pool's recordings but the one that the reference is cut from, by brute force."""
    place, stimuli = tiny
    pool = natural_pool(cochleagram, place / "pool", level_dbfs=-26)
    assert pool.names == tuple(sorted(f"{name}.wav" for name in POOL))
    assert stimuli.provenance["pool"]["sha256"] == pool.sha256
    texture, word = (stimuli.stimulus(f"references/{name}.wav") for name in ("texture", "word"))
    assert {pool.names[number] for number in pool.recognise(texture)} == {"fire.wav"}
    assert pool.recognise(word) == set()
    facts = stimuli.provenance["null"]
    assert facts["references/texture.wav cochleagram"] == {"pairs": 7 * 6, "origins": 7, "stimuli": 7}
    assert facts["references/word.wav cochleagram"] == {"pairs": 8 * 7, "origins": 8, "stimuli": 8}

    clips = torch.from_numpy(np.stack([pool.stimulus(number) for number in range(len(pool))]))
    with torch.no_grad():
        features = cochleagram.activations(clips, ["cochleagram"])["cochleagram"].flatten(1).double().numpy()
    kept = [number for number, name in enumerate(pool.names) if name != "fire.wav"]
    expected = sorted(decibels(features[a], features[b]) for a in kept for b in kept if a != b)
    null = stimuli.companion("null.tsv.gz")
    rows = null[(null["reference"] == "references/texture.wav") & (null["measure"] == "match_db")]
    assert rows["value"].tolist() == pytest.approx(np.percentile(expected, rows["percentile"]), abs=1e-3)


def test_a_recording_that_clips_at_the_observers_rate_is_left_out(tiny, cochleagram, tmp_path):
    place, _ = tiny
    shutil.copytree(place / "pool", tmp_path / "pool")
    square = np.sign(np.sin(2 * np.pi * 1500 * np.arange(22_050) / 44_100 + 0.1)).astype(np.float32)
    soundfile.write(tmp_path / "pool" / "square.wav", square, 44_100, subtype="FLOAT")
    loud = natural_pool(cochleagram, tmp_path / "pool")
    assert "square.wav" not in loud.names
    assert all(np.abs(loud.stimulus(number)).max() <= 1 for number in range(len(loud)))
    assert "square.wav" in natural_pool(cochleagram, tmp_path / "pool", level_dbfs=-26).names


def test_a_recording_is_known_again_wherever_it_is_cut(tiny, cochleagram):
    place, _ = tiny
    pool = natural_pool(cochleagram, place / "pool", level_dbfs=-26)
    assert pool.modality.name == "sound"
    assert [round(level_of(pool.stimulus(number)).rms_dbfs, 2) for number in range(len(pool))] == [-26.0] * len(POOL)
    waveform, rate = read_sound(place / "pool" / "water.wav")
    for start in (0.1, 1.7, 4.2):
        part = waveform[round(start * rate) : round((start + SECONDS) * rate)]
        resampled = scipy.signal.resample(part, 14_400).astype(np.float32)
        assert {pool.names[number] for number in pool.recognise(0.3 * resampled)} == {"water.wav"}
    assert pool.recognise(np.random.default_rng(0).normal(size=14_400).astype(np.float32) * 0.1) == set()


def test_same_recipe_same_bytes(tiny, tmp_path):
    place, stimuli = tiny
    again = make(read_recipe(place / "recipe.yaml"), tmp_path / "again")
    for file in ("stimuli.tsv", "matches.tsv.gz", "curves.tsv.gz", "null.tsv.gz", "provenance.json"):
        assert (again.root / file).read_bytes() == (stimuli.root / file).read_bytes(), file
    assert list(again.table["sha256"]) == list(stimuli.table["sha256"])


def test_whatever_the_batch_the_same_to_rounding(tiny, tmp_path):
    place, stimuli = tiny
    one = make(read_recipe(place / "recipe.yaml"), tmp_path / "one", at_once=1)
    near = (one.table["match_db"] - stimuli.table["match_db"]).abs().dropna()
    assert (near < 0.1).all()
    for file in stimuli.table["file"]:
        assert np.corrcoef(one.stimulus(file), stimuli.stimulus(file))[0, 1] > 0.98


def test_check_finds_nothing_in_what_was_made(made, tiny):
    observer = observer_of_set(made)
    found = check_set(made, observer, pool=pool_of_set(made, observer))
    assert found.problems == []
    assert found.measured == len(made)
    place, small = tiny
    with pytest.raises(InputError, match="made with the natural sounds of the folder 'pool': name it with --pool"):
        pool_of_set(small, observer)
    assert check_set(small, observer, pool=pool_of_set(small, observer, place / "pool")).problems == []


def change_file(stimuli):
    path = stimuli.path("stimuli/up_0.wav")
    waveform, rate = read_sound(path)
    write_wav(path, waveform * np.float32(0.99), rate)


def change_file_and_checksum(stimuli):
    """A file that was changed with its checksum: the figures give it away."""
    change_file(stimuli)
    table = (stimuli.root / "stimuli.tsv").read_text()
    row = stimuli.table.set_index("stimulus_id").loc["up_0"]
    (stimuli.root / "stimuli.tsv").write_text(table.replace(row["sha256"], sha256_of(stimuli.path(row["file"]))))


def cut_file(stimuli):
    """A sound that is cut where nothing else would tell: its checksum and its figures are written anew."""
    path = stimuli.path("stimuli/up_0.wav")
    waveform, rate = read_sound(path)
    most = 0.7 * np.abs(waveform).max()
    level = level_of(waveform).rms_dbfs
    write_wav(path, at_level(waveform.clip(-most, most), level), rate)
    table = (stimuli.root / "stimuli.tsv").read_text()
    row = stimuli.table.set_index("stimulus_id").loc["up_0"]
    (stimuli.root / "stimuli.tsv").write_text(table.replace(row["sha256"], sha256_of(path)))


def change_figure(stimuli, column="match_db", by=0.2):
    value = stimuli.table[column].dropna().iloc[0]
    lines = (stimuli.root / "stimuli.tsv").read_text().splitlines()
    at = lines[0].split("\t").index(column)
    row = next(number for number, line in enumerate(lines[1:], 1) if line.split("\t")[at] != "n/a")
    cells = lines[row].split("\t")
    cells[at] = f"{value + by:.7g}"
    lines[row] = "\t".join(cells)
    (stimuli.root / "stimuli.tsv").write_text("\n".join(lines) + "\n")


TAMPERED = {
    "file": (change_file, "stimuli/up_0.wav has changed since it was made"),
    "file and checksum": (change_file_and_checksum, "up_0: level_dbfs is -26.08"),
    "cut at its peak": (cut_file, "up_0: by its figures it failed (the sound is cut off at its peak, "),
    "match after soxr": (lambda stimuli: change_figure(stimuli, "match_db_soxr", 0.2), "pair_word_cochleagram_0: match_db_soxr"),
    "match": (change_figure, "pair_word_cochleagram_0: match_db"),
    "level": (lambda stimuli: change_figure(stimuli, "level_dbfs", 0.02), "pair_word_cochleagram_0: level_dbfs is -26 "),
    "rate": (lambda stimuli: change_figure(stimuli, "rate_hz", -3900), "rate_hz is 48000 in the file, the table says 44100"),
    "activation": (lambda stimuli: change_figure(stimuli, "activation", 0.1), "up_0: activation"),
    "distance": (lambda stimuli: change_figure(stimuli, "waveform_distance", 0.1), "waveform_distance"),
}  # fmt: skip


@pytest.mark.parametrize("case", TAMPERED)
def test_check_finds_what_was_changed(tiny, cochleagram, tmp_path, case):
    change, said = TAMPERED[case]
    place, stimuli = tiny
    changed = copied(stimuli, tmp_path / "set")
    change(changed)
    pool = pool_of_set(stimuli, cochleagram, place / "pool")
    problems = check_set(StimulusSet.read(changed.root), cochleagram, pool=pool).problems
    assert any(said in problem for problem in problems), problems


def test_check_on_a_second_observer_of_another_rate(tiny, cochleagram):
    place, stimuli = tiny
    pool = pool_of_set(stimuli, cochleagram, place / "pool")
    second = load_model("cochleagram-kell2018", seconds=SECONDS)
    found = check_set(stimuli, cochleagram, pool=pool, second=second, second_layer="output")
    assert list(found.elsewhere["stimulus_id"]) == list(stimuli.table["stimulus_id"][:2])
    assert (found.elsewhere["match_db"] > 0).all()
    assert found.elsewhere["same_class"].isna().all(), "a cochleagram decides nothing"
    with pytest.raises(InputError, match=r"efficientnet-lite0 is shown images, .* holds sounds"):
        check_set(stimuli, cochleagram, pool=pool, second=load_model())


def test_killed_run_resumes_to_the_same_set(tiny, tmp_path):
    place, stimuli = tiny
    command = [
        sys.executable,
        "-c",
        "import synthstim.production.work_directory as w; w.EVERY_SECONDS = w.SHARE = 0; " + RUN,
    ]
    command += [str(place / "recipe.yaml"), str(tmp_path / "set")]
    process = subprocess.Popen(command)
    work = tmp_path / ".set.work"
    deadline = time.monotonic() + PATIENCE_S
    # In the middle of the first job, once its state has been saved.
    while not list(work.glob("job-0000-running-*.safetensors")):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "set").exists()
    subprocess.run([*command, "--resume"], check=True)
    resumed = StimulusSet.read(tmp_path / "set")
    pd.testing.assert_frame_equal(resumed.table, stimuli.table)
    assert not work.exists()


LIMITS = """\
observer: {{name: cochleagram, duration_s: 0.3, rate_hz: {rate}}}
level_dbfs: -30
pool: pool
stimuli:
  - {{name: band, kind: controller, goal: drive, unit: {{layer: cochleagram, channel: 80}}, bits: {bits}, evaluations: 4,
     constraints: {{band_hz: [500, 2000], ramp_ms: 20, peak_dbfs: -12}}}}
  - {{name: quiet, kind: controller, goal: drive, unit: {{layer: cochleagram, channel: 80}}, bits: {bits}, evaluations: 4,
     constraints: {{level_dbfs: -45}}}}
  - {{name: free, kind: controller, goal: suppress, unit: {{layer: cochleagram, channel: 80}}, bits: {bits}, evaluations: 10,
     start: white, constraints: {{level_dbfs: free}}}}
  - {{name: word, kind: metamer, reference: word.wav, layers: [cochleagram], bits: {bits}, evaluations: 4, start: shaped,
     parametrisation: {{kind: waveform, decay: 0.5}}, optimiser: lbfgs}}
"""


@pytest.mark.parametrize(("bits", "coding", "rate"), [(16, "pcm16", 44_100), (32, "float32", 48_000)])
def test_bits_rates_and_limits(tmp_path, bits, coding, rate):
    recipe = write_sounds(tmp_path, LIMITS.format(bits=bits, rate=rate))
    stimuli = make(read_recipe(recipe), tmp_path / "set")
    table = stimuli.table.set_index("name")
    sounds = {}
    for name, row in table.iterrows():
        told = soundfile.info(stimuli.path(row["file"]))
        assert (told.samplerate, told.frames) == (rate, round(SECONDS * rate)) == (row["rate_hz"], told.frames)
        assert coding_of(stimuli.path(row["file"])) == coding
        sounds[name] = soundfile.read(stimuli.path(row["file"]))[0]
    assert coding_of(stimuli.path(table.loc["word", "reference"])) == "pcm24"
    assert table.loc[["band", "word"], "level_dbfs"].tolist() == pytest.approx([-30, -30], abs=0.01)
    assert table.loc["quiet", "level_dbfs"] == pytest.approx(-45, abs=0.01)
    assert table.loc["free", "level_dbfs"] < -33, "nothing brings it to -30 from the -40 of its first noise"
    assert table.loc["band", "peak_dbfs"] <= -12 + 1e-3
    power = np.abs(np.fft.rfft(sounds["band"])) ** 2
    frequency = np.fft.rfftfreq(len(sounds["band"]), 1 / rate)
    assert power[(frequency < 450) | (frequency > 2200)].sum() < 0.01 * power.sum()
    ends = np.abs(np.concatenate([sounds["band"][:40], sounds["band"][-40:]]))
    assert ends.max() < 0.02 * np.abs(sounds["band"]).max()
    assert (table.loc["word", "start"], table.loc["word", "parametrisation"]) == ("shaped", "waveform")
    assert table.loc["word", "optimiser"].startswith("LBFGS")
    assert table.loc["word", "match_db"] > 5
    observer = observer_of_set(stimuli)
    assert observer.input.rate == rate
    assert check_set(stimuli, observer, pool=pool_of_set(stimuli, observer, tmp_path / "pool")).problems == []


WHISPER = """\
observer: {name: whisper-tiny.en, duration_s: 0.4}
pool: pool
stimuli:
  - {name: word, kind: metamer, reference: word.wav, layers: [conv2], evaluations: 30, target_db: 8}
  - {name: both, kind: metamer, reference: word.wav, layers: [[mel, conv1]], evaluations: 12}
  - {name: up, kind: controller, goal: drive, unit: {layer: conv2, channel: 11, position: mean}, evaluations: 12}
"""


def test_a_trained_network(tmp_path):
    """Whisper's conv2 at 0.4 s: profile of a match over every stage, what its decoder writes, targets in dB."""
    try:
        observer = load_model("whisper-tiny.en", seconds=0.4)
    except InputError as error:
        pytest.skip(f"Whisper is not installed: {error}")
    stimuli = make(read_recipe(write_sounds(tmp_path, WHISPER)), tmp_path / "set", observer=observer)
    table = stimuli.table.set_index("stimulus_id")
    profile = stimuli.companion("matches.tsv.gz")
    for stimulus_id, layers in {"word_conv2_0": ["conv2"], "both_mel__conv1_0": ["mel", "conv1"]}.items():
        rows = profile[profile["stimulus_id"] == stimulus_id].set_index("layer")
        assert list(rows.index) == [*observer.stages]
        assert list(rows.index[rows["matched"] == "true"]) == layers
    word = table.loc["word_conv2_0"]
    assert word["match_db"] > 8
    assert word["converged"]
    assert word["evaluations"] < 30
    matched = profile[(profile["stimulus_id"] == "word_conv2_0") & (profile["layer"] == "conv2")]
    assert matched["match_db"].iloc[0] == pytest.approx(word["match_db"], abs=1e-4)
    # Jointly: the root mean of the two stages' squared ratios.
    ratios = profile[(profile["stimulus_id"] == "both_mel__conv1_0") & (profile["matched"] == "true")]["match_db"]
    joint = -10 * np.log10(np.mean(10 ** (-ratios / 10)))
    assert table.loc["both_mel__conv1_0", "match_db"] == pytest.approx(joint, abs=1e-3)
    assert table["same_class"].notna().tolist() == [True, True, False]
    up = table.loc["up_0"]
    assert up["activation"] > up["best_natural"]
    both = torch.from_numpy(np.stack([stimuli.stimulus(word["file"]), stimuli.stimulus(word["reference"])]))
    features = observer.activations(both, ["conv2"])["conv2"].flatten(1).double().numpy()
    assert word["match_db"] == pytest.approx(decibels(*features), abs=1e-3)


def test_what_goes_with_images_alone_is_refused_for_sounds(cochleagram):
    goal, waveform = drive(Unit(layer="cochleagram", channel=80)), Waveform(cochleagram.input)
    for said, options in {
        "robustness moves images, cochleagram is played sounds: leave it out": {"robustness": Robustness(jitter=3)},
        "Luminance limits images, the stimuli are sounds": {"constraints": [Luminance(mean=0.2)]},
    }.items():
        with pytest.raises(InputError, match=said):
            Synthesiser(cochleagram, goal, waveform, seeds=[1], **options)
    with pytest.raises(InputError, match=r"smooth\(\) is of neighbouring pixels, cochleagram is played sounds"):
        Synthesiser(cochleagram, goal + 0.1 * smooth(), waveform, seeds=[1])
    other = Waveform(load_model("cochleagram", seconds=0.2).input)
    with pytest.raises(InputError, match=r"the parametrisation makes \(9600,\), cochleagram is played \(14400,\)"):
        Synthesiser(cochleagram, goal, other, seeds=[1])


def test_an_adopted_set_of_sounds_is_checked(tiny, tmp_path):
    place, _ = tiny
    for path in (place / "pool").glob("*.wav"):
        if soundfile.info(path).samplerate == 44_100:
            (tmp_path / "mine").mkdir(exist_ok=True)
            shutil.copy(path, tmp_path / "mine")
    write_wav(tmp_path / "mine" / "silence.wav", np.zeros(4410, np.float32), 44_100)
    stimuli, left_out = adopt(tmp_path / "mine", tmp_path / "set")
    assert not left_out
    assert check_set(stimuli, None).problems == []
    write_wav(stimuli.path("stimuli/fire.wav"), np.full(100, 0.5, np.float32), 44_100)
    assert [problem.split()[0] for problem in check_set(stimuli, None).problems] == ["stimuli/fire.wav"]


def test_a_channel_of_a_stereo_reference(folder, tmp_path):
    """The recipe says which; the set is that of the mono file."""
    waveform, rate = read_sound(folder / "word.wav")
    other, _ = read_sound(folder / "texture.wav")
    other = np.resize(other, len(waveform))
    soundfile.write(folder / "stereo.wav", np.stack([other, waveform], 1), rate, subtype="FLOAT")
    asked = {
        "observer": {"name": "cochleagram", "duration_s": SECONDS}, "pool": str(folder / "pool"),
        "stimuli": [{"name": "one", "kind": "metamer", "layers": ["cochleagram"], "evaluations": 1, "reference": "stereo.wav"}],
    }  # fmt: skip
    with pytest.raises(
        InputError, match=r"stereo.wav has 2 channels; expected a mono sound: choose left, right or mean"
    ):
        make(Recipe.from_dict(asked, folder), tmp_path / "none")
    right = make(Recipe.from_dict({**asked, "channel": "right"}, folder), tmp_path / "right")
    asked["stimuli"][0]["reference"] = "word.wav"
    mono = make(Recipe.from_dict(asked, folder), tmp_path / "mono")
    assert np.abs(right.stimulus("references/stereo.wav") - mono.stimulus("references/word.wav")).max() < 1e-6
    assert right.provenance["channel"] == "right"
    images = {"observer": "efficientnet-lite0", "channel": "left", "stimuli": [{"name": "up", "kind": "controller", "goal": "drive", "unit": {"layer": "blocks.0", "channel": 1}}]}  # fmt: skip
    with pytest.raises(InputError, match="channel is for sounds, the observer is shown images: remove it"):
        make(images, tmp_path / "images")
