"""Recordings cut at their silences: where they sound, how long clips last, and nothing left where it fails."""

import numpy as np
import pandas as pd
import pytest

from synthstim.errors import InputError
from synthstim.modalities.sound import read_sound, write_wav
from synthstim.modalities.sound.splitting import pieces, sounding, split

RATE = 8_000
# Where bursts of noise lie, in s; the third follows the second after less than a pause.
BURSTS = [(0.5, 1.5), (2.5, 3.0), (3.1, 4.0), (5.0, 7.2)]
HEARD = [(0.5, 1.5), (2.5, 4.0), (5.0, 7.2)]


@pytest.fixture
def recording():
    random = np.random.default_rng(0)
    sound = 1e-4 * random.standard_normal(8 * RATE)
    for start, stop in BURSTS:
        part = slice(round(start * RATE), round(stop * RATE))
        sound[part] += 0.1 * random.standard_normal(part.stop - part.start)
    return sound.astype(np.float32)


def test_bursts_are_found_and_short_gaps_are_kept(recording):
    found = np.array(sounding(recording, RATE)) / RATE
    assert found == pytest.approx(np.array(HEARD), abs=0.05)
    assert all(a <= b for (a, _), (b, _) in zip(found, HEARD, strict=True)), "an onset is whole"


def test_a_silent_recording_has_no_clips():
    assert sounding(np.zeros(RATE, np.float32), RATE) == []


@pytest.mark.parametrize(("length", "count"), [(9, 0), (10, 1), (29, 2), (30, 3)])
def test_pieces_are_equal_and_centred(length, count):
    found = pieces((5, 5 + length), 10)
    assert len(found) == count
    assert all(stop - start == 10 for start, stop in found)
    if found:
        assert abs((found[0][0] - 5) - (5 + length - found[-1][1])) <= 1


@pytest.mark.parametrize(("seconds", "count"), [(None, 3), (1.0, 4), (2.0, 1)])
def test_clips_are_the_samples_of_their_recording(recording, tmp_path, synthstim, seconds, count):
    write_wav(tmp_path / "long.wav", recording, RATE, coding="pcm16")
    whole, _ = read_sound(tmp_path / "long.wav")
    options = [] if seconds is None else ["--seconds", str(seconds)]
    assert f"{count} clip" in synthstim("split", "long.wav", "--out", "clips", *options, cwd=tmp_path, status=0)
    table = pd.read_csv(tmp_path / "clips" / "clips.tsv", sep="\t")
    assert len(table) == count
    for row in table.itertuples():
        clip, rate = read_sound(tmp_path / "clips" / row.file)
        start = round(row.start_s * RATE)
        assert (rate, row.source) == (RATE, "long.wav")
        np.testing.assert_array_equal(clip, whole[start : start + len(clip)])
        assert seconds is None or len(clip) == seconds * RATE


def test_what_lasts_too_long_to_be_read_is_split(tmp_path):
    sound = np.zeros(310 * RATE, np.float32)
    sound[300 * RATE : 301 * RATE] = 0.1 * np.sin(np.arange(RATE))
    write_wav(tmp_path / "hour.wav", sound, RATE)
    with pytest.raises(InputError, match="synthstim split"):
        read_sound(tmp_path / "hour.wav")
    assert split(tmp_path / "hour.wav", tmp_path / "clips") == 1


def test_nothing_is_left_where_nothing_sounds_or_names_clash(tmp_path):
    (tmp_path / "in").mkdir()
    write_wav(tmp_path / "in" / "a b.wav", np.zeros(RATE, np.float32), RATE)
    with pytest.raises(InputError, match=r"sounds for 0\.5 s"):
        split(tmp_path / "in", tmp_path / "clips", seconds=0.5)
    write_wav(tmp_path / "in" / "a_b.wav", np.full(RATE, 0.1, np.float32), RATE)
    with pytest.raises(InputError, match="would give clips of one name"):
        split(tmp_path / "in", tmp_path / "clips")
    with pytest.raises(InputError, match="holds no sound"):
        split(tmp_path, tmp_path / "clips")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
