"""The example of a plug-in of each kind, installed into a folder of its own, and the command line that finds it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

EXAMPLE = Path(__file__).with_name("plugin_example")


def install(source: Path, into: Path) -> Path:
    """Install a distribution alone, as its author would; nothing is written into its folder."""
    copied = into.with_name(f"{into.name}_source")
    shutil.copytree(source, copied, ignore=shutil.ignore_patterns("__pycache__"))
    words = [
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        str(into),
        str(copied),
    ]
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *words], check=True, timeout=300)
    return into


def distribution(folder: Path, name: str, points: dict[str, dict[str, str]], **files: str) -> Path:
    """A distribution as it lies in a folder of installed packages: group -> name -> object, and modules by name."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nSummary: Of a test\n")
    lines = [
        line for group, named in points.items() for line in (f"[{group}]", *(f"{k} = {v}" for k, v in named.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for module, text in files.items():
        (folder / f"{module}.py").write_text(text)
    return folder


def python(words: Sequence[object], *, at: Path, paths: Sequence[Path]) -> subprocess.CompletedProcess[str]:
    """Run Python with folders of plug-ins on its path."""
    path = os.pathsep.join([*map(str, paths), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, *map(str, words)], cwd=at, text=True, capture_output=True, check=False, timeout=600,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "300"},
    )  # fmt: skip
