"""Model metamers beside Feather et al. 2019 and 2023: matches by stage, and what other networks make of them.

    python benchmarks/feather_2023.py [--parts images words speech] [--items N] [--evaluations N]

Metamers of photographs on EfficientNet-Lite0, and of recorded words on the word and music network and on Whisper; each saved file is
measured at its stage against all pairs of natural stimuli, and given to other networks, which stand for people. Figures go to
docs/papers/feather_2023.tsv, the picture beside it. One thread: each part takes about ten minutes.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import soxr
import torch
from torch import Tensor
from word_music.corpora import recorded_words
from word_music.evaluate import alone

from synthstim import InputError, StimulusSet, load_model, make
from synthstim.modalities.image import write_png
from synthstim.modalities.sound import write_wav
from synthstim.modalities.sound.recordings import carried_sounds
from synthstim.models import Observer
from synthstim.models.hearing.word_music import RATE, WORDS
from synthstim.verify import natural_pool

FIGURE = Path(__file__).parents[1] / "docs" / "papers" / "feather_2023.png"
TABLE = FIGURE.with_suffix(".tsv")
SIZE, RATE_PLAYED = 112, 48_000


@dataclass(frozen=True)
class Part:
    """One network whose metamers are made: its stages, and the networks that are given them."""

    observer: str
    stages: tuple[str, ...]
    listeners: tuple[str, ...]
    evaluations: int
    items: int


PARTS = {
    "images": Part(
        "efficientnet-lite0", tuple(f"blocks.{number}" for number in range(7)),
        ("squeezenet", "efficientnet-lite1", "efficientnet-lite2"), 250, 16,
    ),
    "words": Part(
        "word-music", ("cochleagram", "relu1", "relu2", "relu3", "word.relu4", "word.relu5", "word.relu6"), ("whisper-tiny.en",), 200, 16,
    ),
    "speech": Part("whisper-tiny.en", ("mel", "conv2", "enc0", "enc1", "enc2", "enc3"), ("word-music",), 200, 12),
}  # fmt: skip


def opened(name: str) -> Observer:
    """A network at the size, or the duration, of the stimuli here."""
    return (
        load_model(name, seconds=1.0)
        if name in ("word-music", "whisper-tiny.en")
        else load_model(name, size=(SIZE, SIZE))
    )


def judged(observer: Observer, stimuli: Tensor) -> list[str]:
    """What a network takes each stimulus for: a class, or a word, as it is written in the list of words."""
    layers = ["word.logits"] if observer.name == "word-music" else []
    return [re.sub(r"[^a-z0-9']", "", str(found).lower()) for one in stimuli for found in observer.decide(one[None], layers)]  # fmt: skip


def photographs(part: Part, folder: Path) -> dict[str, Path]:
    """The middle of each photograph that packages carry, as files."""
    pool = natural_pool(opened(part.observer))
    first = [int(np.flatnonzero(pool.origin == number)[0]) for number in range(len(pool.names))][: part.items]
    paths = {Path(pool.names[pool.origin[at]]).stem: at for at in first}
    for name, at in paths.items():
        write_png(folder / f"{name}.png", pool.stimulus(at))
    return {name: folder / f"{name}.png" for name in paths}


def words(part: Part, folder: Path) -> dict[str, Path]:
    """Recorded words that both networks of hearing name, spread over the list, as files of 1 s."""
    spoken = recorded_words(carried_sounds("word"), WORDS, RATE)
    first = {WORDS[word]: number for number, word in reversed(list(enumerate(spoken.word)))}
    played = [soxr.resample(one, RATE, RATE_PLAYED, quality="HQ") for one in alone(spoken).numpy()]
    both = [opened(name) for name in ("word-music", "whisper-tiny.en")]
    found: dict[str, Path] = {}
    for name in np.random.default_rng(0).permutation(sorted(first)):
        sound = played[first[name]]
        if all(judged(one, torch.from_numpy(sound)[None]) == [name] for one in both):
            found[str(name)] = folder / f"{name}.wav"
            write_wav(found[str(name)], sound, RATE_PLAYED)
        if len(found) == part.items:
            return found
    raise InputError(f"only {len(found)} words are named by both networks; {part.items} were asked for")


def measured(name: str, part: Part, folder: Path) -> pd.DataFrame:
    """Make the metamers of a part, and measure the files: a row each."""
    references = (photographs if name == "images" else words)(part, folder)
    entry = {"kind": "metamer", "layers": list(part.stages), "evaluations": part.evaluations}
    recipe = {
        "observer": part.observer, "seed": 1,
        "stimuli": [{"name": key, "reference": str(path), **entry} for key, path in references.items()],
    }  # fmt: skip
    stimuli = make(recipe, folder / "set", observer=opened(part.observer))
    table = stimuli.table.assign(part=name, observer=part.observer)
    for listener in part.listeners:
        found = as_picked if name == "images" else as_named
        table[f"as_{listener}"] = found(stimuli, opened(listener))
    return table


def as_named(stimuli: StimulusSet, listener: Observer) -> list[bool]:
    """Whether another network takes each metamer for what it takes the reference for."""
    return [
        judged(listener, _batch(stimuli, [row.file])) == judged(listener, _batch(stimuli, [row.reference]))
        for row in stimuli.table.itertuples()
    ]


def as_picked(stimuli: StimulusSet, listener: Observer) -> list[bool]:
    """Whether another network picks the reference out of all references, by the correlation of its scores of classes."""
    references = sorted(set(stimuli.table["reference"]))
    with torch.no_grad():
        shown, made = (
            listener.activations(_batch(stimuli, files), ["output"])["output"].flatten(1).numpy()
            for files in (references, list(stimuli.table["file"]))
        )
    picked = np.corrcoef(made, shown)[: len(made), len(made) :].argmax(1)
    return [references[at] == wanted for at, wanted in zip(picked, stimuli.table["reference"], strict=True)]


def _batch(stimuli: StimulusSet, files: Sequence[str]) -> Tensor:
    return torch.from_numpy(np.stack([stimuli.stimulus(file) for file in files]))


def by_stage(table: pd.DataFrame, part: Part) -> pd.DataFrame:
    """One row a stage: matches, and proportions."""
    groups = table.groupby("layer", sort=False)
    found = pd.DataFrame(
        {
            "match_db": groups["match_db"].median(), "worst_db": groups["match_db"].min(), "spearman": groups["spearman"].median(),
            "beyond_null": groups["null_percentile"].apply(lambda values: float((values >= 100).mean())),
            "same_class": groups["same_class"].apply(lambda values: float(values.astype(float).mean())),
        }
    )  # fmt: skip
    for listener in part.listeners:
        found[f"as_{listener}"] = groups[f"as_{listener}"].mean()
    return found.loc[list(part.stages)]


def draw(rows: pd.DataFrame) -> None:
    """Recognition by stage: the network's own, and that of the networks that stand for people."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), constrained_layout=True, sharey=True)
    for axis, (name, part) in zip(axes, PARTS.items(), strict=True):
        own = rows[rows["part"] == name]
        if len(own):
            stages = [stage.removeprefix("word.") for stage in own["layer"]]
            axis.plot(stages, own["same_class"], "s:", color="#8b9097", label=f"{part.observer} itself")
            for listener, colour in zip(part.listeners, ("#bf4428", "#24608a", "#3a7d5c"), strict=False):
                axis.plot(stages, own[f"as_{listener}"], "o-", color=colour, label=listener)
        axis.set(title=f"{part.observer}, {'photographs' if name == 'images' else 'words'}")
    axes[0].set_ylabel("taken for what the original is")
    for axis in axes:
        axis.set(ylim=(-0.03, 1.05))
        axis.tick_params(axis="x", rotation=60)
        if axis.lines:
            axis.legend(fontsize=8)
    figure.savefig(FIGURE, dpi=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--items", type=int, help="photographs, or words")
    parser.add_argument("--evaluations", type=int)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for name in asked.parts:
        part = PARTS[name]
        changed = {key: value for key in ("items", "evaluations") if (value := getattr(asked, key))}
        part = Part(**{**vars(part), **changed})
        with tempfile.TemporaryDirectory() as folder:
            rows = by_stage(measured(name, part, Path(folder)), part).reset_index().assign(part=name)
        print(
            f"{name}: {part.items} references, {part.evaluations} evaluations\n{rows.to_string(index=False)}",
            flush=True,
        )
        known = pd.read_csv(TABLE, sep="\t") if TABLE.exists() else rows[:0]
        known = pd.concat([known[known["part"] != name], rows])
        known.to_csv(TABLE, sep="\t", index=False, float_format="%.4g")
    draw(pd.read_csv(TABLE, sep="\t"))


if __name__ == "__main__":
    main()
