"""Synthesis voices that speak words: espeak-ng, flite and festival, free software that Debian packages."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from synthstim.errors import InputError
from synthstim.modalities.sound import Waveform

PACKAGES = "espeak-ng flite festival festvox-kdlpc16k festvox-us-slt-hts"
# Timbres of espeak-ng that are a person's, not a robot's; dialects are dealt out among them.
_TIMBRES = (
    "f1 f2 f3 f4 f5 linda anika steph steph2 steph3 belinda Alicia Andrea Annie aunty shelby "
    "m1 m2 m3 m4 m5 m6 m7 m8 Alex Andy adam antonio benjamin caleb david ed edward john max michel miguel pablo paul "
    "pedro quincy rob robert travis victor zac klatt klatt2 klatt3 klatt4"
)
_DIALECTS = (
    "en-us",
    "en-us-nyc",
    "en-us",
    "en-gb",
    "en-us",
    "en-gb-x-rp",
    "en-us",
    "en-gb-scotland",
    "en-us",
    "en-029",
)
# The engines say these as meant only when they are written like this.
_SPELT = {"xray": "x-ray", "deactivated": "de-activated", "lowercase": "lower case", "uppercase": "upper case"}


@dataclass(frozen=True)
class Voice:
    """One way of speaking: an engine, its voice, how slowly (1 is the engine's own pace) and how high (1 likewise).

    ``weight`` is how often it is heard in training beside the others; voices made from recordings of people weigh more.
    """

    engine: str
    speaker: str
    stretch: float = 1.0
    pitch: float = 1.0
    weight: float = 1.0

    @property
    def name(self) -> str:
        """The engine and the speaker."""
        return f"{self.engine} {self.speaker}"


def _espeak_voices() -> list[Voice]:
    voices = []
    for number, timbre in enumerate(_TIMBRES.split()):
        # Slow speech as of prompts: 105 to 165 words a minute, by turns, and a pitch of its own for each.
        stretch, pitch = (1.2, 1.45, 1.67, 1.3)[number % 4], (0.8, 1.0, 1.3)[number % 3]
        voices.append(Voice("espeak-ng", f"{_DIALECTS[number % len(_DIALECTS)]}+{timbre}", stretch, pitch))
    return voices


def _flite_voices(speaker: str, hz: float, weight: float) -> list[Voice]:
    settings = [(stretch, pitch) for stretch in (1.0, 1.25, 1.5) for pitch in (0.85, 1.0, 1.2)]
    return [Voice("flite", speaker, stretch, pitch * hz, weight) for stretch, pitch in settings]


def _festival_voices(speaker: str, weight: float) -> list[Voice]:
    return [Voice("festival", speaker, stretch, 1.0, weight) for stretch in (0.9, 1.1, 1.35)]


# flite's pitch is the mean in Hz.
TRAINING = (
    *_espeak_voices(),
    *_flite_voices("slt", 180, 4.0),
    *_flite_voices("awb", 130, 2.0),
    *_flite_voices("kal16", 105, 1.5),
    *_festival_voices("cmu_us_slt_arctic_hts", 5.0),
)
# Never trained on: what settings are chosen by. A person's recordings, a diphone voice and a formant voice.
HELD_OUT = (
    Voice("flite", "rms", 1.25, 95.0),
    Voice("festival", "ked_diphone", 1.1),
    Voice("espeak-ng", "en-us+grandma", 1.3, 1.0),
)


def require_engines(voices: Sequence[Voice]) -> None:
    """Raise InputError unless every engine that the voices need is installed."""
    missing = [engine for engine in sorted({voice.engine for voice in voices}) if not shutil.which(engine)]
    if missing:
        raise InputError(
            f"the speech synthesiser {' and '.join(missing)} is not installed: run 'apt-get install {PACKAGES}'"
        )


def speak(voices: Sequence[Voice], words: Sequence[str], rate: int, *, workers: int = 2) -> list[list[Waveform]]:
    """Have each voice say each word.

    Args:
        voices: who speaks.
        words: what is said.
        rate: of the waveforms, in Hz.
        workers: synthesisers that run at once.

    Returns:
        [voice][word] -> (time,) float32 at full scale, silence before and after trimmed.

    Raises:
        InputError: an engine or one of its voices is missing.
    """
    require_engines(voices)
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda voice: _speak(voice, words, rate), voices))


def _speak(voice: Voice, words: Sequence[str], rate: int) -> list[Waveform]:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.wav" for number in range(len(words))]
        texts = [_SPELT.get(word, word) for word in words]
        for command, script in _ENGINES[voice.engine](voice, texts, files):
            done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
            if done.returncode:
                raise InputError(f"{voice.name} failed ({done.stderr.strip()[:200]}): install {PACKAGES}")
        return [trimmed(_read(file, voice, rate), rate) for file in files]


def _read(file: Path, voice: Voice, rate: int) -> Waveform:
    if not file.is_file():
        raise InputError(f"the voice {voice.name} is not installed: run 'apt-get install {PACKAGES}'")
    values, own = soundfile.read(str(file), dtype="float32")
    return soxr.resample(values, own, rate).astype(np.float32)


Commands = list[tuple[list[str], str]]


def _espeak(voice: Voice, texts: Sequence[str], files: Sequence[Path]) -> Commands:
    pace, pitch = f"-s{175 / voice.stretch:.0f}", f"-p{min(99, 50 * voice.pitch):.0f}"
    return [(["espeak-ng", f"-v{voice.speaker}", pace, pitch, f"-w{file}", text], "") for text, file in zip(texts, files, strict=True)]  # fmt: skip


def _flite(voice: Voice, texts: Sequence[str], files: Sequence[Path]) -> Commands:
    settings = ["--setf", f"duration_stretch={voice.stretch}", "--setf", f"int_f0_target_mean={voice.pitch:.0f}"]
    return [(["flite", "-voice", voice.speaker, *settings, "-t", text, "-o", str(file)], "") for text, file in zip(texts, files, strict=True)]  # fmt: skip


def _festival(voice: Voice, texts: Sequence[str], files: Sequence[Path]) -> Commands:
    # One process for all words: it takes longer to start than to speak.
    lines = [f"(voice_{voice.speaker})", f"(Parameter.set 'Duration_Stretch {voice.stretch})"]
    for text, file in zip(texts, files, strict=True):
        lines.append(f'(utt.save.wave (utt.synth (Utterance Text "{text}")) "{file}" \'riff)')
    return [(["festival", "--pipe"], "\n".join(lines))]


_ENGINES = {"espeak-ng": _espeak, "flite": _flite, "festival": _festival}


def trimmed(waveform: Waveform, rate: int, below_db: float = -34.0) -> Waveform:
    """A waveform without what is quieter at its ends than ``below_db`` relative to its loudest 10 ms."""
    block = rate // 100
    blocks = waveform[: len(waveform) // block * block].reshape(-1, block).astype(np.float64)
    power = (blocks**2).mean(1)
    loud = np.nonzero(power > power.max(initial=0) * 10 ** (below_db / 10))[0]
    return waveform[loud[0] * block : (loud[-1] + 1) * block] if len(loud) else waveform
