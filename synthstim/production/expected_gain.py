"""What an evening would bring: the gain to expect of controllers, before one is made in earnest."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthstim.encoding import Fit
from synthstim.errors import InputError, counted
from synthstim.production.run import Watch, make
from synthstim.responses import Responses, mean_responses
from synthstim.stimulus_set import StimulusSet

# With 40 of them predictions were a seventh lower than with 80.
EVALUATIONS = 80
# A gain below this is no more than the natural stimulus's own; a site that has a chance of one in four of more is worth images:
# an evening is lost for less than a site that would have been controlled.
WORTH = 1.05
CHANCE_SDS = 0.6745
# Of an interval that holds in eight cases of ten.
REACH = 1.2816
GAINS = ("site", "best_natural", "predicted", "expected", "sd", "gain", "low", "high", "worth")


def expected_gains(
    fit: Fit,
    responses: Responses,
    sets: StimulusSet | Sequence[StimulusSet],
    *,
    entry: Mapping[str, Any] | None = None,
    seed: int = 0,
    watch: Watch | None = None,
) -> pd.DataFrame:
    """The gain to expect at each site of a controller over its best natural stimulus, shown again.

    A controller is made for each site in a few evaluations, and what the fit predicts of it is trusted as far as held-out
    stimuli say (``Fit.expect``). The best natural stimulus was picked from noisy means: shown again it is expected to answer
    less, by the site's reliability.

    Args:
        fit: with its expectation.
        responses: that it was fitted to.
        sets: that were shown; of their stimuli those of the kind ``natural`` count, all of them if there are none.
        entry: keys of the recipe's entry besides, such as ``constraints``, as tomorrow's recipe will have them.
        seed: of the controllers.
        watch: called with the progress.

    Returns:
        One row a site (``GAINS``): responses as recorded, ``gain`` with the interval that holds in eight cases of ten, and
        whether the site is worth an image: it has a chance of one in four, or a better one, of a gain above ``WORTH``.

    Raises:
        InputError: the fit is of an earlier version, without expectations, or its observer cannot make stimuli.
    """
    best = _best_naturals(fit, responses, [sets] if isinstance(sets, StimulusSet) else list(sets))
    own = {"name": "expected", "kind": "controller", "goal": "drive", "unit": {"sites": "all"}, "evaluations": EVALUATIONS}  # fmt: skip
    recipe = {"observer": fit.observer.name, "seed": seed, "min_score": -1, "stimuli": [own | dict(entry or {})]}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = make(recipe, Path(folder) / "made", observer=fit, watch=watch)
        table = fit.expect(made)
        of = dict(zip(made.table["stimulus_id"].astype(str), made.table["unit"].astype(str), strict=True))
    own_rows = table[table["stimulus_id"].map(of) == table["site"]].set_index("site").loc[list(fit.sites)]
    out = own_rows[["predicted", "expected", "sd"]].assign(best_natural=best)
    above = out["best_natural"].where(out["best_natural"] > 0)
    out = out.assign(
        gain=out["expected"] / above,
        low=(out["expected"] - REACH * out["sd"]) / above,
        high=(out["expected"] + REACH * out["sd"]) / above,
    )
    chance = (out["expected"] + CHANCE_SDS * out["sd"]) / above
    return out.assign(worth=chance > WORTH).reset_index()[list(GAINS)]


def said_of(gains: pd.DataFrame) -> str:
    """The table in a sentence.

    >>> said_of(pd.DataFrame({"gain": [1.1, 1.2, 1.3, 0.8], "worth": [True, True, True, False]}))
    'expected gain 1.15 to 1.25 at 3 of 4 sites (the middle half of them); 1 is not worth an image'
    """
    good, poor = gains.loc[gains["worth"], "gain"], int((~gains["worth"]).sum())
    if not len(good):
        where = f"any of {len(gains)} sites" if len(gains) > 1 else "the site"
        return f"no gain over natural stimuli is to be expected at {where}: show more of them first"
    low, high = good.quantile([0.25, 0.75])
    rest = f"; {poor} {'is' if poor == 1 else 'are'} not worth an image" if poor else ""
    return f"expected gain {low:.3g} to {high:.3g} at {len(good)} of {counted(len(gains), 'site')} (the middle half of them){rest}"


def _best_naturals(fit: Fit, responses: Responses, sets: list[StimulusSet]) -> pd.Series:
    """The response of each site to its best natural stimulus, as it is to be expected when that is shown again."""
    kinds = pd.concat([part.table.set_index("stimulus_id")["kind"] for part in sets])
    shown = [str(name) for name in responses.stimulus_ids if name in kinds.index]
    if not shown:
        raise InputError("no stimulus of these sets was recorded", "give the sets that were presented", code="mismatch")
    natural = [name for name in shown if (kinds.loc[[name]] == "natural").any()] or shown
    means = mean_responses(responses, natural)
    columns = [means.sites.index(site) for site in fit.sites]
    mean, top = np.nanmean(means.mean[:, columns], 0), np.nanmax(means.mean[:, columns], 0)
    reliability = fit.table["reliability"].astype(float).fillna(1.0).to_numpy()
    return pd.Series(mean + reliability * (top - mean), index=list(fit.sites))
