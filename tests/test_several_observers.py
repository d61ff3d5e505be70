"""Several observers as one: each as by itself, in recipes, checks and reports; what does not go together is said."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from engine_fixture import small_network
from production_fixture import write_small
from torch import nn
from typer.testing import CliRunner

from synthstim.catalogue import OWN
from synthstim.cli import app
from synthstim.errors import InputError
from synthstim.goals import GOALS
from synthstim.modalities.image import read_image, write_png
from synthstim.models import ImageInput, Observer, load_model
from synthstim.models.log_odds import log_odds
from synthstim.models.several import LOG_ODDS
from synthstim.objectives import differentiate, match
from synthstim.observers import together
from synthstim.papers import PAPERS
from synthstim.production import make, observer_of_set
from synthstim.recipe import Recipe
from synthstim.report import methods_of
from synthstim.report.page import render
from synthstim.stimulus_set import StimulusSet
from synthstim.verify import check_set

DOCS = Path(__file__).parents[1] / "docs"
TWO = """\
observers: {lite: {name: efficientnet-lite0, size: 32}, squeeze: {name: squeezenet, size: 32}}
criteria: {null_percentile: 0, same_class: false}
stimuli:
  - {name: both, kind: metamer, reference: cat.png, layers: [[lite.blocks.0, squeeze.features.3]], evaluations: 20}
  - {name: all, kind: controller, goal: drive_all, units: [{layer: lite.blocks.1, channel: 3}, {layer: squeeze.features.3, channel: 5}], evaluations: 20}
  - {name: split, kind: controller, goal: controversial, answers: {lite: 281, squeeze: 207}, sure: 0, evaluations: 20}
  - {name: apart, kind: distortion, goal: differentiate, reference: cat.png, hold: [lite.blocks.0], move: [squeeze.features.3], at_db: 5, evaluations: 60}
"""


def two(**changed) -> dict:
    return {"a": small_network(), "b": small_network(), **changed}


def test_each_is_as_by_itself_in_order_and_alone():
    parts = two()
    both, images = together(parts), torch.rand(2, 3, 16, 16).double()
    layers = ["b.3", "a.0", "b.output"]
    read = both.activations(images, layers)
    assert list(read) == layers
    for layer in layers:
        name, inside = both.split(layer)
        torch.testing.assert_close(read[layer], parts[name].activations(images, [inside])[inside], rtol=0, atol=0)
    assert [layer for layer in both.layers if layer.startswith("a.")][:2] == ["a.0", "a.1"]
    assert both.axes_of("b.2") == parts["b"].axes_of("2")


def test_one_that_is_not_asked_for_does_not_run():
    parts = two()
    both, ran = together(parts), []
    list(both.layers)
    parts["b"].module.register_forward_pre_hook(lambda *_: ran.append(1))
    both.activations(torch.rand(1, 3, 16, 16).double(), ["a.0"])
    assert not ran


def test_a_decision_is_that_of_those_that_are_asked():
    parts = two()
    both, images = together(parts), torch.rand(3, 3, 16, 16).double()
    one, other = (part.decide(images) for part in parts.values())
    assert both.decide(images) == list(zip(one, other, strict=True))
    assert both.decide(images, ["b.2"]) == [(each,) for each in other]


def test_log_odds_are_exact_and_their_gradient_finite():
    outputs = torch.tensor(
        [[3.0, -1.0, 0.5], [60.0, 0.0, -60.0], [2.0, 2.0, 2.0]], dtype=torch.float64
    ).requires_grad_()
    p = torch.softmax(outputs.detach(), 1)
    found = log_odds(outputs)
    values = found.detach()
    torch.testing.assert_close(values[0], torch.logit(p[0]))
    torch.testing.assert_close(values[2], torch.logit(p[2]))
    assert float(values[1, 0]) == pytest.approx(60, abs=1e-9)
    found.sum().backward()
    assert torch.isfinite(outputs.grad).all()


def test_one_output_has_no_log_odds():
    heads = {name: nn.Sequential(nn.Flatten(), nn.Linear(12, outputs)) for name, outputs in (("a", 1), ("b", 2))}
    both = together({name: Observer(head, input=ImageInput(size=(2, 2)), name=name) for name, head in heads.items()})
    assert [layer for layer in both.layers if layer.endswith(LOG_ODDS)] == [f"b.{LOG_ODDS}"]


def test_precision_and_weights_are_those_of_all():
    both = together(two())
    assert both.to(dtype=torch.float32).parts["b"].network_dtype == torch.float32
    other = small_network()
    with torch.no_grad():
        next(other.module.parameters()).add_(1)
    assert together(two(b=other)).weights_sha256 != together(two()).weights_sha256


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"a": small_network()}, "1 observer given; expected two or more"),
        ({"a.b": small_network(), "c": small_network()}, "the observer's name 'a.b' is not allowed; expected a letter"),
        (two(b=small_network(size=(16, 20))), "b .small. is shown 3 x 16 x 20: give each the same size"),
        (two(b=small_network(channels=1)), "b .small. is shown 1 x 16 x 16"),
        (two(b="mel"), "b .mel. is played sounds: choose observers of one modality"),
    ],
)
def test_what_does_not_go_together_is_said(parts, told):
    with pytest.raises(InputError, match=told):
        together(parts)


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        ("2", "layer '2' names none of the observers a, b: put one in front, such as 'a.2'"),
        ("c.2", "layer 'c.2' names none of the observers a, b"),
        ("b.9", "observer b: small has no layer '9'"),
    ],
)
def test_a_layer_that_is_none_is_said(layer, told):
    with pytest.raises(InputError, match=re.escape(told)) as error:
        together(two()).require([layer])
    assert error.value.value == layer


def test_what_is_held_and_moved_is_weighed_as_written():
    both, reference = together(two(b=load_small(3))), torch.rand(1, 3, 16, 16).double()
    shown = torch.rand(2, 3, 16, 16).double()
    score = differentiate(reference, ["a.2"], ["b.2"], 3.0, [True, False]).bind(both, 2)
    read = both.activations(shown, score.layers)
    held, moved = (match(reference, [layer]).bind(both, 2)(shown, read) for layer in ("a.2", "b.2"))
    wanted = torch.tensor([1.0, -1.0]).double() * moved - 10 * (held - 3) ** 2
    torch.testing.assert_close(score(shown, read), wanted)


def load_small(seed: int):
    made = small_network()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in made.module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype) / 10)
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    write_small(folder, TWO)
    return make(Recipe.from_text(TWO, folder), folder / "set")


def test_a_set_of_several_is_checked_by_all(made):
    observer = observer_of_set(made)
    assert list(observer.parts) == ["lite", "squeeze"]
    assert not check_set(made, observer).problems
    rows = made.companion("transfer.tsv")
    assert len(rows) == 2 * len(made)
    matched = rows[(rows["stimulus_id"].str.startswith("both")) & (rows["observer"] == "squeeze")]["match_db"].item()
    alone = load_model("squeezenet", size=(32, 32))
    row = made.table.set_index("stimulus_id").loc[made.table["stimulus_id"][0]]
    shown = [torch.from_numpy(made.stimulus(row[key]))[None] for key in ("file", "reference")]
    one, other = (alone.activations(values, ["features.3"])["features.3"] for values in shown)
    assert matched == pytest.approx(float(-20 * torch.log10((one - other).norm() / other.norm())), abs=0.01)


def test_a_changed_answer_is_found(made, tmp_path):
    rows = made.companion("transfer.tsv")
    path = made.root / "transfer.tsv"
    kept = path.read_bytes()
    try:
        path.write_text(rows.assign(answer="7").to_csv(sep="\t", index=False, na_rep="n/a"), encoding="utf-8")
        problems = check_set(StimulusSet.read(made.root), observer_of_set(made)).problems
        assert any("transfer.tsv says 7" in problem for problem in problems)
        spoilt = rows.assign(match_db="zzz", probability="zzz")
        path.write_text(spoilt.to_csv(sep="\t", index=False, na_rep="n/a"), encoding="utf-8")
        problems = check_set(StimulusSet.read(made.root), observer_of_set(made)).problems
        assert any("transfer.tsv says zzz" in problem for problem in problems)
        render(StimulusSet.read(made.root))
    finally:
        path.write_bytes(kept)


def test_distortions_are_as_far_as_they_are_held(made):
    rows = made.table[made.table["goal"] == "differentiate"].set_index("direction")
    assert rows.loc["closer", "match_db"] > rows.loc["farther", "match_db"]
    assert np.abs(rows["held_db"] - 5).max() < 1


def test_check_and_report_say_what_each_observer_makes_of_it(made):
    done = CliRunner().invoke(app, ["check", str(made.root), "--quiet"], env={"COLUMNS": "220"})
    assert done.exit_code == 0, done.output
    assert "squeeze" in done.output
    assert "answer" in done.output
    done = CliRunner().invoke(app, ["report", str(made.root)], catch_exceptions=False)
    page = (made.root / "report.html").read_text(encoding="utf-8")
    assert "On each observer" in page
    assert "Metamers and distortions" in page


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"observer": "mel"}, "observer and observers are both given: remove one of them"),
        ({"observers": {"lite": "mel"}}, "expected two observers or more by names of your own"),
        ({"observers": {"x y": "mel", "b": "mel"}}, r"observers\.'x y' is no name of an observer; expected a letter"),
    ],
)
def test_observers_that_are_misnamed_are_refused(changed, told, tmp_path):
    write_small(tmp_path, TWO)
    with pytest.raises(InputError, match=told):
        Recipe.from_dict(yaml.safe_load(TWO) | changed, tmp_path)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"answers": {"lite": 3, "other": 4}}, "the answer of 'other' is asked for"),
        ({"answers": {"lite": 3, "squeeze": 3}}, "answers are all the same"),
        ({"answers": {"lite": 3, "squeeze": 4000}}, "channel 4000 is outside squeeze.log_odds"),
    ],
)
def test_answers_that_cannot_be_given_are_refused(entry, told, tmp_path):
    data = yaml.safe_load(TWO) | {"stimuli": [{"name": "c", "kind": "controller", "goal": "controversial", **entry}]}
    with pytest.raises(InputError, match=re.escape(told)):
        make(Recipe.from_dict(data, tmp_path), tmp_path / "set")


def test_weights_files_are_named_for_each(made):
    with pytest.raises(InputError, match=r"--weights nobody=x\.pth given for a set of the observers lite and squeeze"):
        observer_of_set(made, weights="nobody=x.pth")


@pytest.mark.parametrize(
    "page", ["several_observers", "eigendistortions", pytest.param("foveated", marks=pytest.mark.slow)]
)
def test_the_pages_are_done_as_they_say(page, tmp_path, monkeypatch):
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    for block in re.findall(r"```yaml\n(.*?)```", text, re.S):
        # As documented, and short.
        quick = re.sub(r"size: \d+", "size: 64" if page == "foveated" else "size: 32", block)
        quick = re.sub(r"scaling: .*?, fixation: .*?\]", "scaling: 1.2, fixation: [30, 30]", quick)
        data = yaml.safe_load(quick)
        for entry in data.get("stimuli", ()):
            entry |= {} if entry.get("goal") == "eigendistortion" else {"evaluations": 4}
        (tmp_path / re.match(r"# (\w+\.yaml)", block)[1]).write_text(yaml.safe_dump(data), encoding="utf-8")
    write_small(tmp_path, "")
    write_png(tmp_path / "cat.png", 0.25 + 0.5 * read_image(tmp_path / "cat.png"))
    monkeypatch.chdir(tmp_path)
    for line in re.search(r"```sh\n(.*?)```", text, re.S)[1].splitlines():
        done = CliRunner().invoke(app, line.split()[1:], catch_exceptions=False)
        assert done.exit_code == 0, done.output


def test_methods_are_written_with_what_they_cite(made, tmp_path):
    said = methods_of(made)
    for words in (
        "The observer (called lite) was efficientnet-lite0 (Tan & Le 2019)",
        "1 metamer of cat was made at lite.blocks.0+squeeze.features.3 to match their reference (Feather et al. 2019; Feather et al. 2023)",
        "1 controller was made at lite.log_odds+squeeze.log_odds to be answered differently by each observer (Golan et al. 2020)",
        "as possible at others (farther, target 5 dB) (Wang & Simoncelli 2008)",
        "from pink noise",
    ):
        assert words in said.paragraph
    keys = re.findall(r"^@\w+\{(\w+),", said.bibtex, re.M)
    assert {"feather2019", "feather2023", "golan2020", "wang2008", "tan2019", "iandola2016", "liu1989"} <= set(keys)
    assert keys == sorted(set(keys))
    done = CliRunner().invoke(app, ["report", str(made.root), "--methods", str(tmp_path / "methods.md")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "methods.md").read_text(encoding="utf-8") == said.markdown
    assert "For a methods section" in (made.root / "report.html").read_text(encoding="utf-8")


def test_every_paper_that_is_named_is_known():
    named = {key for _, goal in GOALS.usable() for key in goal.papers}
    named |= {key for entries in OWN.values() for entry in entries.values() for key in entry.papers}
    assert named <= PAPERS.keys()
    for paper in PAPERS.values():
        assert paper.bibtex.count("{") == paper.bibtex.count("}")
