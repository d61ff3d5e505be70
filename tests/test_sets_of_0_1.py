"""Stimulus sets of release 0.1 are read, checked, reported and exported as they were; their pictures and sounds are our own."""

import shutil
from pathlib import Path

import pytest

from synthstim.stimulus_set import StimulusSet

KEPT = Path(__file__).parent / "sets_of_0.1"
KINDS = {
    "images": {"control": 5, "controller": 5, "natural": 5, "metamer": 2},
    "sounds": {"controller": 1, "metamer": 1},
}


@pytest.fixture(params=KINDS)
def kept(request, tmp_path):
    return Path(shutil.copytree(KEPT / request.param, tmp_path / request.param))


def test_a_set_is_read_and_intact(kept):
    stimuli = StimulusSet.read(kept)
    stimuli.require_intact()
    assert dict(stimuli.table["kind"].value_counts()) == KINDS[kept.name]
    assert stimuli.table["status"].dropna().isin(["passed", "failed"]).all()


def test_a_set_measures_as_its_table_says(kept, synthstim, tmp_path):
    out = synthstim("check", kept, "--pool", KEPT / f"pool_{kept.name}", cwd=tmp_path, status=0)
    assert f"{sum(KINDS[kept.name].values())} of " in out
    assert "0 differences" in out


def test_a_set_is_reported(kept, synthstim, tmp_path):
    synthstim("report", kept, cwd=tmp_path, status=0)
    page = (kept / "report.html").read_text(encoding="utf-8")
    assert all(name in page for name in StimulusSet.read(kept).table["stimulus_id"])


def test_images_are_exported(synthstim, tmp_path):
    synthstim(
        "export", KEPT / "images", "--protocol", "passive_fixation", "--out", tmp_path / "out", cwd=tmp_path, status=0
    )
    assert (tmp_path / "out" / "manifest.json").is_file()
