"""The network of heads, trained to infer the latents that pictures of heads were drawn from (pip install 'synthstim[faces]')."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from synthstim.decoders import draws, standardised
from synthstim.decoders.head import Head
from synthstim.models.seeing.faces import GROUPS, SIZE, Faces, image_input
from synthstim.training.base import Curve, Training, Watch

# Seeds of the heads that are only tested on: no training draws them.
_HELD_OUT = 2**40


@dataclass(frozen=True, kw_only=True)
class FacesSettings:
    """How the network is trained.

    Attributes:
        batch: pictures of a step, drawn anew; an even number.
        steps: of an epoch.
        held_out: heads to measure recovery on.
        step: of Adam at its largest; it rises over the first steps, and falls as half a cosine to nothing.
        decay: of weights.
    """

    batch: int = 64
    steps: int = 256
    held_out: int = 1024
    step: float = 2e-3
    decay: float = 1e-4


class Heads:
    """Pictures of heads and what they were drawn from: each head, and its mirror image."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.decoder = Head((3, *SIZE))
        input = image_input()
        # Heads are symmetric: seen from the other side, lit from there.
        names = [name for group in self.decoder.groups for name in group.names]
        self.mirrored = torch.tensor([-1.0 if name in ("yaw", "azimuth") else 1.0 for name in names])
        self.mean, self.std = (torch.tensor(part).view(3, 1, 1) for part in (input.mean, input.std))

    def batch(self, count: int) -> tuple[Tensor, Tensor]:
        """Images (head, 3, y, x) as the network is given them, and their latents (head, latent) in standard deviations."""
        latents = draws(self.decoder, count // 2, self.generator)
        with torch.no_grad():
            images = (self.decoder.decode(latents).float() - self.mean) / self.std
        latents = standardised(self.decoder, latents).float()
        return torch.cat([images, images.flip(3)]), torch.cat([latents, latents * self.mirrored])


def fit(
    seed: int, epochs: int, watch: Watch, settings: FacesSettings = FacesSettings()
) -> tuple[dict[str, Tensor], Curve]:
    """Train the network; see ``Training.fit``.

    Example:
        >>> state, curve = fit(0, 1, lambda share, text: None, FacesSettings(batch=4, steps=2, held_out=8))
        >>> sorted(curve[0])
        ['albedo', 'epoch', 'light', 'loss', 'pose', 'shape']
    """
    heads, held_out = Heads(seed), Heads(_HELD_OUT + seed).batch(settings.held_out)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = Faces().train()
        optimiser = torch.optim.AdamW(network.parameters(), lr=settings.step, weight_decay=settings.decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _course(epochs * settings.steps))
        curve: list[dict[str, Any]] = []
        for epoch in range(epochs):
            losses = []
            for loss in _steps(network, heads, optimiser, settings):
                schedule.step()
                losses.append(loss)
                if len(losses) % 16 == 0:
                    watch((epoch + len(losses) / settings.steps) / epochs, _said(epoch, epochs, losses[-16:], curve))
            curve.append({"epoch": epoch + 1, "loss": sum(losses) / len(losses), **recovery(network, *held_out)})
            watch((epoch + 1) / epochs, _said(epoch, epochs, losses[-16:], curve))
    return network.state_dict(), curve


def recovery(network: Faces, images: Tensor, latents: Tensor) -> dict[str, float]:
    """The mean correlation of inferred with true latents, by group."""
    network.eval()
    with torch.no_grad():
        found = torch.cat([network(part) for part in images.split(256)])
    network.train()
    parts = recovery_of(found, latents).split(list(GROUPS.values()))
    return {name: float(part.mean()) for name, part in zip(GROUPS, parts, strict=True)}


def recovery_of(found: Tensor, true: Tensor) -> Tensor:
    """The correlation (latent,) of inferred with true latents (head, latent)."""
    off, wanted = ((part - part.mean(0)) / part.std(0) for part in (found, true))
    return (off * wanted).sum(0) / (len(true) - 1)


def _steps(network: Faces, heads: Heads, optimiser: torch.optim.Optimizer, settings: FacesSettings) -> Iterator[float]:
    """One epoch, a loss a step."""
    for _ in range(settings.steps):
        images, latents = heads.batch(settings.batch)
        loss = mse_loss(network(images), latents)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        yield float(loss.detach())


def _course(steps: int, rising: int = 100) -> Any:
    """The factor on the step: up over the first ones, then half a cosine down to 0."""
    return lambda step: min(1.0, (step + 1) / rising) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _said(epoch: int, epochs: int, losses: list[float], curve: Curve) -> str:
    last = "".join(f", {name} {curve[-1][name]:.2f}" for name in ("shape", "albedo", "pose", "light")) if curve else ""
    return f"epoch {epoch + 1} of {epochs}, loss {sum(losses) / len(losses):.2f}{last}"


TRAINING = Training(fit, epochs=10)
