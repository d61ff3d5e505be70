"""Training the word and music network: voices, corpora, augmentation, and whether it learns."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch
from word_music import corpora, voices
from word_music.augment import (
    NONE,
    Augmentation,
    Sampler,
    at_height,
    at_pace,
    at_size,
    coloured,
    in_room,
    noise,
    rms,
    striped,
)
from word_music.corpora import SpokenWords, Tracks
from word_music.evaluate import Accuracy, alone, centred, recognised, tracks_told_apart
from word_music.train import TrainingSettings, fit, train_word_music
from word_music.voices import HELD_OUT, TRAINING, Voice, speak, trimmed

from synthstim.errors import InputError

RATE = 16_000


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("SYNTHSTIM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def tone(hz, seconds, size=1.0):
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * hz * size * time)).astype(np.float32)


@pytest.fixture(scope="module")
def spoken():
    """Three words, high, low and rising, in four voices of different size."""
    clips = []
    for size in (0.9, 1.0, 1.1, 1.2):
        rising = np.concatenate([tone(hz, 0.05, size) for hz in (300, 500, 800, 1200, 1800)])
        clips += [tone(2000, 0.25, size), tone(400, 0.25, size), rising]
    samples = np.concatenate([np.rint(clip * 32767).astype(np.int16) for clip in clips])
    starts = np.concatenate([[0], np.cumsum([len(clip) for clip in clips])])
    number = np.arange(12)
    return SpokenWords(RATE, ("high", "low", "rising"), samples, starts, number % 3, number // 3, np.ones(12))


@pytest.fixture(scope="module")
def music():
    random = np.random.default_rng(0)
    white, hum = noise(6 * RATE, 0.0, random) * 0.1, tone(120, 6.0) + tone(240, 6.0)
    return Tracks(RATE, ("hiss", "hum"), (white[: 4 * RATE], hum[: 4 * RATE]), (white[4 * RATE :], hum[4 * RATE :]))


# Voices


@pytest.mark.parametrize("voice", [TRAINING[0], next(v for v in TRAINING if v.engine == "flite")], ids=lambda v: v.name)
def test_a_voice_says_words_of_a_word_s_length(voice):
    if not shutil.which(voice.engine):
        pytest.skip(f"{voice.engine} is not installed: .ci/system-packages installs it")
    spoken = speak([voice, dataclasses.replace(voice, stretch=voice.stretch * 1.4)], ["seven", "yesterday"], RATE)
    seven, yesterday = spoken[0]
    assert 0.2 < len(seven) / RATE < len(yesterday) / RATE < 1.5
    assert all(0.05 < np.abs(clip).max() <= 1.2 for clip in spoken[0])
    assert len(spoken[1][1]) > 1.2 * len(yesterday)


def test_voices_that_are_held_out_are_not_trained_on():
    assert {voice.speaker.partition("+")[2] or voice.speaker for voice in HELD_OUT}.isdisjoint(
        voice.speaker.partition("+")[2] or voice.speaker for voice in TRAINING
    )


def test_a_missing_engine_is_one_sentence(monkeypatch):
    monkeypatch.setattr(voices.shutil, "which", lambda name: None if name == "flite" else f"/usr/bin/{name}")
    with pytest.raises(InputError, match=r"flite is not installed: run 'apt-get install espeak-ng flite"):
        speak([Voice("flite", "slt")], ["one"], RATE)


def test_silence_at_the_ends_is_trimmed():
    padded = np.pad(tone(500, 0.3), (8000, 4000))
    assert abs(len(trimmed(padded, RATE)) - 0.3 * RATE) <= RATE // 50
    assert not trimmed(np.zeros(1600, np.float32), RATE).any()


# Corpora


def test_a_corpus_is_spoken_once(monkeypatch):
    times = []

    def spoken_by(voices, words, rate, workers):
        times.append(len(voices))
        return [[tone(500 + 100 * len(word), 0.2 + 0.1 * number) for number, word in enumerate(words)] for _ in voices]

    monkeypatch.setattr(corpora, "speak", spoken_by)
    given = ("one", "three"), [Voice("a", "x"), Voice("b", "y", weight=3.0), Voice("c", "z")], RATE
    seen = []
    first = corpora.spoken_words(*given, watch=lambda share, what: seen.append((share, what)))
    assert sum(times) == 3
    assert seen[0] == (0.0, "2 words in 3 voices")
    second = corpora.spoken_words(*given)
    assert sum(times) == 3
    np.testing.assert_array_equal(first.samples, second.samples)
    assert first.word.tolist() == [0, 1] * 3
    assert first.voice.tolist() == [0, 0, 1, 1, 2, 2]
    assert first.weight.tolist() == [1, 1, 3, 3, 1, 1]
    np.testing.assert_allclose(first.clip(3), tone(1000, 0.3), atol=2**-15)


class Track:
    name = "ramp"

    def read(self):
        return np.linspace(0.1, 0.9, 8 * RATE).astype(np.float32), RATE


def test_tracks_are_cut_by_time_with_a_gap():
    cut = corpora.tracks([Track()], RATE)
    learnt, tested = cut.learnt[0], cut.tested[0]
    assert len(learnt) == round(5.5 * RATE)
    assert len(tested) == 2 * RATE
    # The ramp says when: nothing that is tested comes before the gap's end.
    assert tested.min() > learnt.max()
    whole = np.concatenate([learnt, tested])
    assert 0.08 < rms(whole) < 0.12


# Augmentation


def test_the_same_seed_draws_the_same_batches(spoken, music):
    first, again, other = (Sampler(spoken, music, Augmentation(), seed).batch(16) for seed in (1, 1, 2))
    assert torch.equal(first.sounds, again.sounds)
    assert torch.equal(first.word, again.word)
    assert not torch.equal(first.sounds, other.sounds)


def test_batches_are_labelled_finite_and_within_full_scale(spoken, music):
    batch = Sampler(spoken, music, Augmentation(music_share=0.5), 0).batch(64)
    assert batch.sounds.shape == (64, round(1.4 * RATE))
    assert batch.sounds.dtype == torch.float32
    assert torch.isfinite(batch.sounds).all()
    assert batch.sounds.abs().max() <= 1
    assert ((batch.word != NONE) | (batch.track != NONE)).all()
    assert set(batch.word.tolist()) == {NONE, 0, 1, 2}
    assert set(batch.track.tolist()) == {NONE, 0, 1}


def test_words_have_the_level_over_their_noise_that_is_asked_for(spoken, music):
    quiet = Augmentation(music_share=0, background_music=1, reverberant=0, colour_db=0, word_snr_db=(60.0, 60.0))
    loud = dataclasses.replace(quiet, word_snr_db=(-40.0, -40.0))
    sounds = Sampler(spoken, music, quiet, 0).batch(8).sounds
    # The word fills less than a third of the time: the rest is 60 dB below it.
    power = sounds.unfold(1, 1600, 1600).square().mean(2)
    assert (10 * torch.log10(power.amax(1) / power.amin(1)) > 50).all()
    power = Sampler(spoken, music, loud, 0).batch(8).sounds.unfold(1, 1600, 1600).square().mean(2)
    assert (10 * torch.log10(power.amax(1) / power.amin(1)) < 3).all()


def pitch(clip):
    """Where the spectrum of a clip's middle is highest, in Hz."""
    middle = clip[len(clip) // 4 : 3 * len(clip) // 4]
    return np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 16)).argmax() * RATE / (1 << 16)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_a_speaker_in_a_hurry_keeps_the_height(factor):
    clip = at_pace(tone(500, 0.4), factor)
    assert len(clip) == pytest.approx(0.4 * RATE / factor, abs=2)
    assert pitch(clip) == pytest.approx(500, rel=0.01)


@pytest.mark.parametrize("semitones", [-3.0, 2.5])
def test_a_higher_speaker_keeps_the_pace(semitones):
    clip = at_height(tone(500, 0.4), RATE, semitones)
    assert len(clip) == round(0.4 * RATE)
    assert pitch(clip) == pytest.approx(500 * 2 ** (semitones / 12), rel=0.01)


def test_pace_and_height_vary_what_is_drawn_and_nothing_where_they_are_left_out(spoken, music):
    usual = Augmentation()
    plain = Sampler(spoken, music, usual, 3).batch(4).sounds
    same = dataclasses.replace(usual, pace=(1.0, 1.0), semitones=(0.0, 0.0))
    assert torch.equal(Sampler(spoken, music, same, 3).batch(4).sounds, plain)
    for other in ({"pace": (0.8, 1.25)}, {"semitones": (-2.0, 2.0)}):
        batch = Sampler(spoken, music, dataclasses.replace(usual, **other), 3).batch(4)
        assert torch.isfinite(batch.sounds).all()
        assert not torch.equal(batch.sounds, plain)


def test_a_smaller_speaker_is_higher_and_quicker():
    clip = at_size(tone(500, 0.4), 1.25)
    assert abs(len(clip) - 0.32 * RATE) < 2
    spectrum = np.abs(np.fft.rfft(clip))
    assert abs(np.argmax(spectrum) * RATE / len(clip) - 625) < 5


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_noise_falls_with_frequency_as_asked(slope):
    spectrum = np.abs(np.fft.rfft(noise(1 << 17, slope, np.random.default_rng(0)))) ** 2
    octaves = [spectrum[low : 2 * low].mean() for low in (1024, 2048, 4096, 8192, 16384)]
    falls = np.diff(10 * np.log10(octaves))
    np.testing.assert_allclose(falls, -slope * 10 * np.log10(2), atol=0.4)


def test_a_room_that_only_delays_delays():
    clip = tone(700, 0.1)
    response = np.zeros(401, np.float32)
    response[400] = 0.5
    np.testing.assert_allclose(in_room(clip, response)[400 : 400 + len(clip)], 0.5 * clip, atol=1e-6)


def test_colour_changes_the_level_of_a_tone_by_the_gain_at_its_frequency():
    sounds = torch.from_numpy(np.stack([tone(500, 1.0)] * 2))
    same = coloured(sounds, torch.full((2, 8), 6.0))
    torch.testing.assert_close(same, sounds * 10 ** (6 / 20), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(coloured(sounds, torch.zeros(2, 8)), sounds, rtol=1e-4, atol=1e-5)


def test_stripes_wipe_out_no_more_than_asked():
    given = torch.rand(5, 67, 200)
    wiped = striped(given, (8, 14), np.random.default_rng(0))
    changed = (wiped - given).abs() > 1e-6
    assert (changed.all(2).sum(1) <= 16).all()
    assert (changed.all(1).sum(1) <= 28).all()
    torch.testing.assert_close(wiped[~changed], given[~changed])
    torch.testing.assert_close(striped(given, (0, 0), np.random.default_rng(0)), given)


# Accuracies


def test_accuracies_count():
    found = Accuracy(correct=3, n=4, chance=0.25)
    assert found.share == 0.75
    assert str(found) == "75.0% of 4 (chance 25.0%)"


def test_clips_are_heard_in_the_middle_at_one_level(spoken):
    sounds = alone(spoken)
    assert sounds.shape == (12, RATE)
    assert sounds.square().mean(1).sqrt().std() < 1e-3
    assert sounds[0].nonzero().min() == (RATE - len(spoken.clip(0))) // 2 + 1
    assert len(centred(np.ones(20_000, np.float32), RATE)) == RATE


# Learning


@pytest.fixture(scope="module")
def learnt(spoken, music):
    seen = []
    settings = TrainingSettings(
        steps=40, batch=24, average=5, rate=3e-3, smoothing=0.0, music_weight=1.0, hidden=(0, 0)
    )
    plain = Augmentation(
        seconds=(0.6, 0.7), word_snr_db=(20.0, 30.0), music_snr_db=(20.0, 30.0), reverberant=0.0, colour_db=1.0
    )
    plain = dataclasses.replace(plain, music_share=0.4)
    made = fit(spoken, music, settings=settings, augmentation=plain, watch=lambda *now: seen.append(now))
    return made, seen, (settings, plain)


def test_the_losses_fall_and_both_tasks_are_learnt(learnt, spoken, music):
    (network, losses), _, _ = learnt
    first, last = np.mean(losses[:5], 0), np.mean(losses[-5:], 0)
    assert (last < 0.5 * first).all()
    assert not network.training
    assert (recognised(network, alone(spoken)) == spoken.word).mean() > 0.8
    assert tracks_told_apart(network, music).share > 0.9


def test_progress_is_told(learnt):
    _, seen, _ = learnt
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert seen[-1][1].startswith("step 40, loss of words")


def test_the_same_seed_gives_the_same_weights_whatever_torch_drew_before(learnt, spoken, music):
    _, _, (settings, plain) = learnt
    settings = dataclasses.replace(settings, steps=3)
    torch.rand(7)
    before = torch.get_rng_state()
    one, _ = fit(spoken, music, seed=5, settings=settings, augmentation=plain)
    assert torch.equal(before, torch.get_rng_state())
    torch.rand(3)
    two, _ = fit(spoken, music, seed=5, settings=settings, augmentation=plain)
    three, _ = fit(spoken, music, seed=6, settings=settings, augmentation=plain)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not torch.equal(one.conv1.weight, three.conv1.weight)


def test_where_weights_cannot_go_is_said_before_anything_is_done(tmp_path, monkeypatch):
    monkeypatch.setattr("word_music.train.spoken_words", pytest.fail)
    (tmp_path / "there.safetensors").write_bytes(b"")
    for out, said in (
        ("there.safetensors", "exists already"),
        ("weights.pth", "end it with .safetensors"),
        ("there.safetensors/w.safetensors", "cannot be made"),
    ):
        with pytest.raises(InputError, match=said):
            train_word_music(tmp_path / out)


def test_missing_music_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("word_music.train.carried_sounds", lambda kind: [])
    with pytest.raises(InputError, match=r"15 in all.* run 'apt-get install asterisk-moh-opsound-g722"):
        train_word_music(tmp_path / "w.safetensors")
