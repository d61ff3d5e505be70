"""What check finds: any change of any file of a set, where it was, and a status that its figures do not give."""

import dataclasses
import gzip
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from engine_fixture import small_network
from production_fixture import write_small

from synthstim import make, read_recipe
from synthstim.errors import InputError
from synthstim.files import SUMS
from synthstim.modalities.image import write_png
from synthstim.production import observer_of_set
from synthstim.stimulus_set import StimulusSet, adopt, altered
from synthstim.verify import check_set

RECIPE = """\
observer: small
seed: 1
stimuli:
  - {name: cat, kind: metamer, reference: cat.png, layers: ["0"], copies: 2, evaluations: 30}
  - {name: up, kind: controller, goal: drive, unit: {layer: "2", channels: [3, 5]}, evaluations: 20}
  - {name: at, kind: controller, goal: level, level: 1000, unit: {layer: "2", channel: 3}, evaluations: 5}
  - name: only
    kind: controller
    goal: one_hot
    unit: {layer: "2", channel: 3}
    others: {layer: "2", channels: [1, 5]}
    zscore: false
    evaluations: 20
controls: {noise: 1}
"""


@pytest.fixture(scope="module")
def network():
    return small_network()


@pytest.fixture(scope="module")
def made(network, tmp_path_factory):
    place = tmp_path_factory.mktemp("check")
    return make(read_recipe(write_small(place, RECIPE)), place / "made", observer=network).root


@pytest.fixture
def root(made, tmp_path):
    shutil.copytree(made, tmp_path / "made")
    return tmp_path / "made"


def found(root, network):
    return check_set(StimulusSet.read(root), network).problems


def edit(root, change):
    """Change the cells of stimuli.tsv, a table of text."""
    path = root / "stimuli.tsv"
    cells = change(pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False))
    path.write_text(cells.to_csv(sep="\t", index=False, lineterminator="\n"))


def with_cell(column, value, row="up_ch3_0"):
    def change(cells):
        cells.loc[cells["stimulus_id"] == row, column] = value
        return cells

    return change


def test_a_set_as_it_was_made_has_no_problem(root, network):
    (root / "report.html").write_text("made of the set, no part of it")
    (root / ".DS_Store").write_bytes(b"\0")
    assert found(root, network) == []
    assert altered(StimulusSet.read(root)) == []


def test_a_set_is_checked_by_its_folder_and_an_observer_of_another_size_is_named(root, network):
    assert check_set(root, network).problems == []
    assert check_set(str(root), None).problems == []
    with pytest.raises(InputError, match=r"was made on small, and no observer is given .*observer_of_set"):
        check_set(root)
    with pytest.raises(InputError, match="observer is a str; expected an Observer or None: open one"):
        check_set(root, "efficientnet-lite0")
    other = network.given(dataclasses.replace(network.input, size=(48, 32)))
    with pytest.raises(InputError, match=r"was made on .* shown .*, .* here is shown .*: open it as then"):
        check_set(root, other)


# Values that the check could not work out from the files.
CELLS = {"seed": "7", "start": "white", "optimiser": "by hand", "evaluations": "1", "converged": "n/a", "copy": "4",
         "name": "down", "goal": "suppress", "unit": "channel 4 at centre", "others": "channel 1 at centre",
         "observer": "other", "layer": "0", "parametrisation": "pixels by hand", "reason": "because"}  # fmt: skip


@pytest.mark.parametrize("column", CELLS)
def test_an_edited_cell_is_named_with_its_row_and_column(root, column):
    edit(root, with_cell(column, CELLS[column]))
    where = f"row up_ch3_0, column {column}"
    assert altered(StimulusSet.read(root)) == [f"stimuli.tsv has changed since the set was made: {where}"]


def test_deleted_added_and_moved_rows_are_named(root):
    edit(root, lambda cells: cells[cells["stimulus_id"] != "cat_0_1"])
    assert "stimuli.tsv has changed since the set was made: it lacks row cat_0_1" in altered(StimulusSet.read(root))
    edit(root, lambda cells: pd.concat([cells, cells.tail(1).assign(stimulus_id="twin")]))
    assert "it has gained row twin" in altered(StimulusSet.read(root))[0]


def test_a_table_in_another_order_or_only_saved_again_is_told_apart(root):
    edit(root, lambda cells: cells[::-1])
    assert "its rows stand in another order" in altered(StimulusSet.read(root))[0]
    edit(root, lambda cells: cells[::-1])
    assert altered(StimulusSet.read(root)) == []
    path = root / "stimuli.tsv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert "its cells are the same" in altered(StimulusSet.read(root))[0]


def _provenance(root):
    path = root / "provenance.json"
    path.write_text(path.read_text().replace('"seed": 1', '"seed": 2'))


def _packed(name):
    def change(root):
        text = gzip.decompress((root / name).read_bytes()).decode()
        (root / name).write_bytes(gzip.compress(re.sub(r"\d", "7", text, count=9).encode()))

    return change


def _controls(root):
    path = root / "controls.tsv"
    path.write_text(path.read_text().replace("noise", "gabor"))


def _description(root):
    (root / "dataset_description.json").write_text("{}")


def _natural(root):
    write_png(next((root / "best_natural").iterdir()), np.zeros((3, 16, 16), np.float32))


@pytest.mark.parametrize(
    ("change", "file"),
    [
        (_provenance, "provenance.json"),
        (_packed("curves.tsv.gz"), "curves.tsv.gz"),
        (_packed("null.tsv.gz"), "null.tsv.gz"),
        (_packed("matches.tsv.gz"), "matches.tsv.gz"),
        (_packed("pool_activations.tsv.gz"), "pool_activations.tsv.gz"),
        (_controls, "controls.tsv"),
        (_description, "dataset_description.json"),
        (_natural, "best_natural/"),
    ],
)
def test_any_changed_file_is_named(root, change, file):
    change(root)
    problems = altered(StimulusSet.read(root))
    assert len(problems) == 1
    assert problems[0].startswith(file)
    assert "has changed since the set was made" in problems[0]


def test_files_that_came_or_went_are_named(root, network):
    (root / "stimuli" / "extra.png").write_bytes(b"")
    (root / "curves.tsv.gz").unlink()
    problems = found(root, network)
    assert "stimuli/extra.png is not a file of the set: it came later" in problems
    assert "curves.tsv.gz is missing from the set" in problems


def test_checksums_that_are_gone_or_damaged_are_said(root):
    (root / SUMS).write_text("nonsense\n")
    assert altered(StimulusSet.read(root)) == [
        f"{SUMS} cannot be read (the line 'nonsense' is no checksum): whether the tables have changed cannot be told"
    ]
    (root / SUMS).unlink()
    assert altered(StimulusSet.read(root)) == [f"{SUMS} is missing: whether the tables have changed cannot be told"]


def of_an_earlier_version(root):
    """The set as it was before sets were sealed."""
    (root / SUMS).unlink()
    path = root / "provenance.json"
    facts = json.loads(path.read_text())
    del facts["table"]
    path.write_text(json.dumps(facts))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (None, None),
        (with_cell("goal", "suppress"), "up_ch3_0: goal is drive in provenance.json, the table says suppress"),
        (with_cell("unit", "channel 9 at centre"), "up_ch3_0: unit is channel 3 at centre in provenance.json"),
        (with_cell("status", "failed", "cat_0_0"), "cat_0_0: by its figures it passed, the table says failed"),
        (lambda cells: cells.replace("failed", "passed"), "at_0: by its figures it failed"),
        (lambda cells: cells[cells["stimulus_id"] != "only_0"], "only_0: provenance.json describes it"),
    ],
)
def test_sets_of_earlier_versions_are_read_and_checked(root, network, change, said):
    of_an_earlier_version(root)
    if change is not None:
        edit(root, change)
    problems = found(root, network)
    assert problems == [] if said is None else any(problem.startswith(said) for problem in problems)


def test_adopted_sets_are_sealed_too(tmp_path):
    (tmp_path / "mine").mkdir()
    write_png(tmp_path / "mine" / "one.png", np.full((3, 8, 8), 0.5, np.float32))
    stimuli, _ = adopt(tmp_path / "mine", tmp_path / "set")
    assert check_set(stimuli).problems == []
    edit(stimuli.root, lambda cells: cells.assign(kind="control"))
    assert "row one, column kind" in check_set(StimulusSet.read(stimuli.root), None).problems[0]


def test_one_hot_is_judged_as_the_goal_was_set(made):
    stimuli = StimulusSet.read(made)
    assert stimuli.provenance["stimuli"]["only_0"]["zscore"] is False
    row = stimuli.table.set_index("stimulus_id").loc["only_0"]
    assert row["status"] == "passed" or "(in activations)" in row["reason"]


@pytest.mark.parametrize("value", [[], "x", 3, None, True])
@pytest.mark.parametrize("key", ["observer", "pool", "stimuli", "criteria", "device", "table", "versions", ""])
def test_provenance_of_another_type_is_one_sentence(root, key, value):
    path = root / "provenance.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, key: value} if key else value))
    with pytest.raises(InputError, match=f"{key} is .*; expected an object" if key else "should hold one JSON object"):
        StimulusSet.read(root)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: data.replace(b"\t", b";"), "parted by ';'; expected tabs"),
        (lambda data: data.replace(b"\t", b","), "parted by ','; expected tabs"),
        (lambda data: b"", "cannot be read as a table"),
        (lambda data: b"\xff\xfe" + data.decode().encode("utf-16-le"), "cannot be read as a table"),
        (lambda data: gzip.compress(data), "cannot be read as a table"),
    ],
)
def test_a_table_that_is_none_is_one_sentence(root, spoil, said):
    path = root / "stimuli.tsv"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(InputError, match=said):
        StimulusSet.read(root)


def test_truncated_and_empty_companions_are_one_sentence(root):
    for data in ((root / "curves.tsv.gz").read_bytes()[:-20], b"", b"plain text"):
        (root / "curves.tsv.gz").write_bytes(data)
        with pytest.raises(InputError, match=r"curves\.tsv\.gz of made cannot be read as a table"):
            StimulusSet.read(root).companion("curves.tsv.gz")


@pytest.mark.parametrize(
    "declared", [{"size": [1_000_000, 1_000_000]}, {"size": [16, 17]}, {"channels": 1}, {"size": "x"}]
)
def test_an_input_that_the_stimuli_do_not_have_is_one_sentence_before_a_model_is_built(root, monkeypatch, declared):
    monkeypatch.setattr("synthstim.production.observer.open_observer", pytest.fail)
    path = root / "provenance.json"
    facts = json.loads(path.read_text())
    facts["observer"]["input"] |= declared
    path.write_text(json.dumps(facts))
    with pytest.raises(InputError, match=r"provenance\.json (describes stimuli of|does not describe an observer)"):
        observer_of_set(StimulusSet.read(root))


def test_another_likeness_to_the_reference_is_found(root, network):
    table = pd.read_csv(root / "stimuli.tsv", sep="\t", dtype=str, keep_default_na=False)
    metamers = table["kind"] == "metamer"
    assert (table.loc[~metamers, "ssim"] == "n/a").all()
    table.loc[metamers, "ssim"] = "0.99"
    table.to_csv(root / "stimuli.tsv", sep="\t", index=False)
    assert sum(": ssim is" in problem for problem in found(root, network)) == metamers.sum()
