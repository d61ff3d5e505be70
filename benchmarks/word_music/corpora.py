"""What the word and music network learns from: spoken words, and tracks of music cut into a part to learn and one to test."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from synthstim.files import cache_folder, written_whole
from synthstim.modalities.sound import Waveform
from synthstim.modalities.sound.recordings import Recording
from word_music.voices import Voice, speak, trimmed

# Silence between the part of a track that is learnt and the part that tests: nothing may be in both.
GAP_S = 0.5
TEST_SHARE = 0.25


@dataclass(frozen=True)
class SpokenWords:
    """Clips of spoken words at ``rate`` Hz: 16-bit ``samples`` end to end, clip n from ``starts[n]`` to ``starts[n+1]``.

    ``word`` and ``voice`` (clip,) are numbers into ``words`` and of the voice; ``weight`` (clip,) how often it is heard.
    """

    rate: int
    words: tuple[str, ...]
    samples: NDArray[np.int16]
    starts: NDArray[np.int64]
    word: NDArray[np.int64]
    voice: NDArray[np.int64]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.word)

    def clip(self, number: int) -> Waveform:
        """One clip, (time,) float32 at full scale."""
        return self.samples[self.starts[number] : self.starts[number + 1]].astype(np.float32) / np.float32(32768)


def spoken_words(
    words: Sequence[str], voices: Sequence[Voice], rate: int, *, watch: Callable[[float, str], None] | None = None
) -> SpokenWords:
    """Synthesise every word in every voice, or read it from the user's cache where that was done before.

    Args:
        words: what is said.
        voices: who says it.
        rate: in Hz.
        watch: called with the share that is done, 0 to 1, and what is being done.

    Raises:
        InputError: a synthesiser or voice is missing.
    """
    # The voices' settings and the code that trims make a corpus; a new version of an engine does not make a new one.
    key = hashlib.sha256(repr((1, tuple(words), tuple(voices), rate)).encode()).hexdigest()[:16]
    path = cache_folder("corpora") / f"words-{key}.npz"
    if not path.is_file():
        spoken = _synthesise(words, voices, rate, watch)
        with written_whole(path) as part, part.open("wb") as stream:
            np.savez(stream, **spoken)  # type: ignore[arg-type]
    with np.load(path, allow_pickle=False) as kept:
        voice = kept["voice"]
        weight = np.array([voice.weight for voice in voices])[voice]
        return SpokenWords(rate, tuple(words), kept["samples"], kept["starts"], kept["word"], voice, weight)


def _synthesise(
    words: Sequence[str], voices: Sequence[Voice], rate: int, watch: Callable[[float, str], None] | None
) -> dict[str, NDArray[np.generic]]:
    clips: list[NDArray[np.int16]] = []
    step = os.cpu_count() or 1
    for first in range(0, len(voices), step):
        if watch is not None:
            watch(first / len(voices), f"{len(words)} words in {len(voices)} voices")
        for spoken in speak(voices[first : first + step], words, rate, workers=step):
            clips += [np.rint(clip.clip(-1, 1) * 32767).astype(np.int16) for clip in spoken]
    numbers = np.arange(len(clips))
    return {
        "samples": np.concatenate(clips),
        "starts": np.concatenate([[0], np.cumsum([len(clip) for clip in clips])]),
        "word": numbers % len(words),
        "voice": numbers // len(words),
    }


def recorded_words(sounds: Sequence[Recording], words: Sequence[str], rate: int) -> SpokenWords:
    """Recorded words whose text is among ``words``, trimmed as synthesised ones are."""
    known = {word: number for number, word in enumerate(words)}
    kept = [sound for sound in sounds if sound.text in known]
    clips = [trimmed(heard(sound, rate), rate) for sound in kept]
    peaks = [max(1.0, float(np.abs(clip).max(initial=0))) for clip in clips]
    samples = [np.rint(clip / peak * 32767).astype(np.int16) for clip, peak in zip(clips, peaks, strict=True)]
    starts = np.concatenate([[0], np.cumsum([len(clip) for clip in clips])]).astype(np.int64)
    word = np.array([known[sound.text] for sound in kept])
    return SpokenWords(
        rate, tuple(words), np.concatenate(samples), starts, word, np.zeros_like(word), np.ones(len(word))
    )


def heard(sound: Recording, rate: int) -> Waveform:
    """A recording, resampled to ``rate`` Hz: (time,) float32."""
    waveform, own = sound.read()
    return soxr.resample(waveform, own, rate, quality="HQ").astype(np.float32)


@dataclass(frozen=True)
class Tracks:
    """Tracks of music at ``rate`` Hz, each cut by time: ``learnt[n]`` and ``tested[n]`` are (time,) parts of ``names[n]``."""

    rate: int
    names: tuple[str, ...]
    learnt: tuple[Waveform, ...]
    tested: tuple[Waveform, ...]


def tracks(sounds: Sequence[Recording], rate: int) -> Tracks:
    """Cut each track: its last quarter tests, what comes before is learnt, and a gap lies between.

    Each track is brought to the same root mean square first, so that none is known by its level.
    """
    learnt, tested = [], []
    for sound in sounds:
        waveform = heard(sound, rate)
        waveform /= 10 * np.sqrt((waveform.astype(np.float64) ** 2).mean())
        cut = round(len(waveform) * (1 - TEST_SHARE))
        learnt.append(waveform[: cut - round(GAP_S * rate)].astype(np.float32))
        tested.append(waveform[cut:].astype(np.float32))
    return Tracks(rate, tuple(sound.name for sound in sounds), tuple(learnt), tuple(tested))
