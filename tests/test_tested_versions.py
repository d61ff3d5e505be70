"""What the files of tested versions promise: every requirement is pinned, within the range that pyproject.toml gives."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

import synthstim
from synthstim.cli import app

# pytest brings tomli where Python reads no TOML by itself.
tomllib = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")
ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WANTED = [
    Requirement(line)
    for line in (
        *PROJECT["dependencies"],
        *(line for extra in PROJECT["optional-dependencies"].values() for line in extra),
    )
]


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12"])
def test_every_requirement_is_pinned_within_its_range(python: str) -> None:
    lines = (ROOT / "constraints" / f"python-{python}.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    missing = [wanted.name for wanted in WANTED if canonicalize_name(wanted.name) not in pins]
    assert missing == [], "run make lock"
    outside = [str(wanted) for wanted in WANTED if pins[canonicalize_name(wanted.name)] not in wanted.specifier]
    assert outside == [], "run make lock"


def test_the_package_the_command_and_what_to_cite_say_one_version() -> None:
    assert f"version: {PROJECT['version']}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert synthstim.__version__ == PROJECT["version"]
    assert CliRunner().invoke(app, ["--version"]).output == f"synthstim {PROJECT['version']}\n"
