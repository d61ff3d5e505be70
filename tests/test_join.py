"""Joined sets: nothing is lost or mixed up, each part is checked by its own observer, and what does not go together is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from experiment_fixture import write_rig
from production_fixture import write_small
from typer.testing import CliRunner

from synthstim.cli import app
from synthstim.errors import InputError
from synthstim.experiment import export_experiment
from synthstim.files import sha256_of
from synthstim.modalities.image import write_png
from synthstim.modalities.sound import write_wav
from synthstim.models import load_model
from synthstim.production import make
from synthstim.recipe import read_recipe
from synthstim.report import write_report
from synthstim.stimulus_set import COMPANIONS, StimulusSet, adopt, join_sets
from synthstim.verify import check_joined, check_set

# Of the second observer, which is another one for it.
pytestmark = pytest.mark.filterwarnings("ignore:.*RANDOM weights")
RECIPE = """\
observer: {name: efficientnet-lite0, size: 32WEIGHTS}
stimuli:
  - {name: cat, kind: metamer, reference: cat.png, layers: [blocks.0], copies: 2, evaluations: 3}
"""
UP = "  - {name: up, kind: controller, goal: drive, unit: {layer: blocks.4, channel: 42}, evaluations: 3}\n"


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """Sets of one reference on two observers, a photograph that was adopted, and the three joined."""
    desk = tmp_path_factory.mktemp("desk")
    for name, text in {
        "trained": RECIPE.replace("WEIGHTS", "") + UP,
        "random": RECIPE.replace("WEIGHTS", ", weights: random"),
    }.items():
        make(read_recipe(write_small(desk, text)), desk / name)
    (desk / "photographs").mkdir()
    write_png(desk / "photographs" / "CAT_blocks-0_0.png", np.full((3, 32, 32), 0.25, np.float32))
    adopt(desk / "photographs", desk / "mine")
    join_sets([desk / "trained", desk / "random", desk / "mine"], desk / "both")
    return desk


def test_every_stimulus_is_there_under_an_id_of_its_own_with_its_bytes_and_figures(desk):
    both = StimulusSet.read(desk / "both")
    for name, part in both.parts.items():
        before = StimulusSet.read(desk / name)
        ids = {new: old for new, old in part.provenance["ids"].items()}
        assert len(part) == len(before)
        assert [ids.get(one, one) for one in part.table["stimulus_id"]] == list(before.table["stimulus_id"])
        same = [column for column in before.table if column not in ("stimulus_id", "file")]
        assert part.table[same].equals(before.table[same])
        for old, new in zip(before.table["file"], part.table["file"], strict=True):
            assert sha256_of(before.path(old)) == sha256_of(part.path(new))
        assert {key: part.provenance[key] for key in ("observer", "recipe", "pool") if key in before.provenance} == {
            key: before.provenance[key] for key in ("observer", "recipe", "pool") if key in before.provenance
        }
        assert part.provenance["tables"]["stimuli.tsv"] == sha256_of(desk / name / "stimuli.tsv")
    assert list(both.table["set"].unique()) == ["trained", "random", "mine"]


def test_only_ids_that_several_have_are_changed_whatever_their_case(desk):
    both = StimulusSet.read(desk / "both")
    assert list(both.table["stimulus_id"]) == [
        "trained_cat_blocks-0_0", "trained_cat_blocks-0_1", "up_0",
        "random_cat_blocks-0_0", "random_cat_blocks-0_1", "mine_CAT_blocks-0_0",
    ]  # fmt: skip


def test_a_reference_of_both_is_kept_once(desk):
    both = StimulusSet.read(desk / "both")
    assert list(both.table["reference"].dropna().unique()) == ["references/cat.png"]
    assert [path.name for path in (both.root / "references").iterdir()] == ["cat.png"]


@pytest.mark.parametrize("name", COMPANIONS)
def test_further_tables_hold_the_rows_of_each_set(desk, name):
    both = StimulusSet.read(desk / "both")
    for part in both.parts:
        before, now = StimulusSet.read(desk / part).companion(name), both.parts[part].companion(name)
        assert len(now) == len(before)
        for column in set(COMPANIONS[name]) - {"stimulus_id"}:
            assert list(now[column]) == list(before[column])


def test_each_part_is_measured_again_on_its_own_observer(desk):
    ran = CliRunner().invoke(app, ["check", str(desk / "both"), "--quiet"])
    assert ran.exit_code == 0, ran.output
    assert "6 of 6 files measured again, 0 differences" in ran.output


def test_one_observer_for_all_is_refused(desk):
    with pytest.raises(InputError, match="was joined of several sets, each with its own observer: use check_joined"):
        check_set(StimulusSet.read(desk / "both"), load_model("efficientnet-lite0", size=(32, 32)))
    with pytest.raises(InputError, match="was not joined of several sets: check it with check_set"):
        check_joined(StimulusSet.read(desk / "trained"), {})


def test_what_was_changed_in_a_joined_set_is_found(desk, tmp_path):
    shutil.copytree(desk / "both", tmp_path / "both")
    both = StimulusSet.read(tmp_path / "both")
    # Values that are there, in the other observer's rows.
    path = tmp_path / "both" / "provenance.json"
    facts = json.loads(path.read_text())
    facts["parts"]["mine"]["observer"] = {"name": "made up"}
    path.write_text(json.dumps(facts))
    write_png(both.path("stimuli/up_0.png"), np.zeros((3, 32, 32), np.float32))
    problems = check_joined(StimulusSet.read(tmp_path / "both"), {}).problems
    assert [problem.split(" ")[0] for problem in problems] == ["stimuli/up_0.png", "provenance.json"]


def test_a_part_whose_observer_is_not_here_is_told_and_its_files_are_checked(desk, tmp_path):
    shutil.copytree(desk / "random", tmp_path / "elsewhere")
    path = tmp_path / "elsewhere" / "provenance.json"
    facts = json.loads(path.read_text())
    facts["observer"]["opening"] = {}
    path.write_text(json.dumps(facts))
    (tmp_path / "elsewhere" / "SHA256SUMS").unlink()
    facts.pop("table")
    path.write_text(json.dumps(facts))
    join_sets([desk / "mine", tmp_path / "elsewhere"], tmp_path / "both")
    ran = CliRunner().invoke(app, ["check", str(tmp_path / "both"), "--quiet"])
    assert ran.exit_code == 0, ran.output
    assert "not measured again elsewhere, but its files" in ran.output.replace("\n", " ")
    assert "3 of 3 files measured again, 0 differences" in ran.output
    ran = CliRunner().invoke(app, ["check", str(tmp_path / "both"), "--weights", "mine.safetensors"])
    assert "was joined of several sets" in str(ran.exception)


def test_the_page_and_an_experiment_are_made_of_a_joined_set(desk, tmp_path):
    page = write_report(desk / "both", tmp_path / "page.html").read_text(encoding="utf-8")
    assert all(f"Set {name}" in page for name in ("trained", "random", "mine"))
    assert page.count('<p class="note">random</p>') == 1
    made = export_experiment(StimulusSet.read(desk / "both"), out=tmp_path / "experiment", rig=write_rig(tmp_path))
    assert made is not None


def test_joined_sets_can_be_joined(desk, tmp_path):
    (tmp_path / "more").mkdir()
    write_png(tmp_path / "more" / "new.png", np.ones((3, 32, 32), np.float32))
    adopt(tmp_path / "more", tmp_path / "mine")
    joined, renamed = join_sets([desk / "both", tmp_path / "mine"], tmp_path / "all")
    assert list(joined.parts) == ["trained", "random", "mine", "mine_2"]
    assert renamed == {}
    assert joined.parts["random"].provenance["ids"] == {f"random_cat_blocks-0_{n}": f"cat_blocks-0_{n}" for n in (0, 1)}
    assert not check_joined(joined, {}).problems
    with pytest.raises(InputError, match="holds stimuli of"):
        join_sets([desk / "both", desk / "trained"], tmp_path / "again")


def sounds(folder: Path, name: str, rate: int, tone: float) -> Path:
    (folder / f"{name} files").mkdir()
    write_wav(folder / f"{name} files" / "tone.wav", 0.1 * np.sin(tone * np.arange(rate // 4, dtype=np.float32)), rate)
    adopt(folder / f"{name} files", folder / name)
    return folder / name


def test_sounds_are_joined_at_one_rate_only(tmp_path):
    one, two, other = (
        sounds(tmp_path, name, rate, tone)
        for name, rate, tone in (("a", 8000, 0.1), ("b", 8000, 0.2), ("c", 16000, 0.1))
    )
    joined, _ = join_sets([one, two], tmp_path / "both")
    assert list(joined.table["stimulus_id"]) == ["a_tone", "b_tone"]
    assert not check_set(joined, None).problems
    with pytest.raises(InputError) as error:
        join_sets([one, other], tmp_path / "no")
    assert str(error.value).startswith("a and c: tone.wav is at 8000 Hz and tone.wav at 16000 Hz")


def damaged(folder: Path, copy: Path) -> Path:
    shutil.copytree(folder, copy)
    path = next((copy / "stimuli").iterdir())
    path.write_bytes(path.read_bytes() + b"\0")
    return copy


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (None, "1 set given; expected two or more"),
        ("mine", "is given twice: leave one out"),
        ("tones", "images, "),
        ("damaged", "has changed since it was made"),
        ("nothing", "is not a stimulus set"),
    ],
)
def test_what_does_not_go_together_is_refused_in_a_sentence_and_nothing_is_written(desk, tmp_path, second, said):
    shutil.copytree(desk / "mine", tmp_path / "mine")
    place = {
        "tones": lambda: sounds(tmp_path, "tones", 8000, 0.1),
        "damaged": lambda: damaged(desk / "random", tmp_path / "damaged"),
    }
    others = [] if second is None else [place.get(second, lambda: tmp_path / second)()]
    with pytest.raises(InputError) as error:
        join_sets([tmp_path / "mine", *others], tmp_path / "out")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]
