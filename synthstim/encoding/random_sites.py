"""Sites that nobody recorded: random read-outs of an observer's own layers, for images to show before a model is fitted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from synthstim.encoding.activations import layer_activations
from synthstim.encoding.expectation import Expectation
from synthstim.encoding.fitted import Sites, Standardised, observer_with_sites
from synthstim.encoding.maps import pool_of
from synthstim.encoding.readouts import GaussianReadout, maps_of
from synthstim.encoding.result import Fit
from synthstim.encoding.stimuli import Stimuli
from synthstim.encoding.tables import versions, words_of
from synthstim.errors import InputError
from synthstim.models import Axes, Observer
from synthstim.stimulus_set import StimulusSet

# Of a read-out: channels of either sign, and its field, from -1 to 1 across the layer.
CHANNELS = 6
CENTRES = 0.5
WIDTHS = (0.2, 0.4)
# Of the stimulus that drives one: it is to lie where controllers do, not to be the best there is.
EVALUATIONS = 40
# One for so many natural stimuli.
NATURALS_EACH = 8 / 3


def suggest_count(naturals: int, layers: Sequence[str]) -> int:
    """How many random sites go well with so many natural stimuli: 3 for 8, and one of each layer at least.

    >>> suggest_count(640, ["blocks.1", "blocks.2"])
    240
    """
    return max(len(layers), round(naturals / NATURALS_EACH))


def random_sites(
    observer: Observer,
    stimuli: StimulusSet | Sequence[StimulusSet] | Stimuli,
    layers: Sequence[str],
    count: int,
    *,
    seed: int = 0,
) -> Fit:
    """Random read-outs of layers as if they were sites: a Gaussian over space times six channels of either sign.

    A model that is fitted to natural stimuli alone has never seen what it asks for. Stimuli that drive such sites lie where
    controllers will lie; recorded beside natural ones (*probes*), they teach the fit how far its features can be trusted there.

    Args:
        observer: whose layers are read; its network is shared with the result, not copied.
        stimuli: natural ones, over which channels are brought to one scale and sites are standardised.
        layers: that are read, each by as many sites.
        count: of sites.
        seed: of fields and channels.

    Returns:
        A fit to nothing: its sites are known exactly, with a score of 1.

    Raises:
        InputError: a layer is unknown or has no grid, or fewer sites than layers are asked for.

    Example:
        >>> random_sites(observer, StimulusSet.read("natural"), ["blocks.1", "blocks.2"], 4).sites
        ('probe_000', 'probe_001', 'probe_002', 'probe_003')
    """
    names = list(dict.fromkeys(layers))
    if not names or count < len(names):
        raise InputError(f"{count} random sites of {len(names)} layers asked for", "ask for one or more of each layer")
    observer.require(names)
    axes = {layer: observer.axes_of(layer) for layer in names}
    if flat := [layer for layer in names if not axes[layer].has_grid]:
        raise InputError(f"{flat[0]} of {observer.name} has no grid to put a field on", "name another layer")
    shown = stimuli if isinstance(stimuli, Stimuli) else Stimuli.of_sets(stimuli, observer.input)
    counts = np.bincount(np.arange(count) % len(names), minlength=len(names))
    generator = torch.Generator().manual_seed(seed)
    readouts, read = [], []
    with layer_activations(observer, shown, names) as activations:
        for layer, several in zip(names, counts, strict=True):
            readout = _drawn(activations[layer], axes[layer], int(several), generator)
            readouts.append(readout)
            with torch.no_grad():
                read += [torch.cat([readout(part) for part in _parts(activations[layer])])]
    values = torch.cat(read, 1)
    mean, spread = values.mean(0), values.std(0, correction=0)
    standardised = Standardised(mean, torch.where(spread > 0, spread, 1.0))
    fitted = observer_with_sites(observer, names, Sites(readouts, list(range(count))), standardised)
    sites = [f"probe_{number:03d}" for number in range(count)]
    table = pd.DataFrame({"site": sites, "layer": np.repeat(names, counts), "method": "random", "candidate": np.nan, "stimuli": len(shown)})  # fmt: skip
    known = {name: 1.0 for name in ("r", "reliability", "ceiling", "score")}
    table = table.assign(**known, r_shuffled=np.nan, mean=mean.numpy(), spread=spread.numpy())
    none = np.zeros(count)
    table = table.assign(**Expectation(mean.double().numpy(), none + np.inf, none + 1, none, none).columns)
    facts = {
        "observer": words_of(observer),
        "responses": {"source": "random read-outs", "trials": 0, "sessions": [], "window_s": None, "notes": []},
        "stimuli": dict(zip(shown.ids, shown.table["sha256"].astype(str), strict=True)),
        "options": {"layers": names, "count": count, "seed": seed},
        "versions": versions(),
    }
    return Fit(fitted, table, table[["site", "layer", "r", "score"]].copy(), facts)


def _drawn(values: np.ndarray, axes: Axes, count: int, generator: torch.Generator) -> GaussianReadout:
    """Read-outs of a layer (stimulus, *layer)."""
    pool = pool_of(values.shape[1:], axes)
    parts = [maps_of(part, axes, pool) for part in _parts(values)]
    grid = (int(parts[0].shape[2]), int(parts[0].shape[3]))
    maps = torch.cat(parts)
    spread = maps.std((0, 2, 3), correction=0)
    # A channel that never varies would be blown up without end.
    alive = spread > 1e-6 * spread.max()
    channels = torch.zeros(count, maps.shape[1])
    for row in channels:
        chosen = torch.nonzero(alive)[:, 0]
        chosen = chosen[torch.randperm(len(chosen), generator=generator)[:CHANNELS]]
        row[chosen] = torch.randn(len(chosen), generator=generator) / spread[chosen]
    centre = CENTRES * (2 * torch.rand(count, 2, generator=generator) - 1)
    width = WIDTHS[0] + (WIDTHS[1] - WIDTHS[0]) * torch.rand(count, generator=generator)
    return GaussianReadout(centre, width, channels, torch.zeros(count), grid=grid, pool=pool, axes=axes)


def _parts(values: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(np.array(values[at : at + 64])) for at in range(0, len(values), 64)]
