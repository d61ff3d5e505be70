"""What an evaluation costs beside a bare loop, and how few evaluations a match takes: one run prints both."""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import torch

PARTS = ("overhead", "study", "settings")


def main() -> None:
    """Run the parts asked for, print their figures, and write them as JSON if asked."""
    arguments = _arguments()
    # One thread: a second one hides what the loop costs behind the network's products, and shared machines are noisy.
    torch.set_num_threads(1)
    figures: dict[str, Any] = {"torch": torch.__version__, "machine": platform.machine(), "threads": 1}
    print(f"torch {torch.__version__}, torch.set_num_threads(1), {platform.machine()}")
    if arguments.quick:
        print("QUICK: budgets and images are too small for the figures to mean anything.")
    # Imported here, so that the part not asked for costs nothing.
    if "overhead" in arguments.parts:
        from overhead import run_overhead

        figures |= run_overhead(quick=arguments.quick)
    if "study" in arguments.parts:
        from study import QUICK, Plan, run_study

        figures |= run_study(QUICK if arguments.quick else Plan())
    if "settings" in arguments.parts:
        from variants import run_settings

        figures |= run_settings(quick=arguments.quick)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--parts",
        type=_parts,
        default=("overhead", "study"),
        help=f"which parts, with commas between: {', '.join(PARTS)} (default: overhead,study)",
    )
    parser.add_argument("--quick", action="store_true", help="small budgets, to see that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    return parser.parse_args()


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(text.split(","))
    if unknown := set(parts) - set(PARTS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))} given: choose among {', '.join(PARTS)}")
    return parts


if __name__ == "__main__":
    main()
