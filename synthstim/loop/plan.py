"""Planning a generation: what is made, what is explored and what is shown again, written before anything is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from synthstim.encoding import Fit, Stimuli
from synthstim.errors import InputError
from synthstim.goals.pattern import GOAL as PATTERN
from synthstim.goals.pattern import PatternWish
from synthstim.loop.assemble import write_shown_again
from synthstim.loop.exploration import layer_features, most_informative, random_pattern
from synthstim.loop.generation import Generation, plan_table
from synthstim.loop.history import History
from synthstim.loop.requests import Request, best, requests_for
from synthstim.loop.session import LoopSession
from synthstim.loop.settings import LoopSettings
from synthstim.loop.tables import write_frame
from synthstim.loop.write_recipe import EXPLORE, RECIPE, entries_for, plan_rows, write_recipe, write_starts
from synthstim.modalities.base import Stimulus
from synthstim.responses.files import listed
from synthstim.verify import natural_pool

ALSO, MADE = "also", "made"


def plan_generation(session: LoopSession, generation: Generation, tell: Callable[[str], None]) -> None:
    """Write what a generation will be: ``also/``, ``starts/``, ``recipe.yaml`` and, last, ``plan.tsv``.

    Everything follows from the settings, the responses and the fit of the generation before, so that planning anew after a
    crash plans the same.

    Raises:
        InputError: a goal names a site that is not fitted, or nothing is left to do.
    """
    settings, number = session.settings, generation.number
    previous = session.generations[number - 1]
    history, fit = History.read(session, number - 1), session.fit(previous)
    sites = [site for site in fit.sites if site in previous.responses.sites]
    scores = poor_sites(fit, sites, settings.min_score)
    if poor := [f"{site} ({score:.3g})" for site, score in scores.items()]:
        told = f"nothing is made for {listed(poor, 9)}: held-out scores below min_score, {settings.min_score:g}"
        session.log.add_once(number, "note", told)
        tell(f"generation {number}: {told}")
    requests = requests_for(settings, history, number, sites, list(scores))
    naturals, patterns = _explore_counts(settings, requests)
    if not requests and not naturals + patterns and poor:
        raise InputError(
            f"every site that a goal is for has a held-out score below min_score, {settings.min_score:g} ({listed(poor, 9)}):"
            " record more repeats or other sites, lower min_score in loop.yaml, or set explore.at_least"
        )
    if not requests and not naturals + patterns:
        raise InputError(
            f"every goal of loop.yaml is reached or over by generation {number}",
            "add a goal or levels, or set explore.at_least",
        )
    tell(f"generation {number}: {len(requests)} requests, {naturals + patterns} stimuli to explore with")
    asked = [*requests, *_patterns(settings, number, [site for site in sites if site not in scores], patterns)]
    entries, of = entries_for(asked, history, fit)
    anchors = _anchors(settings, history, requests)
    crops = _informative(session, history, fit, number, naturals) if naturals else []
    rows = [anchors, _natural_rows(number, crops)]
    if entries:
        write_starts(generation, history, list(dict.fromkeys(start for _, start in of.values() if start)))
        recipe = write_recipe(generation, settings, previous, entries)
        rows.insert(0, plan_rows(recipe, of, history, fit.sites))
    else:
        (generation.root / RECIPE).unlink(missing_ok=True)
    named = {f"g{number}_nat_{at:03d}": image for at, (image, _) in enumerate(crops)}
    again = list(dict.fromkeys(anchors["stimulus_id"]))
    if again or named:
        write_shown_again(generation.root / ALSO, history, again, named, session.observer.input, {"shown_again": again})
    write_frame(generation.root / "plan.tsv", pd.concat([part for part in rows if len(part)], ignore_index=True))


def poor_sites(fit: Fit, sites: Sequence[str], least: float) -> dict[str, float]:
    """Site -> held-out score of those that the fit predicts too badly for images made on it to mean anything."""
    scores = fit.scores
    return {site: scores[site] for site in sites if not scores[site] >= least}


def _explore_counts(settings: LoopSettings, requests: Sequence[Request]) -> tuple[int, int]:
    """How many natural images and how many patterns explore."""
    made = sum(request.wish.copies for request in requests)
    share = settings.explore.share
    count = max(settings.explore.at_least, round(made * share / (1 - share)))
    patterns = {"natural": 0, "pattern": count, "both": count // 2}[settings.explore.kind]
    return count - patterns, patterns


def _patterns(settings: LoopSettings, number: int, sites: Sequence[str], count: int) -> list[Request]:
    generator = np.random.default_rng([settings.seed, number])
    out = []
    for at in range(count):
        pattern = random_pattern(sites, generator)
        wish = PatternWish(name=EXPLORE, pattern=pattern, copies=1, warm=0, evaluations=settings.explore.evaluations)
        (want,) = PATTERN.wants(wish, sites, {})
        out.append(Request(wish, want, f"g{number}_{EXPLORE}_{at:03d}"))
    return out


def _informative(
    session: LoopSession, history: History, fit: Fit, number: int, count: int
) -> list[tuple[Stimulus, str]]:
    """New crops of photographs that the layers of the fit know least of, each with its photograph."""
    settings, observer = session.settings, session.observer
    folder = None if settings.pool is None else session.root / settings.pool
    # Cut anew for every generation.
    seed = 1000 * (settings.seed + 1) + number
    pool = natural_pool(observer, folder, level_dbfs=settings.level_dbfs, count=settings.explore.candidates, seed=seed)
    layers = sorted({layer for cell in fit.table["layer"] for layer in str(cell).split(" + ")})
    shown = Stimuli.of_sets([one.stimuli for one in history.generations], observer.input)
    offered = Stimuli.of_arrays(
        [str(at) for at in range(len(pool))], np.stack([pool.stimulus(at) for at in range(len(pool))])
    )
    chosen = most_informative(layer_features(observer, shown, layers), layer_features(observer, offered, layers), count)
    return [(pool.stimulus(at), pool.names[pool.origin[at]]) for at in chosen]


def _natural_rows(number: int, crops: Sequence[tuple[Stimulus, str]]) -> pd.DataFrame:
    return plan_table(
        [
            (f"g{number}_nat_{at:03d}", "explore", None, None, None, None, photograph, None)
            for at, (_, photograph) in enumerate(crops)
        ]
    )


def _anchors(settings: LoopSettings, history: History, requests: Sequence[Request]) -> pd.DataFrame:
    """Rows of the plan for images that are shown again (``PLAN``), the best of each kind first.

    The best natural image was found among noisy responses, so that its next mean is lower: only what is shown again beside
    the controllers says what they gain. Levels have none of their own. Those that were drawn at random, always the same
    ones, serve no goal: they say how far the recording drifted.
    """
    rows: list[tuple[object, ...]] = []
    seen = set()
    for request in requests:
        key = (request.wish.name, request.target)
        if request.want.level is not None or key in seen:
            continue
        seen.add(key)
        merits = request.merits(history)
        made = history.rows(role="exploit", goal=request.wish.name, target=request.target)
        for among, most in ((history.natural(), settings.anchors.natural), (made, settings.anchors.earlier)):
            for row in best(merits, among, most):
                name = history.means.stimulus_ids[row]
                rows.append((name, "anchor", key[0], request.wish.goal, key[1], None, history.groups[name], None))
    first = [str(name) for name in history.generations[0].plan["stimulus_id"]]
    for at in sorted(np.random.default_rng(settings.seed).permutation(len(first))[: settings.anchors.random]):
        rows.append((first[at], "anchor", None, None, None, None, history.groups[first[at]], None))
    return plan_table(rows)
