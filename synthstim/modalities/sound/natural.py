"""Clips of recordings for the natural pool, at an observer's rate, duration and level."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from synthstim.errors import InputError
from synthstim.files import sha256_of
from synthstim.modalities.base import Modality
from synthstim.modalities.sound import SoundInput, Waveform, as_sound, at_level, fit_sound, read_sound
from synthstim.modalities.sound.recordings import Recording, carried_sounds
from synthstim.verify.pool import FEWEST_ORIGINS, NaturalPool, files_in

CLIPS = 192
# Enough to tell recordings apart.
_SLOW_RATE = 4000
# A reference whose waveform correlates with a stretch of a recording beyond this is cut from it.
_SAME = 0.9

Read = Callable[[], tuple[Waveform, int]]


def cut_pool(
    input: SoundInput, folder: Path | None, *, level_dbfs: float | None, channel: str | None = None, **_of_others: Any
) -> NaturalPool:
    """Cut the middle of each recording of a folder, or of the recordings that installed packages carry.

    One clip a recording, at most 192, spread evenly over kinds of sound and always the same ones. Recordings that are
    shorter than the clip, silent in their middle, or would clip at the level, or at the observer's rate, are left out, and so are those of which
    the pool has the very sound already.

    Raises:
        InputError: fewer than 4 recordings remain.
    """
    found = _in_folder(input.modality, folder, channel) if folder is not None else _carried(input.seconds)
    clips, names, digests, slow = [], [], [], []
    spectra: list[NDArray[np.complex128]] = []
    for name, digest, read in found:
        waveform, rate = read()
        try:
            clip = fit_sound(waveform, rate, to=input.rate, samples=input.samples, heard=input.network_rate, name=name)
            clip = as_sound(clip, name) if level_dbfs is None else at_level(clip, level_dbfs, name)
        except InputError:
            continue
        spectrum = _spectrum(_slow(clip, input.rate))
        if spectra and np.fft.irfft(np.stack(spectra) * spectrum.conj()).max() > _SAME:
            continue
        clips.append(clip)
        spectra.append(spectrum)
        names.append(name)
        digests.append(digest)
        slow.append(_slow(waveform, rate))
        if len(clips) == CLIPS:
            break
    if len(clips) < FEWEST_ORIGINS:
        raise InputError(
            f"only {len(clips)} recordings last {input.seconds:g} s or more; the natural pool needs {FEWEST_ORIGINS}",
            "give a folder of longer ones as pool",
            code="too-few",
        )

    recognised: dict[bytes, set[int]] = {}

    def recognise(sound: Waveform) -> set[int]:
        key = hashlib.sha256(sound.tobytes()).digest()
        if key not in recognised:
            heard = _slow(sound, input.rate)
            recognised[key] = {number for number, whole in enumerate(slow) if _likeness(heard, whole) > _SAME}
        return recognised[key]

    source = str(input.modality.carried) if folder is None else folder.name
    sha256 = hashlib.sha256("".join(digests).encode()).hexdigest()
    origin = np.arange(len(clips))
    return NaturalPool(np.stack(clips), origin, tuple(names), source, sha256, input.modality, recognise)


def _in_folder(modality: Modality, folder: Path, channel: str | None) -> list[tuple[str, str, Read]]:
    return [
        (path.name, sha256_of(path), partial(read_sound, path, channel=channel)) for path in files_in(folder, modality)
    ]


def _carried(seconds: float) -> list[tuple[str, str, Read]]:
    """The carried recordings, kinds taking turns, so that speech does not crowd out the rest."""
    by_kind: dict[str, list[Recording]] = {}
    for recording in sorted(carried_sounds(), key=lambda one: one.name):
        by_kind.setdefault(recording.kind, []).append(recording)
    random = np.random.default_rng(0)
    shuffled = [[kind[at] for at in random.permutation(len(kind))] for kind in by_kind.values()]
    turns = [kind[at] for at in range(max(map(len, shuffled))) for kind in shuffled if at < len(kind)]
    return [(one.name, sha256_of(one.path), one.read) for one in turns]


def _slow(waveform: Waveform, rate: int) -> NDArray[np.float64]:
    values = soxr.resample(waveform.astype(np.float64), rate, _SLOW_RATE, quality="HQ")
    return values - values.mean()


def _spectrum(slow: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Padded, and scaled so that the products of two make their normalised cross-correlation."""
    return np.fft.rfft(slow / max(float(np.linalg.norm(slow)), 1e-12), n=2 * len(slow))


def _likeness(heard: NDArray[np.float64], whole: NDArray[np.float64]) -> float:
    """Largest normalised cross-correlation of a clip with any stretch of a recording."""
    from scipy.signal import fftconvolve  # Takes a second to import; only some sounds ask for it.

    if len(whole) < len(heard):
        whole = np.pad(whole, (0, len(heard) - len(whole)))
    products = fftconvolve(whole, heard[::-1], mode="valid")
    energy = np.maximum(fftconvolve(whole**2, np.ones(len(heard)), mode="valid"), 1e-12)
    return float((products / np.sqrt(energy * max(float(heard @ heard), 1e-12))).max())
