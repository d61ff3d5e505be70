"""Foveated statistics, or luminance and energies: their time against those of a whole image in the same run, and a metamer with its windows drawn.

    python benchmarks/foveated.py [--model foveated] [--size 256] [--scaling 0.5] [--evaluations 300] [--name astronaut] [--pink] [--picture FILE]

One thread. Statistics: seconds of forward and backward passes, in turn; the ratio is the median over the rounds. The metamer is made
as recipes make it, or from pink noise, and measured by class; memory is the most that the process had by then.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from pathlib import Path

import numpy as np
import skimage.data
import torch
from PIL import Image
from torch import Tensor, nn

from synthstim.modalities.image.synthesis import TEXTURE_STEP
from synthstim.models import Observer, load_model
from synthstim.models.seeing.windows import LogPolarWindows
from synthstim.objectives import match
from synthstim.optimise import LBFGS, Stopping, Synthesiser
from synthstim.parametrise import Pixels
from synthstim.verify import profile_of

ROUNDS = 5
LINE = (255, 80, 0)


def photograph(name: str, side: int) -> Tensor:
    """One of scikit-image's, its left upper square, (1, 1, y, x) in display values."""
    whole = np.atleast_3d(getattr(skimage.data, name)()).mean(2) / 255
    square = whole[: min(whole.shape), : min(whole.shape)]
    grey = torch.from_numpy(square).float()[None, None]
    return nn.functional.interpolate(grey, (side, side), mode="area")


def timed(model: nn.Module, image: Tensor) -> float:
    """Seconds of one forward and one backward pass."""
    given = image.clone().requires_grad_()
    before = time.perf_counter()
    model(given).square().sum().backward()
    return time.perf_counter() - before


def metamer(observer: Observer, image: Tensor, evaluations: int, *, pink: bool) -> Tensor:
    """The best image found, (1, 1, y, x)."""
    classes, like = observer.groups["statistics"], observer.noise_like
    assert like is not None
    start = "pink" if pink else like(image, [torch.Generator().manual_seed(1)])
    run = Synthesiser(
        observer, match(image, classes, joined="worst", weighted=True), Pixels(observer.input.shape, bound="projection"), seeds=[1], start=start,
        optimiser=LBFGS(step=TEXTURE_STEP), stopping=Stopping(evaluations=evaluations), file_levels=255,
    )  # fmt: skip
    return run.result().stimuli.float()


def drawn(image: Tensor, made: Tensor, windows: LogPolarWindows) -> Image.Image:
    """The photograph, the borders between windows on it, and the metamer."""
    window, pixel, weight = windows.entries
    owner, most = torch.full((image.numel(),), -1), torch.zeros(image.numel(), dtype=torch.float64)
    order = torch.argsort(weight)
    owner[pixel[order]], most[pixel[order]] = window[order], weight[order]
    owner[windows.central().flatten() > most] = -1
    place = owner.view(image.shape[-2:]).numpy()
    edge = np.zeros(place.shape, dtype=bool)
    edge[:-1] |= place[:-1] != place[1:]
    edge[:, :-1] |= place[:, :-1] != place[:, 1:]
    shown = [
        np.repeat((each[0, 0].numpy() * 255).round().astype(np.uint8)[..., None], 3, 2) for each in (image, image, made)
    ]
    shown[1][edge] = LINE
    gap = np.full((place.shape[0], 6, 3), 255, np.uint8)
    return Image.fromarray(np.concatenate([shown[0], gap, shown[1], gap, shown[2]], 1))


def main() -> None:
    """Print the figures and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="foveated", help="foveated, foveated-energy or foveated-luminance")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--scaling", type=float, help="the model's own if it is left out")
    parser.add_argument("--evaluations", type=int, default=300)
    parser.add_argument("--name", default="astronaut", help="the photograph, of scikit-image's")
    parser.add_argument("--pink", action="store_true", help="start from pink noise")
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    size, image = (given.size, given.size), photograph(given.name, given.size)
    settings = {} if given.scaling is None else {"scaling": given.scaling}
    observer = load_model(given.model, size=size, settings=settings)
    whole = load_model("portilla-simoncelli", size=size)
    pairs = [(timed(observer.module, image), timed(whole.module, image)) for _ in range(ROUNDS + 1)][1:]
    one, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(mine / theirs for mine, theirs in pairs)
    count = observer.module.windows.count
    print(f"{count} windows: {one * 1e3:.0f} ms, the whole image {other * 1e3:.0f} ms, ratio {ratio:.1f}", flush=True)
    before = time.process_time()
    made = metamer(observer, image, given.evaluations, pink=given.pink)
    spent = time.process_time() - before
    profile = profile_of(observer, made[0].numpy(), image[0].numpy(), observer.groups["statistics"])
    matched = {name: float(found["match_db"]) for name, found in profile.items()}
    worst = min(matched, key=lambda name: matched[name])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"metamer: {spent:.0f} s of the processor, {given.evaluations} evaluations, {memory:.2f} GiB at most")
    print(f"matches: {worst} {matched[worst]:.1f} dB, median class {statistics.median(matched.values()):.1f} dB")
    if given.picture:
        drawn(image, made, observer.module.windows).save(given.picture, optimize=True)


if __name__ == "__main__":
    main()
