"""Joining trials with the stimuli they answer: by id and checksum, all or none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from synthstim.errors import InputError, nearest
from synthstim.responses.files import listed
from synthstim.responses.trials import Responses

# Of the ids of a recording: so few that are not in the set may be blanks.
_FEW = 0.1


def unmatched(responses: Responses, stimuli: pd.DataFrame) -> pd.DataFrame:
    """Stimuli of the responses that a set's table does not have, or has with another checksum.

    Args:
        responses: the trials.
        stimuli: table with ``stimulus_id`` and ``sha256``: a set's ``stimuli.tsv``, or several below one another.

    Returns:
        One row for each: ``stimulus_id``, ``problem`` (``unknown`` or ``other file``), ``trials``.
    """
    known = _checksums(stimuli)
    columns = ["stimulus_id", "sha256"] if "sha256" in responses.trials else ["stimulus_id"]
    counted = responses.trials.groupby(columns, sort=False, observed=True, dropna=False).size()
    shown = counted.rename("trials").reset_index()
    rows = []
    for row in shown.to_dict("records"):
        stimulus, digest = row["stimulus_id"], row.get("sha256")
        if stimulus not in known:
            rows.append((stimulus, "unknown", row["trials"]))
        elif isinstance(digest, str) and digest != known[stimulus]:
            rows.append((stimulus, "other file", row["trials"]))
    return pd.DataFrame(rows, columns=["stimulus_id", "problem", "trials"])


def require_match(responses: Responses, stimuli: pd.DataFrame | Iterable[pd.DataFrame]) -> None:
    """Raise InputError, listing what does not match, unless every trial is of a stimulus of these tables.

    Example:
        >>> require_match(responses, StimulusSet.read("tonight").table)
    """
    table = stimuli if isinstance(stimuli, pd.DataFrame) else pd.concat(list(stimuli), ignore_index=True)
    problems = unmatched(responses, table)
    if not len(problems):
        return
    unknown = problems[problems["problem"] == "unknown"]
    other = problems[problems["problem"] == "other file"]
    parts = []
    if len(unknown):
        hint = nearest(unknown["stimulus_id"].iloc[0], table["stimulus_id"].astype(str), 1)
        parts.append(
            f"{len(unknown)} {'stimulus is' if len(unknown) == 1 else 'stimuli are'} not in the set ({listed(unknown['stimulus_id'])}; {hint.rstrip('?')})"
        )
    if len(other):
        parts.append(f"{len(other)} were shown from another file than the set's ({listed(other['stimulus_id'])})")
    said = f"{responses.source}: {' and '.join(parts)}"
    if len(unknown) and set(map(_stem, unknown["stimulus_id"])) <= set(table["stimulus_id"].astype(str)):
        raise InputError(
            said, "ids are names of files without their endings: take the endings off in the file", code="mismatch"
        )
    if len(unknown) < _FEW * len(responses.stimulus_ids) and not len(other):
        said += " (a blank presentation has no row)"
    raise InputError(
        said, "give the set that was shown, or correct the ids with renamed(stimulus_ids=...)", code="not-the-set"
    )


def _stem(name: str) -> str:
    return Path(name).stem


def _checksums(stimuli: pd.DataFrame) -> dict[str, str]:
    if absent := [name for name in ("stimulus_id", "sha256") if name not in stimuli]:
        raise InputError(f"the table of stimuli lacks the column {absent[0]}", code="missing")
    known: dict[str, str] = {}
    for stimulus, digest in zip(stimuli["stimulus_id"].astype(str), stimuli["sha256"].astype(str), strict=True):
        if known.setdefault(stimulus, digest) != digest:
            raise InputError(
                f"two sets use the id {stimulus!r} for different files", "rename the stimuli of one", code="mismatch"
            )
    return known
