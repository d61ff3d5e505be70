"""Long recordings cut at their silences into clips: files for a natural pool, or to match."""

from __future__ import annotations

import csv
from pathlib import Path

from synthstim.errors import InputError
from synthstim.files.staging import Staging
from synthstim.ids import safe_id
from synthstim.modalities.sound.files import SUFFIXES, lossless_bits, read_sound, write_wav
from synthstim.modalities.sound.waveforms import Waveform

# What is quieter than the loudest frame by so much is silence.
QUIET_DB = 40.0
# Shorter silences are a part of what sounds around them, such as the stop in a word.
PAUSE_S = 0.3
SHORTEST_S = 0.1
LONGEST_S = 3600.0
# Kept on both sides, so that an onset is whole.
_MARGIN_S = 0.02
_FRAME_S = 0.02
COLUMNS = ("file", "source", "start_s", "stop_s")

Stretch = tuple[int, int]


def sounding(waveform: Waveform, rate: int, *, quiet_db: float = QUIET_DB, pause_s: float = PAUSE_S) -> list[Stretch]:
    """Where a recording (time,) sounds: (start, stop) in samples, with the silence between and around left out.

    Example:
        >>> import numpy as np
        >>> tone = np.sin(np.arange(8_000)).astype(np.float32)
        >>> silence = np.zeros(8_000, np.float32)
        >>> sounding(np.concatenate([silence, tone, silence, tone]), 8_000)
        [(7800, 16240), (23800, 32000)]
    """
    import librosa  # Takes a second, and only long recordings ask for it.

    if not waveform.any():
        return []
    frame = round(_FRAME_S * rate)
    found = librosa.effects.split(waveform, top_db=quiet_db, frame_length=frame, hop_length=max(1, frame // 4))
    margin = round(_MARGIN_S * rate)
    out: list[Stretch] = []
    for first, last in found.tolist():
        start, stop = max(0, first - margin), min(len(waveform), last + margin)
        if out and start - out[-1][1] < pause_s * rate:
            start = out.pop()[0]
        out.append((start, stop))
    return out


def pieces(stretch: Stretch, samples: int | None) -> list[Stretch]:
    """A stretch in as many pieces of ``samples`` as fit, from its middle; whole where None is given.

    >>> pieces((100, 135), 10)
    [(102, 112), (112, 122), (122, 132)]
    """
    if samples is None:
        return [stretch]
    count, rest = divmod(stretch[1] - stretch[0], samples)
    first = stretch[0] + rest // 2
    return [(first + number * samples, first + (number + 1) * samples) for number in range(count)]


def split(
    source: str | Path,
    out: str | Path,
    *,
    seconds: float | None = None,
    quiet_db: float = QUIET_DB,
    channel: str | None = None,
) -> int:
    """Cut a recording, or those of a folder, at their silences; write each stretch that sounds as a WAV file.

    The folder holds ``clips.tsv``, too: which file and which part of it each clip is. Clips of one recording are different
    stimuli in a natural pool: a pool wants recordings of several sources.

    Args:
        source: a sound file of at most an hour, or a folder of them.
        out: a folder that must not exist yet; it appears complete or not at all.
        seconds: what lasts longer is cut into pieces of this duration, and what is shorter is left out.
        quiet_db: what is quieter than the recording's loudest frame by so much is silence.
        channel: of a file with several: ``left``, ``right`` or ``mean``.

    Returns:
        How many clips there are.

    Raises:
        InputError: no file is a sound, one cannot be read, or none sounds for long enough.
    """
    if (seconds is not None and not seconds >= SHORTEST_S) or not quiet_db > 0:
        raise InputError(
            f"clips of {seconds} s, and silence {quiet_db:g} dB below the loudest, are out of range",
            f"give {SHORTEST_S:g} s or more, and more than 0 dB",
            code="too-large",
        )
    files = _files(Path(source))
    rows: list[tuple[str, str, str, str]] = []
    taken: dict[str, Path] = {}
    with Staging(out, "split") as staging:
        for path in files:
            stem = safe_id(path.stem)[:56]
            if (other := taken.setdefault(stem.lower(), path)) is not path:
                raise InputError(f"{path.name} and {other.name} would give clips of one name", "rename one")
            waveform, rate = read_sound(path, channel=channel, longest_s=LONGEST_S)
            bits = lossless_bits(path) if channel != "mean" else 32
            samples = None if seconds is None else round(seconds * rate)
            stretches = sounding(waveform, rate, quiet_db=quiet_db)
            clips = [piece for stretch in stretches for piece in pieces(stretch, samples)]
            clips = [clip for clip in clips if clip[1] - clip[0] >= SHORTEST_S * rate]
            for number, (start, stop) in enumerate(clips):
                name = f"{stem}_{number:03d}.wav"
                coding = "float32" if bits == 32 else f"pcm{bits}"
                write_wav(staging.path / name, waveform[start:stop], rate, coding=coding)
                rows.append((name, path.name, f"{start / rate:.4f}", f"{stop / rate:.4f}"))
        if not rows:
            wanted = f"{max(SHORTEST_S, seconds or 0):g} s"
            raise InputError(
                f"nothing in {source} sounds for {wanted}", "ask for shorter clips, or a higher --quiet-db"
            )
        with (staging.path / "clips.tsv").open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, delimiter="\t", lineterminator="\n").writerows([COLUMNS, *rows])
        staging.commit()
    return len(rows)


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    files = sorted(path for path in source.iterdir() if path.suffix.lower() in SUFFIXES)
    if not files:
        raise InputError(f"{source} holds no sound; expected {', '.join(SUFFIXES)} files", code="missing")
    return files
