"""Sounds as files and as arrays: float32, (time,), full scale [-1, 1], at a rate in Hz."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthstim.errors import InputError

SUFFIXES = (".wav", ".flac", ".ogg", ".aif", ".aiff", ".mp3")
CODINGS = {"pcm16": "PCM_16", "pcm24": "PCM_24", "float32": "FLOAT"}
FITS = ("crop", "pad", "exact")
MIN_RATE, MAX_RATE = 1_000, 400_000
MAX_SECONDS = 300.0
# A recording quieter than this holds no sound to match.
SILENCE_DBFS = -90.0
Waveform = NDArray[np.float32]


@dataclass(frozen=True)
class Level:
    """Root mean square and peak of a waveform, in dB relative to full scale (a square wave at full scale has 0 dB)."""

    rms_dbfs: float
    peak_dbfs: float


def read_sound(path: str | Path) -> tuple[Waveform, int]:
    """Read a mono sound file.

    Args:
        path: a WAV, FLAC, OGG, AIFF or MP3 file.

    Returns:
        The waveform, (time,) float32 at full scale, and its rate in Hz.

    Raises:
        InputError: the file is missing, is no sound, is damaged, has several channels, declares too long a sound, or
            holds NaN or values beyond full scale.

    Example:
        >>> waveform, rate = read_sound("word.wav")  # doctest: +SKIP
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no sound file at {path}: check the path")
    try:
        with soundfile.SoundFile(str(path)) as opened:
            _check_header(opened, path)
            # A header may declare more than the file holds: only what is there is read, block by block.
            blocks = list(opened.blocks(blocksize=1 << 16, dtype="float32"))
            declared, rate = opened.frames, opened.samplerate
    except InputError:
        raise
    except Exception as error:  # a damaged file makes decoders raise anything
        reason = str(error).partition(": ")[2] or str(error)
        raise InputError(
            f"{path.name} cannot be read as a sound ({reason.rstrip('.')}): give a WAV, FLAC, OGG, AIFF or MP3 file"
        ) from None
    waveform = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    if path.suffix.lower() != ".mp3" and len(waveform) < declared:
        raise InputError(
            f"{path.name} declares {declared:,} samples and holds {len(waveform):,}: it is cut off, copy it again"
        )
    return as_sound(waveform, path.name), rate


def _check_header(opened: soundfile.SoundFile, path: Path) -> None:
    if opened.channels != 1:
        raise InputError(
            f"{path.name} has {opened.channels} channels: a mono sound is wanted, choose a channel or mix them down first"
        )
    if not MIN_RATE <= opened.samplerate <= MAX_RATE:
        raise InputError(f"{path.name} is at {opened.samplerate} Hz: wanted {MIN_RATE} to {MAX_RATE} Hz")
    if opened.frames > MAX_SECONDS * opened.samplerate:
        # At least two bytes hold a sample of a WAV file: a header that says more is false.
        false = path.suffix.lower() == ".wav" and opened.frames > path.stat().st_size
        lasts = f"{opened.frames / opened.samplerate:,.0f} s"
        raise InputError(
            f"{path.name} declares {lasts} of sound"
            + (f", more than its {path.stat().st_size:,} bytes can hold: the header is wrong" if false else
               f", more than the {MAX_SECONDS:.0f} s that are read: cut out the part that you need")
        )  # fmt: skip


def as_sound(values: object, name: str = "the sound") -> Waveform:
    """Return values as a (time,) float32 waveform after checking shape, range and NaN; nothing is clipped.

    Raises:
        InputError: the values are no waveform in [-1, 1].
    """
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.ndim != 1 or not array.size:
        raise InputError(f"{name} has shape {tuple(array.shape)}: wanted (time,), a mono sound that is not empty")
    if array.dtype.kind != "f":
        raise InputError(f"{name} holds {array.dtype}: wanted full scale, floats from -1 to 1")
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds {int((~np.isfinite(array)).sum())} samples that are NaN or infinite")
    peak = float(np.abs(array).max())
    if peak > 1:
        raise InputError(
            f"{name} would clip: its peak is {20 * math.log10(peak):.1f} dB beyond full scale, "
            f"a gain of {gain_that_fits(peak):.1f} dB would fit"
        )
    return array.astype(np.float32)


def gain_that_fits(peak: float) -> float:
    """The gain in dB, to a tenth and negative, after which a peak is within full scale.

    >>> gain_that_fits(2.0)
    -6.1
    """
    return -math.ceil(200 * math.log10(peak)) / 10


def write_wav(path: str | Path, waveform: Waveform, rate: int, *, coding: str = "pcm24") -> None:
    """Write a mono WAV file, rounded to the nearest step, never clipped.

    Args:
        waveform: (time,) at full scale.
        rate: in Hz.
        coding: ``pcm16``, ``pcm24`` or ``float32``.

    Raises:
        InputError: the waveform would clip, or is none.
    """
    if coding not in CODINGS:
        raise InputError(f"coding {coding!r} is unknown: choose {', '.join(CODINGS)}")
    waveform = as_sound(waveform, Path(path).name)
    if coding == "float32":
        soundfile.write(str(path), waveform, rate, subtype="FLOAT", format="WAV")
        return
    bits = int(coding[3:])
    # Whole steps, so that every reader finds the same values; +1 has no step of its own and takes the one below.
    steps = np.minimum(np.rint(waveform.astype(np.float64) * 2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    soundfile.write(str(path), steps.astype(np.int32) << (32 - bits), rate, subtype=CODINGS[coding], format="WAV")


def coding_of(path: str | Path) -> str:
    """How a sound file's samples are coded: one of ``CODINGS``, or libsndfile's name for another."""
    with soundfile.SoundFile(str(path)) as opened:
        return next((name for name, code in CODINGS.items() if code == opened.subtype), opened.subtype.lower())


def lossless_bits(path: str | Path) -> int:
    """Bits of the WAV file that holds a sound file's very samples: 16, 24, or 32 for floating point and lossy codings."""
    coding = coding_of(path)
    # Eight bits, and the 13 and 14 of telephony, are steps of sixteen.
    return {"pcm16": 16, "pcm_s8": 16, "pcm_u8": 16, "alaw": 16, "ulaw": 16, "pcm24": 24}.get(coding, 32)


def level_of(waveform: Waveform) -> Level:
    """RMS and peak of a waveform in dB relative to full scale; silence has -inf.

    >>> level_of(np.full(4, 0.1, np.float32))
    Level(rms_dbfs=-20.0, peak_dbfs=-20.0)
    """
    values = waveform.astype(np.float64)
    rms, peak = math.sqrt(float((values**2).mean())), float(np.abs(values).max())
    return Level(*(round(20 * math.log10(value), 5) if value > 0 else -math.inf for value in (rms, peak)))


def resample(waveforms: Tensor, rate: int, to: int) -> Tensor:
    """Resample waveforms (..., time) by their spectra; differentiable, and exact for what both rates can hold.

    The number of samples must stay whole. Raising the rate and lowering it again gives the waveforms back.

    Raises:
        InputError: the duration is not a whole number of samples at the new rate.
    """
    samples = waveforms.shape[-1]
    if rate == to:
        return waveforms
    if samples * to % rate:
        raise InputError(f"{samples} samples at {rate} Hz are no whole number at {to} Hz: choose another duration")
    wanted = samples * to // rate
    spectrum = torch.fft.rfft(waveforms)
    bins = min(samples, wanted) // 2 + 1
    kept = spectrum[..., :bins]
    if min(samples, wanted) % 2 == 0:
        # The lower rate's Nyquist frequency is one bin there and two here; its phase cannot be kept.
        kept = torch.cat([kept[..., :-1], torch.zeros_like(kept[..., -1:])], -1)
    return torch.fft.irfft(kept, n=wanted) * (wanted / samples)


def fit_sound(
    waveform: Waveform, rate: int, *, to: int, samples: int, heard: int | None = None, how: str = "crop", name: str = "the sound"
) -> Waveform:  # fmt: skip
    """Bring a sound to a rate and a number of samples.

    Args:
        waveform: (time,) at ``rate``.
        to: rate in Hz that is wanted.
        samples: at that rate.
        heard: rate in Hz of the model that will hear it: what lies above half of it is taken out.
        how: ``crop`` (the middle of a longer sound; a shorter one is an error), ``pad`` (silence after a shorter
            sound, and ``crop`` for a longer one), ``exact``.

    Raises:
        InputError: the sound is too short, silent, or no sound of the wanted length.
    """
    if how not in FITS:
        raise InputError(f"fit {how!r} is unknown for a sound: choose one of {', '.join(FITS)}")
    lasts, wanted = len(waveform) / rate, samples / to
    if level_of(waveform).rms_dbfs < SILENCE_DBFS:
        raise InputError(f"{name} is silent: give a sound")
    if how == "exact" and abs(lasts - wanted) > 0.5 / to:
        raise InputError(f"{name} lasts {lasts:.3f} s, fit 'exact' wants {wanted:.3f} s: cut it or choose fit 'crop'")
    if how == "crop" and lasts < wanted - 0.5 / to:
        raise InputError(
            f"{name} lasts {lasts:.3f} s, {wanted:.3f} s are wanted: choose a shorter duration, or fit 'pad' to add silence"
        )
    import soxr

    low = min(heard or to, to)
    # Through the lower rate with a filter that suits single sounds; up again by spectrum, as stimuli are rendered.
    wide = soxr.resample(waveform.astype(np.float64), rate, low, quality="VHQ") if rate != low else waveform.astype(np.float64)  # fmt: skip
    needed = samples * low // to
    start = max(0, (len(wide) - needed) // 2)
    cut = wide[start : start + needed]
    cut = np.pad(cut, (0, needed - len(cut)))
    out = resample(torch.from_numpy(cut), low, to).numpy()
    if level_of(out).rms_dbfs < SILENCE_DBFS:
        raise InputError(f"the middle {wanted:.3f} s of {name} are silent: cut out the part that you want")
    return out.astype(np.float32)


def at_level(waveform: Waveform, rms_dbfs: float, name: str = "the sound") -> Waveform:
    """A waveform without its mean, scaled to a root mean square in dB relative to full scale.

    Raises:
        InputError: its peaks would clip there.
    """
    values = waveform.astype(np.float64) - waveform.mean(dtype=np.float64)
    values *= 10 ** (rms_dbfs / 20) / math.sqrt(float((values**2).mean()))
    peak = float(np.abs(values).max())
    if peak > 1:
        fits = rms_dbfs + gain_that_fits(peak)
        raise InputError(
            f"{name} at {rms_dbfs:g} dBFS would clip: its peak is {20 * math.log10(peak):.1f} dB beyond full scale, "
            f"level_dbfs {fits:.1f} would fit"
        )
    return values.astype(np.float32)
