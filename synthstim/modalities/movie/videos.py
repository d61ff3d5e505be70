"""Videos, decoded by the ffmpeg that imageio-ffmpeg carries: every frame once, as it is, with no other rate or size."""

from __future__ import annotations

import re
import subprocess
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from synthstim.errors import InputError
from synthstim.modalities.movie.levels import Levels, rate_of, require_room, require_several
from synthstim.modalities.movie.matroska import HEAD_BYTES, MAGIC, end_of

# By the end of a name, what ffmpeg takes the file for: never a playlist that names other files.
VIDEOS = {".mp4": "mov", ".mov": "mov", ".avi": "avi", ".mkv": "matroska", ".webm": "matroska"}
# The same values on every processor; colours at full resolution before they are turned into RGB.
_SCALER = "bicubic+accurate_rnd+full_chroma_int+bitexact"
# With one of these MP4 and MOV begin.
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_NO_TIME = -(2**63)
_DISCARDED = 0x4
# In a frame, at least, where its time may be off by one.
_TICKS = 10
_SEE_THROUGH = re.compile(r"yuva|rgba|bgra|argb|abgr|gbrap|ya\d|pal8")
_DEEP = re.compile(r"(9|10|12|14|16|32)(le|be)$|^x2|48|64")


@dataclass(frozen=True)
class _Facts:
    """What ffmpeg says of a video before it decodes anything: its coding, as stored (height, width), when frames are shown, and its clock.

    ``layered`` is transparency that stands beside the frames, which ffmpeg would not decode.
    """

    coding: str
    about: str
    size: tuple[int, int]
    turned: bool
    square: bool
    sounds: bool
    layered: bool
    times: tuple[Fraction, ...]
    tick: Fraction

    @property
    def grey(self) -> bool:
        return self.coding.startswith("gray")


def read_video(path: Path) -> tuple[Levels, float]:
    """The frames of a video (time, y, x, channel), grey or RGB, and how many are shown a second. Sound is ignored, with a warning.

    A video that says it is to be turned by 90 degrees, as telephones write them, is.

    Raises:
        InputError: ffmpeg cannot be run or reports any error; the file breaks off, has one frame, frames of unlike durations, more than 8 bits,
            interlaced, wide or see-through pixels, or too many values for memory.
    """
    _require_whole(path)
    facts = _facts_of(path)
    rate = _checked(path.name, facts)
    height, width = facts.size[::-1] if facts.turned else facts.size
    channels, coding = (1, "gray") if facts.grey else (3, "rgb24")
    require_room(path.name, len(facts.times), channels, height, width)
    told = ["-fps_mode", "passthrough", "-sws_flags", _SCALER, "-pix_fmt", coding, "-f", "rawvideo"]
    stored, said = _run(path, told, level="error")
    if said:
        raise InputError(
            f"{path.name} cannot be read without errors ({_first(said)})", "write it anew", code="unreadable"
        )
    if len(stored) != len(facts.times) * height * width * channels:
        raise InputError(
            f"{path.name} has {len(facts.times)} frames of {height} x {width}; {len(stored) / (height * width * channels):g} could be decoded",
            "write it anew",
            code="unreadable",
        )
    if facts.sounds:
        warnings.warn(f"{path.name} has sound, which is ignored", stacklevel=4)
    return np.frombuffer(stored, np.uint8).reshape(-1, height, width, channels), rate


def _facts_of(path: Path) -> _Facts:
    """Read its header and its index of frames."""
    listed, said = _run(path, ["-c", "copy", "-f", "framecrc"], level="info")
    lines = listed.decode(errors="replace").splitlines()
    named = dict(line[1:].split(" 0: ", 1) for line in lines if line.startswith("#") and " 0: " in line)
    about = next((line for line in said.splitlines() if " Video: " in line and "attached pic" not in line), "")
    if not about or not {"tb", "dimensions"} <= named.keys():
        raise InputError(f"{path.name} cannot be read as a movie ({_first(said)})", code="unreadable")
    # What is in parentheses is about the coding, not a further entry.
    plain = re.sub(r"\([^()]*\)", "", re.sub(r"\([^()]*\)", "", about.partition(" Video: ")[2]))
    width, height = map(int, named["dimensions"].split("x"))
    turn = re.search(r"rotation of (-?[\d.]+)", said)
    tick = Fraction(named["tb"])
    frames = [line.split(",") for line in lines if line and not line.startswith("#")]
    kept = [
        parts for parts in frames if not any(int(one.partition("F=")[2] or "0", 16) & _DISCARDED for one in parts[6:])
    ]
    # Files that hold no time of showing hold those of decoding.
    when = sorted(int(parts[2]) for parts in kept)
    if when and when[0] == _NO_TIME:
        when = sorted(int(parts[1]) for parts in kept)
    return _Facts(
        coding=plain.split(",")[1].strip(),
        about=about,
        size=(height, width),
        turned=turn is not None and round(float(turn[1]) / 90) % 2 == 1,
        square=named.get("sar", "1/1") in ("0/1", "1/1"),
        sounds=" Audio: " in said,
        layered=re.search(r"alpha_mode\s*: 1", said) is not None,
        times=tuple(tick * one for one in when),
        tick=tick,
    )


def _checked(name: str, facts: _Facts) -> float:
    """The frame rate of what can be shown as it is."""
    require_several(name, len(facts.times))
    for wrong, what, advice in (
        (_DEEP.search(facts.coding), f"is coded as {facts.coding}; expected 8 bits", "write it with 8 bits"),
        (_SEE_THROUGH.search(facts.coding), f"is coded as {facts.coding}; expected grey or colours without transparency", "convert it"),
        (facts.layered, "is see-through; expected grey or colours without transparency", "convert it"),
        (re.search(r"(top|bottom)( coded)? first", facts.about), "is interlaced; expected whole frames", "deinterlace it"),
        (not facts.square, "has pixels that are not square", "resize it to square ones"),
    ):  # fmt: skip
        if wrong:
            raise InputError(f"{name} {what}", advice, code="mismatch")
    return _rate(name, facts)


def _rate(name: str, facts: _Facts) -> float:
    """Frames a second, of times that may be rounded to the ticks of the file's clock."""
    times, tick = facts.times, facts.tick
    lasting = [later - earlier for earlier, later in pairwise(times)]
    mean = (times[-1] - times[0]) / len(lasting)
    if len(set(lasting)) > 1 and mean >= _TICKS * tick:
        whole = round(1 / mean)
        stated = re.search(r"([\d.]+) fps", facts.about)
        near = Fraction(stated[1]) if stated else Fraction(whole)
        # A short movie may be of either: the file, whose clock is coarse, says which.
        for rate in sorted((Fraction(whole), Fraction(whole * 1000, 1001)), key=lambda rate: abs(rate - near)):
            # Rounding leaves less than a tick between the earliest and the latest; a frame that is missing, more.
            off = [time - at / rate for at, time in enumerate(times)]
            if max(off) - min(off) < tick:
                return float(rate)
    return rate_of(name, lasting)


def _run(path: Path, told: Sequence[str], *, level: str) -> tuple[bytes, str]:
    """What ffmpeg writes of the first video of a file, and what it says."""
    source = ["-protocol_whitelist", "file,pipe", "-f", VIDEOS[path.suffix.lower()], "-i", f"file:{path}"]
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        command = [get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-nostats", "-loglevel", level, *source]
        done = subprocess.run([*command, "-map", "0:V:0", *told, "pipe:1"], capture_output=True, check=False)
    except (ImportError, RuntimeError, OSError) as error:
        raise InputError(
            f"{path.name} is a video, and there is no ffmpeg to read it ({error})",
            "pip install imageio-ffmpeg, or name yours in IMAGEIO_FFMPEG_EXE",
            code="missing",
        ) from None
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode:
        raise InputError(f"{path.name} cannot be read as a movie ({_first(said)})", code="unreadable")
    return done.stdout, said


def _first(said: str) -> str:
    """The first of its errors, without addresses of memory; of what it says besides, the last."""
    if "matches no streams" in said:
        return "it holds no video"
    lines = [re.sub(r"^\[[^\]]*\] ", "", line).strip() for line in said.splitlines()]
    wrong = [line for line in lines if re.search(r"rror|nvalid|not found|partial|truncat|corrupt", line)]
    return (wrong or lines[-1:] or ["nothing is in it"])[0].rstrip(".")


def _require_whole(path: Path) -> None:
    """Raise InputError where a file ends within a part of it, by the lengths that its parts say."""
    size, end = path.stat().st_size, 0
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if head[:4] == MAGIC:
            end = end_of(path.name, head)
        elif head[:4] == b"RIFF":
            end = 8 + int.from_bytes(head[4:8], "little")
        elif head[4:8] in _BOXES:
            while end < size and len(head) >= 8:
                length = int.from_bytes(head[:4], "big")
                if length == 1:
                    file.seek(end + 8)
                    length = int.from_bytes(file.read(8), "big")
                if length < 8:
                    return
                end += length
                file.seek(end)
                head = file.read(12)
    if end > size:
        raise InputError(
            f"{path.name} breaks off: {size:,} of {end:,} bytes are there", "copy it again", code="unreadable"
        )
