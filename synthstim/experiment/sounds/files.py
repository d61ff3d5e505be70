"""The sounds of an experiment: copied from a set byte for byte, or made at export, each with its entry in the manifest."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.experiment.marker_codes import FIRST_STIMULUS
from synthstim.experiment.sounds import tones
from synthstim.experiment.sounds.roles import Material
from synthstim.experiment.sounds.sound_set import NATURAL, measured
from synthstim.files import sha256_of
from synthstim.stimulus_set import StimulusSet

# A sound of the set is known by its source and condition, one that was made by its name alone.
Key = tuple[str, str]


@dataclass
class SoundFiles:
    """The sounds of an experiment: an entry each, and the number of each by its key."""

    directory: Path
    entries: list[dict[str, Any]] = field(default_factory=list)
    numbers: dict[Key, int] = field(default_factory=dict)

    def add(self, key: Key, name: str, **columns: Any) -> None:
        """Note a file that lies in the folder already."""
        relative = f"stimuli/{name}.wav"
        entry = {"stimulus_id": name, "file": relative, "sha256": sha256_of(self.directory / relative)}
        unknown = dict.fromkeys(("source", "condition", "observer", "layer", "word"))
        self.numbers[key] = len(self.entries)
        self.entries.append(entry | unknown | columns | {"marker_code": FIRST_STIMULUS + len(self.entries)})

    @property
    def made(self) -> list[Key]:
        """The keys of the sounds that no set brought."""
        return [key for key in self.numbers if not key[0]]

    @property
    def heard(self) -> list[dict[str, Any]]:
        """The entries of the sounds that a set brought."""
        return [entry for entry in self.entries if entry["source"] is not None]


def copy_sounds(sounds: SoundFiles, source: StimulusSet, material: Material) -> None:
    """Copy the sounds of a set that somebody will hear, byte for byte.

    Raises:
        InputError: one is no mono WAV file, or their rates differ.
    """
    roles = material.roles
    in_stages, rates = {*roles.main, *roles.demo}, dict[int, str]()
    for name, by_condition in material.sound_set.recordings.items():
        if name not in in_stages | {*roles.catch}:
            continue
        for recording in by_condition.values() if name in in_stages else [by_condition[NATURAL]]:
            facts = measured(source.path(recording.file), Path(recording.file).name)
            rates.setdefault(facts["rate_hz"], recording.file)
            shutil.copyfile(source.path(recording.file), sounds.directory / "stimuli" / f"{recording.stimulus_id}.wav")
            columns = {
                "kind": recording.kind,
                "status": recording.status,
                "source": name,
                "word": material.labels[name].word,
                "also": list(material.labels[name].also),
            }
            columns |= asdict(recording.condition) | {"source_sha256": recording.sha256} | facts
            sounds.add((name, recording.condition.condition), recording.stimulus_id, **columns)
    require_one_rate(rates, source)


def require_one_rate(rates: Mapping[int, str], source: StimulusSet) -> None:
    """Raise InputError for sounds of several rates, of each of which a file is named."""
    if len(rates) > 1:
        told = " and ".join(f"{file} is at {rate} Hz" for rate, file in sorted(rates.items())[:2])
        raise InputError(
            f"the sounds of {source.root.name} have different rates, {told}", "make them at one", code="mismatch"
        )


def mean_level(levels: Sequence[float]) -> float:
    """The level of the mean power, in dB."""
    return round(10 * math.log10(sum(10 ** (level / 10) for level in levels) / len(levels)), 2)


def make_tones(sounds: SoundFiles, rate_hz: int, level_dbfs: float, *, checked: bool) -> None:
    """Make the noise to set the volume by and, for a headphone check, its tones.

    Raises:
        InputError: a sound of the set has one of their names.
    """
    made = {f"headphone_{order}": sound for order, sound in tones.headphone_tones(rate_hz, level_dbfs).items()}
    for name, sound in (made if checked else {}).items():
        softest = name.removeprefix("headphone_").index("S") + 1
        _make(sounds, name, sound, rate_hz, kind="headphone", word=str(softest))
    _make(sounds, "level", tones.level_noise(rate_hz, level_dbfs), rate_hz, kind="level")


def _make(sounds: SoundFiles, name: str, sound: tones.Stereo, rate_hz: int, **columns: Any) -> None:
    path = sounds.directory / "stimuli" / f"{name}.wav"
    if any(entry["stimulus_id"].lower() == name.lower() for entry in sounds.entries):
        raise InputError(f"a stimulus is called {name!r}, as a sound that is made at export", "rename it")
    tones.write_stereo(path, sound, rate_hz)
    sounds.add(("", name), name, status="n/a", rate_hz=rate_hz, duration_s=len(sound) / rate_hz, **columns)
