"""Images that the model asks for before anything is recorded: they drive random read-outs of its layers."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pandas as pd
import yaml

from synthstim.encoding import random_sites, save_fit
from synthstim.encoding.random_sites import EVALUATIONS
from synthstim.files import remove, write_whole
from synthstim.loop.assemble import assemble_set
from synthstim.loop.generation import Generation, plan_table
from synthstim.loop.session import LoopSession
from synthstim.loop.write_recipe import EXPLORE, RECIPE, of_session
from synthstim.models import Observer
from synthstim.production import MakeProgress, make
from synthstim.recipe import Recipe
from synthstim.stimulus_set import StimulusSet

PROBES = "probes"


def write_probes(
    session: LoopSession,
    generation: Generation,
    observer: Observer,
    naturals: StimulusSet,
    count: int,
    making: Callable[[MakeProgress], None] | None,
) -> pd.DataFrame:
    """Make probes and write the set of generation 0: them, and the natural images.

    A fit to natural images alone promises more than the sites then give, most of all of several sites at once: it never saw
    what it asks for. Probes lie there, and their responses correct it.

    Returns:
        Their rows of the plan.
    """
    settings, root = session.settings, generation.root
    sites = random_sites(observer, naturals, settings.layers, count, seed=settings.seed)
    save_fit(sites, root / PROBES)
    entry = {"name": PROBES[:-1], "kind": "controller", "goal": "drive", "unit": {"sites": "all"}, "evaluations": EVALUATIONS}  # fmt: skip
    data = {"observer": f"fit:{PROBES}", **of_session(settings, root.parent), "stimuli": [entry]}
    text = f"# What probes are made of: {PROBES} holds random read-outs.\n{yaml.safe_dump(data, sort_keys=False)}"
    recipe = Recipe.from_text(text, root, name=RECIPE)
    name = f"fit:{PROBES}"
    fitted = sites.observer.given(sites.observer.input, name=name, opening={"name": name})
    made = make(recipe, root / "made", observer=fitted, watch=making)
    write_whole(root / RECIPE, text.encode())
    assemble_set(root / "set", [made, naturals], "")
    ids = made.table["stimulus_id"].astype(str)
    rows = [(name, EXPLORE, PROBES, "drive", unit, None, name, None) for name, unit in zip(ids, made.table["unit"], strict=True)]  # fmt: skip
    remove(root / "made")
    shutil.rmtree(naturals.root)
    return plan_table(rows)
