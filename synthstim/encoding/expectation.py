"""What a fit's predictions are worth: held-out stimuli say how far to trust them, and how far they err."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Values = NDArray[np.float64]
# Of the stimuli that are predicted highest, this share, and so many at least, say what a high prediction is worth.
TOP, FEWEST = 0.05, 10
# What of a prediction beyond all held-out ones was measured, and the standard deviation of its error: shares of the
# distance, on one simulated animal (docs/control_study.md). Sites saturate there, and nothing recorded can say where.
BEYOND, DOUBT = 0.5, 0.25
COLUMNS = ("centre", "edge", "trust", "error_base", "error_growth")


@dataclass(frozen=True)
class Expectation:
    """How predictions (stimulus, site) become responses to expect, and how far those may err; (site,) each.

    Attributes:
        centre: mean prediction, which is kept.
        edge: mean of the highest held-out predictions; beyond it only a share of a promise is kept.
        trust: share of a prediction's distance from the centre that is to be expected: below 1 where the fit promises too
            much, and never above. A fit that is shrunk promises too little among the stimuli that it knows; that is no
            reason to expect more of those that lie beyond.
        base, growth: of the variance of a measured mean about what is expected, base + growth x expected response, as errors
            of spike counts grow.
    """

    centre: Values
    edge: Values
    trust: Values
    base: Values
    growth: Values

    @classmethod
    def of_held_out(cls, predicted: Values, measured: Values) -> Expectation:
        """Learn it from predictions (stimulus, site) of stimuli that the read-outs were not fitted to; NaN where unknown.

        The stimuli predicted highest, rather than all, say how much to trust: controllers lie on their side, and whoever
        picks the highest of many predictions picks their errors too.
        """
        columns = [_of_site(p, y) for p, y in zip(predicted.T, measured.T, strict=True)]
        return cls(*np.array(columns).T)

    @classmethod
    def of_table(cls, table: pd.DataFrame) -> Expectation | None:
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
        within = np.minimum(predicted, self.edge) - self.centre
        return self.centre + self.trust * (within + BEYOND * self._beyond(predicted))

    def sd(self, predicted: Values) -> Values:
        """(..., site) standard deviation of measured means about what is expected."""
        counts = self.base + self.growth * np.maximum(self.expected(predicted), 0.0)
        return np.sqrt(counts + (DOUBT * self._beyond(predicted)) ** 2)

    def _beyond(self, predicted: Values) -> Values:
        return np.maximum(predicted - self.edge, 0.0)


def _of_site(predicted: Values, measured: Values) -> tuple[float, ...]:
    known = np.isfinite(predicted) & np.isfinite(measured)
    p, y = predicted[known], measured[known]
    if len(p) < FEWEST:
        return (np.nan,) * len(COLUMNS)
    top = np.argsort(p)[-max(FEWEST, round(TOP * len(p))) :]
    centre, edge = p.mean(), p[top].mean()
    # Predictions that do not vary promise nothing.
    varies = edge - centre > 1e-9 * max(1.0, abs(centre))
    trust = min((y[top].mean() - y.mean()) / (edge - centre), 1.0) if varies else 0.0
    # The few of them beyond the edge are within what is known.
    own = centre + trust * (p - centre)
    # Commands that only read a fit do not wait for it.
    from scipy.optimize import nnls

    (base, growth), _ = nnls(np.stack([np.ones_like(p), np.maximum(own, 0.0)], 1), (y - own) ** 2)
    return float(centre), float(edge), float(trust), float(base), float(growth)
