"""Recipes made in parts and by several processes: the same stimuli, nothing lost and nothing twice, whoever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from patience import PATIENCE_S
from production_fixture import write_small
from typer.testing import CliRunner

from synthstim.cli import app
from synthstim.errors import InputError
from synthstim.production import make, spread
from synthstim.recipe import read_recipe
from synthstim.stimulus_set import StimulusSet, join_sets

RECIPE = """\
observer: {name: efficientnet-lite0, size: 32}
criteria: {null_percentile: 0, same_class: false}
stimuli:
  - {name: cat, kind: metamer, reference: cat.png, layers: [blocks.0, blocks.1], copies: 2, evaluations: EVALUATIONS}
  - {name: up, kind: controller, goal: drive, unit: {layer: blocks.2, channel: 3}, evaluations: 10}
"""
IDS = {"cat_blocks-0_0", "cat_blocks-0_1", "cat_blocks-1_0", "cat_blocks-1_1", "up_0"}


def recipe(folder: Path, evaluations: int = 10) -> Path:
    return write_small(folder, RECIPE.replace("EVALUATIONS", str(evaluations)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> StimulusSet:
    """All of it, by one process."""
    folder = tmp_path_factory.mktemp("whole")
    return make(read_recipe(recipe(folder)), folder / "set", at_once=1)


def same_stimuli(made: StimulusSet, whole: StimulusSet) -> None:
    assert set(made.table["stimulus_id"]) == set(whole.table["stimulus_id"]) == IDS
    for row in whole.table.itertuples():
        twin = made.table.set_index("stimulus_id").loc[row.stimulus_id]
        assert (twin["seed"], twin["evaluations"]) == (row.seed, row.evaluations)
        # Another thread count rounds sums otherwise, and the ways part: as far as ten evaluations go, they stay near.
        one, other = (of.stimulus(file).astype(float) for of, file in ((made, twin["file"]), (whole, row.file)))
        assert np.abs(one - other).mean() < 0.02


def test_parts_of_a_recipe_are_joined_to_the_whole(whole, tmp_path):
    path = recipe(tmp_path)
    parts = [make(read_recipe(path), tmp_path / f"part{n}", at_once=1, shard=f"{n}/3") for n in (1, 2, 3)]
    assert [len(part.table) for part in parts] == [2, 2, 1]
    made, _ = join_sets([part.root for part in parts], tmp_path / "joined")
    same_stimuli(made, whole)
    checked = CliRunner().invoke(app, ["check", str(made.root), "--quiet"], catch_exceptions=False)
    assert checked.exit_code == 0, checked.output
    assert "0 differences" in checked.output


@pytest.mark.parametrize(
    ("shard", "more", "said"),
    [
        ("0/3", "", "expected PART/PARTS"),
        ("4/3", "", "expected PART/PARTS"),
        ("one", "", "expected PART/PARTS"),
        ("1/9", "", "a recipe that has 5 batches"),
        ("1/2", "controls: {noise: 1}\n", "controls are made once for all stimuli"),
        ("1/2", "series: [{name: two, between: [cat.png, dog.png], steps: 3}]\n", "series are made once"),
    ],
)
def test_a_part_that_cannot_be_made_is_refused(shard, more, said, tmp_path):
    path = recipe(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    (tmp_path / "dog.png").write_bytes((tmp_path / "cat.png").read_bytes())
    with pytest.raises(InputError, match=said):
        make(read_recipe(path), tmp_path / "set", at_once=1, shard=shard)
    assert not (tmp_path / "set").exists()


def test_two_processes_make_what_one_does(whole, tmp_path):
    same_stimuli(make(read_recipe(recipe(tmp_path)), tmp_path / "set", at_once=1, workers=2), whole)


def test_what_workers_cannot_do_is_said_before(tmp_path, monkeypatch):
    path = recipe(tmp_path)
    monkeypatch.setattr(spread, "_WAIT_S", 1)
    with pytest.raises(InputError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"):
        make(read_recipe(path), tmp_path / "set", cluster="tcp://127.0.0.1:9")
    with pytest.raises(InputError, match="nothing"):
        make(read_recipe(path), tmp_path / "other", cluster=str(tmp_path / "nothing.yaml"))
    # Nothing is left behind.
    assert {found.name for found in tmp_path.iterdir()} == {"cat.png", "recipe.yaml"}


@pytest.mark.parametrize(
    ("sbatch", "more", "said"),
    [
        (None, "", "this machine has no sbatch"),
        ("echo 'sbatch: error: invalid partition specified: short' >&2; exit 1", "", "SLURM refuses the jobs of .*: invalid partition specified: short"),
        ("exit 0", "quee: short\n", "slurm.yaml is not what SLURMCluster takes: .*'quee'"),
    ],
)  # fmt: skip
def test_jobs_that_slurm_would_refuse_are_not_sent(sbatch, more, said, tmp_path, monkeypatch):
    path, programs = recipe(tmp_path), tmp_path / "bin"
    options = tmp_path / "slurm.yaml"
    options.write_text(f"cores: 1\nmemory: 1GB\ninterface: lo\n{more}", encoding="utf-8")
    programs.mkdir()
    if sbatch:
        (programs / "sbatch").write_text(f"#!/bin/sh\n{sbatch}\n", encoding="utf-8")
        (programs / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(InputError, match=said):
        make(read_recipe(path), tmp_path / "set", cluster=str(options))
    assert not [found.name for found in tmp_path.iterdir() if "set" in found.name]


def test_a_scheduler_with_tls_wants_certificates(tmp_path):
    with pytest.raises(InputError, match="needs certificates"):
        make(read_recipe(recipe(tmp_path)), tmp_path / "set", cluster="tls://127.0.0.1:9")


def test_a_worker_of_another_version_says_so(tmp_path):
    order = spread.Order(
        recipe(tmp_path).read_text("utf-8"), str(tmp_path), (("architecture", "x"),), how=(("at_once", 1),)
    )
    said, made = spread.run_order(order, 0)
    assert "a worker has another" in said
    assert made == b""


def wait_for(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(tmp_path):
    from distributed import Client, LocalCluster

    path, made = recipe(tmp_path, evaluations=150), []
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster,
        Client(cluster) as client,
    ):
        workers = list(client.run(os.getpid).values())
        address = cluster.scheduler_address
        run = threading.Thread(
            target=lambda: made.append(make(read_recipe(path), tmp_path / "set", at_once=1, cluster=address))
        )
        run.start()
        wait_for(lambda: bool([*(tmp_path / ".set.work").glob("job-*.safetensors")]))
        os.kill(workers[0], signal.SIGKILL)
        run.join(PATIENCE_S)
    assert set(made[0].table["stimulus_id"]) == IDS
    assert len(made[0].table) == len(IDS)


@pytest.mark.slow
def test_a_cluster_with_tls_makes_what_one_process_does(whole, tmp_path):
    import dask
    from distributed import LocalCluster
    from distributed.security import Security

    made = Security.temporary()
    for name, text in (("ca", made.tls_ca_file), ("cert", made.tls_client_cert), ("key", made.tls_client_key)):
        (tmp_path / f"{name}.pem").write_text(text, encoding="utf-8")
    files = {f"{who}.{what}": f"{what}.pem" for who in ("client", "scheduler", "worker") for what in ("cert", "key")}
    tls = {f"distributed.comm.tls.{key}": str(tmp_path / file) for key, file in {"ca-file": "ca.pem", **files}.items()}
    with (
        dask.config.set(tls),
        LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=None, protocol="tls://", security=Security()
        ) as cluster,
    ):
        assert cluster.scheduler_address.startswith("tls://")
        same_stimuli(
            make(read_recipe(recipe(tmp_path)), tmp_path / "set", at_once=1, cluster=cluster.scheduler_address), whole
        )


@pytest.mark.slow
def test_a_killed_caller_goes_on_with_what_is_left(tmp_path):
    words = [
        sys.executable,
        "-m",
        "synthstim",
        "make",
        str(recipe(tmp_path, evaluations=150)),
        "--out",
        str(tmp_path / "set"),
        "--quiet",
    ]
    words += ["--at-once", "1", "--workers", "2"]
    run = subprocess.Popen(words)
    wait_for(lambda: bool([*(tmp_path / ".set.work").glob("job-????.safetensors")]))
    run.kill()
    run.wait()
    came = {path: path.stat().st_mtime_ns for path in (tmp_path / ".set.work").glob("job-????.safetensors")}
    seen: dict[Path, int] = {}
    again = subprocess.Popen([*words, "--resume"])
    while again.poll() is None:
        seen |= {path: path.stat().st_mtime_ns for path in came if path.exists()}
        time.sleep(0.05)
    assert again.returncode == 0
    assert seen == came
    assert set(StimulusSet.read(tmp_path / "set").table["stimulus_id"]) == IDS
