"""Latents that a set keeps: its stimuli are rendered from them again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from synthstim.constraints import as_kept, asked_for, project_all
from synthstim.constraints.place import placed
from synthstim.kinds import PARAMETRISATIONS
from synthstim.models import Observer
from synthstim.parametrise import Parametrisation
from synthstim.recipe import Recipe, parse_yaml
from synthstim.recipe.fields import files_of
from synthstim.stimulus_set import StimulusSet

# Of a stimulus, relative to it: more than rounding to a file's levels changes.
TOLERANCE = 0.02


def rendered_otherwise(stimuli: StimulusSet, observer: Observer, own: Parametrisation | None = None) -> Iterator[str]:
    """One sentence for each stimulus that its latents no longer render to.

    ``own`` is the parametrisation that the set was made with, where it was given in Python. Those whose constraints come from files or from the pool, which a set does not hold, are left.
    """
    rows = {str(row["stimulus_id"]): row for row in stimuli.table.to_dict("records")}
    kept = {name: latents for name in rows if (latents := stimuli.latents(name)) is not None}
    if not kept:
        return
    recipe = Recipe.from_source(parse_yaml(stimuli.provenance["recipe"], name=f"the recipe of {stimuli.root.name}"))
    entries = {entry.name: entry for entry in recipe.stimuli}
    for name, latents in kept.items():
        entry = entries[str(rows[name]["name"])]
        asked = entry.parametrisation
        elsewhere = [*files_of(entry.constraints)] or (recipe.match_luminance and entry.kind == "controller")
        if elsewhere:
            continue
        asked_limits = placed(entry.constraints, lambda unit=str(rows[name]["unit"]): observer.fields[unit])  # type: ignore[misc]
        limits = asked_for(asked_limits, stimuli.modality.name, observer.input, recipe)
        parametrisation = own
        if asked is not None and own is None:
            parametrisation = PARAMETRISATIONS[asked.kind].build(observer.input, asked)
        if parametrisation is None:
            continue
        if latents.shape != tuple(parametrisation.latent_shape):
            yield f"{name}: its latents have the shape {latents.shape}, {rows[name]['parametrisation']} has {parametrisation.latent_shape}"
            continue
        with torch.no_grad():
            given = torch.from_numpy(latents)[None].to(observer.device, observer.dtype)
            again = as_kept(project_all(limits, parametrisation.render(given)).cpu(), limits)[0].double().numpy()
        filed = np.asarray(stimuli.stimulus(str(rows[name]["file"])), np.float64)
        off = float(np.linalg.norm(again - filed) / max(np.linalg.norm(filed), 1e-12))
        if not off <= TOLERANCE:
            yield f"{name}: its latents render to another stimulus, {100 * off:.3g} % away"
