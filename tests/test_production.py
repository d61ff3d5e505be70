"""From a recipe to a set on disk: what is in it, that it resumes, that nothing half-written is left."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
from patience import PATIENCE_S
from production_fixture import RUN, SMALL, write_small
from torch import nn

from synthstim import ImageInput, InputError, Observer, Recipe, StimulusSet, check_set, load_model, make, read_recipe
from synthstim.files import sha256_of
from synthstim.modalities.image import bit_depth, read_image, write_png
from synthstim.modalities.image.likeness import structural_similarity
from synthstim.production.fingerprint import structure_of
from synthstim.production.jobs import plan_jobs
from synthstim.stimulus_set.columns import columns_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("production")
    make(read_recipe(write_small(place)), place / "set")
    return place


@pytest.fixture(scope="module")
def made(folder):
    return StimulusSet.read(folder / "set")


def test_every_row_of_the_recipe_is_a_row_of_the_table(made):
    assert list(made.table["stimulus_id"]) == [
        *("cat_blocks-0_0", "cat_blocks-0_1", "cat_blocks-1__blocks-2_0", "cat_blocks-1__blocks-2_1"),
        *("up_ch42_0", "up_ch7_0", "down_0", "at_0", "only_0"),
    ]
    assert list(made.table.columns) == list(columns_of(made.provenance))
    assert not made.damaged()
    assert json.loads((made.root / "stimuli.json").read_text()).keys() == columns_of(made.provenance).keys()


def test_stimuli_do_what_they_were_made_for(made):
    table = made.table.set_index("stimulus_id")
    assert table.loc["cat_blocks-0_0", "match_db"] > 20
    assert (table.loc[table.kind == "metamer", "null_percentile"] == 100).all()
    assert (
        table.loc[["up_ch42_0", "up_ch7_0"], "activation"] > table.loc[["up_ch42_0", "up_ch7_0"], "best_natural"]
    ).all()
    assert table.loc["down_0", "activation"] < table.loc["down_0", "best_natural"]
    assert abs(table.loc["at_0", "activation"] - 5.0) < 0.5
    assert set(table["status"]) <= {"passed", "failed"}
    assert table.loc[table.status == "failed", "reason"].notna().all()


def test_match_in_the_table_is_that_of_the_file(made):
    row = made.table.iloc[0]
    observer = load_model(size=(64, 64))
    both = torch.from_numpy(np.stack([made.stimulus(row["file"]), made.stimulus(row["reference"])]))
    features = observer.activations(both, ["blocks.0"])["blocks.0"].flatten(1).double().numpy()
    ratio = np.linalg.norm(features[0] - features[1]) / np.linalg.norm(features[1])
    assert row["match_db"] == pytest.approx(-20 * np.log10(ratio), abs=1e-3)


def test_copies_differ_and_say_how_far_they_are_from_the_reference(made):
    one, two = (made.stimulus(f"stimuli/cat_blocks-1__blocks-2_{copy}.png") for copy in (0, 1))
    assert np.abs(one - two).mean() > 1 / 255
    reference = made.stimulus(made.table["reference"].iloc[2])
    distance = np.linalg.norm(one - reference) / np.linalg.norm(reference)
    assert made.table["pixel_distance"].iloc[2] == pytest.approx(distance, rel=1e-5)
    assert made.table["ssim"].iloc[2] == pytest.approx(structural_similarity(one, reference), abs=1e-5)


def test_provenance_and_companions(made):
    facts = made.provenance
    assert facts["recipe"] == SMALL
    assert facts["observer"]["weights_sha256"] == load_model().weights_sha256
    assert facts["pool"]["stimuli"] >= 500
    assert facts["null"]["references/cat.png blocks.0"]["origins"] == facts["pool"]["origins"] - 1
    curves = made.companion("curves.tsv.gz")
    assert set(curves["stimulus_id"]) == set(made.table["stimulus_id"])
    last = curves.groupby("stimulus_id")["evaluation"].max()
    assert dict(last) == dict(zip(made.table["stimulus_id"], made.table["evaluations"], strict=True))
    best = made.companion("best_natural.tsv")
    assert all(sha256_of(made.path(file)) == sha for file, sha in zip(best["file"], best["sha256"], strict=True))
    assert not list(made.root.parent.glob(".set*")), "nothing is left beside the set"


def test_same_recipe_same_bytes_whatever_the_batch(folder, made, tmp_path):
    again = make(read_recipe(folder / "recipe.yaml"), tmp_path / "again")
    assert list(again.table["sha256"]) == list(made.table["sha256"])
    one = make(read_recipe(folder / "recipe.yaml"), tmp_path / "one", at_once=1)
    near = (one.table["match_db"] - made.table["match_db"]).abs().dropna()
    assert (near < 0.5).all()


def test_check_finds_nothing_then_the_figure_that_was_changed(made, tmp_path):
    observer = load_model(size=(64, 64))
    assert check_set(made, observer).problems == []
    copy = tmp_path / "set"
    shutil.copytree(made.root, copy)
    text = (copy / "stimuli.tsv").read_text()
    value = f"{made.table['match_db'].iloc[0]:.7g}"
    (copy / "stimuli.tsv").write_text(text.replace(value, f"{float(value) + 0.2:.7g}", 1))
    of_file, of_figure = check_set(StimulusSet.read(copy), observer).problems
    assert of_file.endswith("row cat_blocks-0_0, column match_db")
    assert of_figure.startswith("cat_blocks-0_0: match_db")


def test_check_on_a_second_observer(made):
    observer = load_model(size=(64, 64))
    found = check_set(made, observer, second=load_model(size=(96, 96)), second_layer="blocks.0")
    assert list(found.elsewhere["stimulus_id"]) == list(made.table["stimulus_id"][:4])
    assert found.elsewhere["match_db"].iloc[0] > 10


def test_killed_run_resumes_to_the_same_set(folder, made, tmp_path):
    command = [
        sys.executable,
        "-c",
        "import synthstim.production.work_directory as w; w.EVERY_SECONDS = w.SHARE = 0; " + RUN,
    ]
    command += [str(folder / "recipe.yaml"), str(tmp_path / "set")]
    process = subprocess.Popen(command)
    work = tmp_path / ".set.work"
    deadline = time.monotonic() + PATIENCE_S
    while not (list(work.glob("job-0000.*")) and list(work.glob("job-0001-running-*.safetensors"))):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "set").exists()
    with pytest.raises(InputError, match="continue with resume=True"):
        make(read_recipe(folder / "recipe.yaml"), tmp_path / "set")
    subprocess.run([*command, "--resume"], check=True)
    resumed = StimulusSet.read(tmp_path / "set")
    pd.testing.assert_frame_equal(resumed.table, made.table)
    assert not work.exists()


def test_resume_refuses_another_recipe(folder, tmp_path):
    recipe = read_recipe(folder / "recipe.yaml")
    work = tmp_path / ".set.work"
    work.mkdir()
    (work / "fingerprint.json").write_text('{"sha256": "of another"}')
    with pytest.raises(InputError, match="another recipe"):
        make(recipe, tmp_path / "set", resume=True)
    (work / "fingerprint.json").write_text('{"recipe": ')
    with pytest.raises(InputError, match="is damaged"):
        make(recipe, tmp_path / "set", resume=True)


def test_a_folder_of_the_users_own_is_left_alone(folder, tmp_path):
    work = tmp_path / ".set.work"
    work.mkdir()
    (work / "notes.txt").write_text("mine")
    for resume in (False, True):
        with pytest.raises(InputError, match="is not synthstim's"):
            make(read_recipe(folder / "recipe.yaml"), tmp_path / "set", resume=resume)
    assert (work / "notes.txt").read_text() == "mine"


TINY = "observer: {name: efficientnet-lite0, size: 64}\nstimuli:\n  - {name: up, kind: controller, goal: drive, unit: {layer: blocks.1, channel: 3}, evaluations: 4}\n"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    place = tmp_path_factory.mktemp("tiny")
    write_small(place, TINY)
    make(read_recipe(place / "recipe.yaml"), place / "set", budget=3)
    return place


def test_a_complete_set_is_given_back_if_it_is_the_one_asked_for(tiny):
    again = make(read_recipe(tiny / "recipe.yaml"), tiny / "set", budget=3, resume=True)
    assert list(again.table["evaluations"]) == [3]
    assert sorted(path.name for path in tiny.iterdir()) == ["cat.png", "recipe.yaml", "set"]


def _other_recipe(place):
    (place / "recipe.yaml").write_text(TINY.replace("channel: 3", "channel: 4"))


def _other_pool(place):
    write_small(place, f"pool: photographs\n{TINY}")
    (place / "photographs").mkdir()
    for number in range(4):
        shutil.copy(place / "cat.png", place / "photographs" / f"{number}.png")


def _damage(place):
    (place / "set" / "stimuli" / "up_0.png").write_bytes(b"no image")


@pytest.mark.parametrize(
    ("change", "given", "said"),
    [
        (_other_recipe, {}, "another recipe"),
        (_other_pool, {}, "another recipe and natural pool"),
        (lambda _: None, {"budget": None}, "another budget"),
        (lambda _: None, {"observer": lambda: load_model(weights="random", size=(64, 64))}, "another .*set of weights"),
        (lambda _: None, {"observer": lambda: _rewired(load_model(size=(64, 64)))}, "another architecture"),
        (_damage, {}, "up_0.png has changed"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*RANDOM weights")
def test_a_complete_set_that_is_another_is_refused(tiny, tmp_path, change, given, said):
    shutil.copytree(tiny, tmp_path / "place")
    change(tmp_path / "place")
    given = {name: value() if callable(value) else value for name, value in given.items()}
    with pytest.raises(InputError, match=said):
        make(
            read_recipe(tmp_path / "place" / "recipe.yaml"),
            tmp_path / "place" / "set",
            **{"budget": 3, "resume": True, **given},
        )


def _rewired(observer):
    """The same weights in another network."""
    module = observer.module
    for name, part in list(module.named_modules()):
        if isinstance(part, nn.ReLU6):
            owner = module.get_submodule(name.rpartition(".")[0])
            setattr(owner, name.rpartition(".")[2], nn.ReLU())
    return Observer(module, input=observer.input, name=observer.name, weights=observer.weights)


def test_two_at_once_to_one_place(tiny, tmp_path):
    command = [sys.executable, "-c", RUN, str(tiny / "recipe.yaml"), str(tmp_path / "set")]
    work = tmp_path / ".set.work"
    with locked_work(work):
        for more in ([], ["--resume"]):
            ran = subprocess.run([*command, *more], check=False, capture_output=True, text=True)
            assert f"is in use (make, process {os.getpid()}" in ran.stderr
    make(read_recipe(tiny / "recipe.yaml"), tmp_path / "set")
    assert not work.exists()


def locked_work(work):
    from synthstim.production.work_directory import WorkDirectory

    return WorkDirectory(work.parent / "set", resume=False)


def test_a_damaged_file_of_the_work_is_named(tiny, tmp_path):
    recipe = read_recipe(tiny / "recipe.yaml")

    def stop(now):
        if now.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(recipe, tmp_path / "set", watch=stop)
    job = tmp_path / ".set.work" / "job-0000.safetensors"
    whole = job.read_bytes()
    for content in (whole[:-20], b"", whole.replace(b'"curves\\"', b'"curls_\\"')):
        assert content != whole
        job.write_bytes(content)
        with pytest.raises(
            InputError, match=r"job-0000.safetensors is damaged .*: remove it, and the same call with resume=True"
        ):
            make(recipe, tmp_path / "set", resume=True)
    job.unlink()
    assert len(make(recipe, tmp_path / "set", resume=True)) == 1


def test_the_target_of_a_controller_is_its_activation(tmp_path):
    write_small(
        tmp_path,
        "observer: {name: efficientnet-lite0, size: 64}\nstimuli:\n"
        "  - {name: up, kind: controller, goal: drive, unit: {layer: blocks.1, channel: 3}, target: 20, total_variation: 5, evaluations: 200}\n"
        "  - {name: only, kind: controller, goal: one_hot, unit: {layer: blocks.1, channel: 3}, others: {layer: blocks.1, channels: [1]}, target: 20, evaluations: 200}\n",
    )
    table = make(read_recipe(tmp_path / "recipe.yaml"), tmp_path / "set").table
    assert table["converged"].all()
    assert (table["activation"] >= 20).all()
    assert (table["activation"] < 22).all()
    assert (table["evaluations"] < 100).all()


def test_seconds_are_for_the_whole_of_a_stimulus(tmp_path):
    write_small(
        tmp_path,
        "observer: {name: efficientnet-lite0, size: 64}\nstimuli:\n"
        "  - {name: cat, kind: metamer, reference: cat.png, layers: [blocks.1], seconds: 0.001}\n",
    )
    table = make(read_recipe(tmp_path / "recipe.yaml"), tmp_path / "set").table
    assert list(table["evaluations"]) == [10], "one look at the clock, and no second phase"


def test_own_observer_grey_scale(tmp_path):
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.Flatten(), nn.Linear(2500, 3)
    )
    observer = Observer(module, input=ImageInput(size=(57, 57), channels=1), name="mine")
    write_small(tmp_path)
    entry = {"name": "grey", "kind": "metamer", "reference": "cat.png", "layers": ["1"], "evaluations": 30}
    stimuli = make(
        Recipe.from_dict({"observer": "mine", "stimuli": [entry]}, tmp_path), tmp_path / "set", observer=observer
    )
    assert read_image(stimuli.path("stimuli/grey_1_0.png")).shape == (1, 57, 57)
    assert stimuli.table["match_db"].iloc[0] > 10


def test_copies_that_are_to_differ_stay_in_one_batch(small_efficientnet):
    entry = {"name": "up", "kind": "controller", "goal": "drive", "unit": {"layer": "blocks.1", "channels": [3, 4, 5]}}

    def sizes(**more):
        recipe = Recipe.from_dict({"observer": "small", "stimuli": [{**entry, **more}]})
        return [
            [sum(item.channel == channel for item in job.items) for channel in (3, 4, 5)]
            for job in plan_jobs(recipe, small_efficientnet)
        ]

    assert sizes(copies=5) == [[5, 3, 0], [0, 2, 5], [0, 0, 1]] or sizes(copies=5) == [[5, 3, 0], [0, 2, 5]]
    assert sizes(copies=12, diversity=0.5) == [[12, 0, 0], [0, 12, 0], [0, 0, 12]]
    assert sizes(copies=3, diversity=0.5) == [[3, 3, 0], [0, 0, 3]]


def test_a_stimulus_of_16_bits_is_made_and_judged_at_16_bits(tmp_path):
    write_small(tmp_path, TINY)
    fine = 0.5 + 0.01 * (read_image(tmp_path / "cat.png") - 0.5)
    write_png(tmp_path / "fine.png", fine, bits=16)
    entry = {"kind": "metamer", "reference": "fine.png", "layers": ["blocks.0"], "evaluations": 60}
    stimuli = [{**entry, "name": "fine", "bits": 16}, {**entry, "name": "coarse"}]
    recipe = Recipe.from_dict({"observer": {"name": "efficientnet-lite0", "size": 64}, "stimuli": stimuli}, tmp_path)
    made = make(recipe, tmp_path / "set")
    fine, coarse = made.table["reference"]
    assert (bit_depth(made.path(fine)), bit_depth(made.path(coarse))) == (16, 8)
    observer = load_model(size=(64, 64))
    levels = len(np.unique(read_image(made.path(fine))))
    assert levels > 4 * len(np.unique(read_image(made.path(coarse))))
    phases = {job.items[0].entry.name: job for job in plan_jobs(recipe, observer)}
    assert phases["fine"].phases[-1].levels == 65535
    assert phases["coarse"].phases[-1].levels == 255
    assert not check_set(made, observer).problems


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_a_fingerprint_tells_what_a_network_computes():
    class Block(nn.Module):
        def forward(self, images):
            return images.flatten(1).relu()

    class Other(nn.Module):
        def forward(self, images):
            return images.flatten(1).tanh()

    Other.__qualname__ = Block.__qualname__
    seen = [
        nn.Conv2d(3, 4, 3, padding=1),
        nn.Conv2d(3, 4, 3, padding=2),
        nn.Conv2d(3, 4, 3, padding=1),
        Block(),
        Other(),
    ]
    one, padded, same, block, other = (structure_of(module) for module in seen)
    assert one == same
    assert one != padded
    assert block != other
    traced = [torch.jit.trace(module, torch.zeros(1, 3, 4, 4)) for module in (Block(), Block(), Other())]
    first, again, another = map(structure_of, traced)
    assert first == again != another
