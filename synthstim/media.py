"""Images and sounds alike: what the rest of the package does to a stimulus file without asking what it holds."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthstim.errors import InputError
from synthstim.modalities import image as images
from synthstim.modalities import sound as sounds
from synthstim.models import ImageInput, SoundInput, StimulusInput

Stimulus = NDArray[np.float32]
MODALITIES = {"image": images.SUFFIXES, "sound": sounds.SUFFIXES}
DEFAULT_BITS = {"image": 8, "sound": 24}
BITS = {"image": (8, 16), "sound": (16, 24, 32)}
# Below this share of a model's rate a recording leaves a tenth of its ear's bands empty, or more, which is told.
MOST_OF = 0.75
FITS = {"image": images.FITS, "sound": sounds.FITS}


def modality_of(path: str | Path) -> str | None:
    """``image`` or ``sound`` by a file's suffix; None for another file.

    >>> modality_of("word.WAV")
    'sound'
    """
    suffix = Path(path).suffix.lower()
    return next((name for name, suffixes in MODALITIES.items() if suffix in suffixes), None)


def read_stimulus(path: str | Path) -> Stimulus:
    """Read an image (channel, y, x) of display values, or a sound (time,) at full scale, as the file has it.

    Raises:
        InputError: the file cannot be read.
    """
    return sounds.read_sound(path)[0] if modality_of(path) == "sound" else images.read_image(path)


def read_for(
    path: str | Path,
    input: StimulusInput,
    *,
    fit: str = "crop",
    level_dbfs: float | None = None,
    channel: str | None = None,
) -> Stimulus:
    """Read a file as an observer is given it: an image at its size, a sound at its rate, duration and level.

    Args:
        fit: how a file of another size or duration is brought to the input's.
        level_dbfs: root mean square of a sound; None leaves it as it is. Images have no such thing.
        channel: of a sound with several: ``left``, ``right`` or ``mean``.

    Raises:
        InputError: the file is of the other modality, cannot be read, or does not fit.

    Warns:
        UserWarning: a sound's rate is far below the network's, so that much of what it could hear is empty.
    """
    name = Path(path).name
    if (came := modality_of(path)) not in (None, input.modality):
        article = "an image" if came == "image" else "a sound"
        raise InputError(f"{name} is {article}, the observer is {input.verb} {input.modality}s: give one of those")
    if isinstance(input, ImageInput):
        return images.fit_image(images.read_image(path), input.channels, input.size, fit)
    assert isinstance(input, SoundInput)
    waveform, rate = sounds.read_sound(path, channel=channel)
    if rate < MOST_OF * input.network_rate:
        warnings.warn(
            f"{name} is at {rate} Hz and holds nothing above {rate / 2:g} Hz, the model hears up to "
            f"{input.network_rate / 2:g} Hz: a recording at {input.network_rate} Hz or more would suit it",
            stacklevel=2,
        )
    fitted = sounds.fit_sound(
        waveform, rate, to=input.rate, samples=input.samples, heard=input.network_rate, how=fit, name=name
    )
    return fitted if level_dbfs is None else sounds.at_level(fitted, level_dbfs, name)


def write_stimulus(path: str | Path, values: Stimulus, *, bits: int, rate: int | None = None) -> None:
    """Write a stimulus as PNG, or as WAV where a rate is given; never clipped."""
    if rate is None:
        images.write_png(path, values, bits=bits)
    else:
        sounds.write_wav(path, values, rate, coding="float32" if bits == 32 else f"pcm{bits}")


def rounded(values: Stimulus, input: StimulusInput, bits: int | None = None) -> Stimulus:
    """A stimulus as its file will hold it, of the default bits unless others are given."""
    bits = bits or DEFAULT_BITS[input.modality]
    if isinstance(input, ImageInput):
        top = 2.0**bits - 1
        return (np.rint(values.astype(np.float64) * top) / top).astype(np.float32)
    if bits == 32:
        return values.astype(np.float32)
    top = 2.0 ** (bits - 1)
    return (np.minimum(np.rint(values.astype(np.float64) * top), top - 1) / top).astype(np.float32)


def bits_of(path: str | Path) -> int:
    """The bits with which a file's values can be written again unchanged: 8 or 16 for images; 16, 24 or 32 for sounds."""
    return sounds.lossless_bits(path) if modality_of(path) == "sound" else images.bit_depth(path)


def levels_of(bits: int, modality: str) -> int | None:
    """Steps from 0 to 1 of a file's values; None where rounding is below what a model can tell."""
    if modality == "image":
        return 2**bits - 1
    return 2 ** (bits - 1) if bits < 24 else None


def statistics_of(path: str | Path) -> dict[str, Any]:
    """What every stimulus has: luminance and contrast of an image; rate, duration and levels of a sound."""
    if modality_of(path) != "sound":
        mean, contrast = images.luminance_statistics(images.read_image(path))
        return {"mean_luminance": mean, "rms_contrast": contrast}
    waveform, rate = sounds.read_sound(path)
    level = sounds.level_of(waveform)
    return {
        "rate_hz": rate,
        "duration_s": len(waveform) / rate,
        "level_dbfs": level.rms_dbfs,
        "peak_dbfs": level.peak_dbfs,
        # Floating point rounds to 24 bits of its own.
        "peak_run": sounds.peak_run(waveform, 2.0 ** -(min(sounds.lossless_bits(path), 24) - 1)),
    }
