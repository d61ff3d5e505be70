"""Sounds: how they are named, read, written, rounded and measured."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.modalities.base import Modality, Stimulus, StimulusInput
from synthstim.modalities.sound.files import SUFFIXES, lossless_bits, read_sound, write_wav
from synthstim.modalities.sound.fitting import FITS, fit_sound
from synthstim.modalities.sound.input import SoundInput
from synthstim.modalities.sound.noise import noise, shaped_noise
from synthstim.modalities.sound.resamplers import RESAMPLERS, SECOND, heard_through
from synthstim.modalities.sound.waveforms import as_sound, at_level, level_of, peak_run

# Below this share of a model's rate a recording leaves a tenth of its ear's bands empty, or more, which is told.
MOST_OF = 0.75


class SoundModality(Modality):
    """Sounds (time,) at full scale from -1 to 1, in WAV files of 16 or 24 bits, or of floating point."""

    name = "sound"
    verb = "played"
    presents = "plays"
    natural = "recording"
    naturals = "recordings"
    looped = "sound_fixation_reward"
    carried = "recordings of installed packages"
    distance = "waveform_distance"
    distance_label = "waveform distance"
    distance_hint = (
        "|waveform − reference| / |reference|: 0 is the same waveform, about 1.4 is an unrelated one at the same level"
    )
    coding = "full scale from -1 to 1; levels are in dB re full scale"
    Input = SoundInput
    suffixes = SUFFIXES
    suffix = ".wav"
    limits = (-1.0, 1.0)
    bits = (16, 24, 32)
    default_bits = 24
    fits = FITS
    reading = ("level_dbfs", "channel")
    settings = reading
    parametrisations = ("spectrogram", "waveform")
    starts = ("pink", "white", "shaped")
    shaped_starts = ("shaped",)
    columns: Mapping[str, tuple[str, str, str]] = {}
    tolerances = {"rate_hz": 0, "duration_s": 1e-6, "level_dbfs": 0.01, "peak_dbfs": 0.01, "peak_run": 0}  # noqa: RUF012 - never changed
    rematched = {"match_db_soxr": SECOND}  # noqa: RUF012 - never changed
    resamplers = tuple(RESAMPLERS)
    drawings = ("cochleagram", "mel", "constant-q")
    home = "synthstim.modalities.sound"

    def read(self, path: str | Path) -> Stimulus:
        """Read a mono sound file, at its own rate."""
        return read_sound(path)[0]

    def copied(self, path: str | Path, *, channel: str | None = None) -> tuple[Stimulus, int]:
        """One channel of a sound file; the mean of several has steps that no file of theirs has, so it is kept in floating point."""
        return read_sound(path, channel=channel)[0], 32 if channel == "mean" else lossless_bits(path)

    def fitted(self, path: Path, input: StimulusInput, fit: str, how: Mapping[str, Any]) -> Stimulus:
        """Read a sound file and bring it to an observer's rate and duration, and to a level.

        Warns:
            UserWarning: the rate is far below the network's, so that much of what it could hear is empty.
        """
        assert isinstance(input, SoundInput)
        waveform, rate = read_sound(path, channel=how["channel"])
        if rate < MOST_OF * input.network_rate:
            warnings.warn(
                f"{path.name} is at {rate} Hz and holds nothing above {rate / 2:g} Hz, the model hears up to "
                f"{input.network_rate / 2:g} Hz: a recording at {input.network_rate} Hz or more would suit it",
                stacklevel=3,
            )
        fitted = fit_sound(
            waveform, rate, to=input.rate, samples=input.samples, heard=input.network_rate, how=fit, name=path.name
        )
        return fitted if how["level_dbfs"] is None else at_level(fitted, how["level_dbfs"], path.name)

    def writing(self, input: StimulusInput) -> dict[str, Any]:
        """The rate in Hz."""
        assert isinstance(input, SoundInput)
        return {"rate": input.rate}

    def writing_of(self, files: Sequence[Path]) -> dict[str, Any]:
        """The rate in Hz that all of them have."""
        rates = [read_sound(path, channel="mean")[1] for path in files]
        for path, rate in zip(files, rates, strict=True):
            if rate != rates[0]:
                raise InputError(
                    f"{files[0].name} is at {rates[0]} Hz and {path.name} at {rate} Hz: a set is played at one rate, resample one",
                    code="mismatch",
                )
        return {"rate": rates[0]}

    def write(self, path: str | Path, values: Stimulus, *, bits: int, rate: int = 0) -> None:
        """Write a WAV file at a rate in Hz."""
        write_wav(path, values, rate, coding="float32" if bits == 32 else f"pcm{bits}")

    def rounded(self, values: Stimulus, bits: int | None = None) -> Stimulus:
        """Values at the nearest steps of the file; +1 has none of its own."""
        bits = bits or self.default_bits
        if bits == 32:
            return values.astype(np.float32)
        top = 2.0 ** (bits - 1)
        return (np.minimum(np.rint(values.astype(np.float64) * top), top - 1) / top).astype(np.float32)

    def levels(self, bits: int | None = None) -> int | None:
        """Steps from 0 to 1 of 16 bits; those of more cannot be told."""
        bits = bits or self.default_bits
        return 2 ** (bits - 1) if bits < 24 else None

    def bits_of(self, path: str | Path) -> int:
        """16, 24, or 32 for floating point and lossy codings."""
        return lossless_bits(path)

    def statistics(self, path: str | Path) -> dict[str, Any]:
        """Rate, duration, levels, and whether it is cut off."""
        waveform, rate = read_sound(path)
        level = level_of(waveform)
        return {
            "rate_hz": rate,
            "duration_s": len(waveform) / rate,
            "level_dbfs": level.rms_dbfs,
            "peak_dbfs": level.peak_dbfs,
            # Floating point rounds to 24 bits of its own.
            "peak_run": peak_run(waveform, 2.0 ** -(min(lossless_bits(path), 24) - 1)),
        }

    def mixed(self, first: Stimulus, second: Stimulus, share: float) -> Stimulus:
        """The sum of both, brought to the level of the first: sounds that differ add up to less than they were."""
        mixture = super().mixed(first, second, share).astype(np.float64)
        was, now = (float(np.sqrt(np.mean(np.square(values, dtype=np.float64)))) for values in (first, mixture))
        if not now:
            raise InputError("a mixture of two sounds is silent", "choose others")
        return as_sound((mixture * was / now).astype(np.float32), "a mixture of two sounds")

    def off(self, change: Tensor, stimuli: Tensor) -> float:
        """The root mean square of the change relative to that of the sound, which may be as quiet as it likes."""
        return float((change.norm(dim=-1) / stimuli.norm(dim=-1).clamp_min(1e-12)).max())

    def noise(self, kind: str, shape: tuple[int, ...], generators: Sequence[torch.Generator]) -> Tensor:
        """Weak noise around silence."""
        self.require_start(kind)
        return noise(kind, shape, generators)

    def shaped(self, kind: str, references: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Noise with the long-term spectrum and the level of each reference."""
        return shaped_noise(references, generators)

    def through(self, resampler: str, stimulus: Stimulus, input: StimulusInput) -> Stimulus:
        """A sound as the network hears it after another program lowered its rate."""
        assert isinstance(input, SoundInput)
        return heard_through(resampler, stimulus, input.rate, input.network_rate)
