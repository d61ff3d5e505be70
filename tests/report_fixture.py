"""A stimulus set of real photographs with every table filled, made without a model, for the report's tests."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import skimage.data

from synthstim.modalities.image import FloatImage, luminance_statistics
from synthstim.stimulus_set import SetWriter

PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket", "camera", "coins", "grass", "brick", "gravel", "moon")
LAYERS = ("layer1", "layer2", "layer3", "layer4")
SCRIPT = "<script>alert(1)</script>"
PERCENTILES = (0, 1, 5, 10, 25, 50, 75, 90, 95, 99, 100)


def photograph(name: str, size: int) -> FloatImage:
    """A photograph of skimage's, centre-cropped: (channel, y, x) display values in [0, 1]."""
    pixels = getattr(skimage.data, name)()
    edge = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - edge) // 2, (pixels.shape[1] - edge) // 2
    square = cv2.resize(pixels[top : top + edge, left : left + edge], (size, size), interpolation=cv2.INTER_AREA)
    square = square if square.ndim == 3 else np.repeat(square[..., None], 3, axis=2)
    return np.ascontiguousarray(square.transpose(2, 0, 1), dtype=np.float32) / np.float32(255)


class Maker:
    """Writes the set part by part; ``hostile`` puts markup into every text that a set may carry."""

    def __init__(self, root: Path, *, size: int = 96, hostile: bool = False) -> None:
        self.writer, self.size = SetWriter(root), size
        self.generator = np.random.default_rng(7)
        self.bad = SCRIPT if hostile else ""
        self.count = 0

    def textured(self, image: FloatImage, amount: float) -> FloatImage:
        """A blurred copy with oriented noise: what a metamer looks like from afar."""
        noise = self.generator.normal(size=image.shape)
        noise = np.stack([cv2.GaussianBlur(channel, (0, 0), 1.2) for channel in noise])
        blurred = np.stack([cv2.GaussianBlur(channel, (0, 0), 0.5 + 2 * amount) for channel in image])
        return np.clip(blurred + amount * noise / noise.std() * 0.16, 0, 1).astype(np.float32)

    def preferred(self, angle: float, suppress: bool) -> FloatImage:
        """A coloured, oriented texture: what a controller image looks like from afar."""
        y, x = np.mgrid[: self.size, : self.size] / self.size - 0.5
        phase = 2 * np.pi * (9 * (x * np.cos(angle) + y * np.sin(angle)) + 2 * np.sin(6 * y + angle))
        base = np.stack([np.sin(phase + shift) for shift in (0, 0.9, 2.1)]) * np.exp(-6 * (x**2 + y**2))
        if suppress:
            base = 0.25 * self.generator.normal(size=base.shape)
        return np.clip(0.5 + 0.42 * base, 0, 1).astype(np.float32)

    def curve(self, stimulus_id: str, last: float, evaluations: int) -> None:
        at = np.unique(np.geomspace(1, evaluations, 60).astype(int))
        score = last * (1 - np.exp(-4 * at / evaluations)) + self.generator.normal(size=len(at)) * 0.01 * abs(last)
        rows = pd.DataFrame({"stimulus_id": stimulus_id, "evaluation": at, "score": score})
        self.writer.add_rows("curves.tsv.gz", rows)

    def metamers(self, references: tuple[str, ...], layers: tuple[str, ...], copies: int) -> None:
        for name in references:
            image = photograph(name, self.size)
            reference, digest = self.writer.add_reference(image, name)
            for depth, layer in enumerate(layers):
                layer += self.bad
                self.null(reference, layer, depth)
                for copy in range(copies):
                    self.metamer(image, reference, digest, layer, depth, copy)

    def metamer(self, image: FloatImage, reference: str, digest: str, layer: str, depth: int, copy: int) -> None:
        self.count += 1
        failed = self.count % 7 == 5
        match = 14.2 if failed else float(40 + self.generator.normal() * 4 - depth)
        reason = f"match {match:.1f} dB is below 30 dB; null percentile 98.2 is below 100{self.bad}"
        stimulus_id = f"{Path(reference).stem}_{LAYERS[depth]}_{copy}"
        made = self.textured(image, 0.15 + depth * 0.45)
        light, contrast = luminance_statistics(made)
        self.writer.add(
            stimulus_id, made, name=f"metamers{self.bad}", kind="metamer", goal="match", observer="resnet50", layer=layer,
            reference=reference, reference_sha256=digest, copy=copy, seed=100 + self.count, start="noise",
            parametrisation="pixels", optimiser="lbfgs history 10", evaluations=600 if not failed else 1000,
            converged=not failed, target_db=40.0, match_db=match, pearson=1 - 10 ** (-match / 10) * 2,
            spearman=1 - 10 ** (-match / 10) * 3, null_percentile=98.2 if failed else 100.0,
            pixel_distance=0.2 + 0.2 * depth, status="failed" if failed else "passed", reason=reason if failed else None,
            same_class=not failed, mean_luminance=light, rms_contrast=contrast,
        )  # fmt: skip
        self.curve(stimulus_id, match, 1000 if failed else 600)

    def null(self, reference: str, layer: str, depth: int) -> None:
        draws = {"match_db": self.generator.normal(1.5 - depth * 0.4, 1.1, 600)}
        draws["pearson"] = np.tanh(self.generator.normal(0.35 - 0.05 * depth, 0.16, 600))
        draws["spearman"] = np.tanh(self.generator.normal(0.33 - 0.05 * depth, 0.16, 600))
        for measure, values in draws.items():
            rows = {"percentile": PERCENTILES, "value": np.percentile(values, PERCENTILES)}
            rows |= {"reference": reference, "layer": layer, "measure": measure}  # type: ignore[dict-item]
            self.writer.add_rows("null.tsv.gz", pd.DataFrame(rows))

    def controllers(self, units: tuple[str, ...]) -> None:
        for index, unit in enumerate(units):
            unit, layer = f"{unit}{self.bad}", f"layer3{self.bad}"
            pool = self.generator.gamma(1.6, 1.1, 4000)
            rows = {"percentile": PERCENTILES, "activation": np.percentile(pool, PERCENTILES)}
            self.writer.add_rows("pool_activations.tsv.gz", pd.DataFrame({**rows, "unit": unit, "layer": layer}))
            for goal in ("drive", "suppress"):
                self.best(index, unit, layer, goal, np.sort(pool))
            for goal, value in (("drive", 1.7), ("drive", 1.5), ("suppress", -0.12), ("level", 0.5)):
                self.controller(index, unit, layer, goal, value, pool)

    def best(self, index: int, unit: str, layer: str, goal: str, pool: np.ndarray) -> None:
        for rank in range(5):
            name = PHOTOGRAPHS[(index * 3 + rank + (5 if goal == "suppress" else 0)) % len(PHOTOGRAPHS)]
            file, digest = self.writer.add_best_natural(photograph(name, self.size), f"u{index}_{goal}_{rank}")
            value = pool[-1 - rank] if goal == "drive" else pool[rank]
            row = {"unit": unit, "layer": layer, "goal": goal, "rank": rank, "file": file, "sha256": digest}
            row |= {"activation": value, "photograph": f"{name}.png{self.bad}"}
            self.writer.add_rows("best_natural.tsv", pd.DataFrame([row]))

    def controller(self, index: int, unit: str, layer: str, goal: str, value: float, pool: np.ndarray) -> None:
        self.count += 1
        best = {"drive": pool.max(), "suppress": pool.min(), "level": pool.max() * 0.49}[goal]
        reached = pool.max() * value * (0.55 if index == 1 and value == 1.5 else 1)
        failed = goal == "drive" and reached < best
        stimulus_id = f"unit{index}_{goal}_{self.count}"
        image = self.preferred(index * 0.8 + value, goal == "suppress")
        light, contrast = luminance_statistics(image)
        self.writer.add(
            stimulus_id, image, name=f"sites{self.bad}", kind="controller", goal=goal, observer="resnet50", layer=layer,
            unit=unit, level=reached if goal == "level" else None, copy=0, seed=self.count, start="noise",
            parametrisation="fourier", optimiser="adam 0.05", evaluations=400, converged=True, activation=reached,
            best_natural=best, status="failed" if failed else "passed",
            reason=f"activation {reached:.3g} does not exceed the best natural image's {best:.3g}{self.bad}" if failed else None,
            mean_luminance=light, rms_contrast=contrast,
        )  # fmt: skip
        self.curve(stimulus_id, reached, 400)

    def gallery(self, names: tuple[str, ...]) -> None:
        for name in names:
            image = photograph(name, self.size)
            light, contrast = luminance_statistics(image)
            self.writer.add(f"natural_{name}", image, kind="natural", mean_luminance=light, rms_contrast=contrast)

    def commit(self) -> Path:
        provenance = {
            "observer": {
                "name": f"resnet50{self.bad}", "weights": "default", "weights_sha256": "11ad3fa6" * 8,
                "input": {"size": [224, 224], "channels": 3, "mean": [0.5], "std": [0.5], "resize": None, "order": "RGB"},
            },
            "device": {"type": "cuda", "dtype": "torch.float32", "threads": 8}, "seed": 12, "versions": {"synthstim": "0.1.0", "torch": "2.8.0", "numpy": "2.3.5"},
            "recipe": f"observer: resnet50{self.bad}\nmetamers:\n  layers: [layer1, layer2, layer3, layer4]\n  copies: 2\n",
            "pool": {"name": "skimage", "sources": ["scikit-image"], "origins": 10, "stimuli": 400},
            "null": {"pairs": 600, "photographs": 40}, "coding": "sRGB",
            "criteria": {"match_db": 30, "null_percentile": 100, "controller": "beyond the best natural image"},
        }  # fmt: skip
        return self.writer.commit(provenance)


def make_set(root: Path, *, size: int = 96, hostile: bool = False, references: int = 2, copies: int = 2) -> Path:
    """A set of metamers, controllers and natural images."""
    maker = Maker(root, size=size, hostile=hostile)
    maker.metamers(PHOTOGRAPHS[:references], LAYERS[:3], copies)
    maker.controllers(("V4_12", "V4_40", "IT_3"))
    maker.gallery(PHOTOGRAPHS[4:8])
    return maker.commit()


def make_plain_set(root: Path, count: int = 1, size: int = 32) -> Path:
    """An adopted set: natural images, every measure n/a, no further table."""
    writer = SetWriter(root)
    for name in PHOTOGRAPHS[:count]:
        writer.add(name, photograph(name, size), kind="natural")
    return writer.commit({"adopted_from": "a folder"})
