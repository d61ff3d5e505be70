"""Sites that a fit can do something with, chosen by their trials alone; the others are named, with the reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from synthstim.errors import InputError
from synthstim.responses.reliability import MIN_STIMULI, reliability
from synthstim.responses.selection import Selection, select_sites
from synthstim.responses.trials import Responses

ENOUGH = 0.3


@dataclass(frozen=True, repr=False)
class Screened:
    """The sites that were kept, and why the others were not.

    Attributes:
        responses: of the kept sites.
        left_out: ``site``, ``reliability`` (NaN where it was not measured), ``why``.
        selection: by reliability; None where no stimulus was repeated.
        sites: how many there were.
    """

    responses: Responses
    left_out: pd.DataFrame
    selection: Selection | None
    sites: int

    def __repr__(self) -> str:
        return f"Screened({len(self.responses.sites)} of {self.sites} sites)"


def screen_sites(responses: Responses, *, at_least: float = ENOUGH, fewest: int = 1, seed: int = 0) -> Screened:
    """Keep the sites that respond, to enough stimuli, and reliably where that can be told.

    Args:
        responses: trials in one window.
        at_least: the least reliability, where stimuli were repeated.
        fewest: the fewest stimuli that a site must have answered.
        seed: of the splits of reliability.

    Raises:
        InputError: no site is left; the sentence says what was wrong with them.

    Example:
        >>> len(screen_sites(responses).left_out)
        0
    """
    responses.window  # noqa: B018 - several windows are refused first
    trials = responses.trials
    lowest, highest = (trials.groupby("site", observed=False)["response"].agg(name) for name in ("min", "max"))
    flat = set(lowest.index[lowest == highest])
    counts = trials.groupby(["site", "stimulus_id"], observed=True).size()
    answered = counts.groupby("site", observed=False).size().reindex(responses.sites, fill_value=0)
    repeated = counts[counts >= 2].groupby("site", observed=False).size().reindex(responses.sites, fill_value=0)
    why: dict[str, str] = {}
    for site in responses.sites:
        if site in flat:
            why[site] = "the same response in every trial"
        elif answered[site] < fewest:
            why[site] = f"{answered[site]} stimuli; expected {fewest}"
        elif repeated.max() > 0 and repeated[site] < MIN_STIMULI:
            why[site] = f"{repeated[site]} stimuli with two trials; expected {MIN_STIMULI}"
    _require_some(responses, why)
    kept = responses.without(sites=why) if why else responses
    if repeated.max() == 0:
        return Screened(kept, _table(why, {}), None, len(responses.sites))
    table = reliability(kept, seed=seed)
    selection = select_sites(table, at_least=at_least)
    measured = dict(zip(table["site"], table["reliability"], strict=True))
    why |= {site: f"reliability below {at_least:g}" for site in measured if site not in selection.sites}
    return Screened(kept.only(sites=selection.sites), _table(why, measured), selection, len(responses.sites))


def _require_some(responses: Responses, why: dict[str, str]) -> None:
    if len(why) == len(responses.sites):
        site, reason = next(iter(why.items()))
        raise InputError(
            f"{responses.source}: {f'none of {len(why)} sites can' if len(why) > 1 else 'the only site cannot'} be fitted, {site} has {reason}"
        )


def _table(why: dict[str, str], measured: dict[str, float]) -> pd.DataFrame:
    rows = [(site, measured.get(site, np.nan), reason) for site, reason in why.items()]
    return pd.DataFrame(rows, columns=["site", "reliability", "why"])
