"""The fitted sites that stimuli are made for: on one that the fit does not predict, they would mean nothing."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

from synthstim.encoding import Fit, saved_scores
from synthstim.errors import InputError
from synthstim.models import Observer
from synthstim.recipe import Recipe
from synthstim.recipe.units import ALL
from synthstim.responses.files import listed


def scores_for(recipe: Recipe, observer: Observer | Fit | None) -> dict[str, float]:
    """Site -> held-out score of the fit that is given or that the recipe names; empty where there is none."""
    if isinstance(observer, Fit):
        return observer.scores
    found: dict[str, float] = {}
    for place, asked in recipe.observers_asked.items() if observer is None else ():
        kind, _, folder = asked.name.partition(":")
        if kind == "fit":
            before = f"{place[-1]}." if recipe.observers else ""
            found |= {f"{before}{site}": score for site, score in saved_scores(folder).items()}
    return found


def controlled_sites(recipe: Recipe, sites: Sequence[str], scores: Mapping[str, float]) -> tuple[str, ...]:
    """The sites that ``sites: all`` stands for: those whose held-out score is not below the recipe's ``min_score``.

    Raises:
        InputError: the recipe asks for all sites, and no score is high enough.

    Warns:
        UserWarning: some are left out, or are named although their score is lower.
    """
    poor = {site: scores[site] for site in sites if site in scores and not scores[site] >= recipe.min_score}
    named = (getattr(entry, name, None) for entry in recipe.stimuli for name in ("unit", "units"))
    units = [unit for one in named if one is not None for unit in (one if isinstance(one, tuple) else (one,))]
    if poor and any(unit.sites == ALL for unit in units):
        if len(poor) == len(sites):
            raise InputError(
                f"no site has a held-out score of {recipe.min_score:g} or more ({_listed(poor)})",
                "record more repeats, or lower min_score in the recipe",
                code="unknown",
            )
        warnings.warn(
            f"left out: {_listed(poor)}; held-out scores are below min_score, {recipe.min_score:g}", stacklevel=2
        )
    meant = {site for unit in units if unit.sites != ALL for site in unit.site_list(sites)}
    if doubtful := {site: score for site, score in poor.items() if site in meant}:
        told = f"held-out scores are below min_score, {recipe.min_score:g}"
        warnings.warn(f"stimuli for {_listed(doubtful)} would say little; {told}", stacklevel=2)
    return tuple(site for site in sites if site not in poor)


def _listed(scores: Mapping[str, float]) -> str:
    return listed([f"{site} ({score:.3g})" for site, score in scores.items()], 9)
