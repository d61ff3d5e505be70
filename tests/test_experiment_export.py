"""The exported folder: what is in it, what is refused, and that no text of a set or rig becomes code."""

from __future__ import annotations

import ast
import csv
import errno
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import yaml
from experiment_fixture import RIG, SIZES, make_set, write_rig
from PIL import Image

from synthstim.errors import InputError
from synthstim.experiment import export_experiment, read_rig
from synthstim.files import sha256_of
from synthstim.stimulus_set import SetWriter, StimulusSet

# Without a photodiode, whose patch images would cover.
BARE = RIG.splitlines()[0] + "\n"
HOSTILE = "$(__import__('os').system('touch PWNED'))"
# Ids that the rules allow, and that PsychoPy or pandas would take for something else as a bare cell.
CUNNING = ("nan", "None", "inf", "True")


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_set(tmp_path_factory.mktemp("sets") / "photographs")


@pytest.fixture(scope="module")
def exported(stimuli: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    return export_experiment(
        stimuli,
        out=folder / "tonight",
        rig=write_rig(folder),
        settings={"x_deg": 3, "y_deg": "1.5", "blocks": 3, "allow_covering": True},
    )


def manifest(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "manifest.json").read_text(encoding="utf-8")))


def test_the_folder_is_whole(exported: Path) -> None:
    assert {path.name for path in exported.iterdir()} == {
        "README.md", "conditions.csv", "manifest.json", "markers.tsv", "passive_fixation.psyexp", "passive_fixation.py",
        "rig.yaml", "runtime", "settings.json", "stimuli", "texts.yaml",
    }  # fmt: skip
    assert not list(exported.parent.glob(".*"))


def test_native_images_are_the_files_of_the_set(exported: Path, stimuli: Path) -> None:
    table = StimulusSet.read(stimuli).table
    for shown, row in zip(manifest(exported)["stimuli"], table.to_dict("records"), strict=True):
        assert (exported / shown["file"]).read_bytes() == (stimuli / row["file"]).read_bytes()
        assert shown["sha256"] == shown["source_sha256"] == row["sha256"]
        assert (shown["height_px"], shown["width_px"]) == SIZES[shown["stimulus_id"]]


def test_conditions_hold_numbers_and_one_path(exported: Path) -> None:
    with open(exported / "conditions.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 3 * len(SIZES) == manifest(exported)["n_presentations"]
    for row in rows:
        assert re.fullmatch(r"stimuli/[A-Za-z][A-Za-z0-9_-]*\.png", row.pop("image_file"))
        assert all(np.isfinite(float(cell)) for cell in row.values())
    assert not (exported / "conditions.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_psychopy_reads_the_conditions_as_written(exported: Path) -> None:
    from psychopy.data import importConditions

    read = importConditions(str(exported / "conditions.csv"), selection=slice(4, 8))
    assert [row["presentation"] for row in read] == [4, 5, 6, 7]
    assert {row["block_number"] for row in read} == {1}
    assert {row["image_file"] for row in read} == {f"stimuli/{name}.png" for name in SIZES}


def test_every_code_has_one_meaning(exported: Path) -> None:
    table = pd.read_csv(exported / "markers.tsv", sep="\t", keep_default_na=False)
    assert table["code"].is_unique
    assert list(table["stimulus_id"][4:]) == list(SIZES)
    assert table["code"].min() >= 1


# PsychoPy leaves files of its own open.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_builder_opens_the_file_and_compiles_the_same_script(exported: Path) -> None:
    from psychopy.experiment import Experiment

    experiment = Experiment.fromFile(str(exported / "passive_fixation.psyexp"))
    again = experiment.writeScript(expPath="passive_fixation.py", target="PsychoPy")

    def undated(text: str) -> list[str]:
        return [line for line in text.splitlines() if not line.startswith("    on ")]

    assert undated(again) == undated((exported / "passive_fixation.py").read_text(encoding="utf-8"))
    image = experiment.routines["trial"].getComponentFromName("image")
    assert [image.params[name].updates for name in ("image", "pos", "size")] == ["set every repeat"] * 3
    assert (image.params["units"].val, image.params["interpolate"].val) == ("pix", "nearest")
    assert (image.params["startVal"].val, image.params["stopVal"].val) == ("0", "6")


def test_the_script_asks_nothing_and_pickles_nothing(exported: Path) -> None:
    script = (exported / "passive_fixation.py").read_text(encoding="utf-8")
    assert "showExpInfoDlg(expInfo=expInfo)" not in script
    assert "savePickle=False" in script
    assert "interpolate=False" in script


def test_no_file_names_this_computer(exported: Path) -> None:
    for path in exported.rglob("*"):
        if path.is_file() and path.suffix != ".png":
            text = path.read_text(encoding="utf-8")
            assert str(exported.parent) not in text
            assert str(Path.home()) not in text


def test_the_runtime_needs_psychopy_and_the_standard_library_only(exported: Path) -> None:
    allowed = {
        *sys.stdlib_module_names,
        "psychopy",
        "PIL",
        "numpy",
        "soundfile",
        "serial",
        "pylsl",
        "sounddevice",
        "yaml",
        "questplus",
    }
    for path in (exported / "runtime").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [str(node.module)]
            assert {name.split(".")[0] for name in names} <= allowed


def test_the_readme_speaks_to_the_person_at_the_rig(exported: Path) -> None:
    text = (exported / "README.md").read_text(encoding="utf-8")
    for needed in ("Flicker", "Escape", "Gamma", "not** the times of light", "| on_ms | 100 ms | 100.00 ms | 6 |"):
        assert needed in text
    assert "DEFAULT RIG" not in text
    assert "1 of the 4 images failed their check" in text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"x_deg": 2.7, "y_deg": -1.1}, r"2 of 4 images cover the fixation point.*43 px right of and 17.5 px below"),
        ({"x_deg": -1, "y_deg": 0.5}, r"4 of 4 images cover the fixation point.* px left of and .* px above"),
        ({"x_deg": 3, "size_deg": 6.2}, r"4 of 4 images cover .* is 6.2 deg wide"),
        ({"x_deg": 3, "size_deg": 5}, None),
        ({"x_deg": 5, "y_deg": -2}, None),
        ({"x_deg": 1, "fixation": False}, None),
        ({}, None),
    ],
)
def test_images_that_reach_the_fixation_point_are_refused_or_told(
    settings: dict[str, Any], said: str | None, stimuli: Path, tmp_path: Path
) -> None:
    rig = write_rig(tmp_path, BARE)
    if said is not None:
        with pytest.raises(InputError, match=f"{said}.*allow_covering=true"):
            export_experiment(stimuli, out=tmp_path / "out", rig=rig, settings=settings)
        settings = settings | {"allow_covering": True}
    folder = export_experiment(stimuli, out=tmp_path / "out", rig=rig, settings=settings)
    told = manifest(folder)["notes"]
    assert len(told) == (said is not None)
    assert said is None or re.search(said, told[0])
    assert ("**Note.**" in (folder / "README.md").read_text(encoding="utf-8")) == (said is not None)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"y_deg": -3}, "48 px below the screen's centre,"),
        ({"y_deg": 3}, "48 px above the screen's centre,"),
        ({"x_deg": -3}, "48 px left of the screen's centre,"),
        ({"x_deg": 3, "y_deg": -3}, "px right of and"),
    ],
)
def test_the_readme_says_where_images_are_in_words(
    settings: dict[str, Any], words: str, stimuli: Path, tmp_path: Path
) -> None:
    chosen = {"fixation": False, "size_deg": 2} | settings
    folder = export_experiment(stimuli, out=tmp_path / "out", rig=write_rig(tmp_path, BARE), settings=chosen)
    line = next(line for line in (folder / "README.md").read_text("utf-8").splitlines() if line.startswith("- Centre"))
    assert words in line
    assert "-" not in line.removeprefix("-")


@pytest.mark.parametrize(
    ("gamma", "said"),
    [
        (2.2, "undoes that coding by itself, closely: it makes 21.8 % of its light of a value of 0.5"),
        (1.8, "does not undo that coding**: it makes 28.7 % of its light of a value of 0.5"),
        (2.6, "The images look darker, and of more contrast,"),
    ],
)
def test_the_readme_says_what_the_display_makes_of_the_coding(
    gamma: float, said: str, stimuli: Path, tmp_path: Path
) -> None:
    rig = write_rig(tmp_path, RIG.replace("hz: 60", f"hz: 60, gamma: {gamma}"))
    text = " ".join(
        (export_experiment(stimuli, out=tmp_path / "out", rig=rig) / "README.md").read_text("utf-8").split()
    )
    assert said in text
    assert ("by itself" in text) == (gamma == 2.2)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    stimuli: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("synthstim.experiment.export.write_readme", full)
    with pytest.raises(InputError, match=r"could not be written .*No space left") as caught:
        export_experiment(stimuli, out=tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_default_rig_is_announced(stimuli: Path, tmp_path: Path) -> None:
    folder = export_experiment(stimuli, out=tmp_path / "out", settings={"blocks": 1})
    assert "DEFAULT RIG" in (folder / "README.md").read_text(encoding="utf-8")
    assert read_rig(folder / "rig.yaml").monitor.width_px == 1920


def test_resampled_images_are_checksummed_as_shown(stimuli: Path, tmp_path: Path) -> None:
    rig = read_rig(write_rig(tmp_path))
    folder = export_experiment(stimuli, out=tmp_path / "out", rig=rig, settings={"size_deg": 3.5})
    for shown in manifest(folder)["stimuli"]:
        assert shown["width_px"] == round(rig.pixels(3.5))
        assert shown["width_deg"] == pytest.approx(3.5, abs=0.03)
        assert sha256_of(folder / shown["file"]) == shown["sha256"] != shown["source_sha256"]
        with Image.open(folder / shown["file"]) as opened:
            assert opened.size == (shown["width_px"], shown["height_px"])


def test_failed_stimuli_can_be_left_out_and_references_added(stimuli: Path, tmp_path: Path) -> None:
    options = {"include": "passed", "references": True}
    folder = export_experiment(stimuli, out=tmp_path / "out", rig=write_rig(tmp_path), settings=options)
    assert [shown["stimulus_id"] for shown in manifest(folder)["stimuli"]] == [
        "chelsea",
        "coffee",
        "camera",
        "ref_rocket",
    ]


def test_a_linearised_display_gets_linear_light(stimuli: Path, tmp_path: Path) -> None:
    rig = write_rig(tmp_path, RIG.replace("hz: 60", "hz: 60, gamma: 1"))
    with pytest.raises(InputError, match="convert_for_linear=true"):
        export_experiment(stimuli, out=tmp_path / "out", rig=rig)
    folder = export_experiment(stimuli, out=tmp_path / "out", rig=rig, settings={"convert_for_linear": True})
    with (
        Image.open(stimuli / "stimuli" / "camera.png") as before,
        Image.open(folder / "stimuli" / "camera.png") as after,
    ):
        coded = np.asarray(before, dtype=float) / 255
        linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
        assert np.array_equal(np.asarray(after), np.rint(255 * linear))
    # The grey of the screen is decoded as well: 0.5 is 0.214 in linear light.
    assert "color='#373737'" in (folder / "passive_fixation.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("rig", "settings", "said"),
    [
        (RIG, {"x_deg": 15}, "would leave the 480 x 360 screen"),
        (RIG, {"x_deg": -10, "y_deg": -7}, "would cover the photodiode's patch"),
        (RIG, {"on_ms": 10}, "give 16.67 ms (1 frame)"),
        (RIG, {"size": "native", "size_deg": 3}, "give one of the two"),
        (RIG, {"size": "size_deg"}, "give size_deg as well"),
        (RIG, {"size_deg": 90}, "would leave the 480 x 360 screen"),
        (
            RIG,
            {"size_deg": 0.1},
            "0.1 degrees wide (size_deg) is 2 x 2 pixels here; expected 8 or more a side: give a larger size_deg",
        ),
        (RIG, {"eccentricity_deg": 3}, "both eccentricity_deg and polar_angle_deg"),
        (RIG, {"convert_for_linear": True}, "for a display of gamma 1"),
        (RIG, {"blocks": 1000, "repeats_per_block": 1000}, "presentations"),
        (RIG, {"bloks": 3}, "did you mean 'blocks'"),
        (RIG.replace("480", "wide"), {}, "monitor.width_px"),
    ],
)
def test_what_cannot_be_shown_is_refused_and_leaves_nothing(
    rig: str, settings: dict[str, Any], said: str, stimuli: Path, tmp_path: Path
) -> None:
    path = write_rig(tmp_path, rig)
    with pytest.raises(InputError) as error:
        export_experiment(stimuli, out=tmp_path / "out", rig=path, settings=settings)
    assert said in str(error.value)
    assert list(tmp_path.iterdir()) == [path]


def test_deep_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="16 bits"):
        export_experiment(make_set(tmp_path / "deep", bits=16), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_damaged_sets_and_taken_places_are_refused(stimuli: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(stimuli, copy)
    with open(copy / "stimuli" / "camera.png", "ab") as stream:
        stream.write(b"x")
    with pytest.raises(InputError, match="has changed"):
        export_experiment(copy, out=tmp_path / "out")
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match="exists already"):
        export_experiment(stimuli, out=tmp_path / "taken")
    assert {path.name for path in tmp_path.iterdir()} == {"copy", "taken"}


def test_more_codes_than_a_byte_holds_are_refused(
    stimuli: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synthstim.experiment.images.stimuli.FIRST_STIMULUS", 254)
    serial = RIG + "markers: {kind: serial, port: COM3}\n"
    with pytest.raises(InputError, match=r"set markers\.encoding to two_bytes or line"):
        export_experiment(stimuli, out=tmp_path / "out", rig=write_rig(tmp_path, serial))
    line = write_rig(tmp_path, serial.replace("COM3", "COM3, encoding: line"))
    assert export_experiment(stimuli, out=tmp_path / "out", rig=line).is_dir()


@pytest.mark.parametrize("identity", [HOSTILE, "[__import__('os').getcwd()]", "it's", 'a"b', "two\\nlines", "CON", "CHELSEA", "../up"])  # fmt: skip
def test_hostile_ids_do_not_pass(identity: str, stimuli: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(stimuli, copy)
    table = pd.read_csv(copy / "stimuli.tsv", sep="\t", dtype=str, keep_default_na=False)
    table.loc[1, "stimulus_id"] = identity.replace("\\n", "\n")
    table.to_csv(copy / "stimuli.tsv", sep="\t", index=False)
    with pytest.raises(InputError):
        export_experiment(copy, out=tmp_path / "out")


def test_no_text_of_a_set_or_rig_becomes_code(tmp_path: Path) -> None:
    hostile = [
        HOSTILE,
        "[__import__('os').system('touch PWNED')]",
        "'; import os; x='",
        "{{ 7 * 7 }}",
        "`x`<script>",
    ]
    source = make_set(tmp_path / "$(x) [1] 'set'", ids=CUNNING)
    table = pd.read_csv(source / "stimuli.tsv", sep="\t", dtype=str, keep_default_na=False)
    for column, text in zip(("kind", "name", "status", "observer", "reason"), hostile, strict=False):
        table[column] = text
    table.to_csv(source / "stimuli.tsv", sep="\t", index=False)
    rig = yaml.safe_load(RIG) | {"subject": hostile[1], "markers": {"kind": "serial", "port": hostile[2] + HOSTILE}}
    folder = export_experiment(source, out=tmp_path / "out", rig=write_rig(tmp_path, yaml.safe_dump(rig)))

    fields = [param.get("val", "") for param in ElementTree.parse(folder / "passive_fixation.psyexp").iter("Param")]
    script = (folder / "passive_fixation.py").read_text(encoding="utf-8")
    conditions = (folder / "conditions.csv").read_text(encoding="utf-8")
    for text in (*hostile, "PWNED", source.name):
        assert not any(text in field for field in fields)
        assert text not in script
    assert not set(conditions) & set("[]$'\"`(){}")
    assert json.loads((folder / "settings.json").read_text(encoding="utf-8"))["subject"] == hostile[1]
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "<script>" not in readme.replace("\\<", "")
    assert HOSTILE not in readme


def test_file_names_work_on_windows(exported: Path) -> None:
    reserved = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
    names = [str(path.relative_to(exported)) for path in exported.rglob("*")]
    assert len({name.lower() for name in names}) == len(names)
    for path in exported.rglob("*"):
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", path.name)
        assert not reserved.fullmatch(path.name)


def test_a_set_of_which_nothing_passed_is_told_what_to_do(synthstim: Any, tmp_path: Path) -> None:
    writer = SetWriter(tmp_path / "set")
    writer.add("one", np.full((1, 16, 16), 0.5, np.float32), kind="controller", status="failed", reason="too short")
    writer.commit({})
    said = synthstim("export", "set", "--out", "out", "--set", "include=passed", cwd=tmp_path, status=2)
    assert "no stimulus of set remains to be shown: make the set again, longer, or give --set include=all" in said
    assert not (tmp_path / "out").exists()
