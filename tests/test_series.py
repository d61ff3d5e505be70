"""Series of mixtures: what is in the files is the mixture that the table names, of images in light and of sounds at one level."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from experiment_fixture import write_rig
from production_fixture import write_small

from synthstim.errors import InputError
from synthstim.experiment import export_experiment
from synthstim.modalities import MODALITIES
from synthstim.modalities.image import write_png
from synthstim.modalities.sound import write_wav
from synthstim.production import make
from synthstim.recipe import Recipe, read_recipe
from synthstim.report import write_report
from synthstim.stimulus_set import SetWriter, StimulusSet, adopt, join_sets
from synthstim.verify import check_joined, check_set

RECIPE = """\
observer: {name: efficientnet-lite0, size: 32}
criteria: {null_percentile: 0, same_class: false}
stimuli:
  - {name: cat, kind: metamer, reference: cat.png, layers: [blocks.0], evaluations: 3, series: {steps: 5}}
series:
  - {name: two, between: [cat.png, dog.png], steps: 3, scale: dB, from: -20, to: 20}
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    desk = tmp_path_factory.mktemp("desk")
    write_png(desk / "dog.png", np.random.default_rng(0).random((3, 40, 40), np.float32))
    make(read_recipe(write_small(desk, RECIPE)), desk / "set")
    return desk


def light(values: np.ndarray) -> np.ndarray:
    """Linear light of sRGB values, by a formula of its own."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def mixtures(stimuli: StimulusSet):
    return stimuli.table[stimuli.table["kind"] == "mixture"]


def test_light_is_mixed_in_the_shares_that_the_table_names(desk):
    stimuli = StimulusSet.read(desk / "set")
    facts = stimuli.provenance["series"]
    assert list(mixtures(stimuli)["mix"]) == [0, 0.25, 0.5, 0.75, 1, -20, 0, 20]
    for row in mixtures(stimuli).itertuples():
        told = facts[row.stimulus_id]
        first, second = (light(stimuli.stimulus(told[end]).astype(np.float64)) for end in ("from", "to"))
        share = row.mix if told["scale"] == "share" else 1 / (1 + 10 ** (-row.mix / 20))
        off = light(stimuli.stimulus(row.file).astype(np.float64)) - ((1 - share) * first + share * second)
        # Rounding to 8 bits, of which a step is at most this much light.
        assert np.abs(off).max() < 2.4 / 255 * 0.51
        assert row.status == "passed"
        assert told["from"] == row.reference


def test_the_ends_are_the_reference_and_the_metamer(desk):
    stimuli = StimulusSet.read(desk / "set")
    rows = stimuli.table.set_index("stimulus_id")
    for number, file in ((0, "references/cat.png"), (4, rows.loc["cat_blocks-0_0", "file"])):
        assert np.array_equal(stimuli.stimulus(f"stimuli/mix_cat_blocks-0_0_{number}.png"), stimuli.stimulus(file))
    series = rows.loc[[f"mix_cat_blocks-0_0_{number}" for number in range(5)]]
    assert list(series["layer"].unique()) == ["blocks.0"]
    assert np.allclose(np.diff(series["mean_luminance"], 2), 0, atol=1e-3)
    assert series["pixel_distance"].is_monotonic_increasing


def test_a_series_is_checked_joined_and_shown(desk, tmp_path):
    stimuli = StimulusSet.read(desk / "set")
    assert check_set(stimuli, None).problems == []
    (tmp_path / "mine").mkdir()
    write_png(tmp_path / "mine" / "cat_blocks-0_0.png", np.ones((3, 8, 8), np.float32))
    adopt(tmp_path / "mine", tmp_path / "adopted")
    joined, _ = join_sets([desk / "set", tmp_path / "adopted"], tmp_path / "joined")
    assert joined.parts["set"].provenance["series"]["mix_cat_blocks-0_0_1"]["to"] == "stimuli/set_cat_blocks-0_0.png"
    assert check_joined(joined, {}).problems == []
    assert "8 mixtures" in write_report(desk / "set", tmp_path / "page.html").read_text(encoding="utf-8")


def test_another_mixture_than_the_provenance_says_is_found(desk, tmp_path):
    shutil.copytree(desk / "set", tmp_path / "set")
    path = tmp_path / "set" / "provenance.json"
    facts = json.loads(path.read_text())
    facts["series"]["mix_cat_blocks-0_0_2"]["to"] = "references/dog.png"
    facts["series"]["mix_cat_blocks-0_0_3"]["mix"] = 0.7
    del facts["series"]["between_two_1"]
    path.write_text(json.dumps(facts))
    found = check_set(StimulusSet.read(tmp_path / "set"), None).problems
    assert [problem.split(":")[0] for problem in found[1:]] == [
        "between_two_1",
        "mix_cat_blocks-0_0_2",
        "mix_cat_blocks-0_0_3",
    ]
    assert "away from the mixture of references/cat.png and references/dog.png" in found[2]


def test_a_mixture_with_a_failed_metamer_fails(desk, tmp_path):
    text = RECIPE.replace("same_class: false", "same_class: true").replace(
        "evaluations: 3", "evaluations: 3, target_db: 300"
    )
    (folder := tmp_path / "recipes").mkdir()
    shutil.copy(desk / "dog.png", folder)
    stimuli = make(read_recipe(write_small(folder, text)), tmp_path / "set")
    statuses = dict(zip(stimuli.table["stimulus_id"], stimuli.table["status"], strict=True))
    assert statuses["mix_cat_blocks-0_0_2"] == "failed"
    assert statuses["between_two_1"] == "passed"


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_sounds_are_mixed_at_the_level_of_the_first(share):
    modality, draw = MODALITIES["sound"], np.random.default_rng(0)
    first, second = (0.05 * draw.standard_normal(4000).astype(np.float32) for _ in range(2))
    mixed = modality.mixed(first, 3 * second, share)
    assert np.sqrt(np.mean(mixed.astype(np.float64) ** 2)) == pytest.approx(
        np.sqrt(np.mean(first.astype(np.float64) ** 2))
    )
    wanted = (1 - share) * first + share * 3 * second
    assert np.corrcoef(mixed, wanted)[0, 1] == pytest.approx(1)


def test_sounds_that_cannot_be_mixed_are_refused():
    modality = MODALITIES["sound"]
    square = np.where(np.arange(4000) % 2, 0.9, -0.9).astype(np.float32)
    click = np.zeros(4000, np.float32)
    click[7] = 1.0
    with pytest.raises(InputError, match="a mixture of two sounds would clip"):
        modality.mixed(square, click, 1.0)
    with pytest.raises(InputError, match="a mixture of two sounds is silent"):
        modality.mixed(square, -square, 0.5)


def test_a_series_of_sounds_is_made(tmp_path):
    for name, tone in (("a", 0.05), ("b", 0.09)):
        write_wav(tmp_path / f"{name}.wav", 0.1 * np.sin(tone * np.arange(8000, dtype=np.float32)), 44100)
    (tmp_path / "pool").mkdir()
    for number, noise in enumerate(np.random.default_rng(0).uniform(-0.1, 0.1, (4, 8000))):
        write_wav(tmp_path / "pool" / f"{number}.wav", noise.astype(np.float32), 44100)
    text = """\
pool: pool
observer: {name: cochleagram, duration_s: 0.15}
stimuli:
  - {name: a, kind: metamer, reference: a.wav, layers: [cochleagram], evaluations: 2, series: {steps: 3}}
series: [{name: ab, between: [a.wav, b.wav], steps: 3, from: 0.2, to: 0.8}]
"""
    (tmp_path / "recipe.yaml").write_text(text)
    stimuli = make(read_recipe(tmp_path / "recipe.yaml"), tmp_path / "set")
    assert list(mixtures(stimuli)["mix"]) == [0, 0.5, 1, 0.2, 0.5, 0.8]
    assert np.allclose(mixtures(stimuli)["level_dbfs"], -26, atol=0.01)
    assert check_set(stimuli, None).problems == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{steps: 5}", "{steps: 1}", "stimuli[0].series.steps: 1 (whole number) given; expected a whole number from 2 to 200"),
        ("{steps: 5}", "{steps: 5, to: 2}", "stimuli[0].series goes from 0 to 2; expected shares from 0 to 1, or scale: dB"),
        ("{steps: 5}", "{steps: 5, to: 0}", "stimuli[0].series goes from 0 to 0: give two different numbers"),
        ("{steps: 5}", "{steps: 5, scale: dB}", "stimuli[0].series has scale 'dB' without from and to: give both, in dB"),
        ("{steps: 5}", "{steps: 5, form: 0.5}", "stimuli[0].series.form is unknown: did you mean 'from'?"),
        ("name: cat", "name: mix_cat", "stimuli[0].name is 'mix_cat', as ids of mixtures begin: choose another"),
        ("cat.png, dog.png", "cat.png, cat.png", "series[0].between[1] repeats 'cat.png': remove one"),
        ("cat.png, dog.png", "cat.png, cow.png", "'cow.png', which does not exist: did you mean"),
        ("kind: metamer", "kind: controller", "goal is missing"),
    ],
)  # fmt: skip
def test_a_series_that_cannot_be_is_refused_before_anything_is_made(desk, old, new, said):
    with pytest.raises(InputError) as error:
        Recipe.from_text(RECIPE.replace(old, new), desk)
    assert said in str(error.value).splitlines()[0]


def candidates(folder: Path) -> list[list[str]]:
    return [line.split("\t") for line in (folder / "candidates.tsv").read_text().splitlines()]


def test_a_staircase_goes_over_a_series(desk, tmp_path):
    (tmp_path / "design.yaml").write_text(
        "conditions: [name]\nmethod: {kind: questplus, over: mix, easier: high, trials: 5}\n"
    )
    made = export_experiment(
        desk / "set",
        "oddity",
        out=tmp_path / "shown",
        rig=write_rig(tmp_path),
        design=tmp_path / "design.yaml",
        settings={"participants": 2},
    )
    rows = candidates(made)
    assert [row[:2] for row in rows[1:]] == [
        *(["cat", level] for level in ("0", "0.25", "0.5", "0.75", "1")), *(["two", level] for level in ("-20", "0", "20")),
    ]  # fmt: skip
    manifest = json.loads((made / "manifest.json").read_text())
    assert manifest["tracks"]["cat"]["guess"] == pytest.approx(1 / 3)
    assert manifest["tracks"]["two"]["thresholds"][0] == -20
    assert len((made / "plan.tsv").read_text().splitlines()) == 1 + 2 * 2 * 5


def test_a_staircase_goes_over_the_levels_of_controllers(tmp_path):
    reference = np.full((3, 32, 32), 0.5, np.float32)
    with SetWriter(tmp_path / "set") as writer:
        file, digest = writer.add_reference(reference, "grey")
        for level in (2.0, 4.5, 7.0):
            image = np.random.default_rng(int(level)).random((3, 32, 32), np.float32)
            writer.add(
                f"at_{level:g}".replace(".", "-"), image, kind="controller", goal="level", level=level, reference=file,
                reference_sha256=digest, status="passed", name="at",
            )  # fmt: skip
        writer.commit({"versions": {"synthstim": "0.1.0"}})
    (tmp_path / "design.yaml").write_text(
        "conditions: []\nmethod: {kind: weighted, over: level, easier: low, step_easier: 2, trials: 6}\n"
    )
    made = export_experiment(
        tmp_path / "set", "oddity", out=tmp_path / "shown", rig=write_rig(tmp_path), design=tmp_path / "design.yaml"
    )
    assert [row[1] for row in candidates(made)[1:]] == ["2", "4.5", "7"]
    (tmp_path / "design.yaml").write_text("conditions: []\nmethod: {kind: staircase, over: levle, easier: low}\n")
    with pytest.raises(InputError, match="the method names the column 'levle'"):
        export_experiment(tmp_path / "set", "oddity", out=tmp_path / "no", design=tmp_path / "design.yaml")
    (tmp_path / "design.yaml").write_text("conditions: []\nmethod: {kind: staircase, over: mix, easier: low}\n")
    with pytest.raises(InputError, match="the column 'mix' says nothing"):
        export_experiment(tmp_path / "set", "oddity", out=tmp_path / "no", design=tmp_path / "design.yaml")
    (tmp_path / "design.yaml").write_text("conditions: []\nmethod: {kind: staircase, over: name, easier: low}\n")
    with pytest.raises(InputError, match="expected a number"):
        export_experiment(tmp_path / "set", "oddity", out=tmp_path / "no", design=tmp_path / "design.yaml")
