"""The command that fits: what it chooses by itself, what it says, and what it refuses before anything is computed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray
from encoding_fixture import crops, maps_of, names, planted
from responses_fixture import WINDOW, write_session, write_text
from torch import nn
from typer.testing import CliRunner

from synthstim.cli import app
from synthstim.encoding import load_fit, suggest_layers
from synthstim.errors import InputError
from synthstim.modalities.image import write_png
from synthstim.modalities.image.encoding import common_size, shown_at
from synthstim.models import ImageInput, Observer, load_model
from synthstim.production.expected_gain import said_of
from synthstim.recipe import read_recipe
from synthstim.responses import Responses, from_array, read_all, screen_sites, write_table
from synthstim.stimulus_set import StimulusSet, adopt

COUNT, SIZE, REPEATS = 40, 64, 3
RELIABLE = ("v4_0", "v4_1", "v4_2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of 40 crops, and the files of a recording of three good sites, a noisy one and a dead one."""
    root = tmp_path_factory.mktemp("evening")
    (root / "images").mkdir()
    for name, crop in zip(names(COUNT), crops(COUNT, SIZE), strict=True):
        write_png(root / "images" / f"{name}.png", crop)
    adopt(root / "images", root / "set")
    signal = planted(maps_of(load_model(size=(SIZE, SIZE)), COUNT, "blocks.2", SIZE), 3)[0]
    generator = np.random.default_rng(0)
    values = np.concatenate([signal, np.full((COUNT, 2), 5.0)], 1)[None].repeat(REPEATS, 0)
    values[..., :4] += generator.normal(size=(REPEATS, COUNT, 4)) * [0.3, 0.3, 0.3, 1.0]
    recorded = from_array(
        values, stimulus_ids=names(COUNT), sites=[*RELIABLE, "noisy", "dead"], window_s=WINDOW, session="monday"
    )
    write_table(recorded, root / "tonight.tsv")
    np.save(root / "tonight.npy", values)
    (root / "ids.txt").write_text("\n".join(names(COUNT)) + "\n")
    return root


def run(*options: object) -> str:
    done = CliRunner().invoke(app, ["fit", *map(str, options)], catch_exceptions=False, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.output


QUICK = ("--layers", "blocks.1,blocks.2", "--min-reliability", "0.6", "--method", "ridge")


def test_what_nobody_chose_is_chosen_and_said(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "fit"
    said = run(folder / "tonight.tsv", "--stimuli", folder / "set", "--out", out, "--min-reliability", "0.6")
    assert "efficientnet-lite0 is shown 3 x 64 x 64, as the stimuli are" in said
    assert "as none was named: blocks.0, blocks.1, blocks.2, blocks.4" in said
    assert "3 of 5 sites are fitted: those of a reliability of 0.6 or more" in said
    assert "the same response in every trial" in said
    assert "reliability below 0.6" in said
    for word in ("site", "layer", "ceiling", "score", "r_shuffled", "median"):
        assert word in said
    made = load_fit(out)
    assert made.sites == RELIABLE
    assert made.observer.layers["sites"] == (3,)
    assert made.table["score"].median() > 0.6
    page = (out / "reliability.html").read_text()
    assert "3 of 4 sites chosen" in page


def test_it_says_what_to_expect_and_the_recipe_that_it_prints_is_one(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "fit"
    said = run(folder / "tonight.tsv", "--stimuli", folder / "set", "--out", out, *QUICK, "--expect")
    assert "is to be expected (half of the sites" in said
    table = pd.read_csv(out / "expected.tsv", sep="\t")
    assert list(table["site"]) == list(RELIABLE)
    assert said_of(table) in " ".join(said.split())
    lines = said[said.index("observer: fit:") :].splitlines()[:3]
    (tmp_path / "tonight.yaml").write_text("\n".join(lines) + "\n")
    recipe = read_recipe(tmp_path / "tonight.yaml")
    assert recipe.stimuli[0].unit.sites == "all"


def test_probes_are_drawn_and_their_recipe_is_printed(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "sites"
    words = ["probes", folder / "set", "--out", out, "--layers", "blocks.1,blocks.2"]
    done = CliRunner().invoke(app, [*map(str, words)], catch_exceptions=False, env={"COLUMNS": "200"})
    assert "15 random sites of blocks.1, blocks.2" in done.output
    lines = done.output[done.output.index("observer: fit:") :].splitlines()[:3]
    (tmp_path / "probes.yaml").write_text("\n".join(lines) + "\n")
    assert read_recipe(tmp_path / "probes.yaml").stimuli[0].unit.sites == "all"
    assert len(load_fit(out).sites) == 15


def test_an_ensemble_over_folds_is_made_by_a_word(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "fit"
    run(
        folder / "tonight.tsv",
        "--stimuli",
        folder / "set",
        "--out",
        out,
        *QUICK,
        "--ensemble",
        "folds",
        "--folds",
        "3",
        "--quiet",
    )
    made = load_fit(out)
    assert made.members == 3
    assert "spread" in made.predict(StimulusSet.read(folder / "set"))


def test_several_models_become_one_ensemble(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "fit"
    said = run(
        folder / "tonight.tsv", "--stimuli", folder / "set", "--out", out, "--observer", "efficientnet-lite0",
        "--observer", "squeezenet", "--min-reliability", "0.6", "--folds", "2",
    )  # fmt: skip
    made = load_fit(out)
    assert made.observer.name == "sites of 2 members on efficientnet-lite0 and squeezenet"
    assert "layers of squeezenet, as none was named" in said
    assert (made.sites, made.observer.input.shape) == (RELIABLE, (3, SIZE, SIZE))


def test_arrays_are_read_with_their_names_beside(folder: Path, tmp_path: Path) -> None:
    said = run(
        folder / "tonight.npy", "--stimuli", folder / "set", "--out", tmp_path / "fit", *QUICK, "--window", "0.07,0.17",
        "--ids", folder / "ids.txt", "--sites", "v4_0,v4_1,v4_2,noisy,dead", "--cache", tmp_path / "cache",
    )  # fmt: skip
    assert "3 of 5 sites" in said
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_one_trial_of_each_stimulus_is_fitted_without_ceilings(folder: Path, tmp_path: Path) -> None:
    trials = pd.read_csv(folder / "tonight.tsv", sep="\t")
    write_text(tmp_path / "single.tsv", trials[trials["repeat"] == 0])
    said = run(tmp_path / "single.tsv", "--stimuli", folder / "set", "--out", tmp_path / "fit", *QUICK)
    assert "no stimulus was repeated: there is no reliability and no ceiling" in said
    assert "4 of 5 sites are fitted" in said
    assert "n/a" in said
    assert not (tmp_path / "fit" / "reliability.html").exists()
    assert load_fit(tmp_path / "fit").table["score"].isna().all()


def test_a_size_that_is_asked_for_is_taken(folder: Path, tmp_path: Path) -> None:
    said = run(
        folder / "tonight.tsv", "--stimuli", folder / "set", "--out", tmp_path / "fit", *QUICK, "--size", "48x40"
    )
    assert "is shown 3 x 48 x 40, as asked" in said
    assert load_fit(tmp_path / "fit").observer.input.shape == (3, 48, 40)


def test_stimuli_of_several_sizes_are_shown_at_the_models_own(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name, crop in zip(names(COUNT), crops(COUNT, SIZE), strict=True):
        write_png(tmp_path / "images" / f"{name}.png", crop[:, : SIZE - (name == "s3")])
    adopt(tmp_path / "images", tmp_path / "set")
    mixed, ids = StimulusSet.read(tmp_path / "set"), names(COUNT)
    assert common_size([mixed], ids) is None
    assert common_size([mixed], ["s3"]) == (SIZE - 1, SIZE)
    assert common_size([StimulusSet.read(folder / "set"), mixed], ["s1"]) == (SIZE, SIZE)
    said = run(
        some_trials(folder, tmp_path), "--stimuli", tmp_path / "set", "--out", tmp_path / "fit", *QUICK, "--folds", "2"
    )
    assert "is shown 3 x 224 x 224, the stimuli, of several sizes, are brought to it" in said


def some_trials(folder: Path, to: Path) -> Path:
    """The trials of a few stimuli."""
    trials = pd.read_csv(folder / "tonight.tsv", sep="\t")
    return write_text(to / "tonight.tsv", trials[trials["stimulus_id"].isin(names(12))])


def test_a_network_of_one_size_is_shown_the_stimuli_at_theirs() -> None:
    observer = load_model(size=(32, 32))
    assert shown_at(observer, (48, 40)).input == replace(observer.input, size=(48, 40))
    # Too large to be run at: the network resizes.
    large = shown_at(observer, (96, 96))
    assert (large.input.shape, large.input.resize) == ((3, 96, 96), (32, 32))
    assert large.layers == observer.layers
    assert shown_at(observer, (48, 96)).input.resize == (16, 32)

    class OneSize(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            assert images.shape[2:] == (16, 16), "wrong size"
            return images.mean((2, 3))

    fixed = Observer(OneSize(), input=ImageInput(size=(16, 16)))
    assert shown_at(fixed, (20, 24)).input == ImageInput(size=(20, 24), resize=(16, 16))
    assert shown_at(fixed, (16, 16)) is fixed


def test_an_experiments_log_is_counted_with_its_spikes(tmp_path: Path) -> None:
    paths = write_session(tmp_path)
    (tmp_path / "images").mkdir()
    write_png(tmp_path / "images" / "x.png", crops(1)[0])
    adopt(tmp_path / "images", tmp_path / "set")
    given = ["fit", tmp_path, "--spikes", paths["spikes"], "--markers", paths["markers"], "--stimuli", tmp_path / "set",
             "--out", tmp_path / "fit"]  # fmt: skip
    unsaid = CliRunner().invoke(app, list(map(str, given)))
    assert "say it, such as --window 0.07,0.17" in str(unsaid.exception)
    done = CliRunner().invoke(app, list(map(str, [*given, "--window", "0.07,0.17"])))
    assert "clock fitted to 20 markers" in done.output
    # Its two stimuli are too few for any site.
    assert "the only site cannot be fitted, a has 2 stimuli; expected 10" in str(done.exception)


# What is refused, before the activations.


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--layers", "blocks.11"], "has no layer 'blocks.11': did you mean"),
        (["--method", "ridges"], "the read-out 'ridges' is unknown"),
        (["--size", "big"], "--size big given; expected pixels"),
        (["--window", "0.2,0.1"], "--window 0.2,0.1 given"),
        (["--window", "0.1,0.2"], "has no window 0.1 to 0.2 s: it has 0.07 to 0.17 s"),
        (["--groups", "photograph"], "no column 'photograph' to group by"),
        (["--folds", "30"], "use fewer folds"),
        (["--min-reliability", "0.999"], "no site has a reliability of 0.999 or more, the best of 4 has"),
        (["--min-reliability", "7"], "expected 0 up to 1"),
        (["--observer", "efficientnet"], "no model is called 'efficientnet'"),
        (["--observer", "mine:net"], "is code of yours: allow it with --allow-code"),
        (["--observer", "resnet18"], "allow it with --allow-download"),
        (["--ids", "nothing.txt"], "nothing.txt cannot be read as names"),
        (["--table", "trials"], "table given; no such file as"),
        (["--spikes", "spikes.tsv"], "1 logs given with 1 --spikes and 0 --markers"),
    ],
)  # fmt: skip
def test_everything_wrong_is_said_before_activations_are_computed(
    folder: Path, tmp_path: Path, options: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synthstim.encoding.fit.layer_activations", lambda *_, **__: pytest.fail("computed"))
    given = [
        "fit",
        str(folder / "tonight.tsv"),
        "--stimuli",
        str(folder / "set"),
        "--out",
        str(tmp_path / "fit"),
        *options,
    ]
    done = CliRunner().invoke(app, given)
    assert isinstance(done.exception, InputError), done.output
    assert said in str(done.exception)
    assert "\n" not in str(done.exception)
    assert not (tmp_path / "fit").exists()


def test_what_a_netcdf_file_does_not_say_is_asked_for_and_given_as_options(folder: Path, tmp_path: Path) -> None:
    values = np.load(folder / "tonight.npy")
    coordinates = {
        "stimulus_id": ("presentation", names(COUNT) * REPEATS),
        "site": ("neuroid", [*RELIABLE, "noisy", "dead"]),
        "time_bin_start": ("time_bin", [70]),
        "time_bin_end": ("time_bin", [170]),
    }
    flat = values.reshape(-1, values.shape[2], 1)
    array = xarray.DataArray(flat, dims=("presentation", "neuroid", "time_bin"), coords=coordinates, name="rates")
    array.to_netcdf(tmp_path / "bins.nc", engine="h5netcdf")
    whole = array.isel(time_bin=0, drop=True)
    xarray.Dataset({"rates": whole, "other": whole}).to_netcdf(tmp_path / "two.nc", engine="h5netcdf")
    # Read as it is meant, it is refused for its reliability only.
    read = "has a reliability of 0.999 or more"
    for file, options, said in (
        ("bins.nc", [], "give --time-unit s or ms"),
        ("bins.nc", ["--time-unit", "min"], "the unit of time 'min' is unknown"),
        ("bins.nc", ["--time-unit", "s"], "cannot be in seconds"),
        ("bins.nc", ["--time-unit", "ms"], read),
        ("bins.nc", ["--time-unit", "ms", "--window", "0.07,0.17", "--leave-out", "dead"], read),
        ("two.nc", ["--window", "0.07,0.17"], "name one with --variable NAME"),
        ("two.nc", ["--variable", "rates"], "give the window with --window START,END"),
        ("two.nc", ["--variable", "rates", "--window", "0.07,0.17"], read),
    ):
        given = [tmp_path / file, "--stimuli", folder / "set", "--out", tmp_path / "fit", "--min-reliability", "0.999"]
        done = CliRunner().invoke(app, ["fit", *map(str, [*given, *options])])
        assert said in str(done.exception), (options, done.exception)


def test_one_of_several_windows_is_chosen(folder: Path, tmp_path: Path) -> None:
    trials = pd.read_csv(folder / "tonight.tsv", sep="\t")
    both = pd.concat([trials, trials.assign(window_start_s=0.17, window_end_s=0.27)])
    given = [write_text(tmp_path / "both.tsv", both), "--stimuli", folder / "set", "--out", tmp_path / "fit", *QUICK]
    done = CliRunner().invoke(app, ["fit", *map(str, given)])
    assert "has 2 windows: choose one with --window, of 0.07,0.17, 0.17,0.27" in str(done.exception)
    assert "3 of 5 sites" in run(*given, "--window", "0.07,0.17", "--quiet", "--folds", "2")


def test_a_folder_that_is_there_and_a_set_that_is_none_are_refused(folder: Path, tmp_path: Path) -> None:
    for out, stimuli, said in (
        (tmp_path, folder / "set", "exists already"),
        (tmp_path / "fit", folder, "is not a stimulus set: it has no provenance.json"),
        (tmp_path / "fit", folder / "set" / "stimuli", "synthstim adopt makes one of images of your own"),
        (tmp_path / "fit", folder / "tonight.tsv", "it is a file: give the folder of a set"),
        (tmp_path / "fit", folder / "nowhere", "nothing is there: check the path"),
    ):
        done = CliRunner().invoke(
            app, ["fit", str(folder / "tonight.tsv"), "--stimuli", str(stimuli), "--out", str(out)]
        )
        assert said in str(done.exception)


# What is behind it.


def test_files_of_several_kinds_are_joined_each_with_its_own_options(folder: Path) -> None:
    facts = {"stimulus_ids": names(COUNT), "sites": [*RELIABLE, "noisy", "dead"], "session": "tuesday"}
    np.save(folder / "next.npy", np.load(folder / "tonight.npy") + 0.01)
    both = read_all([folder / "tonight.tsv", folder / "next.npy"], window_s=WINDOW, **facts)
    assert both.sessions == ("monday", "tuesday")
    assert len(both) == 2 * COUNT * REPEATS * 5
    with pytest.raises(InputError, match=r"column given; no such file as .* takes it: leave it out"):
        read_all([folder / "tonight.tsv"], column="label")
    (folder / "some.nwb").write_bytes(b"x")
    with pytest.raises(InputError, match="holds spikes: say in which window"):
        read_all([folder / "some.nwb"])


def test_sites_are_screened_by_their_trials_with_the_reason(folder: Path) -> None:
    responses = read_all([folder / "tonight.tsv"])
    few = (responses.trials["site"] == "v4_1") & ~responses.trials["stimulus_id"].isin(names(4))
    once = (responses.trials["site"] == "v4_2") & (responses.trials["repeat"] > 0)
    found = screen_sites(Responses(responses.trials[~few & ~once]), at_least=0.6, fewest=10)
    assert found.responses.sites == ("v4_0",)
    assert repr(found) == "Screened(1 of 5 sites)"
    why = found.left_out.set_index("site")
    assert why["why"].to_dict() == {
        "v4_1": "4 stimuli; expected 10",
        "v4_2": "0 stimuli with two trials; expected 3",
        "dead": "the same response in every trial",
        "noisy": "reliability below 0.6",
    }
    assert why["reliability"].isna().tolist() == [True, True, True, False]
    with pytest.raises(InputError, match="the only site cannot be fitted, dead has the same response in every trial"):
        screen_sites(responses.only(sites=["dead"]))


def test_layers_are_suggested_from_early_to_late() -> None:
    observer = load_model(size=(112, 112))
    chosen = suggest_layers(observer)
    assert chosen == ("blocks.0", "blocks.1", "blocks.2", "blocks.4", "blocks.6")
    sides = [observer.layers[layer][-1] for layer in chosen]
    assert sides == sorted(set(sides), reverse=True)
