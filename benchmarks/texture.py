"""Texture statistics and metamers of images against plenoptic's, in the same run, one thread.

    python benchmarks/texture.py [NAME ...] [--rounds 7] [--outer 20] [--json FILE]

Statistics: seconds of forward and backward passes at 256 px, ours and theirs in turn; the ratio is the median over the
rounds. Metamers: plenoptic's ``Metamer`` with its loss for these statistics runs the outer steps of L-BFGS that its
documentation gives; ours, as recipes make them, runs until plenoptic's own code finds a loss as low. Looking is not timed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import plenoptic
import skimage.data
import torch
from plenoptic.loss import portilla_simoncelli_loss_factory
from torch import Tensor, nn

from synthstim.modalities.image.synthesis import TEXTURE_STEP
from synthstim.models import Observer, load_model
from synthstim.models.seeing.portilla_simoncelli import STATISTICS
from synthstim.objectives import match
from synthstim.optimise import LBFGS, Stopping, Synthesiser
from synthstim.parametrise import Pixels

SIDE = 256
CARRIED = ("brick", "grass", "gravel")
TEXTURES = (*CARRIED, "reptile_skin")
LBFGS_OPTIONS = {"max_iter": 10, "max_eval": 10, "history_size": 100, "line_search_fn": "strong_wolfe", "lr": 1}
MOST = 1000


def texture(name: str) -> Tensor:
    """(1, 1, y, x), display values: one of scikit-image's, or of plenoptic's own."""
    if name not in CARRIED:
        return getattr(plenoptic.data, name)()
    values = torch.from_numpy(getattr(skimage.data, name)() / 255).float()[None, None]
    return nn.functional.interpolate(values, (SIDE, SIDE), mode="area")


def timed(model: nn.Module, images: Tensor) -> float:
    """Seconds of one forward and one backward pass."""
    given = images.clone().requires_grad_()
    before = time.perf_counter()
    model(given).square().sum().backward()
    return time.perf_counter() - before


def statistics_ratio(ours: nn.Module, theirs: nn.Module, batch: int, rounds: int) -> float:
    """Our time over theirs, the median of rounds in which both take turns."""
    images = texture("brick") + 0.01 * torch.rand(batch, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    pairs = [(timed(ours, images), timed(theirs, images)) for _ in range(rounds + 1)][1:]
    one, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(mine / peers for mine, peers in pairs)
    print(
        f"statistics, batch {batch}: ours {one * 1e3:.0f} ms, plenoptic {other * 1e3:.0f} ms, ratio {ratio:.3f}",
        flush=True,
    )
    return ratio


def peer(image: Tensor, model: nn.Module, loss: Callable[..., Tensor], outer: int) -> tuple[float, float]:
    """Seconds of the processor and the loss that plenoptic ends with."""
    torch.manual_seed(0)
    metamer = plenoptic.Metamer(image, model, loss_function=loss)
    metamer.setup(
        (torch.rand_like(image) - 0.5) * 0.1 + image.mean(),
        optimizer=torch.optim.LBFGS,
        optimizer_kwargs=dict(LBFGS_OPTIONS),
    )
    before = time.process_time()
    metamer.synthesize(max_iter=outer)
    spent = time.process_time() - before
    with torch.no_grad():
        return spent, float(loss(model(metamer.metamer), model(image)))


def until(
    image: Tensor, observer: Observer, measured: Callable[[Tensor], float], loss: float
) -> tuple[float, int, float]:
    """Seconds of the processor, evaluations and plenoptic's loss when ours is as low as ``loss``."""
    before = time.process_time()
    run = Synthesiser(
        observer,
        match(image, STATISTICS, joined="worst", weighted=True),
        Pixels(observer.input.shape, bound="projection"),
        seeds=[1],
        start=observer.input.modality.shaped("shaped", image, [torch.Generator().manual_seed(1)]),
        optimiser=LBFGS(step=TEXTURE_STEP),
        stopping=Stopping(evaluations=MOST),
        file_levels=None,
    )
    spent, found = time.process_time() - before, float("inf")
    steps = iter(run)
    while found > loss:
        before = time.process_time()
        progress = next(steps)
        spent += time.process_time() - before
        found = measured(run.evaluator.render(run.bests.latents).view(image.shape))
    return spent, progress.evaluations, found


def metamer_ratio(name: str, observer: Observer, theirs: nn.Module, outer: int) -> dict[str, Any]:
    """Both on one texture."""
    image = texture(name)
    loss = portilla_simoncelli_loss_factory(theirs, image)
    with torch.no_grad():
        wanted = theirs(image)

    def measured(stimulus: Tensor) -> float:
        with torch.no_grad():
            return float(loss(theirs(stimulus), wanted))

    peer_s, reached = peer(image, theirs, loss, outer)
    ours_s, evaluations, found = until(image, observer, measured, reached)
    ratio = ours_s / peer_s
    print(
        f"metamer, {name:12}: plenoptic {peer_s:5.1f} s to {reached:.4f}; "
        f"ours {ours_s:4.1f} s, {evaluations} evaluations to {found:.4f}; ratio {ratio:.3f}",
        flush=True,
    )
    return {
        "texture": name,
        "peer_s": peer_s,
        "loss": reached,
        "ours_s": ours_s,
        "evaluations": evaluations,
        "ratio": ratio,
    }


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=list(TEXTURES), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--outer", type=int, default=20)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    observer = load_model("portilla-simoncelli", size=(SIDE, SIDE))
    theirs = plenoptic.models.PortillaSimoncelli((SIDE, SIDE))
    found: dict[str, Any] = {
        f"statistics_time_ratio_batch{batch}": statistics_ratio(observer.module, theirs, batch, given.rounds)
        for batch in (1, 8)
    }
    rows = [metamer_ratio(name, observer, theirs, given.outer) for name in given.names]
    found["metamer_time_ratio"] = max(row["ratio"] for row in rows)
    print(f"metamer, worst of {len(rows)}: ratio {found['metamer_time_ratio']:.3f}")
    if given.json:
        given.json.write_text(json.dumps({**found, "metamers": rows}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
