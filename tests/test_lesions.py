"""Lesions: what is silent is silent for all that follows; units are ranked by what a task loses without them."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
import torch
from engine_fixture import small_network
from torch import nn
from torch.nn.functional import cross_entropy

from synthstim.errors import InputError
from synthstim.lesions import Task, lesion_table, rank_units, silenced
from synthstim.models import ImageInput, Observer
from synthstim.stimulus_set import SetWriter, StimulusSet

COUNT = 24


class TwoTasks(nn.Module):
    """Channels 0 to 3 tell whether the left or the right half is bright, 4 to 7 whether the upper or the lower is."""

    def __init__(self):
        super().__init__()
        self.parts = nn.Conv2d(1, 8, 8, bias=False)
        self.scores = nn.Linear(8, 4, bias=False)
        with torch.no_grad():
            self.parts.weight.zero_()
            self.scores.weight.zero_()
            for number in range(4):
                for first in (0, 4):
                    weight = self.parts.weight[first + number, 0]
                    weight = weight.T if first == 0 else weight
                    weight[:4], weight[4:] = 0.1, -0.1
                    scores = self.scores.weight[first // 2 : first // 2 + 2, first + number]
                    scores[0], scores[1] = 1 + number, -1 - number

    def forward(self, images):
        return self.scores(self.parts(images).flatten(1))


@pytest.fixture(scope="module")
def observer():
    return Observer(TwoTasks().double(), input=ImageInput(size=(8, 8), channels=1), name="two")


def images(seed=0):
    random = torch.Generator().manual_seed(seed)
    shown = 0.1 * torch.rand(COUNT, 1, 8, 8, generator=random, dtype=torch.float64)
    sides, ends = torch.randint(0, 2, (2, COUNT), generator=random)
    for number in range(COUNT):
        shown[number, :, :, 4 * sides[number] : 4 * sides[number] + 4] += 0.4
        shown[number, :, 4 * ends[number] : 4 * ends[number] + 4] += 0.4
    return shown, sides, ends


@pytest.fixture(scope="module")
def tasks():
    shown, sides, ends = images()
    return {"side": Task(shown, sides, classes=[0, 1]), "end": Task(shown, ends + 2, classes=[2, 3])}


@pytest.mark.parametrize("layer", ["0", "2"])
def test_what_is_silent_is_silent_for_all_that_follows(layer):
    whole = small_network(size=(24, 24))
    shown = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    before = whole.activations(shown, [layer, "output"])
    with silenced(whole, {layer: [1]}):
        during = whole.activations(shown, [layer, "output"])
    after = whole.activations(shown, [layer, "output"])
    assert not during[layer][:, 1].any()
    torch.testing.assert_close(during[layer][:, 0], before[layer][:, 0])
    assert not torch.allclose(during["output"], before["output"])
    torch.testing.assert_close(after["output"], before["output"], rtol=0, atol=0)


def test_a_ranking_is_what_is_lost_by_setting_weights_to_nothing(observer, tasks):
    found = rank_units(observer, "parts", tasks["side"])
    for number in range(8):
        other = TwoTasks().double()
        with torch.no_grad():
            other.parts.weight[number] = 0
            lost = cross_entropy(other(tasks["side"].stimuli)[:, :2], tasks["side"].labels)
        assert found.increase[number] == pytest.approx(lost.item() - found.loss, abs=1e-12)
    assert set(found.top(0.5)) == {0, 1, 2, 3}
    assert found.top(0.01) == [3]


def test_lesions_of_what_one_task_needs_leave_the_other_alone(observer, tasks):
    table, rankings = lesion_table(observer, ["parts"], tasks, share=0.5)
    assert list(rankings) == [("parts", "side"), ("parts", "end")]
    cells = table.set_index(["ranked_by", "task"])
    assert (cells["channels"] == 4).all()
    assert (cells["whole_accuracy"] == 1).all()
    for one, other in (("side", "end"), ("end", "side")):
        assert cells.loc[(one, one), "loss"] == pytest.approx(torch.log(torch.tensor(2.0)).item())
        assert cells.loc[(one, other), "loss"] == pytest.approx(cells.loc[(one, other), "whole_loss"])


@pytest.mark.parametrize("labels", [[0, 1] * 4, [0] * 4 + [1] * 4, [0, 1, 2] * 4])
def test_both_halves_of_a_task_have_as_many_of_each_label(labels):
    task = Task(torch.arange(len(labels)), torch.tensor(labels))
    halves = [task.half(which) for which in (0, 1)]
    assert [half.labels.bincount().tolist() for half in halves] == [
        [len(labels) // 2 // (max(labels) + 1)] * (max(labels) + 1)
    ] * 2
    assert sorted(torch.cat([half.stimuli for half in halves]).tolist()) == list(range(len(labels)))


def test_mistakes(observer, tasks):
    shown, sides, _ = images()
    for call, match in (
        (lambda: Task(shown, sides[:3]), "24 stimuli and 3 labels given"),
        (lambda: Task(shown, sides, classes=[1, 2]), "the label 0 is not one of the task's classes"),
        (lambda: Task(shown, sides + 3).done_by(observer), "output of two has 4 values; expected labels from 0 to 3"),
        (
            lambda: silenced(observer, {"parts": [8]}).__enter__(),
            "channel 8 is outside parts, which has 8 channels: 0 to 7",
        ),
        (lambda: silenced(observer, {"output": [0]}).__enter__(), "the layer 'output' of two cannot be silenced"),
        (lambda: rank_units(observer, "partz", tasks["side"]), "'partz'"),
        (lambda: lesion_table(observer, ["parts"], tasks, share=1.0), "a share of 1 given"),
        (lambda: lesion_table(observer, ["parts"], tasks, share=0.99), "silences all 8 channels of parts"),
        (lambda: lesion_table(observer, [], tasks), "expected one or more, each once"),
        (lambda: lesion_table(observer, ["parts", "parts"], tasks), "expected one or more, each once"),
    ):
        with pytest.raises(InputError, match=match):
            call()


def two(size=(8, 8)):
    return TwoTasks(), ImageInput(size=size, channels=1)


@pytest.fixture
def desk(tmp_path):
    shown, sides, ends = images()
    with SetWriter(tmp_path / "set") as writer:
        for number, image in enumerate(shown):
            writer.add(f"image_{number}", image.float().numpy(), name="image", kind="natural")
        StimulusSet.read(writer.commit({}))
    rows = [(f"image_{number}", side.item(), "side") for number, side in enumerate(sides[:12])]
    rows += [(f"image_{number}", 2 + end.item(), "end") for number, end in enumerate(ends) if number >= 12]
    pd.DataFrame(rows, columns=["stimulus_id", "label", "task"]).to_csv(tmp_path / "labels.tsv", sep="\t", index=False)
    return tmp_path


WORDS = ("lesions", "set", "--labels", "labels.tsv", "--observer", f"{__name__}:two", "--layers", "parts", "--share", "0.5", "--allow-code", "--quiet")  # fmt: skip


def test_the_command(desk, synthstim):
    said = synthstim(*WORDS, "--out", "lost", cwd=desk, status=0)
    assert "lesions.tsv, ranking.tsv" in said
    table = pd.read_csv(desk / "lost" / "lesions.tsv", sep="\t").set_index(["ranked_by", "task"])
    assert table.loc[("side", "side"), "loss"] > table.loc[("side", "end"), "loss"]
    ranking = pd.read_csv(desk / "lost" / "ranking.tsv", sep="\t")
    assert set(ranking.query("task == 'end' and rank < 4")["channel"]) == {4, 5, 6, 7}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (
            "stimulus_id\tlabel\nimage_0\tleft\n",
            "labels.tsv gives the label 'left'; expected the whole number of an output",
        ),
        ("stimulus_id\tlabel\nimage_99\t1\n", "labels.tsv names the stimulus 'image_99', which the set lacks"),
        ("stimulus_id\nimage_0\n", "label"),
        ("stimulus_id\tlabel\nimage_0\t1\nimage_0\t0\n", "labels.tsv names the stimulus 'image_0' twice"),
    ],
    ids=["word", "stranger", "column", "twice"],
)
def test_labels_that_cannot_be_are_refused(desk, synthstim, text, match):
    (desk / "labels.tsv").write_text(text)
    assert match in synthstim(*WORDS, "--out", "lost", cwd=desk)
    assert not (desk / "lost").exists()


def test_the_page_on_lesions_goes_as_documented(capsys):
    page = (Path(__file__).parents[1] / "docs" / "lesions.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.S)
    exec(code, {})
    assert 0 <= float(capsys.readouterr().out) <= 1
