"""How far a recording drifted, by images of generation 0 that were drawn blindly and are shown in every generation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from synthstim.loop.generation import Generation
from synthstim.responses import Responses

COLUMNS = ("drift", "error", "factor")


def site_drift(newest: Generation, first: Generation) -> pd.DataFrame:
    """One row a site that both recorded (``COLUMNS``), its name as the index; none where nothing was shown again.

    ``drift`` is the mean response to the images shown again over that in generation 0, ``error`` the standard error of its
    logarithm over trials. ``factor`` is drift as far as it is more than its error: shrunk towards 1 (James & Stein 1961), so that
    noise is not corrected for.
    """
    plan = newest.plan
    blind = set(plan.loc[(plan["role"] == "anchor") & plan["goal"].isna(), "stimulus_id"])
    if not newest.number or not blind:
        return pd.DataFrame(columns=list(COLUMNS))
    now, then = (_per_image(one.responses, blind) for one in (newest, first))
    both = now.add_suffix("_now").join(then.add_suffix("_then"), how="inner")
    rows = {}
    for site, part in both.groupby("site", observed=True):
        means = part[["mean_now", "mean_then"]].mean()
        if not (means > 0).all():
            continue
        relative = [(part[f"sem_{when}"] ** 2).sum() ** 0.5 / len(part) / means[f"mean_{when}"] for when in ("now", "then")]  # fmt: skip
        drift, error = means["mean_now"] / means["mean_then"], float(np.hypot(*relative))
        rows[str(site)] = (drift, error, _shrunk(drift, error))
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))


def without_drift(responses: Responses, drift: pd.DataFrame) -> Responses:
    """Trials over the factor of their site's drift; sites of which none is known stay."""
    factor = responses.trials["site"].astype(str).map(drift["factor"]).astype(float).fillna(1.0)
    return replace(responses, trials=responses.trials.assign(response=responses.trials["response"] / factor.to_numpy()))


def _per_image(responses: Responses, images: set[str]) -> pd.DataFrame:
    """Mean and standard error over trials, by site and image."""
    trials = responses.trials[responses.trials["stimulus_id"].isin(images)]
    return trials.groupby(["site", "stimulus_id"], observed=True)["response"].agg(["mean", "sem"]).dropna()


def _shrunk(drift: float, error: float) -> float:
    size = float(np.log(drift))
    return float(np.exp(size * max(0.0, 1 - (error / size) ** 2))) if size else 1.0
