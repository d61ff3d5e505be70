"""The gallery: every recipe here is made, its stimuli are measured, and its picture is what the run made (``make gallery``).

python docs/gallery/gallery.py            what has changed since its picture was made
python docs/gallery/gallery.py --all      everything anew
python docs/gallery/gallery.py sounds     those whose path begins so
"""

from __future__ import annotations

import argparse
import json
import runpy
import shutil
import time
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import skimage.io
from pictures import picture_of

from synthstim.files import as_json, sha256_of
from synthstim.modalities import MODALITIES
from synthstim.modalities.image import write_png
from synthstim.modalities.image.demonstration import write_references as write_photographs
from synthstim.modalities.odour.demonstration import write_references as write_odours
from synthstim.modalities.sound.demonstration import write_references as write_recordings
from synthstim.production import make
from synthstim.recipe import read_recipe

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "gallery"
MADE = HERE / "made.json"
TEXTURES = {"brick": "brick.png", "gravel": "gravel.png", "tissue": "ihc.png"}
PARTS = {
    "metamers": "Metamers", "control": "Control", "textures": "Textures", "two_observers": "Two observers", "sounds": "Sounds",
    "odours": "Odours", "decoders": "Decoders", "experiments": "Experiments",
}  # fmt: skip


class Entry(NamedTuple):
    """A recipe, or a script with a function ``figure``, with its title and what it shows."""

    path: Path
    title: str
    said: str

    @property
    def name(self) -> str:
        """Its part and its name."""
        return self.path.relative_to(HERE).with_suffix("").as_posix()

    @property
    def picture(self) -> Path:
        """Its picture, beside it."""
        return self.path.with_suffix(".png" if self.path.suffix == ".yaml" else ".svg")


def entries() -> list[Entry]:
    """All of them, part by part."""
    paths = [path for part in PARTS for path in sorted((HERE / part).iterdir()) if path.suffix in (".yaml", ".py")]
    return [_entry(path) for path in paths]


def _entry(path: Path) -> Entry:
    lines = [line.lstrip('#" ').rstrip() for line in path.read_text(encoding="utf-8").splitlines()[:2]]
    return Entry(path, *lines)


def write_material(folder: Path) -> None:
    """Put what recipes refer to into a folder: photographs, textures, recordings and a mixture that packages carry."""
    folder.mkdir(parents=True, exist_ok=True)
    for write in (write_photographs, write_recordings, write_odours):
        write(folder)
    for name, file in TEXTURES.items():
        values = skimage.io.imread(str(files("skimage.data") / file)) / 255
        values = values[None] if values.ndim == 2 else values[..., :3].transpose(2, 0, 1)
        write_png(folder / f"{name}.png", values[:, :256, :256].astype("float32"))
    # With room for changes, as a distortion wants it.
    cat = MODALITIES["image"].read(folder / "cat.png")
    write_png(folder / "soft_cat.png", 0.25 + 0.5 * cat)


def run(entry: Entry, material: Path) -> dict[str, object]:
    """Make one and draw it; what is kept of how it was made."""
    folder = BUILD / entry.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()
    if entry.path.suffix == ".py":
        drawn = runpy.run_path(str(entry.path))["figure"](material, folder)
        entry.picture.write_text(drawn, encoding="utf-8")
        result = {}
    else:
        copy = material / entry.path.name
        shutil.copyfile(entry.path, copy)
        stimuli = make(read_recipe(copy), folder / "set")
        entry.picture.write_bytes(picture_of(stimuli))
        result = {"stimuli": len(stimuli.table), "passed": int((stimuli.table["status"] == "passed").sum())}
    told = result | {"seconds": round(time.monotonic() - began), "recipe_sha256": sha256_of(entry.path)}
    return told | {"picture_sha256": sha256_of(entry.picture), "synthstim": version("synthstim")}


def main() -> None:
    """Make what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("begins", nargs="?", default="", help="those whose path begins so")
    parser.add_argument("--all", action="store_true", help="also those that have not changed")
    asked = parser.parse_args()
    made = json.loads(MADE.read_text(encoding="utf-8")) if MADE.exists() else {}
    material = BUILD / "material"
    write_material(material)
    for entry in entries():
        known = made.get(entry.name, {}).get("recipe_sha256") == sha256_of(entry.path) and entry.picture.exists()
        if not entry.name.startswith(asked.begins) or (known and not asked.all):
            continue
        made[entry.name] = run(entry, material)
        MADE.write_bytes(as_json(dict(sorted(made.items()))))
        print(f"{entry.name}: {made[entry.name]['seconds']} s, {entry.picture}", flush=True)


if __name__ == "__main__":
    main()
