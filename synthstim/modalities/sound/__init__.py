"""Sounds: (time,) float32, full scale [-1, 1], at a rate in Hz; files, arrays, recordings, what observers are played."""

from synthstim.modalities.sound.files import (
    CHANNELS,
    CODINGS,
    SUFFIXES,
    coding_of,
    lossless_bits,
    read_sound,
    write_wav,
)
from synthstim.modalities.sound.fitting import FITS, fit_sound
from synthstim.modalities.sound.input import PLAYED_RATE, SoundInput
from synthstim.modalities.sound.modality import SoundModality
from synthstim.modalities.sound.noise import shaped_noise
from synthstim.modalities.sound.resamplers import RESAMPLERS, SECOND, heard_through
from synthstim.modalities.sound.resampling import (
    MAX_RATE,
    MIN_RATE,
    highest_hz,
    raise_rate,
    resample,
    within_full_scale,
)
from synthstim.modalities.sound.waveforms import (
    SoundLevel,
    Waveform,
    as_sound,
    at_level,
    gain_that_fits,
    level_of,
    peak_run,
)

MODALITY = SoundModality()

__all__ = [
    "CHANNELS",
    "CODINGS",
    "FITS",
    "MAX_RATE",
    "MIN_RATE",
    "MODALITY",
    "PLAYED_RATE",
    "RESAMPLERS",
    "SECOND",
    "SUFFIXES",
    "SoundInput",
    "SoundLevel",
    "Waveform",
    "as_sound",
    "at_level",
    "coding_of",
    "fit_sound",
    "gain_that_fits",
    "heard_through",
    "highest_hz",
    "level_of",
    "lossless_bits",
    "peak_run",
    "raise_rate",
    "read_sound",
    "resample",
    "shaped_noise",
    "within_full_scale",
    "write_wav",
]
