"""One stimulus of a set, measured again: where that is not what its row says."""

from __future__ import annotations

from typing import Any

import pandas as pd

from synthstim.errors import InputError
from synthstim.goals import GOALS
from synthstim.goals.aim import Aim
from synthstim.modalities.base import Modality
from synthstim.stimulus_set import StimulusSet
from synthstim.verify.consistency import judged_otherwise
from synthstim.verify.measure import Measured, Measurer
from synthstim.verify.mixtures import MIXTURE

# Limits on figures, in the proportion of those in decibels: 0.1 dB is 1.2 % of an amplitude.
_SHARE = 0.012
_ABSOLUTE = {"pearson": 0.002, "spearman": 0.002, "null_percentile": 0.5}
# Columns that sets of earlier versions do not have.
_ADDED = ("match_db_soxr", "peak_run", "ssim")
_FROM_POOL = ("null_percentile", "best_natural")


def row_problems(
    stimuli: StimulusSet, row: dict[str, Any], aim: Aim | None, measurer: Measurer | None, limit: float, same_pool: bool
) -> list[str]:
    """Where one stimulus, measured again, is not what its row says, or is judged otherwise."""
    again = _measure(stimuli, row, aim, measurer)
    problems = _differences(stimuli.modality, row, again, limit, same_pool)
    if aim is not None and same_pool:
        problems += judged_otherwise(row, aim, again, stimuli.provenance.get("criteria", {}))
    return problems


def _measure(stimuli: StimulusSet, row: dict[str, Any], aim: Aim | None, measurer: Measurer | None) -> Measured:
    measured = stimuli.modality.statistics(stimuli.path(row["file"]))
    if row["kind"] == MIXTURE and not pd.isna(row["reference"]):
        measured |= stimuli.modality.between(stimuli.stimulus(row["file"]), stimuli.stimulus(row["reference"]))
    # A control has an aim where it is one unit's; natural stimuli and adopted ones may have none.
    if measurer is None or aim is None:
        return measured
    if aim.layers and pd.isna(row["reference"]):
        raise InputError(f"{stimuli.root}/stimuli.tsv: the metamer {row['stimulus_id']} has no reference")
    reference = stimuli.stimulus(row["reference"]) if aim.layers else None
    layers = str(row["layer"]).split("+") if aim.layers else ()
    return measured | GOALS[aim.goal].measure(measurer, stimuli.stimulus(row["file"]), aim, reference, layers)


def _differences(
    modality: Modality, row: dict[str, Any], again: Measured, decibels: float, same_pool: bool
) -> list[str]:
    relative = ("activation", "best_natural", modality.distance)
    limits = (
        dict.fromkeys(("match_db", "held_db", *modality.rematched), decibels)
        | _ABSOLUTE
        | dict(modality.tolerances)
        | {name: _SHARE * abs(again.get(name) or 0.0) for name in relative}
    )
    out = []
    for name, limit in limits.items():
        value = again.get(name)
        if value is None or (name in _FROM_POOL and not same_pool) or (name in _ADDED and pd.isna(row[name])):
            continue
        if pd.isna(row[name]) or abs(row[name] - value) > limit:
            out.append(f"{row['stimulus_id']}: {name} is {value:.6g} in the file, the table says {row[name]:.6g}")
    decided = again.get("same_class")
    if decided is not None and (pd.isna(row["same_class"]) or bool(row["same_class"]) != decided):
        out.append(f"{row['stimulus_id']}: same_class is {decided} in the file, the table says {row['same_class']}")
    return out
