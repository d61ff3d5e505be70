"""The documented adaptive design on a real PsychoPy, interrupted and resumed: the run goes on as if it had not been."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from experiment_fixture import write_rig

from synthstim.experiment import export_experiment, run_experiment
from synthstim.experiment.runtime.tables import read_table
from synthstim.stimulus_set import SetWriter

QUICK = {"participants": 1, "practice_trials": 0, "lead_ms": 50, "on_ms": 50, "gap_ms": 50}
SAME = ("trial", "track", "level", "pair", "first", "second", "third", "right", "response", "correct")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.display,
    pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed"),
]


def make_series(root: Path) -> Path:
    """Seventeen mixtures at one layer."""
    draw = np.random.default_rng(0)
    with SetWriter(root) as writer:
        file, digest = writer.add_reference(draw.random((3, 32, 32), np.float32), "noise")
        for number in range(17):
            writer.add(
                f"mix_{number}", draw.random((3, 32, 32), np.float32), kind="mixture", mix=number / 16, layer="conv1", reference=file,
                reference_sha256=digest, status="passed", name="noise",
            )  # fmt: skip
        return writer.commit({"versions": {"synthstim": "0.1.0"}})


def documented(folder: Path, trials: int) -> Path:
    """The design of docs/adaptive.md, shorter."""
    text = (Path(__file__).parents[1] / "docs" / "adaptive.md").read_text(encoding="utf-8")
    design = yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.S)[1])
    design["method"]["trials"] = trials
    (path := folder / "design.yaml").write_text(yaml.safe_dump(design))
    return path


@pytest.mark.parametrize("kind", ["staircase", "questplus"])
def test_a_run_that_was_interrupted_goes_on_with_the_same_choices(kind: str, tmp_path: Path) -> None:
    path = documented(tmp_path, trials=6)
    if kind == "questplus":
        path.write_text("method: {kind: questplus, over: mix, easier: high, trials: 6, tracks: 2}\n")
    made = export_experiment(
        make_series(tmp_path / "set"),
        "oddity",
        out=tmp_path / "exp",
        rig=write_rig(tmp_path),
        settings=QUICK,
        design=path,
    )
    assert run_experiment(made, simulate=True).status == "completed"
    tables = {name: next((made / "rehearsal").glob(f"*_{name}.tsv")) for name in ("trials", "started")}
    whole = read_table(tables["trials"])
    assert len(whole) == 12
    assert len({row["track"] for row in whole}) == 2
    assert len({row["level"] for row in whole}) > 2
    for table in tables.values():
        table.write_text("".join(table.read_text().splitlines(keepends=True)[:6]))
    assert run_experiment(made, simulate=True).status == "completed"
    resumed = read_table(tables["trials"])
    assert [row["session"] for row in resumed] == ["1"] * 5 + ["2"] * 7
    columns = [*SAME, *(name for name in whole[0] if name.startswith("track_"))]
    assert [[row[name] for name in columns] for row in resumed] == [[row[name] for name in columns] for row in whole]
