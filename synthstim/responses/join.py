"""Several recordings put together: of one unit, and no trial of them twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthstim.errors import InputError, counted
from synthstim.responses.files import listed
from synthstim.responses.trial_table import TEXT
from synthstim.responses.trials import Responses

# Counts become spikes per second by a factor of ten in windows of 100 ms; recordings change less from day to day.
MAX_DRIFT = 3.0
# Fewer stimuli, or matches that chance would bring, are told of, and not refused.
_FEWEST, _CHANCE = 3, 1e-9
_COMPARED = 20_000
_WINDOW = ["window_start_s", "window_end_s"]


def join_responses(parts: Sequence[Responses], *, max_drift: float | None = MAX_DRIFT) -> Responses:
    """One table of several recordings, after comparing their sessions with one another.

    Args:
        parts: the recordings.
        max_drift: the factor by which responses to the same stimuli may differ between sessions, as the median over sites;
            None compares nothing.

    Raises:
        InputError: a trial appears twice, under one session's name or two, or two sessions are not in one unit.

    Example:
        >>> join_responses([read_responses("monday.tsv"), read_responses("tuesday.tsv")]).sessions
        ('monday', 'tuesday')
    """
    if not parts:
        raise InputError("no responses given", "give at least one recording", code="too-few")
    frames = [part.trials.astype(dict.fromkeys(TEXT, str)) for part in parts]
    source = listed(dict.fromkeys(part.source for part in parts))
    notes = tuple(note for part in parts for note in part.notes)
    joined = Responses(pd.concat(frames, ignore_index=True), source, notes)
    if max_drift is None or len(joined.sessions) < 2:
        return joined
    told = (*_repeated(joined), *_drifted(joined, max_drift))
    return Responses(joined.trials, source, (*notes, *told))


def session_drift(responses: Responses) -> pd.DataFrame:
    """How much more each session's sites respond than in the first session that showed the same stimuli.

    Returns:
        One row for each site of each later session: ``session``, ``against`` (the earlier one), ``site``, ``stimuli`` (how many
        both showed), ``drift`` (mean size of responses to them, over that in the earlier one; NaN where that is 0).
    """
    keys = ["session", "stimulus_id", "site", *_WINDOW]
    sizes = responses.trials.assign(size=responses.trials["response"].abs())
    means = sizes.groupby(keys, observed=True)["size"].mean().reset_index()
    parts = {str(name): part.drop(columns="session") for name, part in means.groupby("session", observed=True)}
    rows = []
    for at, session in enumerate(responses.sessions):
        for earlier in responses.sessions[:at]:
            both = parts[session].merge(parts[earlier], on=keys[1:], suffixes=("", "_then"))
            if not len(both):
                continue
            for site, own in both.groupby("site", observed=True):
                now, then = own["size"].sum(), own["size_then"].sum()
                shared = own["stimulus_id"].nunique()
                rows.append((session, earlier, str(site), shared, now / then if then > 0 else np.nan))
            break
    return pd.DataFrame(rows, columns=["session", "against", "site", "stimuli", "drift"])


def _drifted(responses: Responses, most: float) -> Iterator[str]:
    """A note for each session that seems to be in another unit; enough stimuli refuse it."""
    for (session, against), part in session_drift(responses).groupby(["session", "against"], sort=False):
        drift = part["drift"].median()
        if not np.isfinite(drift) or 1 / most <= drift <= most:
            continue
        said = (
            f"{responses.source}: responses of session {session} are {drift:.3g} times those of session {against} to the same"
            f" {part['stimuli'].max()} stimuli (median of {counted(len(part), 'site')})"
        )
        if part["stimuli"].max() >= _FEWEST:
            raise InputError(
                said,
                "give both in one unit, such as spikes in the window, or allow it with max_drift=...",
                code="drifted",
            )
        yield f"{said}: are both in one unit?"


def _repeated(responses: Responses) -> Iterator[str]:
    """A note for each pair of sessions whose trials are the same; more of them than chance brings are refused."""
    trials, chance = _numbered(responses.trials)
    values = {str(name): part.set_index("key")["response"] for name, part in trials.groupby("session", observed=True)}
    for one, other in combinations(responses.sessions, 2):
        shared = values[one].index.intersection(values[other].index)[:_COMPARED]
        if not len(shared) or not np.array_equal(values[one].loc[shared], values[other].loc[shared]):
            continue
        said = f"{responses.source}: the {len(shared)} trials of session {other} that session {one} has as well are the same"
        if len(shared) * np.log(chance) < np.log(_CHANCE):
            raise InputError(f"{said}", "give each recording once, under one name of its session")
        yield f"{said}: is it one recording?"


def _numbered(trials: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """The trials with a ``key`` that their counterparts in other sessions share; and how often two trials agree by chance."""
    alike = ["session", "stimulus_id", "site", *_WINDOW]
    trials = trials.sort_values([*alike, "repeat"], kind="stable").reset_index(drop=True)
    groups = trials.groupby(alike, observed=True, sort=False)
    rank: NDArray[np.int64] = groups.cumcount().to_numpy()
    again = rank > 0
    if again.any():
        same = trials["response"].to_numpy()[1:] == trials["response"].to_numpy()[:-1]
        chance = float(same[again[1:]].mean())
    else:
        shares = trials.groupby("site", observed=True)["response"].agg(lambda own: (own.value_counts(True) ** 2).sum())
        chance = float(shares.mean())
    keys = trials.assign(rank=rank).groupby([*alike[1:], "rank"], observed=True, sort=False).ngroup()
    return trials.assign(key=keys), min(max(chance, 0.01), 1.0)
