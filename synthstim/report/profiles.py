"""How far a metamer matches its reference at every stage of the observer: the matched stages, and all others."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from synthstim.report.numbers import known, number, text
from synthstim.stimulus_set import StimulusSet

# Bars are full at this match; what is beyond is as good to an eye.
_FULL_DB = 60.0


@dataclass(frozen=True)
class StageMatch:
    """The match at one stage; the correlations are texts."""

    layer: str
    match_db: float
    matched: bool
    pearson: str
    spearman: str

    @property
    def shown(self) -> str:
        """The match in dB with one decimal."""
        return number(self.match_db, ".1f")

    @property
    def percent(self) -> float:
        """Length of the stage's bar, from 0 to 100."""
        return round(100 * min(max(self.match_db / _FULL_DB, 0.0), 1.0), 1)


@dataclass(frozen=True)
class MatchProfile:
    """A stimulus's match at every stage, in the observer's order."""

    stages: tuple[StageMatch, ...]

    @property
    def least(self) -> StageMatch | None:
        """The matched stage that is matched worst; None where only one is matched."""
        matched = [stage for stage in self.stages if stage.matched]
        return min(matched, key=lambda stage: stage.match_db) if len(matched) > 1 else None


def profiles(stimuli: StimulusSet) -> dict[str, MatchProfile]:
    """The profiles of a set by stimulus id; empty where it has none."""
    found = {}
    for stimulus_id, rows in stimuli.companion("matches.tsv.gz").groupby("stimulus_id", sort=False):
        if stages := tuple(_stages(rows)):
            found[str(stimulus_id)] = MatchProfile(stages)
    return found


def _stages(rows: pd.DataFrame) -> list[StageMatch]:
    matches = pd.to_numeric(rows["match_db"], errors="coerce")
    return [
        StageMatch(
            text(row.layer), float(match), text(row.matched).lower() == "true",
            number(row.pearson, ".4f"), number(row.spearman, ".4f"),
        )
        for row, match in zip(rows.itertuples(index=False), matches, strict=True)
        if known(float(match)) and known(row.layer)
    ]  # fmt: skip
