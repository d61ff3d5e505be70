"""Controllers against lucent's: how much of its activation, in how many evaluations, with the same movement of the image.

    python benchmarks/controllers.py --lucent FOLDER [--size 112] [--evaluations 300] [--movement none,small,wide] [--rest 0.1]

FOLDER has what ``pip install --no-deps --target FOLDER torch-lucent`` wrote; of it the parametrisation is taken, under
torch's Adam with lucent's step. Both drive the same channels of one layer through the same observer. Movement is the same
for both to the end, unless ours rests before, and an image is judged at rest, rounded to 8 bits.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from synthstim.modalities.image.synthesis import UNITS
from synthstim.models import Observer, load_model
from synthstim.optimise import Adam
from synthstim.optimise.base import Optimiser
from synthstim.parametrise import Fourier, first_latents
from synthstim.production.phases import optimiser_of
from synthstim.robustness import Robustness

LAYER = "blocks.3"
# None of them chose a setting.
CHANNELS = (7, 12, 30, 35, 48, 55, 61, 74)
MOVEMENTS = {
    "none": None,
    "small": Robustness(jitter=4),
    # As far as lucent's own transforms go.
    "wide": Robustness(jitter=8, scale=0.1, rotation=10),
}


def activations(observer: Observer, images: Tensor) -> Tensor:
    """The mean of each image's channel, (batch,)."""
    read = observer.activations(images, [LAYER])[LAYER]
    return read[torch.arange(len(CHANNELS)), torch.tensor(CHANNELS)].flatten(1).mean(1)


def at_rest(observer: Observer, images: Tensor) -> Tensor:
    """Activations of the 8-bit images."""
    with torch.no_grad():
        return activations(observer, torch.round(images * 255) / 255)


def mover(name: str) -> Callable[[Tensor], Tensor]:
    """Moves each image by its own generator, always equally far."""
    moves, drawn = MOVEMENTS[name], [torch.Generator().manual_seed(100 + item) for item in range(len(CHANNELS))]
    return lambda images: images if moves is None else moves.move(images, drawn, 0.0)


def lucents(observer: Observer, folder: Path, evaluations: int, movement: str) -> Tensor:
    """Lucent's image in the Fourier domain, its colours decorrelated, under its Adam."""
    torch.manual_seed(1)
    latents, plain = _part(folder, "spatial").fft_image([len(CHANNELS), *observer.input.shape])
    render, move = _part(folder, "color").to_valid_rgb(plain, decorrelate=True), mover(movement)
    adam = torch.optim.Adam(latents, lr=0.05)
    for _ in range(evaluations):
        adam.zero_grad()
        (-activations(observer, move(render())).sum()).backward()
        adam.step()
    return at_rest(observer, render().detach())


def ours(observer: Observer, optimiser: Optimiser, evaluations: int, movement: str, rest: float) -> Tensor:
    """Ours in the Fourier domain, under an optimiser of ours, at rest for a share of the evaluations at the end."""
    shape, move = Fourier(observer.input.shape), mover(movement)
    generators = [torch.Generator().manual_seed(1 + item) for item in range(len(CHANNELS))]
    latents = first_latents(shape, "pink", observer.input.modality, generators).float().flatten(1)
    optimiser.start(latents)
    for spent in range(evaluations):
        leaf = latents.view(-1, *shape.latent_shape).requires_grad_()
        shown = shape.render(leaf)
        loss = -activations(observer, move(shown) if spent < (1 - rest) * evaluations else shown)
        (slope,) = torch.autograd.grad(loss.sum(), leaf)
        latents = optimiser.advance(latents.detach(), loss.detach(), slope.flatten(1), spent / evaluations)
    return at_rest(observer, shape.render(latents.view(-1, *shape.latent_shape)))


def _part(folder: Path, name: str) -> ModuleType:
    # By itself: the package needs names that kornia no longer has.
    spec = importlib.util.spec_from_file_location(name, folder / "lucent" / "optvis" / "param" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Print each channel's activation over lucent's."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lucent", type=Path, required=True)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--evaluations", type=int, default=300)
    parser.add_argument("--movement", default=",".join(MOVEMENTS))
    parser.add_argument("--rest", type=float, default=0.0, help="share of ours at the end that is not moved")
    given = parser.parse_args()
    torch.set_num_threads(1)
    observer, whole = load_model(size=(given.size, given.size)), given.evaluations
    for movement in given.movement.split(","):
        theirs = lucents(observer, given.lucent, whole, movement)
        print(f"movement {movement}: lucent after {whole}:", *(f"{value:.1f}" for value in theirs.tolist()), flush=True)
        for name, make, count in (
            ("step .05, momentum .9, cosine", Adam, whole),
            ("default", optimiser_of(UNITS), whole),
            ("default", optimiser_of(UNITS), whole // 2),
        ):
            over = ours(observer, make(), count, movement, given.rest) / theirs
            values = " ".join(f"{value:.2f}" for value in over.tolist())
            print(f"  {name}, after {count}: {values}, median {over.median():.3f}", flush=True)


if __name__ == "__main__":
    main()
