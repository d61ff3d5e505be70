"""What a generation's controllers are asked for: each goal at each of its sites, and the levels that were missed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from synthstim.errors import InputError, nearest
from synthstim.loop.goals import Values, Wish, best, merit
from synthstim.loop.history import History
from synthstim.loop.settings import LoopSettings

LEVELS = ("generation", "goal", "target", "level", "measured", "images", "tolerance", "status")


@dataclass(frozen=True)
class Request:
    """One thing that images are made for.

    Attributes:
        goal: the settings' goal.
        site: that is controlled; None for a pattern.
        name: of the images, without the number of the copy.
        level: that ``level`` asks for, as recorded.
        pattern: site -> z-score on the scale of generation 0, for a pattern.
    """

    goal: Wish
    site: str | None
    name: str
    level: float | None = None
    pattern: dict[str, float] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """How tables call what is controlled."""
        return self.site if self.site is not None else " ".join(self.pattern)

    def merits(self, history: History) -> Values:
        """(image,) how well each image that was shown did this."""
        return merit_of(self.goal.goal, self.site, history, level=self.level, pattern=self.pattern)


def merit_of(
    goal: str,
    site: str | None,
    history: History,
    *,
    level: float | None = None,
    pattern: dict[str, float] | None = None,
) -> Values:
    """(image,) how well each image that was shown did something; see ``merit``."""
    sites = list(history.means.sites)
    asked = np.array([(pattern or {}).get(name, np.nan) for name in sites])
    at = sites.index(site) if site is not None else 0
    z = None
    if level is not None and site is not None:
        mean, spread = history.scale[site]
        z = (level - mean) / spread
    return merit(goal, history.z, at, level=z, pattern=asked)


def requests_for(
    settings: LoopSettings, history: History, number: int, sites: Sequence[str], poor: Sequence[str] = ()
) -> list[Request]:
    """What generation ``number`` is to do.

    Args:
        sites: those that are fitted and were recorded last.
        poor: those of them for which nothing is made, nor for patterns that need them.

    Raises:
        InputError: a goal names a site that is not fitted.
    """
    require_sites(settings, number, sites)
    stems, out = site_stems(sites), []
    for goal in settings.goals:
        if not goal.active(number):
            continue
        if goal.goal == "pattern":
            pattern = dict(goal.pattern or {})
            if not set(pattern) & set(poor):
                out.append(Request(goal, None, f"g{number}_{goal.name}", pattern=pattern))
            continue
        targets = list(sites) if isinstance(goal.sites, str) else list(goal.sites)
        for site in targets:
            if site in poor:
                continue
            name = f"g{number}_{goal.name}_{stems[site]}"
            if goal.goal != "level":
                out.append(Request(goal, site, name))
                continue
            reached = levels_reached(history, goal, site)
            for at, level in enumerate(levels_of(goal, site, history)):
                if level not in reached:
                    out.append(Request(goal, site, f"{name}_l{at}", level=level))
    return out


def require_sites(settings: LoopSettings, number: int, sites: Sequence[str]) -> None:
    """Raise InputError unless every site that a goal of generation ``number`` names is among these."""
    for goal in settings.goals:
        if goal.active(number) and (unknown := [site for site in goal.named if site not in sites]):
            raise InputError(
                f"loop.yaml: the goal {goal.name} names the site {unknown[0]!r}, which is not among the {len(sites)} that were"
                f" recorded last and are fitted: {nearest(unknown[0], sites)}"
            )


def levels_of(goal: Wish, site: str, history: History) -> list[float]:
    """The responses that a goal asks of a site, as recorded."""
    mean, spread = history.scale[site]
    if goal.scale == "recorded":
        return [float(level) for level in goal.levels or ()]
    return [round(mean + level * spread, 4) for level in goal.levels or ()]


def levels_reached(history: History, goal: Wish, site: str) -> set[float]:
    """Those that some generation reached."""
    out: set[float] = set()
    for generation in history.generations:
        table = generation.table("levels.tsv")
        if len(table):
            own = table[(table["goal"] == goal.name) & (table["target"] == site) & (table["status"] == "reached")]
            out.update(float(level) for level in own["level"])
    return out


def track_levels(settings: LoopSettings, history: History) -> pd.DataFrame:
    """The levels that the newest generation asked for, and whether they were reached (``LEVELS``).

    A level is reached when the mean over its images lies within ``level_tolerance`` of the site's standard deviations: the
    best of several noisy images would often be there by luck.
    """
    newest = history.generations[-1]
    plan, names = newest.plan, {goal.name: goal for goal in settings.goals}
    asked = plan[(plan["role"] == "exploit") & plan["level"].notna()]
    ids, sites = list(history.means.stimulus_ids), list(history.means.sites)
    rows = []
    for (goal, target, level), part in asked.groupby(["goal", "target", "level"], sort=False):
        if goal not in names or target not in sites:
            continue
        shown = [ids.index(name) for name in part["stimulus_id"] if name in ids]
        values = history.means.mean[shown, sites.index(str(target))] if shown else np.array([np.nan])
        measured = float(np.nanmean(values)) if np.isfinite(values).any() else np.nan
        tolerance = settings.level_tolerance * history.scale[str(target)][1]
        status = "reached" if abs(measured - float(level)) <= tolerance else "missed"
        images = int(np.isfinite(values).sum())
        rows.append((newest.number, goal, target, level, measured, images, tolerance, status))
    return pd.DataFrame(rows, columns=list(LEVELS))


def warm_starts(request: Request, history: History) -> list[str]:
    """Ids of the images that did best what is asked for, among all that were shown, the best first."""
    merits = request.merits(history)
    return [history.means.stimulus_ids[row] for row in best(merits, range(len(merits)), request.goal.warm)]


def site_stems(sites: Sequence[str]) -> dict[str, str]:
    """What stands for each site in the names of images: short, safe, and unlike the others'.

    >>> site_stems(["v4_01", "it/3", "it:3"])
    {'v4_01': 'v4_01', 'it/3': 'it-3', 'it:3': 'it-3-e84c'}
    """
    out: dict[str, str] = {}
    taken: set[str] = set()
    for site in sites:
        stem = re.sub(r"[^A-Za-z0-9_]+", "-", site)[:14]
        if stem.lower() in taken or len(site) > 14:
            stem = f"{stem[:9]}-{hashlib.sha256(site.encode()).hexdigest()[:4]}"
        taken.add(stem.lower())
        out[site] = stem
    return out
