"""The gallery of the documentation: every recipe is one, every picture is what its recipe made."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from synthstim.files import sha256_of
from synthstim.recipe import read_recipe

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs" / "gallery"))
import gallery  # noqa: E402 - beside the recipes, not a package

ENTRIES = {entry.name: entry for entry in gallery.entries()}
RECIPES = [name for name, entry in ENTRIES.items() if entry.path.suffix == ".yaml"]


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("material")
    gallery.write_material(folder)
    return folder


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_one(name: str, material: Path) -> None:
    recipe = read_recipe(shutil.copy(ENTRIES[name].path, material))
    assert recipe.stimuli


def test_every_picture_is_what_its_recipe_made() -> None:
    made = json.loads(gallery.MADE.read_text(encoding="utf-8"))
    assert len(ENTRIES) >= 20
    assert sorted(made) == sorted(ENTRIES)
    for name, entry in ENTRIES.items():
        assert entry.title, name
        assert entry.said[-1] in ".?", name
        assert made[name]["recipe_sha256"] == sha256_of(entry.path), f"{name}: run docs/gallery/gallery.py"
        assert made[name]["picture_sha256"] == sha256_of(entry.picture), name
        assert entry.picture.stat().st_size < 200_000, name
    strays = {path for part in gallery.PARTS for path in (gallery.HERE / part).iterdir()}
    assert strays == {path for entry in ENTRIES.values() for path in (entry.path, entry.picture)}


@pytest.mark.slow
def test_a_recipe_makes_its_picture(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "BUILD", tmp_path)
    entry = ENTRIES["control/drive"]
    copied = entry._replace(path=shutil.copy(entry.path, tmp_path / "drive.yaml"))
    monkeypatch.setattr(gallery, "HERE", tmp_path)
    told = gallery.run(copied, material)
    assert told["stimuli"] == 3
    assert copied.picture.stat().st_size > 10_000
