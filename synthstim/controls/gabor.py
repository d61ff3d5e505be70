"""Gabors fitted to a goal through the observer: what a unit answers to where nothing but a receptive field is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import torch
from torch import Tensor

from synthstim.constraints import brought_within
from synthstim.controls.cases import Case, Comparison, Control, Keep, Use, as_filed, by_constraints, control_id, scores
from synthstim.errors import InputError
from synthstim.models import Observer
from synthstim.optimise import Adam
from synthstim.optimise.evaluate import Evaluator

# Evaluations of each fit: this many steps from each of so many starts, the best of a grid that all units share.
STARTS = 4
STEPS = 50
STEP = 0.06
AT_ONCE = {"cpu": 16, "cuda": 64, "mps": 32}
SIZES = (0.08, 0.5)
CYCLES = (1.0, 0.25)
NAMES = ("x", "y", "sigma", "orientation_deg", "cycles", "phase_deg", "contrast")


@dataclass(frozen=True)
class Gabors:
    """Grey Gabors on mid-grey as a parametrisation: seven latents each, unbounded.

    Position and size are fractions of the image's smaller side, size is the standard deviation of the envelope; spatial
    frequency is in cycles per image, from one to a quarter of the pixels.

    Attributes:
        shape: (channel, y, x) of a stimulus.

    Example:
        >>> Gabors((1, 32, 32)).render(torch.zeros(2, 7)).shape
        torch.Size([2, 1, 32, 32])
    """

    shape: tuple[int, int, int]

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """One item's latents."""
        return (len(NAMES),)

    def parameters(self, latents: Tensor) -> Tensor:
        """Latents (batch, 7) as x and y from the centre, sigma, orientation, cycles, phase and contrast (radians)."""
        place = 0.5 * torch.tanh(latents[:, :2])
        low, high = math.log(SIZES[0]), math.log(SIZES[1])
        sigma = (low + (high - low) * torch.sigmoid(latents[:, 2])).exp()
        fast = math.log(max(2.0, CYCLES[1] * min(self.shape[1:])))
        cycles = (fast * torch.sigmoid(latents[:, 4])).exp()
        contrast = torch.sigmoid(latents[:, 6])
        return torch.stack([*place.unbind(1), sigma, latents[:, 3], cycles, math.pi * latents[:, 5], contrast], 1)

    def latents(self, parameters: Tensor) -> Tensor:
        """The inverse of ``parameters``, for starts inside the bounds."""
        x, y, sigma, orientation, cycles, phase, contrast = parameters.unbind(1)
        low, high = math.log(SIZES[0]), math.log(SIZES[1])
        fast = math.log(max(2.0, CYCLES[1] * min(self.shape[1:])))
        share = ((sigma.log() - low) / (high - low)).clamp(0.02, 0.98)
        speed = (cycles.log() / fast).clamp(0.02, 0.98)
        place = [torch.atanh((2 * at).clamp(-0.98, 0.98)) for at in (x, y)]
        return torch.stack(
            [*place, torch.logit(share), orientation, torch.logit(speed), phase / math.pi, torch.logit(contrast)], 1
        )

    def render(self, latents: Tensor) -> Tensor:
        """Latents (batch, 7) -> stimuli (batch, channel, y, x), display values."""
        channels, height, width = self.shape
        x, y, sigma, angle, cycles, phase, contrast = (
            part[:, None, None] for part in self.parameters(latents).unbind(1)
        )
        side = min(height, width)
        down = (torch.arange(height, device=latents.device, dtype=latents.dtype) - (height - 1) / 2) / side
        across = (torch.arange(width, device=latents.device, dtype=latents.dtype) - (width - 1) / 2) / side
        dy, dx = down[None, :, None] - y, across[None, None] - x
        envelope = torch.exp(-(dy.square() + dx.square()) / (2 * sigma.square()))
        wave = torch.cos(2 * math.pi * cycles * (dx * torch.cos(angle) + dy * torch.sin(angle)) + phase)
        return (0.5 + 0.5 * contrast * envelope * wave)[:, None].expand(-1, channels, -1, -1)

    def invert(self, stimuli: Tensor) -> Tensor:
        """No picture is turned into a Gabor.

        Raises:
            InputError: always.
        """
        raise InputError("a Gabor cannot start from an image", "start from parameters")

    def project(self, latents: Tensor) -> Tensor:
        """Every latent renders in range."""
        return latents


def grid_of_starts(gabors: Gabors) -> Tensor:
    """Latents (start, 7) that cover the image: small and large Gabors, four orientations, two frequencies and phases."""
    rows = []
    for sigma, side in ((0.12, 5), (0.25, 3)):
        places = [(at / (side - 1) - 0.5) * 0.7 for at in range(side)]
        for y, x, turn, waves, phase in product(places, places, range(4), (0.75, 1.5), (0.0, math.pi / 2)):
            # Waves in two standard deviations of the envelope.
            rows.append([x, y, sigma, turn * math.pi / 4, max(1.0, waves / (2 * sigma)), phase, 0.95])
    return gabors.latents(torch.tensor(rows, dtype=torch.float64))


def gabor_controls(
    cases: Sequence[Case], observer: Observer, count: int, keep: Keep
) -> tuple[list[Control], list[Use]]:
    """The best so many Gabors for each case, fitted within the constraints of its controllers.

    Args:
        keep: gives what an earlier, interrupted run made under a name, or makes it and keeps it.
    """
    made, uses = [], []
    starts = max(STARTS, count)
    batch = max(1, AT_ONCE.get(observer.device.type, 16) // starts)
    for number, alike in enumerate(by_constraints(cases)):
        best = keep(f"gabor-starts-{number:04d}", partial(_best_starts, alike, observer, starts))["latents"]
        for part in _batches(alike, batch):
            begin = best[[alike.index(case) for case in part]]
            found = keep(f"gabor-{number:04d}-{part[0].head}", partial(_fitted, part, begin, observer))
            for case, latents in zip(part, found["latents"], strict=True):
                own = _controls(case, latents[:count], observer, starts * STEPS)
                made += own
                uses += [Use(case, "gabor", control.stimulus_id, None) for control in own]
    return made, uses


def _batches(cases: Sequence[Case], size: int) -> Iterator[list[Case]]:
    """Cases of the same settings, so many at a time."""
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.settings, []).append(case)
    for group in groups.values():
        yield from (group[at : at + size] for at in range(0, len(group), size))


def _gabors(observer: Observer) -> Gabors:
    channels, height, width = observer.input.shape
    return Gabors((channels, height, width))


def _best_starts(group: Sequence[Case], observer: Observer, starts: int) -> dict[str, Tensor]:
    gabors = _gabors(observer)
    latents = grid_of_starts(gabors)
    images = as_filed(_images(gabors, latents, group[0]), observer)
    best = scores(group, images, observer).argsort(dim=1, descending=True, stable=True)[:, :starts]
    return {"latents": latents[best]}


def _fitted(part: Sequence[Case], starts: Tensor, observer: Observer) -> dict[str, Tensor]:
    """Climb from the starts (case, start, 7); each case's latents, the best first."""
    gabors, count = _gabors(observer), starts.shape[1]
    aims = [case.aim for case in part for _ in range(count)]
    scorer = part[0].objective(aims).bind(observer, len(aims))
    evaluator = Evaluator(observer, scorer, gabors, part[0].constraints)
    latents = starts.flatten(0, 1).to(observer.device, observer.dtype)
    best, reached = latents, torch.full((len(latents),), -torch.inf, device=observer.device, dtype=observer.dtype)
    adam = Adam(step=STEP)
    adam.start(latents)
    for step in range(STEPS):
        found, _ = evaluator(latents, [], step / STEPS)
        better = found.scores > reached
        best, reached = torch.where(better[:, None], latents, best), torch.where(better, found.scores, reached)
        latents = adam.advance(latents, -found.scores, -found.gradient, step / STEPS)
    fitted = best.double().cpu().unflatten(0, (len(part), count))
    ordered = []
    for case, own in zip(part, fitted, strict=True):
        (filed,) = scores([case], as_filed(_images(gabors, own, case), observer), observer)
        ordered.append(own[filed.argsort(descending=True, stable=True)])
    return {"latents": torch.stack(ordered)}


def _images(gabors: Gabors, latents: Tensor, case: Case) -> Tensor:
    return torch.cat([brought_within(gabors.render(part), case.constraints) for part in latents.split(16)])


def _controls(case: Case, latents: Tensor, observer: Observer, evaluations: int) -> list[Control]:
    gabors = _gabors(observer)
    filed = as_filed(_images(gabors, latents, case), observer)
    columns = {
        "name": case.entry,
        "parametrisation": "gabor",
        "optimiser": repr(Adam(step=STEP)),
        "evaluations": evaluations,
    }
    return [
        Control(
            control_id("gabor", case.head, number),
            "control",
            image,
            columns | {"copy": number},
            {"gabor": _plain(found)},
        )
        for number, (image, found) in enumerate(zip(filed, gabors.parameters(latents), strict=True))
    ]


def _plain(parameters: Tensor) -> dict[str, float]:
    """Parameters by name, angles in degrees: orientation is that of the bars' normal, 0 for upright bars, below 180."""
    plain = dict(zip(NAMES, parameters.tolist(), strict=True))
    turn, phase = math.degrees(plain["orientation_deg"]) % 360, math.degrees(plain["phase_deg"])
    # Turned by half a circle a wave runs the other way.
    turn, phase = (turn - 180, -phase) if turn >= 180 else (turn, phase)
    plain |= {"orientation_deg": turn, "phase_deg": phase % 360}
    return {name: float(f"{value:.6g}") for name, value in plain.items()}


CONTROL = Comparison(lambda asked: gabor_controls(asked.cases, asked.observer, asked.count, asked.keep), order=30)
