"""Sounds at several gains, made at export: what a loudness match, or any function of the level, goes over."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from synthstim.errors import InputError
from synthstim.experiment.design.material import Candidate, Pool
from synthstim.experiment.design.schema import Design
from synthstim.files import sha256_of
from synthstim.ids import free_id
from synthstim.modalities.sound import coding_of, read_sound, write_wav
from synthstim.stimulus_set import StimulusSet

COLUMN = "gain_db"


def add_gains(pool: Pool, design: Design, source: StimulusSet, directory: Path) -> tuple[Pool, dict[str, Path]]:
    """Put each sound of a set beside copies of itself that are louder or softer; references stay as they are.

    Returns:
        The pool, with the column ``gain_db``, and the files that were made by id.

    Raises:
        InputError: the set is of images, has a column of that name, or a copy would clip.
    """
    if not design.gains_db:
        return pool, {}
    if source.modality.presents != "plays":
        raise InputError(f"gains_db given for {source.root.name}, a set of images; expected sounds", "leave it out")
    if COLUMN in pool.columns:
        raise InputError(f"the set has the column {COLUMN!r}, which gains_db makes", "leave gains_db out")
    (directory / "stimuli").mkdir(parents=True, exist_ok=True)
    taken = {member.stimulus_id.lower() for member in pool}
    made: dict[str, Path] = {}
    members: list[Candidate] = []
    for member in pool.members:
        waveform, rate = read_sound(source.path(member.file))
        loudest = _most_gain(waveform)
        # Finer than the file's steps where those are of 16 bits: what is made softer keeps its shape.
        coding = "float32" if coding_of(source.path(member.file)) == "float32" else "pcm24"
        for gain in design.gains_db:
            told = {**member.columns, COLUMN: f"{gain:.10g}"}
            if gain == 0:
                members.append(dataclasses.replace(member, columns=told))
                continue
            if gain > loudest:
                raise InputError(
                    f"{member.stimulus_id} would clip at a gain of {gain:g} dB; expected at most {loudest:.1f}",
                    "make the set at a lower level (level_dbfs), or take the high gains out of gains_db",
                    code="too-large", value=member.stimulus_id,
                )  # fmt: skip
            name = free_id(f"{member.stimulus_id}_gain_{_in_words(gain)}", taken)
            path = made[name] = directory / "stimuli" / f".{name}.wav"
            write_wav(path, waveform * np.float32(10 ** (gain / 20)), rate, coding=coding)
            members.append(
                dataclasses.replace(
                    member, stimulus_id=name, sha256=sha256_of(path), columns=told | {"stimulus_id": name}
                )
            )
    return dataclasses.replace(pool, members=tuple(members), columns=(*pool.columns, COLUMN)), made


def _most_gain(waveform: np.ndarray) -> float:
    """The gain in dB at which the highest sample reaches full scale."""
    peak = float(np.abs(waveform).max())
    return float(-20 * np.log10(peak)) if peak else float("inf")


def _in_words(gain: float) -> str:
    """A gain as part of an id.

    >>> _in_words(-4.5), _in_words(3.0)
    ('minus_4.5', '3')
    """
    return f"{'minus_' * (gain < 0)}{abs(gain):g}"
