"""Sound files: read as they are, written without loss."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile

from synthstim.errors import InputError
from synthstim.modalities.sound.g722 import RATE as G722_RATE
from synthstim.modalities.sound.g722 import g722_to_pcm
from synthstim.modalities.sound.headers import require_whole
from synthstim.modalities.sound.resampling import MAX_RATE, MIN_RATE
from synthstim.modalities.sound.waveforms import Waveform, as_sound

G722 = ".g722"
SUFFIXES = (".wav", ".flac", ".ogg", ".aif", ".aiff", ".mp3", G722)
CODINGS = {"pcm16": "PCM_16", "pcm24": "PCM_24", "float32": "FLOAT"}
CHANNELS = ("left", "right", "mean")
MAX_SECONDS = 300.0


def read_sound(path: str | Path, *, channel: str | None = None, longest_s: float = MAX_SECONDS) -> tuple[Waveform, int]:
    """Read a sound file as one channel.

    Args:
        path: a WAV, FLAC, OGG, AIFF, MP3 or G.722 file.
        channel: of a file with several: ``left``, ``right`` or their ``mean``; None wants a mono file.
        longest_s: a file that declares more is refused.

    Returns:
        The waveform, (time,) float32 at full scale, and its rate in Hz.

    Raises:
        InputError: the file is missing, is no sound, is damaged, cut off or never finished, has several channels of
            which none is chosen, declares too long a sound, or holds NaN or values beyond full scale.

    Example:
        >>> waveform, rate = read_sound("word.wav")
    """
    path = Path(path)
    if channel not in (None, *CHANNELS):
        raise InputError(f"channel {channel!r} is unknown", f"choose {', '.join(CHANNELS)}", code="unknown")
    if not path.is_file():
        raise InputError(f"no sound file at {path}", "check the path")
    try:
        if path.suffix.lower() != G722:
            with open(path, "rb") as stream:
                require_whole(stream, path.name)
        with _opened(path) as opened:
            _check_header(opened, path.name, channel, longest_s)
            # A header may declare more than the file holds: only what is there is read, block by block.
            blocks = list(opened.blocks(blocksize=1 << 16, dtype="float32", always_2d=True))
            declared, rate = opened.frames, opened.samplerate
    except InputError:
        raise
    except Exception as error:  # a damaged file makes decoders raise anything
        reason = str(error).partition(": ")[2] or str(error)
        raise InputError(
            f"{path.name} cannot be read as a sound ({reason.rstrip('.')})",
            "give a WAV, FLAC, OGG, AIFF, MP3 or G.722 file",
            code="unreadable",
        ) from None
    values = np.concatenate(blocks) if blocks else np.zeros((0, 1), np.float32)
    # An encoder of MP3 files adds silence of which its count need not know.
    if path.suffix.lower() != ".mp3" and len(values) < declared:
        raise InputError(
            f"{path.name} declares {declared:,} samples and holds {len(values):,}: it is cut off, copy it again"
        )
    one = values.mean(1) if channel == "mean" else values[:, -1 if channel == "right" else 0]
    return as_sound(one, path.name), rate


def _opened(path: Path) -> soundfile.SoundFile:
    if path.suffix.lower() != G722:
        return soundfile.SoundFile(str(path))
    pcm = io.BytesIO(g722_to_pcm(path.read_bytes()))
    return soundfile.SoundFile(pcm, samplerate=G722_RATE, channels=1, format="RAW", subtype="PCM_16", endian="LITTLE")


def _check_header(opened: soundfile.SoundFile, name: str, channel: str | None, longest_s: float) -> None:
    if opened.channels != 1 and channel is None:
        raise InputError(
            f"{name} has {opened.channels} channels; expected a mono sound",
            "choose left, right or mean (channel: in a recipe, --channel of adopt and split), or mix them down first",
        )
    if opened.channels > 2 and channel != "mean":
        raise InputError(
            f"{name} has {opened.channels} channels, none of them the {channel} one", "choose channel mean"
        )
    if not MIN_RATE <= opened.samplerate <= MAX_RATE:
        raise InputError(f"{name} is at {opened.samplerate} Hz; expected {MIN_RATE} to {MAX_RATE} Hz")
    if opened.frames > longest_s * opened.samplerate:
        raise InputError(
            f"{name} declares {opened.frames / opened.samplerate:,.0f} s of sound, more than the {longest_s:.0f} s that "
            "are read",
            "cut out the part that you need, or all that sounds with synthstim split",
            code="too-large",
        )


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
        raise InputError(f"coding {coding!r} is unknown", f"choose {', '.join(CODINGS)}", code="unknown")
    waveform = as_sound(waveform, Path(path).name)
    values = waveform
    if coding != "float32":
        bits = int(coding[3:])
        # Whole steps, so that every reader finds the same values; +1 has no step of its own and takes the one below.
        steps = np.minimum(np.rint(waveform.astype(np.float64) * 2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        values = steps.astype(np.int32) << (32 - bits)
    # In memory first: of a full disk libsndfile says no more than "system error".
    soundfile.write(stream := io.BytesIO(), values, rate, subtype=CODINGS[coding], format="WAV")
    Path(path).write_bytes(stream.getvalue())


def coding_of(path: str | Path) -> str:
    """How a sound file's samples are coded: one of ``CODINGS``, or libsndfile's name for another."""
    if Path(path).suffix.lower() == G722:
        return "pcm16"  # as its decoder gives them
    with soundfile.SoundFile(str(path)) as opened:
        return next((name for name, code in CODINGS.items() if code == opened.subtype), opened.subtype.lower())


def lossless_bits(path: str | Path) -> int:
    """Bits of the WAV file that holds a sound file's very samples: 16, 24, or 32 for floating point and lossy codings."""
    coding = coding_of(path)
    # Eight bits, and the 13 and 14 of telephony, are steps of sixteen.
    return {"pcm16": 16, "pcm_s8": 16, "pcm_u8": 16, "alaw": 16, "ulaw": 16, "pcm24": 24}.get(coding, 32)
