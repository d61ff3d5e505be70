"""What a generation's controllers are asked for: each goal at each of its sites, and the levels that were missed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthstim.errors import InputError, nearest
from synthstim.goals import GOALS
from synthstim.goals.aim import Aim
from synthstim.goals.wish import Want, Wish
from synthstim.loop.history import History, Values
from synthstim.loop.settings import LoopSettings

LEVELS = ("generation", "goal", "target", "level", "measured", "images", "tolerance", "status")


@dataclass(frozen=True)
class Request:
    """One thing that images are made for.

    Attributes:
        wish: the settings' goal.
        want: what of it.
        name: of the images, without the number of the copy.
    """

    wish: Wish
    want: Want
    name: str

    @property
    def target(self) -> str:
        """How tables call what is controlled."""
        return " ".join(self.want.sites)

    def merits(self, history: History) -> Values:
        """(image,) how well each image that was shown did this."""
        return merit_of(self.wish.goal, self.want, history)


def merit_of(goal: str, want: Want, history: History) -> Values:
    """(image,) how well each image that was shown did something, higher is better; -inf where it was not measured."""
    sites = list(history.means.sites)
    known = [site in sites for site in want.sites]
    columns = [sites.index(site) for site, there in zip(want.sites, known, strict=True) if there]
    level = None
    if want.level is not None:
        mean, spread = history.scale[want.sites[0]]
        level = (want.level - mean) / spread
    pattern = tuple(z for z, there in zip(want.pattern, known, strict=False) if there)
    standing = GOALS[goal].standing(history.z, columns, Aim(goal=goal, level=level, pattern=pattern))
    return np.where(np.isnan(standing), -np.inf, standing)


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
    for wish in settings.goals:
        if not wish.active(number):
            continue
        reached = levels_reached(history, wish)
        good = [site for site in sites if site not in poor]
        for want in GOALS[wish.goal].wants(wish, good, history.scale):
            if not want.sites or set(want.sites) & set(poor) or (want.sites[0], want.level) in reached:
                continue
            parts = [f"g{number}_{wish.name}", *([stems[want.sites[0]]] if want.alone else []), want.part]
            out.append(Request(wish, want, "_".join(part for part in parts if part)))
    return out


def require_sites(settings: LoopSettings, number: int, sites: Sequence[str]) -> None:
    """Raise InputError unless every site that a goal of generation ``number`` names is among these."""
    for goal in settings.goals:
        if goal.active(number) and (unknown := [site for site in goal.named if site not in sites]):
            raise InputError(
                f"loop.yaml: the goal {goal.name} names the site {unknown[0]!r}, which is not among the {len(sites)} that were"
                f" recorded last and are fitted: {nearest(unknown[0], sites)}",
                code="unknown",
            )


def levels_reached(history: History, wish: Wish) -> set[tuple[str, float]]:
    """The levels of a goal, each with its site, that some generation reached."""
    out: set[tuple[str, float]] = set()
    for generation in history.generations:
        table = generation.table("levels.tsv")
        if len(table):
            own = table[(table["goal"] == wish.name) & (table["status"] == "reached")]
            out.update((str(row["target"]), float(row["level"])) for _, row in own.iterrows())
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
    return [history.means.stimulus_ids[row] for row in best(merits, range(len(merits)), request.wish.warm)]


def best(values: Values, among: Sequence[int] | NDArray[np.int64], most: int) -> list[int]:
    """The rows with the highest values, the best first; rows that were not measured are none.

    >>> best(np.array([1.0, 3.0, -np.inf, 2.0]), [0, 1, 2], 2)
    [1, 0]
    """
    rows = [int(row) for row in among if np.isfinite(values[row])]
    return sorted(rows, key=lambda row: -values[row])[:most]


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
