"""What a fit's predictions are worth: held-out stimuli say how far to trust the high ones, and how far they err."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import nnls

Values = NDArray[np.float64]
# Of the stimuli that are predicted highest, this share, and so many at least, say what a high prediction is worth.
TOP, FEWEST = 0.05, 10
COLUMNS = ("centre", "trust", "error_base", "error_growth", "error_reach")


@dataclass(frozen=True)
class Calibration:
    """How predictions (stimulus, site) become responses to expect, and how far those may err; (site,) each.

    Attributes:
        centre: mean prediction, which is kept.
        trust: share of a prediction's distance from it that is to be expected: below 1 where the fit promises too much, and
            never above. A fit that is shrunk promises too little among the stimuli that it knows; that is no reason to expect
            more of those that lie beyond.
        base, growth, reach: of the variance of a measured mean about what is expected: base + growth x expected response, as
            errors of spike counts grow, + reach x squared distance from the centre, as those of the weights do.
    """

    centre: Values
    trust: Values
    base: Values
    growth: Values
    reach: Values

    @classmethod
    def of_held_out(cls, predicted: Values, measured: Values) -> Calibration:
        """Learn it from predictions (stimulus, site) of stimuli that the read-outs were not fitted to; NaN where unknown.

        The stimuli predicted highest, rather than all, say how much to trust: it is there that controllers lie, and whoever
        picks the highest of many predictions picks their errors too.
        """
        columns = [_of_site(p, y) for p, y in zip(predicted.T, measured.T, strict=True)]
        return cls(*np.array(columns).T)

    @classmethod
    def of_table(cls, table: pd.DataFrame) -> Calibration | None:
        """That of a table of a fit; None of one that was fitted before there was any."""
        if not set(COLUMNS) <= set(table):
            return None
        return cls(*(table[name].to_numpy(dtype=np.float64) for name in COLUMNS))

    @property
    def columns(self) -> dict[str, Values]:
        """As a table of a fit holds it."""
        return dict(zip(COLUMNS, vars(self).values(), strict=True))

    def expected(self, predicted: Values) -> Values:
        """(..., site) responses to expect."""
        return self.centre + self.trust * (predicted - self.centre)

    def sd(self, expected: Values) -> Values:
        """(..., site) standard deviation of measured means about what is expected."""
        return np.sqrt(self.base + self.growth * np.maximum(expected, 0.0) + self.reach * (expected - self.centre) ** 2)


def _of_site(predicted: Values, measured: Values) -> tuple[float, ...]:
    known = np.isfinite(predicted) & np.isfinite(measured)
    p, y = predicted[known], measured[known]
    if len(p) < FEWEST:
        return (np.nan,) * len(COLUMNS)
    top = np.argsort(p)[-max(FEWEST, round(TOP * len(p))) :]
    centre, reach = p.mean(), p[top].mean() - p.mean()
    # Predictions that do not vary promise nothing.
    trust = min((y[top].mean() - y.mean()) / reach, 1.0) if reach > 1e-9 * max(1.0, abs(centre)) else 0.0
    expected = centre + trust * (p - centre)
    grows = [np.ones_like(p), np.maximum(expected, 0.0), (expected - centre) ** 2]
    variance, _ = nnls(np.stack(grows, 1), (y - expected) ** 2)
    return float(centre), float(trust), *map(float, variance)
