"""The network of smelling, trained on the synthetic task of Wang et al. 2021: which of 100 prototypes an odour is nearest to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from synthstim.models.smelling.olfaction import RECEPTORS, Olfaction, trained_state
from synthstim.models.smelling.prototypes import prototypes
from synthstim.models.smelling.wiring import wiring
from synthstim.training.base import Curve, Training, Watch

# Seeds of the patterns that are only tested on: no training draws them.
_HELD_OUT = 2**40


@dataclass(frozen=True, kw_only=True)
class OlfactionSettings:
    """How the network is trained; where Wang et al. 2021 had another value, it is in brackets.

    Attributes:
        kenyon_cells: of the network (2500).
        batch: patterns of a step.
        steps: of an epoch: about a million patterns, each drawn anew.
        held_out: patterns to measure accuracy on.
        glomeruli, claws, readout: rates of learning of the three sets of connections (5e-4 each, for many more epochs).
        falling: share of the training, at its end, over which the rates fall to nothing.
        decay: of weights from receptor neurons (none), which batch normalisation makes up for: without it they grow, and
            steps of a fixed size come to change nothing.
        pruned: connections to Kenyon cells that fall below this are gone for good: one over the number of glomeruli.
        silenced: share of Kenyon cells that are left out at each step.
    """

    kenyon_cells: int = 1000
    batch: int = 256
    steps: int = 3906
    held_out: int = 8192
    glomeruli: float = 2e-3
    claws: float = 5e-4
    readout: float = 2e-3
    falling: float = 0.6
    decay: float = 0.02
    pruned: float = 1 / RECEPTORS
    silenced: float = 0.5


class OdourTask:
    """Patterns of receptor types, uniform between 0 and 1, and the prototypes that they are nearest to."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.prototypes = torch.as_tensor(prototypes(), dtype=torch.float32)
        self.squares = self.prototypes.square().sum(1)

    def batch(self, count: int) -> tuple[Tensor, Tensor]:
        """Patterns (pattern, receptor) and their labels (pattern,)."""
        patterns = torch.rand(count, RECEPTORS, generator=self.generator)
        return patterns, (self.squares - 2 * patterns @ self.prototypes.T).argmin(1)


def fit(
    seed: int, epochs: int, watch: Watch, settings: OlfactionSettings = OlfactionSettings()
) -> tuple[dict[str, Tensor], Curve]:
    """Train the network; see ``Training.fit``.

    Example:
        >>> short = OlfactionSettings(kenyon_cells=20, steps=3, held_out=50)
        >>> state, curve = fit(0, 1, lambda share, text: None, short)
        >>> curve[0]["epoch"], state["claws.weight"].shape
        (1, torch.Size([20, 50]))
    """
    task, held_out = OdourTask(seed), OdourTask(_HELD_OUT + seed).batch(settings.held_out)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = begun(settings)
        optimiser = _optimiser(network, settings)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _falling(epochs * settings.steps, settings.falling))
        curve: list[dict[str, Any]] = []
        for epoch in range(epochs):
            losses = []
            for loss in _steps(network, task, optimiser, settings):
                schedule.step()
                losses.append(loss)
                if len(losses) % 100 == 0:
                    watch((epoch + len(losses) / settings.steps) / epochs, _said(epoch, epochs, losses[-100:], curve))
            curve.append({"epoch": epoch + 1, "loss": sum(losses) / len(losses), **measured(network, held_out)})
            watch((epoch + 1) / epochs, _said(epoch, epochs, losses[-100:], curve))
    return {name: value.detach().abs() if name in POSITIVE else value for name, value in trained_state(network).items()}, curve  # fmt: skip


# Synapses that excite and nothing else.
POSITIVE = ("glomeruli.weight", "claws.weight")


def begun(settings: OlfactionSettings) -> Olfaction:
    """A network before training: weights uniform up to four times their mean share, Kenyon cells inhibited by 1."""
    network = Olfaction(kenyon_cells=settings.kenyon_cells, dropped=settings.silenced).train()
    for layer in (network.glomeruli, network.claws):
        nn.init.uniform_(layer.weight, 0, 4 / layer.in_features)
    nn.init.constant_(network.claws.bias, -1)
    return network


def measured(network: Olfaction, held_out: tuple[Tensor, Tensor]) -> dict[str, float]:
    """Accuracy on patterns that were not trained on, and the wiring."""
    patterns, labels = held_out
    network.eval()
    with torch.no_grad():
        correct = float((network.smell(patterns).argmax(1) == labels).float().mean())
    network.train()
    return {"accuracy": correct, **asdict(wiring(network))}


def _steps(
    network: Olfaction, task: OdourTask, optimiser: torch.optim.Optimizer, settings: OlfactionSettings
) -> Iterator[float]:
    """One epoch, a loss a step."""
    for _ in range(settings.steps):
        patterns, labels = task.batch(settings.batch)
        loss = cross_entropy(network.smell(patterns), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            network.claws.weight.mul_(network.claws.weight.abs() > settings.pruned)
        yield float(loss.detach())


def _optimiser(network: Olfaction, settings: OlfactionSettings) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        [
            {"params": list(network.glomeruli.parameters()), "lr": settings.glomeruli, "weight_decay": settings.decay},
            {"params": list(network.norm.parameters()), "lr": settings.glomeruli},
            {"params": list(network.claws.parameters()), "lr": settings.claws},
            {"params": list(network.logits.parameters()), "lr": settings.readout},
        ],
        weight_decay=0.0,
    )


def _falling(steps: int, share: float) -> Any:
    """The factor on rates of learning at a step: 1, then half a cosine down to 0."""
    start = (1 - share) * steps

    def factor(step: int) -> float:
        return 0.5 * (1 + math.cos(math.pi * max(0.0, step - start) / max(steps - start, 1)))

    return factor


def _said(epoch: int, epochs: int, losses: list[float], curve: Curve) -> str:
    last = f", accuracy {curve[-1]['accuracy']:.2f}, glomerular score {curve[-1]['glomerular_score']:.2f}, {curve[-1]['inputs']:.1f} inputs" if curve else ""  # fmt: skip
    return f"epoch {epoch + 1} of {epochs}, loss {sum(losses) / len(losses):.2f}{last}"


TRAINING = Training(fit, epochs=25)
