"""A set of made-up sounds with every table filled, made without a model, for the report's tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from report_fixture import PERCENTILES, SCRIPT

from synthstim.modalities.sound import Waveform, level_of
from synthstim.stimulus_set import SetWriter

RATE = 48_000
SHARED, WORD, MUSIC = (
    ("conv1", "conv2", "conv3"),
    ("word1", "word2", "word_logits"),
    ("music1", "music2", "music_logits"),
)
STAGES = ("cochleagram", *SHARED, *WORD, *MUSIC)
MATCHED = ("cochleagram", "conv2", "word2")
CLASSES = ("subband variance", "envelope mean", "envelope skew", "correlation", "modulation power", "C1", "C2")
FORMANTS = {"ah": (730, 1090, 2440), "ee": (270, 2290, 3010), "oo": (300, 870, 2240)}


def at_level(waveform: np.ndarray, dbfs: float = -26.0) -> Waveform:
    """Scaled to a root mean square re full scale."""
    return (waveform * 10 ** (dbfs / 20) / np.sqrt((waveform**2).mean())).astype(np.float32)


def vowel(name: str, *, seconds: float = 1.0, pitch: float = 120.0) -> Waveform:
    """Two syllables of a vowel with a gliding pitch: harmonics under three formants."""
    time = np.arange(round(seconds * RATE)) / RATE
    f0 = pitch * (1 + 0.25 * np.sin(2 * np.pi * 1.3 * time))
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    gains = [
        sum(np.exp(-0.5 * ((k * pitch - formant) / 120) ** 2) for formant in FORMANTS[name]) + 0.02
        for k in range(1, 60)
    ]
    voice = sum(gain * np.sin(k * phase) for k, gain in enumerate(gains, 1))
    return at_level(voice * np.abs(np.sin(2 * np.pi * time / seconds)) ** 0.4)


def texture(*, seconds: float = 1.0, seed: int = 3) -> Waveform:
    """Crackle: sparse clicks through a resonance, over hiss."""
    generator = np.random.default_rng(seed)
    count = round(seconds * RATE)
    clicks = generator.normal(size=count) * (generator.random(count) < 0.004)
    ring = np.exp(-np.arange(400) / 60) * np.sin(2 * np.pi * 3000 * np.arange(400) / RATE)
    return at_level(np.convolve(clicks, ring)[:count] + 0.05 * generator.normal(size=count))


class SoundMaker:
    """Writes the set part by part; ``hostile`` puts markup into every text that a set may carry."""

    def __init__(self, root: Path, *, hostile: bool = False) -> None:
        self.writer = SetWriter(root, modality="sound", rate=RATE)
        self.generator = np.random.default_rng(11)
        self.bad = SCRIPT if hostile else ""
        self.count = 0

    def distorted(self, sound: Waveform, amount: float) -> Waveform:
        """The sound under noise that has its envelope: what a metamer sounds like from afar."""
        envelope = np.convolve(np.abs(sound), np.ones(960) / 960, "same")
        noise = self.generator.normal(size=len(sound)) * envelope
        return at_level(sound / sound.std() * (1 - amount) + noise / noise.std() * amount)

    def add(self, stimulus_id: str, sound: Waveform, **columns: object) -> None:
        level = level_of(sound)
        self.writer.add(
            stimulus_id, sound, rate_hz=RATE, duration_s=len(sound) / RATE, level_dbfs=level.rms_dbfs,
            peak_dbfs=level.peak_dbfs, **columns,
        )  # fmt: skip

    def curve(self, stimulus_id: str, last: float, evaluations: int = 400) -> None:
        at = np.unique(np.geomspace(1, evaluations, 40).astype(int))
        score = last * (1 - np.exp(-4 * at / evaluations))
        self.writer.add_rows(
            "curves.tsv.gz", pd.DataFrame({"stimulus_id": stimulus_id, "evaluation": at, "score": score})
        )

    def metamers(self, references: dict[str, Waveform], layers: tuple[str, ...] = MATCHED) -> None:
        for name, sound in references.items():
            reference, digest = self.writer.add_reference(sound, name)
            for layer in layers:
                self.null(reference, f"{layer}{self.bad}")
                self.metamer(sound, reference, digest, layer)

    def metamer(self, sound: Waveform, reference: str, digest: str, layer: str) -> None:
        self.count += 1
        depth, failed = STAGES.index(layer), self.count == 5
        match = 13.1 if failed else 42.0 - 2 * depth
        made = self.distorted(sound, 0.12 + 0.1 * depth)
        stimulus_id = f"{Path(reference).stem}_{layer}_0"
        self.add(
            stimulus_id, made, name=f"words{self.bad}", kind="metamer", goal="match", observer="word_music",
            layer=f"{layer}{self.bad}", reference=reference, reference_sha256=digest, copy=0, seed=self.count, start="noise",
            parametrisation="waveform", optimiser="adam 0.01", evaluations=400, converged=not failed, target_db=40.0,
            match_db=match, pearson=1 - 10 ** (-match / 10), spearman=1 - 2 * 10 ** (-match / 10),
            null_percentile=97.5 if failed else 100.0, status="failed" if failed else "passed",
            waveform_distance=float(np.linalg.norm(made - sound) / np.linalg.norm(sound)),
            reason=f"match {match} dB is below 20 dB{self.bad}" if failed else None, same_class=not failed,
        )  # fmt: skip
        self.curve(stimulus_id, match)
        values = {
            stage: match + 3 * (STAGES.index(stage) - depth) if self._downstream(stage, layer) else 4.0
            for stage in STAGES
        }
        self.stages(stimulus_id, values, {layer})

    @staticmethod
    def _downstream(stage: str, layer: str) -> bool:
        """Whether matching the layer matches the stage: what follows it in its own branch."""
        if layer in WORD and stage in MUSIC:
            return False
        return STAGES.index(stage) >= STAGES.index(layer)

    def stages(self, stimulus_id: str, values: dict[str, float], matched: set[str]) -> None:
        rows = pd.DataFrame({"layer": [f"{stage}{self.bad}" for stage in values], "match_db": list(values.values())})
        rows["matched"] = [str(stage in matched).lower() for stage in values]
        rows["pearson"], rows["spearman"], rows["stimulus_id"] = 0.9, 0.8, stimulus_id
        self.writer.add_rows("matches.tsv.gz", rows)

    def null(self, reference: str, layer: str) -> None:
        draws = {"match_db": self.generator.normal(1.5, 1.1, 600), "pearson": self.generator.normal(0.3, 0.1, 600)}
        for measure, values in draws.items():
            rows = pd.DataFrame({"percentile": PERCENTILES, "value": np.percentile(values, PERCENTILES)})
            self.writer.add_rows("null.tsv.gz", rows.assign(reference=reference, layer=layer, measure=measure))

    def texture(self) -> None:
        sound = texture()
        reference, digest = self.writer.add_reference(sound, "crackle")
        self.add(
            "crackle_texture_0", texture(seed=4), name=f"textures{self.bad}", kind="metamer", goal="match", observer="textures",
            layer="+".join(CLASSES), reference=reference, reference_sha256=digest, copy=0, match_db=31.0, pearson=0.999,
            spearman=0.998, waveform_distance=1.4, status="passed", evaluations=60, converged=True,
        )  # fmt: skip
        self.stages("crackle_texture_0", {name: 22.5 + 3 * k for k, name in enumerate(CLASSES)}, set(CLASSES))

    def controllers(self) -> None:
        unit, layer, pool = f"12{self.bad}", f"conv3{self.bad}", self.generator.gamma(1.6, 1.1, 4000)
        rows = pd.DataFrame({"percentile": PERCENTILES, "activation": np.percentile(pool, PERCENTILES)})
        self.writer.add_rows("pool_activations.tsv.gz", rows.assign(unit=unit, layer=layer))
        for goal, factor in (("drive", 1.6), ("suppress", -0.1)):
            best = float(pool.max() if goal == "drive" else pool.min())
            for rank, name in enumerate(FORMANTS):
                file, digest = self.writer.add_best_natural(vowel(name, pitch=150 + 20 * rank), f"u12_{goal}_{rank}")
                row = {"unit": unit, "layer": layer, "goal": goal, "rank": rank, "file": file, "sha256": digest}
                row |= {"activation": best, "photograph": f"{name}.wav{self.bad}"}
                self.writer.add_rows("best_natural.tsv", pd.DataFrame([row]))
            self.add(
                f"unit12_{goal}", self.distorted(vowel("ah", pitch=200), 0.5), name="sites", kind="controller", goal=goal,
                observer="word_music", layer=layer, unit=unit, copy=0, evaluations=200, converged=True,
                activation=factor * float(pool.max()), best_natural=best, status="passed",
            )  # fmt: skip
            self.curve(f"unit12_{goal}", factor)

    def commit(self) -> Path:
        return self.writer.commit(
            {
                "observer": {"name": f"word_music{self.bad}", "input": "1 s at 48 kHz, heard at 16 kHz"}, "seed": 3,
                "versions": {"synthstim": "0.2.0"}, "recipe": f"observer: word_music{self.bad}\n",
            }
        )  # fmt: skip


def make_sound_set(root: Path, *, hostile: bool = False) -> Path:
    """A set of word metamers, a texture, controllers and natural sounds."""
    maker = SoundMaker(root, hostile=hostile)
    maker.metamers({"ah": vowel("ah"), "ee": vowel("ee", pitch=180)})
    maker.texture()
    maker.controllers()
    for name in ("oo", "ee"):
        maker.add(f"natural_{name}", vowel(name, seconds=0.7, pitch=210), kind="natural")
    return maker.commit()
