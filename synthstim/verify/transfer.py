"""How stimuli fare on each of the observers that a set was made on: those that they were made for, and the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from synthstim.modalities.base import Stimulus
from synthstim.models import Observer
from synthstim.models.several import LOG_ODDS
from synthstim.stimulus_set import StimulusSet
from synthstim.stimulus_set.columns import COMPANIONS
from synthstim.verify.measure import profile_of
from synthstim.verify.null import joined

TRANSFER = "transfer.tsv"


def transfer_of(
    observer: Observer, stimulus_id: str, stimulus: Stimulus, reference: Stimulus | None, layers: Sequence[str]
) -> pd.DataFrame:
    """A row for each of several observers: the match at its layers, and what it takes the stimulus for.

    Args:
        observer: several as one; of one by itself there are no rows.
        reference: of what is made of another stimulus.
        layers: of all observers, at which matches are of interest.
    """
    rows = [
        {"stimulus_id": stimulus_id, "observer": name, **_on(observer, name, stimulus, reference, layers)}
        for name in observer.parts
    ]
    return pd.DataFrame(rows, columns=list(COMPANIONS[TRANSFER]))


def _on(
    observer: Observer, name: str, stimulus: Stimulus, reference: Stimulus | None, layers: Sequence[str]
) -> dict[str, Any]:
    part = observer.parts[name]
    own = [layer.removeprefix(f"{name}.") for layer in layers if layer.startswith(f"{name}.")]
    found: dict[str, Any] = {"layer": "+".join(own) or None}
    if reference is not None and own:
        profile = profile_of(part, stimulus, reference, own)
        found["match_db"] = float(joined("match_db", [one["match_db"] for one in profile.values()]))
    shown = [stimulus] if reference is None else [stimulus, reference]
    batch = torch.from_numpy(np.stack(shown)).to(part.device, part.dtype)
    decided = part.decide(batch, own)
    if decided is not None:
        found["answer"] = decided[0]
        found["reference_answer"] = decided[1] if reference is not None else None
        if (odds := f"{name}.{LOG_ODDS}") in observer.layers:
            with torch.no_grad():
                value = observer.activations(batch[:1], [odds])[odds][0, int(decided[0])]  # type: ignore[call-overload]
            found["probability"] = float(value.double().sigmoid())
    return found


def transferred_otherwise(known: pd.DataFrame, again: pd.DataFrame, decibels: float) -> Iterator[str]:
    """A sentence for each figure of the transfer of a stimulus that is not as the set has it.

    Args:
        known, again: rows of ``transfer_of``: the set's, and as they are measured again.
    """
    there = {str(row["observer"]): row for row in known.to_dict("records")}
    for row in again.to_dict("records"):
        name, stimulus_id = row["observer"], row["stimulus_id"]
        if name not in there:
            yield f"{stimulus_id}: {TRANSFER} has no row of the observer {name}"
            continue
        before = there[name]
        for column, limit in (("match_db", decibels), ("probability", 0.02)):
            value = row[column]
            if pd.notna(value) and not abs(_number(before[column]) - value) <= limit:
                yield f"{stimulus_id}: {column} on {name} is {value:.4g} in the file, {TRANSFER} says {before[column]}"
        if pd.notna(row["answer"]) and str(before["answer"]) != str(row["answer"]):
            yield f"{stimulus_id}: {name} answers {row['answer']} to the file, {TRANSFER} says {before['answer']}"


def transfer_table(stimuli: StimulusSet) -> pd.DataFrame:
    """What stimuli of one entry, layer, unit and direction do on each observer of the set, in words; empty where there is one.

    Returns:
        A row for each, a column for each observer: the median match in dB at its layers that the recipe names, how many of the
        stimuli it answers as it does their reference, and its answers with the median of their probabilities.
    """
    rows = stimuli.companion(TRANSFER)
    if not len(rows):
        return pd.DataFrame()
    keys = ["name", "layer", "unit", "direction"]
    whole = rows.drop(columns="layer").merge(stimuli.table[["stimulus_id", *keys]], on="stimulus_id", how="left")
    found = []
    for key, group in whole.groupby(keys, sort=False, dropna=False):
        said = {str(name): _in_words(part) for name, part in group.groupby("observer", sort=False)}
        count = group["stimulus_id"].nunique()
        found.append({**dict(zip(keys, key, strict=True)), "stimuli": count, **said})
    table = pd.DataFrame(found)
    return table.drop(columns=[name for name in keys if table[name].isna().all()]).rename(
        columns={"name": "entry", "layer": "made at"}
    )


def _number(value: Any) -> float:
    """A cell as a number; not a number where it is none, as in a table that was altered."""
    return float(pd.to_numeric(value, errors="coerce"))


def _in_words(rows: pd.DataFrame) -> str:
    said = []
    if rows["match_db"].notna().any():
        said.append(f"{rows['match_db'].map(_number).median():.1f} dB")
    compared = rows.dropna(subset=["answer", "reference_answer"])
    if len(compared):
        said.append(f"same answer {(compared['answer'] == compared['reference_answer']).sum()} of {len(compared)}")
    elif rows["answer"].notna().any():
        answers = rows["answer"].dropna().drop_duplicates()
        sure = rows["probability"].map(_number).median()
        said.append(f"answer {', '.join(answers.head(3))}" + ("" if np.isnan(sure) else f" (p {sure:.2f})"))
    return ", ".join(said)
