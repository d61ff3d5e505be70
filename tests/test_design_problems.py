"""Designs that cannot be: one sentence, with the line of the file and what would do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from experiment_fixture import write_rig
from trials_fixture import layers_set

from synthstim.errors import InputError
from synthstim.experiment import export_experiment
from synthstim.experiment.design.schema import Design
from synthstim.modalities.image import write_png
from synthstim.recipe import read_yaml, validate
from synthstim.stimulus_set import adopt

GOOD = """\
compare: reference
arrangements:
  - {first: a, second: b, right: first}
  - {first: b, second: a, right: second}
"""


def said_of(text: str, folder: Path) -> str:
    (path := folder / "design.yaml").write_text(text)
    with pytest.raises(InputError) as error:
        validate(read_yaml(path), Design)
    return str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("second: a, right: second", "third: a, right: second", "line 4: arrangements[1] has the slots first, third, the first one first,"),
        ("{first: a, second: b, right: first}", "{right: first}", "line 3: arrangements[0] has no slot; expected such as"),
        (", right: second", "", "line 4: arrangements[1] says otherwise than the first one whether an answer is right"),
        ("first: b", "first: c", "line 4: arrangements[1] has 'c' in a slot; expected one of a, b where compare is reference"),
        ("first: b", "first: mask", "and mask: noise, pattern or phase_scrambled for masks"),
        ("compare: reference", "compare: refrence", "compare: 'refrence' (text) given; expected"),
        ("compare", "balance: latin_square\nmethod: {kind: staircase, over: mix, easier: high}\ncompare", "line 1: balance is latin_square"),
        ("compare", "tasks: 2afc\ncompare", "line 1: tasks is unknown: did you mean 'task'?"),
    ],
)  # fmt: skip
def test_a_design_that_cannot_be_is_refused(old: str, new: str, said: str, tmp_path: Path) -> None:
    found = said_of(GOOD.replace(old, new, 1), tmp_path)
    assert said in found
    assert "\n" not in found or old.startswith("{first")


def test_images_of_ones_own_are_compared_as_the_message_says(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for number, image in enumerate(np.random.default_rng(0).random((3, 3, 48, 48), dtype=np.float32)):
        write_png(tmp_path / "mine" / f"{number}.png", image)
    mine, _ = adopt(tmp_path / "mine", tmp_path / "set")
    with pytest.raises(
        InputError, match=r"no stimulus names a reference, .*\(compare: another in a design takes any two"
    ):
        export_experiment(mine, "same_different", out=tmp_path / "none", rig=write_rig(tmp_path))
    (tmp_path / "design.yaml").write_text("compare: another\n")
    asked = {"design": tmp_path / "design.yaml", "rig": write_rig(tmp_path)}
    made = export_experiment(mine, "same_different", out=tmp_path / "study", **asked)
    assert "- Compared: any two stimuli." in (made / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", ["task: 2afc", "method: {kind: staircase, over: mix, easier: high}"])
def test_what_needs_a_right_answer_says_so(line: str, tmp_path: Path) -> None:
    text = f"compare: each\narrangements: [{{image: a}}]\n{line}\n"
    assert f"line 3: {line.partition(':')[0]} is " in said_of(text, tmp_path)
    assert "the arrangements say no right answer: give right in each" in said_of(text, tmp_path)


def test_a_condition_cannot_have_the_name_of_a_column_of_trials(tmp_path: Path) -> None:
    text = "compare: each\narrangements: [{image: a}]\nconditions: [layer, level]\n"
    assert "line 3: conditions[1] is 'level', which tables of trials have" in said_of(text, tmp_path)


def test_what_is_told_apart_stands_at_one_place(tmp_path: Path) -> None:
    made = layers_set(tmp_path / "set", observers=("net",), references=1)
    table, rig = tmp_path / "places.tsv", write_rig(tmp_path)
    for places in ("443", "444"):
        rows = [f"net_{layer}_0\t{x}" for layer, x in zip(("conv1", "conv2", "conv5"), places, strict=True)]
        table.write_text("\n".join(["stimulus_id\tx_deg", *rows]) + "\n", encoding="utf-8")
        how = {"out": tmp_path / places, "rig": rig, "table": table, "settings": {"participants": 2}}
        if places == "444":
            assert export_experiment(made, "same_different", **how).is_dir()
            return
        with pytest.raises(InputError, match="have different x_deg, which would give the answer away"):
            export_experiment(made, "same_different", **how)
