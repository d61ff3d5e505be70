"""Runs an exported script, unmodified, in a Python without torch and synthstim.

Usage: python experiment_listener.py EXPERIMENT
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from experiment_observer import Blocked


def main() -> None:
    folder = Path(sys.argv[1])
    sys.meta_path.insert(0, Blocked())
    # As if the script were started by itself in its folder.
    sys.path[0] = str(folder)
    script = next(folder.glob("*.psyexp")).with_suffix(".py")
    sys.argv = [str(script)]
    runpy.run_path(str(script), run_name="__main__")
    assert not {"torch", "synthstim"} & set(sys.modules)


if __name__ == "__main__":
    main()
