"""Mean responses and blocks of repeats, as arrays, from ragged trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthstim.errors import InputError, share
from synthstim.responses.files import listed
from synthstim.responses.trials import Responses


@dataclass(frozen=True)
class Means:
    """Mean response of every site to every stimulus.

    Attributes:
        stimulus_ids, sites: what the axes are.
        mean: (stimulus, site); NaN where nothing was recorded.
        count: (stimulus, site) trials behind each mean.
    """

    stimulus_ids: tuple[str, ...]
    sites: tuple[str, ...]
    mean: NDArray[np.float64]
    count: NDArray[np.int64]


@dataclass(frozen=True)
class Repeats:
    """The trials of some sites that have equally many for each stimulus.

    Attributes:
        sites: positions among ``responses.sites``.
        count: (stimulus,) trials of each of these sites.
        values: (stimulus, trial, site); trials beyond the count are 0.
    """

    sites: NDArray[np.int64]
    count: NDArray[np.int64]
    values: NDArray[np.float64]


def mean_responses(responses: Responses, stimulus_ids: Sequence[str] | None = None) -> Means:
    """Average over trials of all sessions.

    Args:
        responses: trials in one window.
        stimulus_ids: the stimuli and their order; by default those of the responses.

    Raises:
        InputError: the responses have several windows.

    Example:
        >>> mean_responses(responses).mean.shape
        (24, 3)
    """
    _ = responses.window
    ids = tuple(stimulus_ids) if stimulus_ids is not None else responses.stimulus_ids
    place = {name: row for row, name in enumerate(ids)}
    rows = np.array([place.get(name, -1) for name in responses.stimulus_ids])
    stimulus, site, values = _codes(responses)
    stimulus = rows[stimulus]
    keep = stimulus >= 0
    flat = stimulus[keep] * len(responses.sites) + site[keep]
    shape, size = (len(ids), len(responses.sites)), len(ids) * len(responses.sites)
    count = np.bincount(flat, minlength=size)
    total = np.bincount(flat, weights=values[keep], minlength=size)
    mean = np.divide(total, count, out=np.full(size, np.nan), where=count > 0)
    return Means(ids, responses.sites, mean.reshape(shape), count.reshape(shape))


def repeat_blocks(responses: Responses) -> Iterator[Repeats]:
    """The trials as arrays, one block for each pattern of counts: rectangular data make one block.

    Raises:
        InputError: the responses have several windows.
    """
    _ = responses.window
    stimulus, site, values = _codes(responses)
    shape = (len(responses.sites), len(responses.stimulus_ids))
    order = np.lexsort((stimulus, site))
    flat = site[order] * shape[1] + stimulus[order]
    count = np.bincount(flat, minlength=shape[0] * shape[1])
    # Where a trial stands among those of its site and stimulus.
    slot = np.arange(len(flat)) - np.repeat(np.cumsum(count) - count, count)
    count = count.reshape(shape)
    patterns, of_site = np.unique(count, axis=0, return_inverse=True)
    of_site = of_site.ravel()
    local = np.zeros(shape[0], dtype=np.int64)
    for pattern, row in enumerate(patterns):
        members = np.flatnonzero(of_site == pattern)
        local[members] = np.arange(len(members))
        mine = of_site[site[order]] == pattern
        block = np.zeros((shape[1], int(row.max()), len(members)))
        block[stimulus[order][mine], slot[mine], local[site[order][mine]]] = values[order][mine]
        yield Repeats(members, row, block)


def require_variance(responses: Responses) -> None:
    """Raise InputError, naming them, if the trials of some sites are all equal."""
    spread = responses.trials.groupby("site", observed=False)["response"].agg(["min", "max"])
    if dead := [str(site) for site in spread.index[spread["min"] == spread["max"]]]:
        raise InputError(
            f"{responses.source}: {share(len(dead), len(responses.sites), 'site', 'gives', 'give')} the same response in every"
            f" trial ({listed(dead)})",
            "leave them out with without(sites=...)",
            code="unfit-sites",
        )


def _codes(responses: Responses) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    trials = responses.trials
    stimulus, site = (trials[name].cat.codes.to_numpy(dtype=np.int64) for name in ("stimulus_id", "site"))
    return stimulus, site, trials["response"].to_numpy(dtype=np.float64)
