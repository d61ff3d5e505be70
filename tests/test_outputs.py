"""Every command that writes: what is the user's is never replaced, filled or removed; one sentence, before any work."""

from pathlib import Path

import numpy as np
import pytest
import torch

from synthstim.modalities.image import write_png
from synthstim.modalities.sound import write_wav
from synthstim.stimulus_set import adopt

RECIPE = """\
observer: {name: efficientnet-lite0, size: 64}
stimuli:
  - {name: up, kind: controller, goal: drive, unit: {layer: blocks.4, channel: 42}}
"""
TRIALS = "stimulus_id\trepeat\tsession\tsite\tresponse\twindow_start_s\twindow_end_s\nimage_0\t0\t1\ta\t3\t0.07\t0.17\n"

# Each command, with OUT where it says what is written.
COMMANDS = {
    "make": "make recipe.yaml --out OUT",
    "adopt": "adopt mine --out OUT",
    "report": "report set --out OUT.html",
    "export": "export set --out OUT",
    "simulate": "simulate set --out OUT.tsv",
    "fit": "fit trials.tsv --stimuli set --layers blocks.1 --out OUT",
    "convert": "convert weights.pt --out OUT.safetensors",
    "split": "split tone.wav --out OUT",
    "evolve init": "evolve init OUT --site a --size 64",
    "serve": "serve set --out OUT",
    "loop init": "loop init OUT --layers blocks.1 --probes 0",
    "demo": "demo image --out OUT",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("outputs")
    (place / "mine").mkdir()
    for number in range(2):
        values = np.random.default_rng(number).random((3, 64, 64), dtype=np.float32)
        write_png(place / "mine" / f"image_{number}.png", values)
    adopt(place / "mine", place / "set")
    (place / "recipe.yaml").write_text(RECIPE)
    (place / "trials.tsv").write_text(TRIALS)
    write_wav(place / "tone.wav", 0.1 * np.sin(np.arange(8_000, dtype=np.float32)), 8_000)
    torch.save({"weight": torch.zeros(1)}, place / "weights.pt")
    return place


def _a_file(place: Path) -> Path:
    place.write_text("mine")
    return place


def _a_folder(place: Path) -> Path:
    place.mkdir()
    (place / "thesis.tex").write_text("mine")
    return place


def _a_link(place: Path) -> Path:
    place.symlink_to(place.with_name("nowhere"))
    return place


def _under_a_file(place: Path) -> Path:
    place.write_text("mine")
    return place / place.name


def _a_device(place: Path) -> Path:
    return place.with_name(f"AUX{place.suffix}")


def _a_hidden_folder(place: Path) -> Path:
    hidden = place.with_name(f".{place.name}.staging")
    hidden.mkdir()
    (hidden / "thesis.tex").write_text("mine")
    return place


def _a_work_folder(place: Path) -> Path:
    hidden = place.with_name(f".{place.name}.work")
    hidden.mkdir()
    (hidden / "thesis.tex").write_text("mine")
    return place


def _in_a_set(place: Path) -> Path:
    photographs = place.with_name("photographs")
    photographs.mkdir()
    write_png(photographs / "one.png", np.full((3, 64, 64), 0.5, np.float32))
    adopt(photographs, place.with_name("a_set"))
    return place.with_name("a_set") / place.name


def seen(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


# Hidden folders beside what is written, where a command has one.
HIDDEN = [(name, _a_hidden_folder) for name in ("make", "adopt", "export", "fit", "loop init")] + [
    ("make", _a_work_folder)
]


@pytest.mark.parametrize(
    ("command", "theirs"),
    [
        (name, theirs)
        for name in COMMANDS
        for theirs in (_a_file, _a_folder, _a_link, _under_a_file, _a_device, _in_a_set)
    ]
    + HIDDEN,
)
def test_what_is_the_users_is_left_alone(synthstim, command, theirs, folder, tmp_path):
    words = COMMANDS[command].split()
    at = next(at for at, word in enumerate(words) if word.startswith("OUT"))
    words[at] = str(theirs(tmp_path / words[at].replace("OUT", "theirs")))
    before = seen(tmp_path), seen(folder)
    said = synthstim(*words, cwd=folder)
    assert "error" in said
    assert "Traceback" not in said
    assert (seen(tmp_path), seen(folder)) == before
