"""What a check costs beside making the set: CPU seconds of both commands, the natural pool read for the first time and again.

    python benchmarks/check.py [--budget N] [--json FILE]

Goal: a check takes a tenth of what making the set took, where the pool was read before. What no check can save, importing
PyTorch and pandas, is printed beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import skimage.data

from synthstim.modalities.image import write_png

RECIPE = """\
observer: efficientnet-lite0
stimuli:
  - {name: cat, kind: metamer, reference: cat.png, layers: [blocks.0, blocks.2, blocks.4], copies: 2}
  - {name: up, kind: controller, goal: drive, unit: {layer: blocks.4, channels: [42, 7]}, copies: 2}
  - {name: down, kind: controller, goal: suppress, unit: {layer: blocks.4, channel: 42}, copies: 2}
"""


def seconds(folder: Path, cache: str, *words: str) -> float:
    """CPU seconds, of user and system, of Python run with these words."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "SYNTHSTIM_CACHE": str(folder / cache), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *words], cwd=folder, env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budget", type=int, default=50, help="evaluations of each of the 12 images")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_png(folder / "cat.png", (skimage.data.chelsea().transpose(2, 0, 1) / 255).astype("float32"))
        (folder / "recipe.yaml").write_text(RECIPE)
        command = "-m", "synthstim"
        made = seconds(
            folder, "here", *command, "make", "recipe.yaml", "--out=set", f"--budget={given.budget}", "--quiet"
        )
        first = seconds(folder, "elsewhere", *command, "check", "set", "--quiet")
        again = seconds(folder, "here", *command, "check", "set", "--quiet")
        imports = seconds(folder, "here", "-c", "import torch, pandas")
    figures = {"make_s": made, "check_first_s": first, "check_again_s": again, "imports_s": imports,
               "check_first_ratio": first / made, "check_again_ratio": again / made}  # fmt: skip
    print(f"make 12 images, {given.budget} evaluations each   {made:6.1f} s of CPU")
    print(f"check on a machine that never read the pool   {first:6.1f} s, {first / made:.2f} of it")
    print(f"check where the pool was read before          {again:6.1f} s, {again / made:.2f} of it (goal 0.10)")
    print(f"importing PyTorch and pandas                  {imports:6.1f} s, {imports / made:.2f} of it")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
