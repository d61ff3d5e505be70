"""Sounds of a set as players with their waveforms and pictures, so that the page needs no other file."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import ClassVar, NamedTuple

import numpy as np
import soundfile
import soxr

from synthstim.errors import InputError
from synthstim.modalities.sound import SoundLevel, Waveform, level_of, read_sound
from synthstim.modalities.sound.report import panels
from synthstim.modalities.sound.report.panels import Cochlear, Panel, make_panel
from synthstim.modalities.sound.report.spectra import PICTURES
from synthstim.report.media import BUDGET_BYTES, LINKED, data_uri, link
from synthstim.report.numbers import dbfs
from synthstim.stimulus_set import StimulusSet

# What browsers play as it is; a file in another coding is embedded as 24-bit WAV.
_PLAYED = {"PCM_16": 16, "PCM_24": 24, "FLOAT": 32}


class PageCoding(NamedTuple):
    """How sounds stand in the page: bits of a sample, and the rate in Hz that is not exceeded; None leaves it as it is."""

    bits: int | None = None
    rate: int | None = None

    def __str__(self) -> str:
        at = f" at {self.rate / 1000:g} kHz" if self.rate else ""
        return f"{self.bits}-bit{at}"


# From the files themselves to what is small; the first that fits the budget is taken.
CODINGS = (PageCoding(), PageCoding(16), PageCoding(16, 24_000), PageCoding(16, 16_000))


@dataclass(frozen=True)
class Sound:
    """One sound as the page shows it.

    Attributes:
        file: path relative to the set.
        uri: data URI of the player; empty where the file cannot be played, and ``problem`` says why.
        seconds, rate: of the file; the rate is in Hz.
        depth: how the file is coded, in words.
        drawing: what ``panel`` shows below the waveform: one of ``PICTURES``.
    """

    size: ClassVar[ModuleType] = panels
    file: str
    uri: str = ""
    seconds: float = 0.0
    rate: int = 0
    depth: str = ""
    level: SoundLevel | None = None
    panel: Panel | None = None
    drawing: str = ""
    problem: str = ""

    @property
    def about(self) -> str:
        """Duration, rate, coding and level in words."""
        level = f", {dbfs(self.level.rms_dbfs)}" if self.level else ""
        return f"{self.seconds:.2f} s, {self.rate / 1000:g} kHz, {self.depth}{level}"


@dataclass(frozen=True)
class _Heard:
    waveform: Waveform
    rate: int
    cochlear: Cochlear | None


@dataclass
class Sounds:
    """Embeds a set's sounds: the files' own bytes; where all of them would make too large a page, links or smaller copies.

    A reference and what was made of it are one family: they are drawn with the same scale of amplitude and of colour.
    """

    home: ClassVar[Path] = Path(__file__).parent
    stimuli: StimulusSet
    coding: PageCoding
    families: dict[str, list[str]]
    drawing: str
    linked: bool = False
    _known: dict[str, Sound] = field(default_factory=dict)

    @classmethod
    def of(cls, stimuli: StimulusSet, files: set[str], drawing: str = "cochleagram", *, beside: bool = False) -> Sounds:
        """Choose the coding by the bytes that all files take together, and by whether the page lies beside them.

        Raises:
            InputError: a path leaves the set, passes a link, or has no file.
        """
        paths = [stimuli.path(file) for file in sorted(files)]
        fitting = [coding for coding in CODINGS if sum(_size(path, coding) for path in paths) <= BUDGET_BYTES]
        coding = next(iter(fitting), CODINGS[-1])
        linked = beside and coding != CODINGS[0]
        families: dict[str, list[str]] = {}
        for reference, file in stimuli.table[["reference", "file"]].dropna().itertuples(index=False):
            families.setdefault(reference, [reference]).append(file)
        return cls(
            stimuli,
            CODINGS[0] if linked else coding,
            {file: family for family in families.values() for file in family},
            drawing,
            linked,
        )

    @property
    def previews(self) -> str:
        """What the page says where it does not hold the files themselves."""
        if self.linked:
            return LINKED
        if self.coding == CODINGS[0]:
            return ""
        return f"players here hold {self.coding} copies; the files themselves are in the set"

    def __getitem__(self, relative: str) -> Sound:
        if relative not in self._known:
            self._draw(self.families.get(relative, [relative]))
        return self._known[relative]

    def _draw(self, family: list[str]) -> None:
        heard: dict[str, _Heard] = {}
        for file in dict.fromkeys(family):
            try:
                waveform, rate = read_sound(self.stimuli.path(file))
            except InputError as error:
                self._known[file] = Sound(file, problem=str(error))
                continue
            heard[file] = _Heard(waveform, rate, PICTURES[self.drawing](waveform, rate))
        peak = max((float(np.abs(one.waveform).max()) for one in heard.values()), default=1.0)
        brightest = max((float(one.cochlear.values.max()) for one in heard.values() if one.cochlear), default=1.0)
        for file, one in heard.items():
            self._known[file] = self._sound(file, one, peak, brightest)

    def _sound(self, file: str, heard: _Heard, peak: float, brightest: float) -> Sound:
        path, seconds = self.stimuli.path(file), len(heard.waveform) / heard.rate
        if self.linked and _plays(path, heard.rate, self.coding):
            uri = link(file)
        else:
            uri = data_uri("audio/wav", _coded(path, heard.waveform, heard.rate, self.coding))
        return Sound(
            file,
            uri=uri,
            seconds=seconds,
            rate=heard.rate,
            depth=_depth(path),
            level=level_of(heard.waveform),
            panel=make_panel(heard.waveform, seconds, heard.cochlear, peak=peak, brightest=brightest),
            drawing=self.drawing,
        )


def _size(path: Path, coding: PageCoding) -> float:
    if coding.bits is None:
        return path.stat().st_size
    try:
        with soundfile.SoundFile(str(path)) as opened:
            frames, rate = opened.frames, opened.samplerate
    except (OSError, RuntimeError):
        return 0
    # A header may declare more than the file holds.
    frames = min(frames, path.stat().st_size)
    return frames * min(1.0, (coding.rate or rate) / rate) * coding.bits / 8


def _depth(path: Path) -> str:
    with soundfile.SoundFile(str(path)) as opened:
        bits = _PLAYED.get(opened.subtype)
        return opened.subtype if bits is None else "32-bit float" if bits == 32 else f"{bits}-bit"


def _plays(path: Path, rate: int, coding: PageCoding) -> bool:
    """Whether a browser plays the file itself, and it is no larger than a copy."""
    with soundfile.SoundFile(str(path)) as opened:
        as_it_is, bits = opened.format == "WAV", _PLAYED.get(opened.subtype)
    to = min(rate, coding.rate or rate)
    return bool(as_it_is and bits and (coding.bits is None or (bits <= coding.bits and to == rate)))


def _coded(path: Path, waveform: Waveform, rate: int, coding: PageCoding) -> bytes:
    """The bytes of a WAV file that a browser plays."""
    to = min(rate, coding.rate or rate)
    if _plays(path, rate, coding):
        return path.read_bytes()
    if to != rate:
        waveform = soxr.resample(waveform, rate, to)
    # The filter may overshoot full scale by a little: libsndfile stops it there, in this copy only.
    soundfile.write(stream := io.BytesIO(), waveform, to, format="WAV", subtype=f"PCM_{coding.bits or 24}")
    return stream.getvalue()


media_of = Sounds.of
