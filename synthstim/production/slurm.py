"""Workers that are SLURM jobs, by dask-jobqueue; what SLURM would refuse is asked before any is sent."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.recipe import read_yaml


def slurm_cluster(path: str, jobs: int) -> Any:
    """A Dask cluster of SLURM jobs; a job that ends before the work does is followed by another.

    Args:
        path: a YAML file of options of dask-jobqueue's SLURMCluster.
        jobs: how many at a time.

    Raises:
        InputError: dask-jobqueue is not installed, this machine cannot send jobs, or SLURMCluster or SLURM refuses the options.
    """
    options = read_yaml(Path(path)).data
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError:
        raise InputError(
            "SLURM needs the package dask-jobqueue", "pip install 'synthstim[cluster]'", code="not-installed"
        ) from None
    if shutil.which("sbatch") is None:
        raise InputError("this machine has no sbatch", "run this where SLURM takes jobs, such as a login node")
    try:
        made = SLURMCluster(**options)
    except (TypeError, ValueError) as error:
        said = str(error).splitlines()[0].partition(". ")[0]
        raise InputError(
            f"{path} is not what SLURMCluster takes: {said}", "see dask-jobqueue's documentation"
        ) from None
    try:
        _require_taken(path, made.job_script())
    except InputError:
        made.close()
        raise
    made.adapt(minimum_jobs=jobs, maximum_jobs=jobs)
    return made


def _require_taken(path: str, script: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".sh", encoding="utf-8") as file:
        file.write(script)
        file.flush()
        asked = subprocess.run(["sbatch", "--test-only", file.name], capture_output=True, text=True, check=False)
    if asked.returncode:
        said = " ".join(line.removeprefix("sbatch: error: ") for line in asked.stderr.splitlines())
        raise InputError(f"SLURM refuses the jobs of {path}: {said or 'sbatch --test-only failed'}")
