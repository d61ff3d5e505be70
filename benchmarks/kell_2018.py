"""The word and music network beside Kell et al. 2018: what a metamer of one branch leaves the other, and layers for planted areas.

    python benchmarks/kell_2018.py [--items N] [--evaluations N]

Metamers of recorded words and of music at a shared stage and in either branch, held against both; then areas of an auditory cortex that
live in other models of hearing, fitted layer by layer. Figures go to docs/papers/kell_2018_*.tsv, the picture beside them. One thread.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import soxr
import torch
from torch import Tensor, nn
from word_music.corpora import recorded_words, tracks
from word_music.evaluate import LEVEL, SECONDS, alone

from synthstim import Observer, fit_sites, load_model, make
from synthstim.encoding import Stimuli
from synthstim.modalities.sound import write_wav
from synthstim.modalities.sound.recordings import carried_sounds
from synthstim.models.capture import read_layers
from synthstim.models.hearing.word_music import RATE, STAGES, TRACKS, WORDS
from synthstim.responses import from_array
from synthstim.verify import Measurer, natural_pool
from synthstim.verify.measure import profile_of

FIGURE = Path(__file__).parents[1] / "docs" / "papers" / "kell_2018.png"
BRANCHES, AREAS = (FIGURE.with_name(f"kell_2018_{name}.tsv") for name in ("branches", "areas"))
PLAYED = 48_000
MADE_AT = ("relu3", "word.relu5", "word.relu6", "music.relu5", "music.relu6")
HELD_AGAINST = ("relu3", "word.relu5", "music.relu5", "word.relu6", "music.relu6")
FITTED = tuple(stage for stage in STAGES if "logits" not in stage)
# An area: where its sites live.
LIVES_IN = {
    "modulations": ("spectrotemporal", "power"),
    "Whisper, 2nd convolution": ("whisper-tiny.en", "conv2"),
    "Whisper, 2nd block": ("whisper-tiny.en", "enc1"),
    "Whisper, last block": ("whisper-tiny.en", "enc3"),
    "own word branch": ("word-music", "word.relu6"),
    "own music branch": ("word-music", "music.relu6"),
}
SITES, UNITS, REPEATS, COUNTS, SPREAD = 16, 8, 10, 10.0, 3.0


class Averaged(nn.Module):
    """A network whose stages are averaged over time, as voxels are fitted; ``word.relu4`` becomes the layer ``word_relu4``."""

    def __init__(self, network: nn.Module, stages: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.stages = network, stages
        for stage in stages:
            self.add_module(stage.replace(".", "_"), nn.Identity())

    def forward(self, waveforms: Tensor) -> Tensor:
        read = read_layers(self.network, waveforms, list(self.stages))
        means = [getattr(self, stage.replace(".", "_"))(read[stage].mean(-1)) for stage in self.stages]
        return means[-1]


def references(folder: Path, items: int) -> dict[str, dict[str, Path]]:
    """Words and pieces of music that the network names, none of which it was trained on, as files of 1 s."""
    observer = load_model("word-music", seconds=SECONDS)
    spoken = recorded_words(carried_sounds("word"), WORDS, RATE)
    first = {WORDS[word]: number for number, word in reversed(list(enumerate(spoken.word)))}
    sounds = alone(spoken).numpy()
    order = np.random.default_rng(0).permutation(sorted(first))
    found = {"word": {str(name): sounds[first[name]] for name in order}}
    music = tracks([sound for sound in carried_sounds("music") if sound.name in TRACKS], RATE)
    middles = [part[(len(part) - RATE) // 2 :][:RATE] for part in music.tested]
    found["music"] = {
        name: part / np.sqrt((part**2).mean()) * LEVEL for name, part in zip(music.names, middles, strict=True)
    }
    paths: dict[str, dict[str, Path]] = {}
    for task, sounds_of in found.items():
        paths[task] = {}
        for name, sound in sounds_of.items():
            played = soxr.resample(sound, RATE, PLAYED, quality="HQ").astype(np.float32)
            named = observer.decide(torch.from_numpy(played)[None], [f"{task}.logits"])[0] == name
            if named and np.abs(played).max() < 1 and len(paths[task]) < items:
                paths[task][name] = folder / f"{task}_{name}.wav"
                write_wav(paths[task][name], played, PLAYED)
    return paths


def branches(items: int, evaluations: int) -> pd.DataFrame:
    """One row a metamer and a layer that it is held against."""
    observer = load_model("word-music", seconds=SECONDS)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        of_task = references(folder, items)
        entries = [
            {"name": f"{task}_{number}", "kind": "metamer", "reference": str(path), "layers": list(MADE_AT), "evaluations": evaluations}
            for task, paths in of_task.items()
            for number, path in enumerate(paths.values())
        ]  # fmt: skip
        stimuli = make({"observer": "word-music", "seed": 1, "stimuli": entries}, folder / "set", observer=observer)
        measurer = Measurer(observer, natural_pool(observer, level_dbfs=stimuli.provenance.get("level_dbfs")))
        chance = {layer: float(np.median(measurer.null((layer,)).values("match_db", set()))) for layer in HELD_AGAINST}
        for row in stimuli.table.itertuples():
            made, reference = stimuli.stimulus(row.file), stimuli.stimulus(row.reference)
            task = row.name.partition("_")[0]
            both = torch.from_numpy(np.stack([made, reference]))
            heard = observer.decide(both, [f"{task}.logits"])
            for layer, found in profile_of(observer, made, reference, HELD_AGAINST).items():
                rows.append(
                    {"of": task, "made_at": row.layer, "layer": layer, "match_db": found["match_db"], "chance_db": chance[layer],
                     "named": heard[0] == heard[1]}
                )  # fmt: skip
    return pd.DataFrame(rows)


def planted(clips: Tensor) -> tuple[np.ndarray, list[str]]:
    """Counts (repeat, sound, site) of all areas, and the sites' names: Poisson, 10 on average."""
    random = np.random.default_rng(4242)
    columns, names = [], []
    for area, (model, layer) in LIVES_IN.items():
        observer = load_model(model, seconds=SECONDS)
        with torch.no_grad():
            read = [observer.activations(part, [layer])[layer].mean(-1).flatten(1) for part in clips.split(8)]
        values = torch.cat(read).double().numpy()
        values = values[:, values.std(0) > 1e-6 * np.abs(values).max()]
        values = (values - values.mean(0)) / values.std(0)
        weights = np.zeros((values.shape[1], SITES))
        for site in range(SITES):
            chosen = random.choice(len(weights), UNITS, replace=False)
            weights[chosen, site] = random.normal(size=UNITS)
        drive = values @ weights
        columns.append((drive - drive.mean(0)) / drive.std(0))
        names += [f"{area} {number}" for number in range(SITES)]
    expected = np.maximum(COUNTS + SPREAD * np.concatenate(columns, 1), 0.2)
    return random.poisson(np.repeat(expected[None], REPEATS, 0)).astype(float), names


def areas() -> pd.DataFrame:
    """One row a site and layer: the variance explained of held-out sounds, over what noise leaves to explain."""
    heard = load_model("word-music", seconds=SECONDS)
    pool = natural_pool(heard, level_dbfs=-26.0)
    clips = torch.from_numpy(np.stack([pool.stimulus(number) for number in range(len(pool))]))
    ids = [f"sound_{number:03d}" for number in range(len(clips))]
    counts, names = planted(clips)
    averaged = Observer(Averaged(heard.module, FITTED), input=heard.input, name="averaged", decision=None)
    responses = from_array(counts, stimulus_ids=ids, sites=names, window_s=(0.0, 1.0))
    layers = [stage.replace(".", "_") for stage in FITTED]
    fit = fit_sites(averaged, responses, Stimuli.of_arrays(ids, clips), layers, method="ridge", shuffled=False, seed=0)
    table = fit.layers.assign(
        area=fit.layers["site"].str.rpartition(" ")[0], explained=fit.layers["score"].clip(0) ** 2
    )
    table["layer"] = table["layer"].str.replace("_", ".")
    print(f"{len(clips)} sounds, {REPEATS} repeats; reliability, median {fit.table['reliability'].median():.2f}")
    return table


def by_area(fitted: pd.DataFrame) -> pd.DataFrame:
    """One row an area: its best layer, what that explains, and how many of its sites each part of the network predicts best."""
    rows = {}
    for area in LIVES_IN:
        own = fitted[fitted["area"] == area]
        middle = own.groupby("layer")["explained"].median()
        by_layer = own.pivot(index="site", columns="layer", values="r")[list(FITTED)]
        part = by_layer.columns.to_series().map(lambda layer: layer.partition(".")[0] if "." in layer else "shared")
        best = by_layer.T.groupby(part).max().T
        counts = best.idxmax(axis=1).value_counts()
        rows[area] = {
            "layer": middle.idxmax(), "explained": middle.max(), **{name: int(counts.get(name, 0)) for name in ("shared", "word", "music")},
            "word_over_music": int((best["word"] > best["music"]).sum()),
        }  # fmt: skip
    return pd.DataFrame(rows).T


def draw(made: pd.DataFrame, fitted: pd.DataFrame) -> None:
    figure, (one, two) = plt.subplots(1, 2, figsize=(13, 4.2), constrained_layout=True, width_ratios=(2, 3))
    table = made.pivot_table(index="made_at", columns="layer", values="match_db").loc[list(MADE_AT), list(HELD_AGAINST)]
    shown = one.imshow(table, cmap="viridis", vmin=0)
    for (row, column), value in np.ndenumerate(table.to_numpy()):
        one.text(column, row, f"{value:.0f}", ha="center", va="center", color="white" if value < 15 else "black")
    one.set(
        xticks=range(len(HELD_AGAINST)),
        yticks=range(len(MADE_AT)),
        yticklabels=MADE_AT,
        ylabel="metamer of",
        title="match in dB at",
    )
    one.set_xticklabels(HELD_AGAINST, rotation=45, ha="right")
    figure.colorbar(shown, ax=one, shrink=0.8)
    middle = fitted.groupby(["area", "layer"], sort=False)["explained"].median().unstack(sort=False)
    shared = [stage for stage in FITTED if "." not in stage]
    colours = ("#222222", "#8b9097", "#e0a030", "#bf4428", "#24608a", "#3a7d5c")
    for colour, (area, (model, layer)) in zip(colours, LIVES_IN.items(), strict=True):
        for task in ("word", "music"):
            own = [stage for stage in FITTED if stage.startswith(f"{task}.")]
            places = [*range(len(shared)), *(len(shared) + at for at in range(len(own)))]
            line = {"ls": "-", "label": f"{area} ({model} {layer})"} if task == "word" else {"ls": ":"}
            two.plot(places, middle.loc[area, shared + own], "o", color=colour, ms=4, **line)
    two.set_xticks(range(len(shared) + 3), [*shared, *(f"branch's relu{number}" for number in (4, 5, 6))])
    two.set(
        ylabel="explainable variance explained",
        ylim=(0, 1),
        title="planted areas; lines: word branch, dots: music branch",
    )
    two.tick_params(axis="x", rotation=45)
    two.legend(fontsize=7)
    figure.savefig(FIGURE, dpi=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=8, help="words, and pieces of music")
    parser.add_argument("--evaluations", type=int, default=200, help="of each metamer")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    fitted = areas()
    fitted.to_csv(AREAS, sep="\t", index=False, float_format="%.4g")
    print(by_area(fitted).round(2).to_string(), flush=True)
    made = branches(asked.items, asked.evaluations)
    made.to_csv(BRANCHES, sep="\t", index=False, float_format="%.4g")
    print(made.pivot_table(index="made_at", columns="layer", values="match_db", sort=False).round(1).to_string())
    print(made.groupby("layer")["chance_db"].first().round(1).to_string())
    print(made.pivot_table(index="made_at", columns="of", values="named", sort=False).round(2).to_string())
    draw(made, fitted)


if __name__ == "__main__":
    main()
