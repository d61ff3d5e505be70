"""The recipe of a generation: what is asked for, as ``synthstim make`` understands it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from synthstim.encoding import Fit
from synthstim.files import remove, write_whole, written_whole
from synthstim.goals import GOALS
from synthstim.loop.generation import Generation, plan_table
from synthstim.loop.history import History
from synthstim.loop.requests import Request, warm_starts
from synthstim.loop.settings import LoopSettings
from synthstim.recipe import Recipe, expand
from synthstim.recipe.expected import values_of

RECIPE = "recipe.yaml"
STARTS = "starts"
_HEAD = "# What generation {number} was made of: {folder} holds the sites that it controls. Paths are relative to this file.\n"


def entries_for(
    requests: Sequence[Request], history: History, fit: Fit
) -> tuple[list[dict[str, Any]], dict[str, tuple[Request, str]]]:
    """The entries of a recipe, and for each entry's name the request and the image it starts from, or "".

    An entry has one start: the copies of a request that start from noise are one, each of the others is one of its own.
    """
    entries, of = [], {}
    for request in requests:
        starts = warm_starts(request, history)
        if cold := request.wish.copies - len(starts):
            entries.append(_entry(request, request.name, cold, fit, history))
            of[request.name] = (request, "")
        for at, start in enumerate(starts):
            name = f"{request.name}_w{at}"
            entries.append(
                _entry(request, name, 1, fit, history) | {"start": f"{STARTS}/{start}{path_of(history, start).suffix}"}
            )
            of[name] = (request, start)
    return entries, of


def write_recipe(
    generation: Generation, settings: LoopSettings, fit_of: Generation, entries: list[dict[str, Any]]
) -> Recipe:
    """Write ``recipe.yaml`` of a generation, whole.

    Args:
        fit_of: the generation whose fit is controlled.
    """
    data = {"observer": f"fit:../{fit_of.name}/fit", **of_session(settings, generation.root.parent)}
    if asked := settings.controls.asked():
        data["controls"] = asked
    data |= {"min_score": settings.min_score, "stimuli": entries}
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)
    recipe = Recipe.from_text(text, generation.root, name=RECIPE)
    head = _HEAD.format(number=generation.number, folder=f"../{fit_of.name}/fit")
    write_whole(generation.root / RECIPE, (head + text).encode())
    return recipe


def of_session(settings: LoopSettings, root: Path) -> dict[str, Any]:
    """What every recipe of a session says: its seed, the level of sounds, and the pool, by its whole path."""
    data: dict[str, Any] = {"seed": settings.seed}
    if settings.level_dbfs is not None:
        data["level_dbfs"] = settings.level_dbfs
    if settings.pool is not None:
        data["pool"] = str((root / settings.pool).resolve())
    return data


def write_starts(generation: Generation, history: History, starts: Sequence[str]) -> None:
    """Copy the images that controllers start from into the generation, so that its recipe stands alone."""
    remove(generation.root / STARTS)
    with written_whole(generation.root / STARTS) as part:
        part.mkdir()
        for name in starts:
            source = path_of(history, name)
            shutil.copyfile(source, part / f"{name}{source.suffix}")


def path_of(history: History, stimulus_id: str) -> Path:
    """The file of an image that was shown."""
    holder = history.holder(stimulus_id).stimuli
    return holder.path(str(holder.table.set_index("stimulus_id").loc[stimulus_id, "file"]))


def plan_rows(
    recipe: Recipe, of: dict[str, tuple[Request, str]], history: History, sites: Sequence[str]
) -> pd.DataFrame:
    """Rows of the plan for the images that a recipe makes (``PLAN``)."""
    rows = []
    for item in expand(recipe, sites):
        request, start = of[item.entry.name]
        role = "explore" if request.wish.name == EXPLORE else "exploit"
        # One that starts from an image stays near it: it must not be predicted by a model fitted to that image.
        group = history.groups[start] if start else f"{request.wish.name} {request.target}"
        wish, want = request.wish, request.want
        rows.append((item.stimulus_id, role, wish.name, wish.goal, request.target, want.level, group, start or None))
    return plan_table(rows)


# The name of the goal that explores.
EXPLORE = "explore"


def _entry(request: Request, name: str, copies: int, fit: Fit, history: History) -> dict[str, Any]:
    wish = request.wish
    goal = GOALS[wish.goal]
    (kind,) = values_of(goal.section, "kind")
    entry = {"name": name, "kind": kind, "goal": wish.goal, "copies": copies}
    return entry | goal.asked(wish, request.want, lambda z, site: _rescaled(z, site, fit, history))


def _rescaled(z: float, site: str, fit: Fit, history: History) -> float:
    """A z-score of generation 0 as one of the fit, whose responses include those to controllers."""
    mean, spread = history.scale[site]
    own = fit.table[fit.table["site"] == site]
    return round(float((mean + z * spread - own["mean"].iloc[0]) / own["spread"].iloc[0]), 4)
