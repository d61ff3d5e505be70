"""Bad input at the command line: one clear sentence, exit status 2, no traceback, before long work starts."""

import os
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from production_fixture import write_small

from synthstim import make, read_recipe
from synthstim.modalities.image import write_png
from synthstim.progress import FIRST_LINE

HEAD = "observer: {name: efficientnet-lite0, size: 64}\nstimuli:\n"
METAMER = "  - {name: cat, kind: metamer, reference: cat.png, layers: [blocks.0]"
DRIVE = "  - {name: up, kind: controller, goal: drive, unit: {layer: blocks.4, channel: 42}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("bad")
    write_small(place)
    (place / "notes.png").write_text("not an image")
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    data = struct.pack(">I", 2) + b"IDATxx" + struct.pack(">I", zlib.crc32(b"IDATxx"))
    (place / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + data)
    (place / "half.png").write_bytes((place / "cat.png").read_bytes()[:5000])
    (place / "broken.safetensors").write_bytes(b"\x00" * 100)
    torch.save({"conv.weight": torch.zeros(1)}, place / "other.pth")
    torch.save({"weights": Path("a path is not a tensor")}, place / "object.pth")
    text = HEAD + METAMER + ", evaluations: 5, target_db: 60}\n" + DRIVE + ", evaluations: 5}\n"
    (place / "good.yaml").write_text(text)
    (place / "taken").mkdir()
    for name, count in (("one", 1), ("damaged", 4)):
        (place / name).mkdir()
        for number in range(count):
            shutil.copy(place / "cat.png", place / name / f"{number}.png")
    shutil.copy(place / "half.png", place / "damaged" / "half.png")
    return place


RECIPES = {
    "missing file": (HEAD + METAMER.replace("cat.png", "dog.png") + "}", "dog.png"),
    "not an image": (HEAD + METAMER.replace("cat.png", "notes.png") + "}", "cannot be read as an image"),
    "truncated image": (HEAD + METAMER.replace("cat.png", "half.png") + "}", "cannot be read as an image"),
    "100,000 x 100,000 pixels declared": (HEAD + METAMER.replace("cat.png", "bomb.png") + "}", "10000000000 pixels"),
    "unknown layer": (HEAD + METAMER.replace("blocks.0", "block.0") + "}", "did you mean 'blocks.0'"),
    "unknown observer": (HEAD.replace("lite0", "lite9") + METAMER + "}", "did you mean 'efficientnet-lite"),
    "channel out of range": (HEAD + DRIVE.replace("42", "4200") + "}", "0 to 111"),
    "position out of range": (HEAD + DRIVE.replace("42", "42, position: [9, 9]") + "}", "outside blocks.4"),
    "impossible contrast": (
        HEAD + METAMER + ", constraints: {mean_luminance: 0.9, rms_contrast: 0.9}}",
        "at mean luminance 0.9 it stays below",
    ),
    "impossible together": (
        HEAD + METAMER + ", constraints: {energy: 0.01, rms_contrast: 1.5}}",
        "cannot be met together",
    ),
    "corrupt weights": (
        "observer: {name: efficientnet-lite0, weights: broken.safetensors}\nstimuli:\n" + METAMER + "}",
        "cannot be read as plain weights",
    ),
    "weights of another model": (
        "observer: {name: efficientnet-lite0, weights: other.pth}\nstimuli:\n" + METAMER + "}",
        "does not fit",
    ),
    "weights that hold objects": (
        "observer: {name: efficientnet-lite0, weights: object.pth}\nstimuli:\n" + METAMER + "}",
        "cannot be read as plain weights",
    ),
    "download not allowed": ("observer: resnet18\nstimuli:\n" + METAMER + "}", "--allow-download"),
    "code not allowed": ("observer: 'os:getcwd'\nstimuli:\n" + METAMER + "}", "--allow-code"),
    "typo in a key": (HEAD + METAMER.replace("reference", "refernce") + "}", "line 3"),
    "YAML tag": (HEAD + "  - !!python/object/apply:os.system ['true']", "tag"),
    "alias bomb": ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "line 1"),
    "path climbs out": (HEAD + METAMER.replace("cat.png", "../cat.png") + "}", "climbs out"),
    "fit exact, another size": ("fit: exact\n" + HEAD + METAMER + "}", "fit 'exact'"),
    "lbfgs with robustness": (HEAD + DRIVE + ", optimiser: lbfgs, robustness: {jitter: 3}}", "choose adam"),
    "contrast no image has": (HEAD + METAMER + ", constraints: {rms_contrast: 900}}", "ask for less"),
    "contrast that is cut": (HEAD + METAMER + ", constraints: {rms_contrast: 1.3}}", "cannot be met"),
    "jitter beyond the image": (HEAD + DRIVE + ", robustness: {jitter: 33}}", "expected at most 32"),
    "scale of nothing": (HEAD + DRIVE + ", robustness: {scale: 1.0}}", "from 0 to 0.9"),
    "no other site": ("controls: {other_site: 3}\n" + HEAD + DRIVE + "}", "each goal here has one unit"),
    "weight beyond reason": (HEAD + DRIVE + ", total_variation: 1e308}", "total_variation: 1e308 (number) given"),
    "level beyond reason": (
        HEAD + DRIVE.replace("drive", "level, level: -1e300") + "}",
        "level: -1e300 (number) given",
    ),
    "pool of one photograph": ("pool: one\n" + HEAD + METAMER + "}", "at least 4 photographs"),
    "pool with a damaged photograph": ("pool: damaged\n" + HEAD + METAMER + "}", "half.png cannot be read as an image"),
    "pool of one image": ("pool: taken\n" + HEAD + METAMER + "}", "at least 4 photographs"),
}


@pytest.mark.parametrize("case", RECIPES)
def test_bad_recipe(synthstim, case, folder, tmp_path):
    text, said = RECIPES[case]
    recipe = folder / f"recipe{abs(hash(case))}.yaml"
    recipe.write_text(text)
    try:
        out = synthstim("make", recipe, "--out", tmp_path / "set", cwd=folder)
    finally:
        recipe.unlink()
    assert said in out
    assert not list(tmp_path.iterdir()), "nothing is left behind"


ARGUMENTS = {
    "no recipe": (["make", "nowhere.yaml", "--out", "x"], "nowhere.yaml"),
    "set exists": (["make", "recipe.yaml", "--out", "taken"], "exists already"),
    "name too long": (["make", "recipe.yaml", "--out", "x" * 248], "200 bytes at most"),
    "parent that is a file": (["make", "recipe.yaml", "--out", "cat.png/x"], "cannot be made"),
    "log in a recipe": (["make", "recipe.yaml", "--out", "x", "--log", "recipe.yaml"], "is not a log"),
    "log in a picture": (["make", "recipe.yaml", "--out", "x", "--log", "cat.png"], "is not a log"),
    "log in a folder": (["make", "recipe.yaml", "--out", "x", "--log", "taken"], "is a directory"),
    "log nowhere": (["make", "recipe.yaml", "--out", "x", "--log", "cat.png/log"], "cannot be"),
    "unknown device": (["make", "recipe.yaml", "--out", "x", "--device", "abacus"], "cannot be used here"),
    "budget of nothing": (["make", "recipe.yaml", "--out", "x", "--budget", "0"], "--budget"),
    "no set": (["check", "taken"], "is not a stimulus set"),
    "report of nothing": (["report", "nowhere"], "is not a stimulus set"),
    "unknown protocol": (["export", "taken", "--protocol", "pasive_fixation", "--out", "x"], "passive_fixation"),
    "setting without value": (["export", "taken", "--out", "x", "--set", "on_ms"], "KEY=VALUE"),
    "no experiment": (["run", "taken"], "taken"),
    "adopt nothing": (["adopt", "taken", "--out", "x"], "holds no image"),
    "unknown kind": (["adopt", ".", "--out", "x", "--kind", "metamer"], "natural or control"),
    "unknown verb": (["mke"], "mke"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_bad_arguments(synthstim, case, folder):
    arguments, said = ARGUMENTS[case]
    assert said in synthstim(*arguments, cwd=folder)
    assert not (folder / "x").exists()


@pytest.fixture(scope="module")
def small_set(folder):
    return make(read_recipe(folder / "good.yaml"), folder / "good_set").root


def _tamper_stimulus(root):
    write_png(root / "stimuli" / "up_0.png", np.full((3, 64, 64), 0.25, np.float32))


def _tamper_figure(root):
    lines = (root / "stimuli.tsv").read_text().splitlines()
    cells = lines[2].split("\t")
    at = lines[0].split("\t").index("activation")
    cells[at] = str(float(cells[at]) + 10)
    (root / "stimuli.tsv").write_text("\n".join([*lines[:2], "\t".join(cells)]) + "\n")


def _climb(root):
    text = (root / "stimuli.tsv").read_text()
    (root / "stimuli.tsv").write_text(text.replace("stimuli/up_0.png", "../cat.png"))


def _link(root):
    (root / "stimuli" / "up_0.png").unlink()
    (root / "stimuli" / "up_0.png").symlink_to(root / "stimuli" / "cat_blocks-0_0.png")


def _newer(root):
    text = (root / "provenance.json").read_text()
    (root / "provenance.json").write_text(text.replace('"schema_version": 1', '"schema_version": 99', 1))


def _lose(root):
    (root / "stimuli" / "up_0.png").unlink()


TAMPERED = {
    "stimulus changed": (_tamper_stimulus, 1, "stimuli/up_0.png has changed"),
    "figure changed": (_tamper_figure, 1, "up_0: activation"),
    "path climbs out": (_climb, 2, "sets hold their own files only"),
    "link": (_link, 2, "passes through a link"),
    "newer schema": (_newer, 2, "update it"),
    "file lost": (_lose, 2, "is missing"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_tampered_set_is_found_by_check(synthstim, case, small_set, tmp_path):
    change, status, said = TAMPERED[case]
    shutil.copytree(small_set, tmp_path / "set")
    change(tmp_path / "set")
    assert said in synthstim("check", "set", "--quiet", cwd=tmp_path, status=status)


@pytest.mark.parametrize("case", [case for case, (_, status, _) in TAMPERED.items() if status == 2])
def test_report_and_export_refuse_what_check_refuses(synthstim, case, small_set, tmp_path):
    change, _, said = TAMPERED[case]
    shutil.copytree(small_set, tmp_path / "set")
    change(tmp_path / "set")
    assert said in synthstim("report", "set", cwd=tmp_path)
    assert said in synthstim("export", "set", "--out", "exp", cwd=tmp_path)
    assert not (tmp_path / "exp").exists()


def test_strict_turns_a_failed_stimulus_into_status_1(synthstim, small_set, tmp_path):
    shutil.copytree(small_set, tmp_path / "set")
    out = synthstim("check", "set", "--quiet", cwd=tmp_path, status=0)
    assert "marked failed" in out, "nothing reaches 60 dB"
    synthstim("check", "set", "--quiet", "--strict", cwd=tmp_path, status=1)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 200 kB."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_full_disk(synthstim, folder, small_disk):
    out = synthstim("make", "good.yaml", "--out", small_disk / "set", "--quiet", cwd=folder)
    assert "make room" in out
    assert not (small_disk / "set").exists()
    subprocess.run(["mount", "-o", "remount,size=9m", str(small_disk)], check=True)
    synthstim("make", "good.yaml", "--out", small_disk / "set", "--quiet", "--resume", cwd=folder, status=0)
    assert [path.name for path in small_disk.iterdir()] == ["set"]


def test_full_disk_of_the_log(synthstim, folder, small_disk, tmp_path):
    log = small_disk / "log.tsv"
    command = ["make", "good.yaml", "--out", tmp_path / "set", "--quiet", "--log", log]
    log.write_text(FIRST_LINE)
    subprocess.run(["dd", "if=/dev/zero", f"of={small_disk / 'filler'}", "bs=4096"], check=False, capture_output=True)
    log.write_text(FIRST_LINE + "#" * (4095 - len(FIRST_LINE)) + "\n")
    out = synthstim(*command, cwd=folder)
    assert "make room, then continue with --resume" in out
    (small_disk / "filler").unlink()
    synthstim(*command, "--resume", cwd=folder, status=0)
    assert (tmp_path / "set").is_dir()


def test_a_log_is_added_to(synthstim, folder, tmp_path):
    for number in range(2):
        command = ["make", "good.yaml", "--out", tmp_path / f"set{number}", "--quiet", "--log", tmp_path / "log.tsv"]
        synthstim(*command, cwd=folder, status=0)
    lines = (tmp_path / "log.tsv").read_text().splitlines()
    assert [line.startswith("#") for line in lines].count(True) == 1
    assert sum("\t1.0000\t2/2" in line for line in lines) == 2


@pytest.mark.parametrize(
    ("command", "stopped", "said"),
    [
        (["make", "good.yaml", "--out", "x"], "synthstim.production.make", "--resume continues"),
        (
            ["loop", "next", "x"],
            "synthstim.loop.LoopSession.read",
            "what is complete is kept, and the same command continues",
        ),
        (["adopt", "taken", "--out", "x"], "synthstim.stimulus_set.adopt", "stopped"),
    ],
)
def test_a_command_that_is_stopped_says_what_goes_on(synthstim, folder, monkeypatch, command, stopped, said):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(stopped, stop)
    out = synthstim(*command, cwd=folder, status=130)
    assert out.startswith("stopped")
    assert said in out
    assert ("--resume" in out) == (command[0] == "make")


def test_hostile_name_is_text_in_the_report(synthstim, small_set, tmp_path):
    shutil.copytree(small_set, tmp_path / "set")
    table = tmp_path / "set" / "stimuli.tsv"
    table.write_text(table.read_text().replace("\tup\t", "\t<script>alert(1)</script>\t"))
    synthstim("report", "set", cwd=tmp_path, status=0)
    page = (tmp_path / "set" / "report.html").read_text()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_installed_program_gives_no_traceback(folder):
    command = [Path(sys.executable).with_name("synthstim"), "make", "nowhere.yaml", "--out", "x"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "nowhere.yaml" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_nan_and_channels_through_the_python_api():
    from synthstim import InputError
    from synthstim.modalities.image import as_image

    for values, said in (
        (np.full((3, 8, 8), np.nan), "NaN"),
        (np.zeros((4, 8, 8)), "1 or 3 channels"),
        (np.full((3, 8, 8), 255.0), r"\[0, 1\]"),
        (np.zeros((3, 8, 8), np.uint8), "uint8"),
    ):
        with pytest.raises(InputError, match=said):
            as_image(values)
