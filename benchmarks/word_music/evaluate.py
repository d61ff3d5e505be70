"""How well the word and music network does: on recorded prompts of a voice it never heard, and on later parts of tracks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synthstim.modalities.sound import Waveform
from synthstim.modalities.sound.recordings import carried_sounds
from synthstim.models.hearing.word_music import RATE, TRACKS, WORDS, network
from synthstim.models.weights import load_into, read_weights
from word_music.augment import noise, rms
from word_music.corpora import SpokenWords, Tracks, recorded_words, tracks

SECONDS = 1.0
LEVEL = 0.05
# Pieces of each track's test part, evenly spaced.
PIECES = 12


@dataclass(frozen=True)
class Accuracy:
    """``correct`` of ``n`` sounds; guessing would get the share ``chance``."""

    correct: int
    n: int
    chance: float

    @property
    def share(self) -> float:
        """Correct over n."""
        return self.correct / self.n

    def __str__(self) -> str:
        return f"{self.share:.1%} of {self.n} (chance {self.chance:.1%})"


@dataclass(frozen=True)
class Accuracies:
    """Accuracies of the network; ``mistakes`` are (said, heard) for the recorded words.

    Attributes:
        words: recorded prompts of a voice that was never trained on, each alone.
        words_in_noise: the same, in pink noise 10 dB below the word.
        tracks: pieces of 1 s from the last quarter of each track, which was not trained on.
    """

    words: Accuracy
    words_in_noise: Accuracy
    tracks: Accuracy
    mistakes: tuple[tuple[str, str], ...]


def evaluate_word_music(weights: str | Path | None = None) -> Accuracies:
    """Measure the network on recorded sounds that were not trained on.

    Args:
        weights: a .safetensors file that ``train_word_music`` wrote; None takes those that the package carries.

    Raises:
        InputError: the packages with recorded sounds are not installed, or the file is not this network's.

    Example:
        >>> print(evaluate_word_music().words)  # doctest: +SKIP
    """
    spoken = recorded_words(carried_sounds("word"), WORDS, RATE)
    music = tracks([sound for sound in carried_sounds("music") if sound.name in TRACKS], RATE)
    net: nn.Module = network(round(SECONDS * RATE), trained=weights is None)
    if weights is not None:
        load_into(net, read_weights(weights), Path(weights).name)
    heard = recognised(net, alone(spoken))
    noisy = recognised(net, alone(spoken, snr_db=10.0))
    wrong = np.nonzero(heard != spoken.word)[0]
    return Accuracies(
        words=Accuracy(int((heard == spoken.word).sum()), len(spoken), 1 / len(WORDS)),
        words_in_noise=Accuracy(int((noisy == spoken.word).sum()), len(spoken), 1 / len(WORDS)),
        tracks=tracks_told_apart(net, music),
        mistakes=tuple((WORDS[spoken.word[clip]], WORDS[heard[clip]]) for clip in wrong),
    )


def alone(spoken: SpokenWords, *, snr_db: float | None = None, seed: int = 0) -> Tensor:
    """Every clip by itself in the middle of ``SECONDS``, at one level: (clip, time); in pink noise if ``snr_db`` is given."""
    samples = round(SECONDS * spoken.rate)
    random = np.random.default_rng(seed)
    sounds = []
    for number in range(len(spoken)):
        clip = spoken.clip(number)
        sound = centred(clip / np.float32(rms(clip)), samples)
        if snr_db is not None:
            sound = sound + noise(samples, 1.0, random) * np.float32(10 ** (-snr_db / 20))
        sounds.append(sound * np.float32(LEVEL))
    return torch.from_numpy(np.stack(sounds))


def centred(clip: Waveform, samples: int) -> Waveform:
    """The middle of a longer clip; a shorter one with silence around it."""
    spare = samples - len(clip)
    if spare < 0:
        return clip[-spare // 2 :][:samples]
    return np.pad(clip, (spare // 2, spare - spare // 2))


@torch.no_grad()
def recognised(net: nn.Module, sounds: Tensor, *, task: str = "word", at_once: int = 64) -> NDArray[np.int64]:
    """The most active output of a branch, ``word`` or ``music``, for each sound (sound, time)."""
    was = net.training
    net.eval()
    found = [net(batch)[task].argmax(1) for batch in sounds.split(at_once)]
    net.train(was)
    return torch.cat(found).numpy()


def tracks_told_apart(net: nn.Module, music: Tracks) -> Accuracy:
    """Of pieces of the tracks' test parts, how many are ascribed to their track."""
    samples = round(SECONDS * music.rate)
    pieces, truth = [], []
    for number, tested in enumerate(music.tested):
        for start in np.linspace(0, len(tested) - samples, PIECES).astype(int):
            pieces.append(tested[start : start + samples])
            truth.append(number)
    heard = recognised(net, torch.from_numpy(np.stack(pieces)), task="music")
    return Accuracy(int((heard == np.array(truth)).sum()), len(truth), 1 / len(music.names))
