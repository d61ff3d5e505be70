"""One small network for faces and objects beside Dobs et al. 2022: trained here, lesioned, and drawn as docs/papers/dobs_2022.png.

    apt-get install tuxpaint-stamps-default        # cut-outs of objects, which nothing of is kept
    python benchmarks/dobs_2022.py [--seeds 3] [--stamps FOLDER]

Three networks a seed: of both tasks, of heads by identity, of objects. Figures go to docs/papers/dobs_2022.tsv.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from PIL import Image
from sklearn.linear_model import RidgeClassifierCV
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from synthstim.decoders import draws, in_units, names_of, standardised
from synthstim.decoders.head import Head
from synthstim.lesions import Task, lesion_table
from synthstim.models import ImageInput, Observer

FIGURE = Path(__file__).parents[1] / "docs" / "papers" / "dobs_2022.png"
TABLE = FIGURE.with_suffix(".tsv")
SIDE, CLASSES, SHOWN, TESTED = 32, 60, 40, 10
WIDTHS, HIDDEN = (12, 12, 24, 24, 32, 32), 64
LAYERS = tuple(f"conv{number}" for number in range(1, len(WIDTHS) + 1))
EPOCHS, BATCH, STEP = 12, 64, 2e-3
FOLDERS = ("animals", "food", "household", "vehicles", "clothes", "plants", "hobbies", "sports")


class SmallVGG(nn.Module):
    """Six convolutions, in pairs before a pool, a full layer, and a score for each class."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        given = 3
        for number, width in enumerate(WIDTHS, 1):
            part = nn.Sequential(nn.Conv2d(given, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
            self.add_module(f"conv{number}", part)
            given = width
        self.pool = nn.MaxPool2d(2)
        self.full = nn.Sequential(nn.Flatten(), nn.Linear(given * (SIDE // 8) ** 2, HIDDEN), nn.ReLU())
        self.scores = nn.Linear(HIDDEN, classes)

    def forward(self, images: Tensor) -> Tensor:
        for number in range(1, len(WIDTHS) + 1):
            images = getattr(self, f"conv{number}")(images)
            images = self.pool(images) if number % 2 == 0 else images
        scores: Tensor = self.scores(self.full(images))
        return scores


def heads(count: int, who: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures (picture, 3, y, x) of heads in random pose and light, and whose they are."""
    head = Head((3, SIDE, SIDE))
    identity = standardised(head, draws(head, CLASSES, torch.Generator().manual_seed(who)))
    labels = torch.arange(CLASSES).repeat_interleave(count)
    shown = standardised(head, draws(head, len(labels), torch.Generator().manual_seed(seed)))
    names = names_of(head)
    scene = [names.index(name) for name in ("yaw", "pitch", "azimuth", "elevation")]
    own = identity[labels].clone()
    own[:, scene] = shown[:, scene] * 0.9
    with torch.no_grad():
        images = torch.cat([head.decode(in_units(head, part)) for part in own.split(32)])
    return images.float(), labels


def objects(count: int, stamps: Path, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures of cut-outs on grey, turned, moved, mirrored, larger or smaller, and which they are."""
    random = np.random.default_rng(seed)
    images, labels = [], []
    for number, path in enumerate(chosen(stamps)):
        with Image.open(path) as opened:
            cut = opened.convert("RGBA")
        cut.thumbnail((96, 96))
        for _ in range(count):
            turned = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else cut
            turned = turned.rotate(random.uniform(-25, 25), Image.Resampling.BILINEAR, expand=True)
            side = random.uniform(0.6, 0.95) * SIDE / max(turned.size)
            small = turned.resize(
                (max(2, round(turned.width * side)), max(2, round(turned.height * side))), Image.Resampling.BOX
            )
            ground = Image.new("RGB", (SIDE, SIDE), (128, 128, 128))
            at = (round((SIDE - small.width) * random.random()), round((SIDE - small.height) * random.random()))
            ground.paste(small, at, small)
            images.append(np.asarray(ground, np.float32) / 255 * random.uniform(0.6, 1))
            labels.append(number)
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(), torch.tensor(labels)


def chosen(stamps: Path) -> list[Path]:
    """The cut-outs that are objects of the task, evenly from all of the folders."""
    found = [sorted((stamps / name).rglob("*.png")) for name in FOLDERS]
    found = [[path for path in paths if "cartoon" not in str(path)] for paths in found if paths]
    each = math.ceil(CLASSES / len(found))
    spread = [
        paths[round(k * (len(paths) - 1) / max(each - 1, 1))] for paths in found for k in range(min(each, len(paths)))
    ]
    return list(dict.fromkeys(spread))[:CLASSES]


def trained(images: Tensor, labels: Tensor, classes: int, seed: int) -> Observer:
    torch.manual_seed(seed)
    network = SmallVGG(classes)
    optimiser = torch.optim.AdamW(network.parameters(), lr=STEP, weight_decay=1e-3)
    steps = EPOCHS * (len(images) // BATCH)
    course = torch.optim.lr_scheduler.OneCycleLR(optimiser, STEP, total_steps=steps)
    for step in range(steps):
        if step % (len(images) // BATCH) == 0:
            order = torch.randperm(len(images))
        part = order[(step * BATCH) % (len(images) - BATCH) :][:BATCH]
        loss = cross_entropy(network((images[part] - 0.5) / 0.25), labels[part])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        course.step()
    return Observer(
        network.eval(), input=ImageInput(size=(SIDE, SIDE), mean=(0.5,) * 3, std=(0.25,) * 3), name="small-vgg"
    )


def read_out(observer: Observer, shown: tuple[Tensor, Tensor], tested: tuple[Tensor, Tensor]) -> float:
    """How well a linear read-out of the full layer, fitted to a task, does it."""
    with torch.no_grad():
        features = [
            torch.cat([observer.activations(part, ["full"])["full"] for part in one.split(256)]).numpy()
            for one, _ in (shown, tested)
        ]
    fitted = RidgeClassifierCV(alphas=(1, 10, 100)).fit(features[0], shown[1].numpy())
    return float(fitted.score(features[1], tested[1].numpy()))


def study(seed: int, stamps: Path) -> pd.DataFrame:
    """All figures of one seed, a row each."""
    shown = {"faces": heads(SHOWN, seed, 10 + seed), "objects": objects(SHOWN, stamps, 10 + seed)}
    tested = {"faces": heads(TESTED, seed, 1000 + seed), "objects": objects(TESTED, stamps, 1000 + seed)}
    rows = []
    for name in shown:
        single = trained(*shown[name], CLASSES, seed)
        own = Task(*tested[name]).done_by(single).accuracy
        rows.append(("single", name, name, "", own))
        rows += [("single read-out", name, other, "", read_out(single, shown[other], tested[other])) for other in shown]
    both = (
        torch.cat([shown["faces"][0], shown["objects"][0]]),
        torch.cat([shown["faces"][1], shown["objects"][1] + CLASSES]),
    )
    dual = trained(*both, 2 * CLASSES, seed)
    rows += [("dual read-out", "both", name, "", read_out(dual, shown[name], tested[name])) for name in shown]
    tasks = {
        "faces": Task(*tested["faces"], classes=range(CLASSES)),
        "objects": Task(tested["objects"][0], tested["objects"][1] + CLASSES, classes=range(CLASSES, 2 * CLASSES)),
    }
    rows += [("dual", "both", name, "", task.done_by(dual).accuracy) for name, task in tasks.items()]
    table, _ = lesion_table(dual, LAYERS, tasks)
    for row in table.itertuples():
        rows.append(
            ("lesion", row.ranked_by, row.task, row.layer, (row.whole_accuracy - row.accuracy) / row.whole_accuracy)
        )
    return pd.DataFrame(rows, columns=["what", "of", "task", "layer", "value"]).assign(seed=seed)


def draw(found: pd.DataFrame) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), constrained_layout=True, sharey=True)
    lost = found[found["what"] == "lesion"]
    for axis, ranked in zip(axes, ("faces", "objects"), strict=True):
        for task, colour in (("faces", "#bf4428"), ("objects", "#24608a")):
            part = lost[(lost["of"] == ranked) & (lost["task"] == task)].pivot(
                index="layer", columns="seed", values="value"
            )
            axis.plot(part.index, part.mean(axis=1), "o-", color=colour, label=f"{task} lost")
            axis.plot(part.index, part, ".", color=colour, alpha=0.4)
        axis.set(title=f"without the 20 % that {ranked} need most", ylabel="share of accuracy lost")
        axis.legend()
    figure.savefig(FIGURE, dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--stamps", type=Path, default=Path("/usr/share/tuxpaint/stamps"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    parts = []
    for seed in range(asked.seeds):
        parts.append(study(seed, asked.stamps))
        found = pd.concat(parts)
        found.to_csv(TABLE, sep="\t", index=False, float_format="%.4g")
        print(f"seed {seed}", flush=True)
        print(parts[-1].to_string(index=False), flush=True)
    draw(found)


if __name__ == "__main__":
    main()
