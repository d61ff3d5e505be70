"""Folders to begin from are whole: their recipes are read, their experiments exported, the plug-in's own test passes."""

from __future__ import annotations

import numpy as np
import pytest
from engine_fixture import photograph
from plugin_fixture import install, python
from typer.testing import CliRunner

from synthstim.cli import app
from synthstim.errors import InputError
from synthstim.experiment import export_experiment, read_rig
from synthstim.modalities.sound import write_wav
from synthstim.recipe import read_recipe
from synthstim.starters import KINDS, begin
from synthstim.stimulus_set import SetWriter


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_is_written_once_under_its_name(kind, tmp_path):
    done = CliRunner().invoke(app, ["new", kind, str(tmp_path / "mine")], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    texts = [
        path.read_text(encoding="utf-8") for path in (tmp_path / "mine").rglob("*") if path.suffix not in ("", ".png")
    ]
    assert not any("NAME" in text for text in texts)
    assert "mine" in (tmp_path / "mine" / "README.md").read_text(encoding="utf-8")
    with pytest.raises(InputError):
        begin(kind, tmp_path / "mine")


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [("sesion", "mine", "did you mean 'session'"), ("zzz", "mine", "no folder to begin from is called 'zzz': known are 'session'"), ("session", "9up", "expected a small letter"), ("plugin", "My Plug", "expected a small letter")],
)  # fmt: skip
def test_what_cannot_be_begun_is_refused(kind, name, said, tmp_path):
    with pytest.raises(InputError, match=said):
        begin(kind, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_recipes_are_read_as_they_stand(tmp_path):
    assert len(read_recipe(begin("session", tmp_path / "evening") / "recipe.yaml").stimuli) == 3
    assert len(read_recipe(begin("experiment", tmp_path / "trials") / "recipe.yaml").stimuli) == 1
    listening = begin("listening", tmp_path / "words")
    for word in ("garden", "window", "violin", "rocket", "button", "doctor"):
        write_wav(listening / "recordings" / f"{word}.wav", np.zeros(48_000, np.float32), 48_000)
    assert len(read_recipe(listening / "recipe.yaml").stimuli[0].reference) == 6


def test_the_experiment_is_exported_with_its_design_words_and_rig(tmp_path):
    begun = begin("experiment", tmp_path / "trials")
    writer = SetWriter(tmp_path / "set")
    reference, digest = writer.add_reference(photograph("chelsea"), "cat")
    for layer, image in (("blocks.0", photograph("coffee")), ("blocks.4", photograph("rocket"))):
        writer.add(
            f"cat_{layer[-1]}", image, kind="metamer", name="cat", observer="net", layer=layer, copy=0, reference=reference,
            reference_sha256=digest, status="passed",
        )  # fmt: skip
    writer.add_reference(photograph("moon"), "moon")
    writer.commit({"versions": {"synthstim": "0.1.0"}})
    assert read_rig(begun / "rig.yaml").monitor.width_px == 1920
    export_experiment(
        tmp_path / "set", "oddity", out=tmp_path / "study", design=begun / "design.yaml", texts=begun / "texts.yaml",
        rig=begun / "rig.yaml", settings={"participants": 2, "catch_trials": 0},
    )  # fmt: skip
    assert (tmp_path / "study" / "oddity.psyexp").is_file()


@pytest.mark.slow
def test_the_plugin_passes_its_own_test(tmp_path):
    begun = begin("plugin", tmp_path / "mine")
    installed = install(begun, tmp_path / "installed")
    done = python(["-m", "pytest", "-q", "-p", "no:cacheprovider", begun / "tests"], at=begun, paths=[installed])
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_doctor_names_what_is_missing_and_what_it_stops(monkeypatch):
    from importlib import metadata

    from synthstim import doctor

    version = metadata.version

    def without(name):
        if name in ("cma", "kornia"):
            raise metadata.PackageNotFoundError(name)
        return "0.1" if name == "timm" else version(name)

    monkeypatch.setattr(doctor.importlib.metadata, "version", without)
    found = {one.what: one for one in doctor.examine()}
    assert found["packages"].ok is False
    assert "kornia is not installed" in found["packages"].said
    assert "timm is 0.1, >=" in found["packages"].said
    assert found["evolve"].ok is None
    assert "pip install 'synthstim[evolve]' for synthstim evolve" in found["evolve"].said
    known = metadata.metadata("synthstim").get_all("Provides-Extra")
    assert {*doctor.EXTRAS, "test"} == set(known)
    assert set(doctor.EXTRAS) < set(found)
