"""The planted test: sites that are read-outs of known layers of the model itself; is that layer found?"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from control_lab import Lab

from synthstim.encoding import fit_sites
from synthstim.encoding.readouts import gaussian_mask, read_maps
from synthstim.responses import from_array

STAGES = {"early": "blocks.1", "middle": "blocks.2", "late": "blocks.4"}
CHANNELS = 6
COUNTS, SPREAD = 10.0, 3.0


def planted(lab: Lab) -> list[dict[str, Any]]:
    """One row a site: where it was planted, where it was found, and how well it was recovered.

    A site is a Gaussian over space times six channels of either sign, 10 spikes on average, Poisson.
    """
    random = np.random.default_rng([lab.seed, 90])
    images = lab.shown.batch(range(len(lab.shown)))
    with torch.no_grad():
        read = [lab.observer.activations(batch, list(STAGES.values())) for batch in images.split(64)]
    columns, names, truth = [], [], []
    for stage, layer in STAGES.items():
        maps = torch.cat([part[layer] for part in read])
        columns.append(site_drives(maps, lab.plan.planted, random))
        names += [f"{stage}_{number}" for number in range(lab.plan.planted)]
        truth += [layer] * lab.plan.planted
    expected = np.maximum(COUNTS + SPREAD * np.concatenate(columns, 1), 0.2)
    counts = random.poisson(np.repeat(expected[None], lab.plan.repeats, 0)).astype(float)
    responses = from_array(counts, stimulus_ids=lab.shown.ids, sites=names, window_s=lab.animal.window_s)
    fit = fit_sites(
        lab.observer, responses, lab.shown, list(STAGES.values()), method="factorised", groups=lab.photograph,
        shuffled=False, seed=lab.seed, cache=lab.folder / "activations",
    )  # fmt: skip
    return [
        {"stage": name.rpartition("_")[0], "site": name, "planted": layer, "found": row.layer, "score": row.score}
        for name, layer, row in zip(names, truth, fit.table.itertuples(), strict=True)
    ]


def site_drives(maps: torch.Tensor, count: int, random: np.random.Generator, width: float = 0.3) -> np.ndarray:
    """(image, site) drive in standard deviations; fields are as wide as said, from -1 to 1 across the image."""
    channels = torch.zeros(count, maps.shape[1])
    for row in channels:
        chosen = random.choice(maps.shape[1], CHANNELS, replace=False)
        row[torch.from_numpy(chosen)] = torch.from_numpy(random.normal(size=CHANNELS)).float()
    # In units of each channel's own spread, so that none outweighs the others.
    channels = channels / maps.std((0, 2, 3)).clamp_min(1e-6)
    centre = torch.from_numpy(random.uniform(-0.5, 0.5, (count, 2))).float()
    mask = gaussian_mask(centre, torch.full((count,), width), (maps.shape[2], maps.shape[3]))
    drive = read_maps(maps.flatten(2), mask, channels).double().numpy()
    return (drive - drive.mean(0)) / drive.std(0)
