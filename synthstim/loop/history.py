"""What a session has measured up to now: mean responses to every image, and why each was shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthstim.loop.drift import site_drift, without_drift
from synthstim.loop.generation import Generation
from synthstim.loop.session import LoopSession
from synthstim.responses import Means, Responses, join_responses, mean_responses

Values = NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """Generations whose responses were taken in.

    Attributes:
        generations: in order, from 0.
        responses: of all of them, without drift where the settings ask for that; ``session`` says the generation.
        plan: their plans below one another, with a column ``generation``.
    """

    generations: list[Generation]
    responses: Responses
    plan: pd.DataFrame

    @classmethod
    def read(cls, session: LoopSession, upto: int) -> History:
        """All generations up to a number."""
        known = session.generations[: upto + 1]
        plans = [generation.plan.assign(generation=generation.number) for generation in known]
        parts = [generation.responses for generation in known]
        if session.settings.correct_drift:
            drifts = [site_drift(generation, known[0]) for generation in known]
            parts = [without_drift(part, drift) for part, drift in zip(parts, drifts, strict=True)]
        return cls(known, join_responses(parts, max_drift=None), pd.concat(plans, ignore_index=True))

    @cached_property
    def means(self) -> Means:
        """Mean response of every site to every image, over all generations in which it was shown."""
        return mean_responses(self.responses)

    @cached_property
    def scale(self) -> dict[str, tuple[float, float]]:
        """Mean and standard deviation of each site's mean responses in generation 0: the scale of z-scores.

        Of a site that came later, in the first generation that recorded it.
        """
        out: dict[str, tuple[float, float]] = {}
        for generation in self.generations:
            if out and out.keys() >= set(self.responses.sites):
                break
            means = mean_responses(generation.responses)
            for site, column in zip(means.sites, means.mean.T, strict=True):
                out.setdefault(site, (float(np.nanmean(column)), float(np.nanstd(column))))
        return out

    @property
    def z(self) -> Values:
        """(image, site) ``means`` on the scale of generation 0."""
        mean, spread = np.array([self.scale[site] for site in self.means.sites]).T
        return (self.means.mean - mean) / spread

    @cached_property
    def groups(self) -> dict[str, str]:
        """The group of each image: what shares one never stands on both sides of a fold."""
        first = self.plan.drop_duplicates("stimulus_id")
        return dict(zip(first["stimulus_id"].astype(str), first["group"].astype(str), strict=True))

    def rows(self, **wanted: str) -> NDArray[np.int64]:
        """Rows of ``means`` whose image was shown for this, by columns of the plan."""
        keep = np.ones(len(self.plan), dtype=bool)
        for column, value in wanted.items():
            keep &= (self.plan[column] == value).fillna(False).to_numpy(dtype=bool)
        ids = set(self.plan.loc[keep, "stimulus_id"])
        return np.flatnonzero([name in ids for name in self.means.stimulus_ids])

    def natural(self) -> NDArray[np.int64]:
        """Rows of ``means`` that are natural images, of whatever generation."""
        ids = self.plan.loc[self.plan["role"].isin(["natural", "explore"]) & self.plan["goal"].isna(), "stimulus_id"]
        return np.flatnonzero([name in set(ids) for name in self.means.stimulus_ids])

    def holder(self, stimulus_id: str) -> Generation:
        """The first generation whose set holds an image."""
        at = self.plan.loc[self.plan["stimulus_id"] == stimulus_id, "generation"].min()
        return self.generations[int(at)]
