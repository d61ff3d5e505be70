"""The sounds of a set as a listening test sees them: for each source its recording and its metamers, one a condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from synthstim.errors import InputError
from synthstim.experiment.manifest import Condition, LeftOut
from synthstim.ids import free_id
from synthstim.modalities.sound import level_of, read_sound
from synthstim.stimulus_set import StimulusSet

NATURAL = "natural"
# How the reason begins for which a metamer that is there is left out.
FAILED = "failed its check"


@dataclass(frozen=True)
class SetRecording:
    """One WAV file of the set."""

    stimulus_id: str
    file: str
    sha256: str
    kind: str
    status: str
    source: str
    condition: Condition


@dataclass(frozen=True)
class SoundSet:
    """What can be heard.

    Attributes:
        conditions: natural first, then the stages in the order of the set.
        recordings: by source and by condition; every source has natural.
        left_out: what is missing or failed.
        unused: metamers beyond the first of a source and condition.
    """

    conditions: tuple[Condition, ...]
    recordings: dict[str, dict[str, SetRecording]]
    left_out: tuple[LeftOut, ...]
    unused: int

    def complete(self, source: str) -> bool:
        """Whether a source can be heard in every condition."""
        return all(condition.condition in self.recordings[source] for condition in self.conditions)


def read_sound_set(stimulus_set: StimulusSet, *, include: str) -> SoundSet:
    """Sort the metamers of a set by source and condition.

    Args:
        include: ``passed`` takes a metamer whose status is failed for missing, ``all`` takes it.

    Raises:
        InputError: there are no metamers, one names no reference or layer, or there are too few sources or conditions.
    """
    table = stimulus_set.table[stimulus_set.table["kind"] == "metamer"]
    if not len(table):
        raise InputError(
            f"{stimulus_set.root.name} holds no metamers: a listening test compares them with their references",
            code="missing",
        )
    for column in ("reference", "layer"):
        if (empty := table[column].isna()).any():
            which = table["stimulus_id"][empty].iloc[0]
            raise InputError(f"the metamer {which} of {stimulus_set.root.name} names no {column}: fill the column in")
    stages = _stages(table)
    usable = table if include == "all" else table[table["status"].fillna("") != "failed"]
    taken = {name.lower() for name in stimulus_set.table["stimulus_id"]}
    recordings = _recordings(table, usable, stages, taken)
    heard = {name for by_condition in recordings.values() for name in by_condition}
    conditions = tuple(stage for stage in (Condition(NATURAL), *stages.values()) if stage.condition in heard)
    sound_set = SoundSet(
        conditions,
        recordings,
        tuple(_left_out(table, recordings, stages)),
        len(usable) - sum(len(by_condition) - 1 for by_condition in recordings.values()),
    )
    if len(conditions) < 2:
        raise InputError(
            f"{stimulus_set.root.name} has no metamer that passed its check, only the natural recordings remain",
            "make it again, or choose include=all",
            code="none-passed",
        )
    if len(recordings) < 2:
        raise InputError(
            f"{stimulus_set.root.name} has one source, {next(iter(recordings))!r}, and each is heard once",
            "give a set of several",
        )
    return sound_set


def measured(path: Path, name: str) -> dict[str, Any]:
    """Rate, duration and level of a mono WAV file.

    Raises:
        InputError: it is no such file.
    """
    if path.suffix.lower() != ".wav":
        raise InputError(
            f"{name} is a {path.suffix or 'file without suffix'}: an experiment plays WAV files, save it as one",
            code="missing",
        )
    waveform, rate = read_sound(path)
    level = level_of(waveform)
    return {
        "rate_hz": rate,
        "duration_s": round(len(waveform) / rate, 6),
        "level_dbfs": level.rms_dbfs,
        "peak_dbfs": level.peak_dbfs,
    }


def _stages(table: pd.DataFrame) -> dict[tuple[str, str], Condition]:
    pairs = list(dict.fromkeys(zip(table["observer"].fillna("model"), table["layer"], strict=True)))
    several = len({observer for observer, _ in pairs}) > 1
    stages = {
        (observer, layer): Condition(f"{observer}:{layer}" if several else layer, observer, layer)
        for observer, layer in pairs
    }
    if NATURAL in (stage.condition for stage in stages.values()):
        raise InputError(f"a layer is called {NATURAL!r}, as the condition of the recordings is", "rename it")
    return stages


def _recordings(
    table: pd.DataFrame, usable: pd.DataFrame, stages: Mapping[tuple[str, str], Condition], taken: set[str]
) -> dict[str, dict[str, SetRecording]]:
    recordings: dict[str, dict[str, SetRecording]] = {}
    for row in table.drop_duplicates("reference").to_dict("records"):
        source = Path(row["reference"]).stem
        name = free_id(f"ref_{source}", taken)
        recordings[source] = {
            NATURAL: SetRecording(
                name, row["reference"], row["reference_sha256"], "natural", "n/a", source, Condition(NATURAL)
            )
        }
    filled = usable.fillna({"copy": 0, "observer": "model", "status": "n/a"})
    for row in filled.sort_values("copy", kind="stable").to_dict("records"):
        source, stage = Path(row["reference"]).stem, stages[row["observer"], row["layer"]]
        recording = SetRecording(
            row["stimulus_id"], row["file"], row["sha256"], "metamer", row["status"], source, stage
        )
        recordings[source].setdefault(stage.condition, recording)
    return recordings


def _left_out(
    table: pd.DataFrame,
    recordings: Mapping[str, Mapping[str, SetRecording]],
    stages: Mapping[tuple[str, str], Condition],
) -> list[LeftOut]:
    reasons: dict[tuple[str, str], str] = {}
    for row in table.fillna({"observer": "model", "reason": ""}).to_dict("records"):
        key = Path(row["reference"]).stem, stages[row["observer"], row["layer"]].condition
        reasons.setdefault(key, f"{FAILED}: {row['reason']}" if row["reason"] else FAILED)
    return [
        LeftOut(source, stage.condition, reasons.get((source, stage.condition), "the set has no such metamer"))
        for source, by_condition in recordings.items()
        for stage in stages.values()
        if stage.condition not in by_condition
    ]
