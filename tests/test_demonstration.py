"""The demonstration runs from beginning to end, and is quick when nothing changed."""

import io
import shutil

import pytest
from rich.console import Console

from synthstim import StimulusSet
from synthstim.demonstration import demonstrate


@pytest.mark.display
@pytest.mark.skipif(not shutil.which("Xvfb"), reason="needs Xvfb to rehearse the experiment")
def test_demonstration(tmp_path):
    said = Console(file=io.StringIO(), width=500)
    demonstrate("image", tmp_path / "demo", said, budget=10, quiet=True)
    first = said.file.getvalue()
    assert "no differences" in first
    assert "rehearsal     completed" in first
    made = StimulusSet.read(tmp_path / "demo" / "set")
    assert set(made.table["kind"]) == {"metamer", "controller"}
    assert (tmp_path / "demo" / "set" / "report.html").exists()
    assert "done before" not in first
    before = (tmp_path / "demo" / "set" / "stimuli.tsv").stat().st_mtime_ns
    demonstrate("image", tmp_path / "demo", said, budget=10, quiet=True)
    assert (tmp_path / "demo" / "set" / "stimuli.tsv").stat().st_mtime_ns == before
    assert said.file.getvalue().count("done before") == 2


@pytest.mark.slow
def test_the_demonstration_of_odours(tmp_path):
    said = Console(file=io.StringIO())
    demonstrate("odour", tmp_path / "demo", said, quiet=True)
    for name in ("fly", "olfaction"):
        made = StimulusSet.read(tmp_path / "demo" / name)
        assert (made.table["status"] == "passed").all(), made.table["reason"].tolist()
        assert (tmp_path / "demo" / name / "report.html").exists()
    assert (tmp_path / "demo" / "experiment" / "valve_table.tsv").exists()


@pytest.mark.slow
def test_the_demonstration_of_faces(tmp_path):
    said = Console(file=io.StringIO(), width=500)
    demonstrate("faces", tmp_path / "demo", said, quiet=True)
    assert "no differences, 0 marked failed" in said.file.getvalue()
    turned = StimulusSet.read(tmp_path / "demo" / "turned")
    assert len(turned) == 4 * 7 * 3
    assert turned.table["activation"].notna().all()
    assert (tmp_path / "demo" / "turned" / "report.html").exists()
    manifest = (tmp_path / "demo" / "experiment" / "manifest.json").read_text(encoding="utf-8")
    assert "turned" in manifest
