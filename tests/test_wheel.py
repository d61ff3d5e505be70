"""A wheel built from the clone works in another folder: the protocols are in it, and the command line runs."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder that holds what the wheel holds, and nothing of the clone."""
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = place.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(place / "site"), str(wheel)]
    subprocess.run([*pip, "--disable-pip-version-check", "--no-warn-script-location"], check=True)
    return place, wheel


def test_wheel_holds_all_that_is_used_at_run_time(installed):
    _, wheel = installed
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("synthstim", "protocols"):
        for path in (ROOT / folder).rglob("*"):
            inside = path.relative_to(ROOT).as_posix()
            if path.is_file() and "__pycache__" not in path.parts:
                assert (inside if folder == "synthstim" else f"synthstim/{inside}") in names
    assert not [name for name in names if name.startswith("tests/")]


def test_installed_elsewhere_it_adopts_reports_and_exports(installed, tmp_path):
    place, _ = installed
    script = f"""
import sys
sys.path = [{str(place / "site")!r}] + [p for p in sys.path if p not in ("", {str(ROOT)!r})]
import synthstim
assert synthstim.__file__.startswith({str(place)!r}), synthstim.__file__
from importlib.resources import files
import shutil, os
os.mkdir("mine")
shutil.copy(str(files("skimage.data") / "chelsea.png"), "mine/cat.png")
stimuli, left_out = synthstim.adopt("mine", "set")
assert not left_out
synthstim.write_report(stimuli)
synthstim.export_experiment(stimuli, out="experiment")
"""
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    assert (tmp_path / "set" / "report.html").stat().st_size > 1e6
    assert list((tmp_path / "experiment").glob("*.psyexp"))
