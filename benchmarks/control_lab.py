"""A lab for a day: natural images of one luminance and contrast, an animal, recordings, fits, stimulus sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from control_energy import energy_network
from numpy.typing import NDArray

from synthstim import InputError, load_model, make
from synthstim.constraints import Luminance
from synthstim.encoding import Fit, Stimuli, fit_sites, random_sites
from synthstim.encoding.random_sites import EVALUATIONS
from synthstim.ids import safe_id
from synthstim.responses import Responses, reliability, select_sites
from synthstim.simulate import Animal, simulated_animal
from synthstim.stimulus_set import SetWriter, StimulusSet
from synthstim.verify import natural_pool

LUMINANCE, CONTRAST = 0.25, 0.6


@dataclass(frozen=True)
class Plan:
    """How much of everything in a full run.

    Attributes:
        animals, drawn, sites: animals, sites that each is drawn with, and those of them that are kept.
        naturals, probes, mapped: images that the model is fitted to, and how often each of them is shown: with 240 probes
            as many presentations as of 640 natural images shown 35 times.
        repeats: of controllers, and of all images that they are compared with.
        energy: 1 takes an animal of energies and curvature (``control_energy``) instead of one on a network.
    """

    animals: int = 3
    drawn: int = 48
    sites: int = 40
    naturals: int = 640
    probes: int = 240
    mapped: int = 25
    repeats: int = 35
    copies: int = 5
    secondary: int = 10
    levels: int = 11
    few: tuple[int, int] = (300, 5)
    unseen: int = 5000
    size: int = 112
    evaluations: int = 160
    oracle_evaluations: int = 150
    permutations: int = 10_000
    planted: int = 16
    energy: int = 0
    layers: tuple[str, ...] = (
        "blocks.1", "blocks.2.0", "blocks.2.1", "blocks.3.0", "blocks.1.1.bn2", "blocks.2.0.bn2",
    )  # fmt: skip


QUICK = Plan(
    animals=1, drawn=16, sites=12, naturals=160, probes=24, mapped=12, repeats=12, copies=3, secondary=3, levels=5, few=(96, 5), unseen=320,
    evaluations=25, oracle_evaluations=40, permutations=2000, planted=4, layers=("blocks.1", "blocks.2.0"),
)  # fmt: skip


class Lab:
    """One animal, and what is done with it.

    Args:
        plan: how much.
        seed: from which everything is drawn.
        folder: for sets and activations.
        tell: is told of each step.
    """

    def __init__(self, plan: Plan, seed: int, folder: Path, tell: Callable[[str], None]) -> None:
        self.plan, self.seed, self.folder, self.tell = plan, seed, folder, tell
        folder.mkdir(parents=True)
        self.observer = load_model(size=(plan.size, plan.size))
        self.limit = Luminance(mean=LUMINANCE, rms_contrast=CONTRAST)
        self.photograph: dict[str, str] = {}
        self.natural = self._natural_set()
        natural = Stimuli.of_sets(self.natural, self.observer.input, fit="exact")
        self.natural_ids = natural.ids
        images = natural.batch(range(len(natural)))
        self.first = [self.natural, *([self._probes(natural)] if plan.probes else [])]
        self.shown = Stimuli.of_sets(self.first, self.observer.input, fit="exact")
        for name in self.shown.ids:
            self.photograph.setdefault(name, name)
        self.animal = simulated_animal(
            seed,
            plan.drawn,
            size=(plan.size, plan.size),
            natural=images,
            constraints=[self.limit],
            network=energy_network((plan.size, plan.size)) if plan.energy else None,
        )
        tell(repr(self.animal))
        self.responses = self.animal.answer(self.shown, plan.mapped, session="first", seed=1)
        chosen = select_sites(reliability(self.responses, seed=seed), at_least=0.5, most=plan.sites)
        self.sites = list(chosen.sites)
        tell(repr(chosen))

    @property
    def entry(self) -> dict[str, Any]:
        """What all entries of recipes share."""
        constraints = {"mean_luminance": LUMINANCE, "rms_contrast": CONTRAST}
        return {"parametrisation": {"kind": "fourier", "decay": 1.5}, "constraints": constraints}

    def crops(self, count: int, seed: int) -> tuple[torch.Tensor, list[str]]:
        """Crops of photographs at the one luminance and contrast, as 8-bit files hold them, and what each is cut from."""
        pool = natural_pool(self.observer, count=count, seed=seed)
        matched = torch.cat([self.limit.project(batch) for batch in pool.batches(self.observer, size=64)])
        return as_saved(matched), [pool.names[number] for number in pool.origin]

    def _natural_set(self) -> StimulusSet:
        images, names = self.crops(self.plan.naturals, self.seed)
        writer = SetWriter(self.folder / "naturals")
        for number, (image, name) in enumerate(zip(images, names, strict=True)):
            stimulus_id = f"natural_{number:03d}"
            writer.add(stimulus_id, image.numpy(), name=safe_id(Path(name).stem), kind="natural")
            self.photograph[stimulus_id] = name
        return StimulusSet.read(writer.commit({"made_by": "benchmarks/control.py"}))

    def _probes(self, natural: Stimuli) -> StimulusSet:
        """Images that drive random read-outs of the model's own layers: no recording is needed for them."""
        sites = random_sites(self.observer, natural, self.plan.layers, self.plan.probes, seed=self.seed)
        entry = {"name": "probe", "goal": "drive", "unit": {"sites": "all"}, "evaluations": EVALUATIONS}
        return self.make(sites, "probes", [entry])

    def fit(
        self, responses: Responses, more: Sequence[StimulusSet] = (), groups: Mapping[str, str] | None = None
    ) -> tuple[Fit, pd.Series]:
        """An ensemble over the layers, and for each site the held-out score of the layer that the other folds choose."""
        fit = fit_sites(
            self.observer, responses, [*self.first, *more], self.plan.layers, method="factorised", groups=groups or self.photograph,
            members="layers", shuffled=False, seed=self.seed, cache=self.folder / "activations",
        )  # fmt: skip
        return fit, fit.table.set_index("site")["score"]

    def make(self, fit: Fit, name: str, entries: Sequence[Mapping[str, Any]], **more: Any) -> StimulusSet:
        """A set of controllers on fitted sites, at the one luminance and contrast."""
        shared = {"kind": "controller", "evaluations": self.plan.evaluations, **self.entry}
        recipe = {
            "observer": "efficientnet-lite0",
            "seed": self.seed,
            "pool": str((self.natural.root / "stimuli").resolve()),
            "stimuli": [{**shared, **entry} for entry in entries],
            **more,
        }
        made = make(recipe, self.folder / name, observer=fit.observer, at_once=10)
        self.tell(f"{name}: {len(made)} stimuli")
        return made

    def measure(
        self, stimuli: StimulusSet | Stimuli, seed: int, *, repeats: int | None = None, animal: Animal | None = None
    ) -> Measured:
        """Fresh trials of stimuli."""
        repeats = repeats or self.plan.repeats
        answered = (animal or self.animal).answer(stimuli, repeats, session=f"day {seed}", seed=seed)
        return Measured.of(answered)


def as_saved(images: torch.Tensor) -> torch.Tensor:
    """Images as 8-bit files hold them."""
    return (images * 255).round() / 255


@dataclass(frozen=True)
class Measured:
    """Trials as an array: ``counts`` (stimulus, repeat, site)."""

    counts: NDArray[np.float64]
    ids: tuple[str, ...]
    sites: tuple[str, ...]
    responses: Responses

    @classmethod
    def of(cls, responses: Responses) -> Measured:
        """From a table in which every stimulus has as many repeats."""
        wide = responses.trials.pivot(index=["stimulus_id", "repeat"], columns="site", values="response")
        wide = wide.loc[list(responses.stimulus_ids), list(responses.sites)]
        counts = wide.to_numpy().reshape(len(responses.stimulus_ids), -1, len(responses.sites))
        return cls(counts, responses.stimulus_ids, responses.sites, responses)

    def only(self, ids: Sequence[str]) -> Measured:
        """Some of the stimuli."""
        return Measured.of(self.responses.only(stimulus_ids=list(ids)))

    def trials(self, ids: Sequence[str], site: str) -> NDArray[np.float64]:
        """All trials of some stimuli at one site."""
        if unknown := [name for name in ids if name not in self.ids]:
            raise InputError(f"{unknown[0]!r} was not measured")
        rows = [self.ids.index(name) for name in ids]
        return self.counts[rows, :, self.sites.index(site)].ravel()

    def mean(self, site: str) -> pd.Series:
        """Mean response of each stimulus at a site."""
        return pd.Series(self.counts[:, :, self.sites.index(site)].mean(1), index=list(self.ids))
