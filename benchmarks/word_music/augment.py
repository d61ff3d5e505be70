"""Sounds as they come to an ear: words at other paces and heights, in noise, babble or music, coloured, louder or quieter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthstim.modalities.sound import Waveform
from word_music.corpora import SpokenWords, Tracks

# Samples that a phase vocoder takes together: 32 ms of speech at 16 kHz.
WINDOW = 512
# No label: the item does not count for that task.
NONE = -1


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How training sounds vary; ranges are uniform.

    Attributes:
        seconds: the sounds of a batch last, one duration for all; a word lies wholly within, at a random place.
        music_share: of sounds that are music with noise and no word.
        background_music: of words, those that music accompanies; the others have noise or babble.
        word_snr_db: of a word relative to its background.
        music_snr_db: of music relative to its noise.
        music_heard_db: accompanying music counts for the music task where the word is at most this far above it.
        size: factors of pace and height together, as of a larger or smaller speaker.
        pace: factors of pace alone, the height staying; and
        semitones: of height alone, the pace staying. The shipped network was trained without either.
        colour_db: standard deviation of the random gains, smooth over frequency, that colour each sound.
        reverberant: the share of words that are given a room.
        level_dbfs: root mean square of the whole.
    """

    seconds: tuple[float, float] = (0.95, 1.4)
    music_share: float = 0.25
    background_music: float = 0.35
    word_snr_db: tuple[float, float] = (0.0, 35.0)
    music_snr_db: tuple[float, float] = (0.0, 30.0)
    music_heard_db: float = 6.0
    size: tuple[float, float] = (0.82, 1.22)
    pace: tuple[float, float] = (1.0, 1.0)
    semitones: tuple[float, float] = (0.0, 0.0)
    colour_db: float = 5.0
    reverberant: float = 0.3
    level_dbfs: tuple[float, float] = (-40.0, -14.0)


@dataclass(frozen=True)
class Batch:
    """Sounds (item, time) at full scale; ``word`` and ``track`` (item,) are their labels, or ``NONE``.

    What is labelled lies within the first ``seconds``; background goes on after.
    """

    seconds: float
    sounds: Tensor
    word: Tensor
    track: Tensor


class Sampler:
    """Draws training batches; the same seed draws the same ones."""

    def __init__(self, spoken: SpokenWords, music: Tracks, augmentation: Augmentation, seed: int) -> None:
        self.spoken, self.music, self.augmentation = spoken, music, augmentation
        self.samples = round(augmentation.seconds[1] * spoken.rate)
        self._within = self.samples
        self.random = np.random.default_rng(seed)
        # Every word is as frequent as any other; within a word, voices come by their weights.
        self._of_word = [np.nonzero(spoken.word == word)[0] for word in range(len(spoken.words))]
        self._chance = [spoken.weight[clips] / spoken.weight[clips].sum() for clips in self._of_word]

    def batch(self, items: int) -> Batch:
        """Draw a batch of ``items`` sounds."""
        seconds = float(self.random.uniform(*self.augmentation.seconds))
        self._within = min(round(seconds * self.spoken.rate), self.samples)
        drawn = [self._music() if self._happens(self.augmentation.music_share) else self._word() for _ in range(items)]
        sounds = torch.from_numpy(np.stack([sound for sound, _, _ in drawn]))
        sounds = coloured(sounds, self._normal((items, 8)) * self.augmentation.colour_db)
        levels = torch.from_numpy(10 ** (self.random.uniform(*self.augmentation.level_dbfs, items) / 20)).float()
        sounds = sounds * (levels / sounds.square().mean(1).sqrt().clamp(min=1e-6))[:, None]
        return Batch(
            seconds,
            sounds.clamp(-1, 1),
            torch.tensor([word for _, word, _ in drawn]),
            torch.tensor([track for _, _, track in drawn]),
        )

    def _word(self) -> tuple[Waveform, int, int]:
        word = int(self.random.integers(len(self.spoken.words)))
        clip = self._clip(word)
        if self._happens(self.augmentation.reverberant):
            clip = in_room(clip, self._impulse_response())
        placed = self._placed(clip)
        snr = float(self.random.uniform(*self.augmentation.word_snr_db))
        track = NONE
        if self._happens(self.augmentation.background_music):
            track, background = self._excerpt()
            track = track if snr <= self.augmentation.music_heard_db else NONE
        else:
            background = self._babble() if self._happens(0.3) else self._noise()
        # The level of the word itself, not of the silence around it.
        return placed + background * (rms(clip) / rms(background) * 10 ** (-snr / 20)), word, track

    def _music(self) -> tuple[Waveform, int, int]:
        track, excerpt = self._excerpt()
        snr = float(self.random.uniform(*self.augmentation.music_snr_db))
        noise = self._noise()
        return excerpt + noise * np.float32(rms(excerpt) / rms(noise) * 10 ** (-snr / 20)), NONE, track

    def _clip(self, word: int) -> Waveform:
        clip = self.spoken.clip(int(self.random.choice(self._of_word[word], p=self._chance[word])))
        clip = at_size(clip, float(np.exp(self.random.uniform(*np.log(self.augmentation.size)))))
        # Nothing is drawn for what does not vary, so that other draws stay as they are.
        if self.augmentation.pace != (1.0, 1.0):
            clip = at_pace(clip, float(np.exp(self.random.uniform(*np.log(self.augmentation.pace)))))
        if self.augmentation.semitones != (0.0, 0.0):
            clip = at_height(clip, self.spoken.rate, float(self.random.uniform(*self.augmentation.semitones)))
        return clip

    def _placed(self, clip: Waveform) -> Waveform:
        placed = np.zeros(self.samples, np.float32)
        room = self._within - len(clip)
        if room <= 0:
            clip, room = clip[-room // 2 :][: self._within], 0
        start = int(self.random.integers(room + 1))
        placed[start : start + len(clip)] = clip
        return placed

    def _excerpt(self) -> tuple[int, Waveform]:
        track = int(self.random.integers(len(self.music.names)))
        learnt = self.music.learnt[track]
        start = int(self.random.integers(len(learnt) - self.samples + 1))
        return track, learnt[start : start + self.samples]

    def _babble(self) -> Waveform:
        return np.sum([self._placed(self._clip(int(word))) for word in self.random.integers(len(self.spoken.words), size=4)], 0)  # fmt: skip

    def _noise(self) -> Waveform:
        return noise(self.samples, float(self.random.uniform(0, 2)), self.random)

    def _impulse_response(self) -> Waveform:
        seconds, wet = self.random.uniform(0.1, 0.5), self.random.uniform(0.05, 0.5)
        time = np.arange(round(0.3 * self.spoken.rate)) / self.spoken.rate
        tail = self.random.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
        tail *= wet / np.sqrt((tail**2).sum())
        tail[0] += 1
        return tail.astype(np.float32)

    def _happens(self, chance: float) -> bool:
        return bool(self.random.random() < chance)

    def _normal(self, shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(self.random.standard_normal(shape).astype(np.float32))


def rms(waveform: NDArray[np.floating]) -> float:
    """Root mean square, never quite 0."""
    return max(float(np.sqrt((waveform.astype(np.float64) ** 2).mean())), 1e-6)


def at_size(clip: Waveform, factor: float) -> Waveform:
    """A clip at ``factor`` times its pace, height and formants: above 1 a smaller, quicker speaker."""
    return np.interp(np.arange(0, len(clip) - 1, factor), np.arange(len(clip)), clip).astype(np.float32)


def at_pace(clip: Waveform, factor: float) -> Waveform:
    """A clip at ``factor`` times its pace, at its own height: above 1 the same speaker, in a hurry."""
    import librosa  # Takes a second.

    window = 1 << int(np.log2(min(WINDOW, len(clip))))
    return librosa.effects.time_stretch(clip, rate=factor, n_fft=window).astype(np.float32)


def at_height(clip: Waveform, rate: int, semitones: float) -> Waveform:
    """A clip at its own pace, so many semitones higher, formants and all."""
    import librosa

    window = 1 << int(np.log2(min(WINDOW, len(clip))))
    shifted = librosa.effects.pitch_shift(clip, sr=rate, n_steps=semitones, n_fft=window, res_type="soxr_hq")
    return shifted.astype(np.float32)


def noise(samples: int, slope: float, random: np.random.Generator) -> Waveform:
    """Noise whose power falls with frequency to the power of ``slope``: 0 white, 1 pink, 2 brown; root mean square 1."""
    spectrum = np.fft.rfft(random.standard_normal(samples))
    spectrum *= np.maximum(np.arange(len(spectrum)), samples / 500) ** (-slope / 2)
    shaped = np.fft.irfft(spectrum, samples)
    return (shaped / rms(shaped)).astype(np.float32)


def in_room(clip: Waveform, impulse_response: Waveform) -> Waveform:
    """A clip convolved with a room's response; the tail beyond the clip's end is kept."""
    length = len(clip) + len(impulse_response) - 1
    size = 1 << (length - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(clip, size) * np.fft.rfft(impulse_response, size), size)[:length].astype(np.float32)


def coloured(sounds: Tensor, gains_db: Tensor) -> Tensor:
    """Sounds (item, time) under gains (item, point) in dB at points evenly spaced on a logarithmic frequency axis."""
    samples = sounds.shape[1]
    place = torch.linspace(0, samples // 2, samples // 2 + 1).clamp(min=samples / 200).log()
    place = (place - place[0]) / (place[-1] - place[0]) * (gains_db.shape[1] - 1)
    low = place.long().clamp(max=gains_db.shape[1] - 2)
    between = place - low
    smooth = gains_db[:, low] * (1 - between) + gains_db[:, low + 1] * between
    return torch.fft.irfft(torch.fft.rfft(sounds) * 10 ** (smooth / 20), n=samples)


def striped(cochleagrams: Tensor, widest: tuple[int, int], random: np.random.Generator) -> Tensor:
    """Cochleagrams (item, channel, frame) with two stripes of channels and two of frames set to the item's mean.

    Args:
        cochleagrams: what is left as it is.
        widest: (channels, frames) that a stripe may have.
        random: draws places and widths, each item's own.
    """
    kept = torch.ones_like(cochleagrams)
    for item in kept:
        for axis in (0, 1, 0, 1):
            width = int(random.integers(widest[axis] + 1))
            item.narrow(axis, int(random.integers(item.shape[axis] - width + 1)), width).zero_()
    means = cochleagrams.mean((1, 2), keepdim=True)
    return means + (cochleagrams - means) * kept
