"""Sparse mixtures by exchange of odorants, beside Adam with its gradient passed through the choice: activations and seconds."""

import statistics
import time

import torch

from synthstim.constraints import Mixture
from synthstim.modalities.odour import OdourInput
from synthstim.models import Unit, load_model
from synthstim.objectives import drive
from synthstim.optimise import Adam, Exchange, Optimiser, Stopping, Synthesiser
from synthstim.parametrise import Concentrations

MOST, TOTAL, UNITS = 3, 1.0, 12
LOOKS, GRADIENTS = 60_000, 1000


def searched(observer, unit: int, optimiser: Optimiser, limit: Mixture, evaluations: int) -> tuple[float, float]:
    """The best activation of a Kenyon cell, and the seconds that it took."""
    began = time.perf_counter()
    found = Synthesiser(
        observer, drive(Unit(layer="kc", channel=unit)), Concentrations(observer.input.shape), seeds=[unit],
        optimiser=optimiser, stopping=Stopping(evaluations=evaluations), constraints=[limit], file_levels=None,
    ).result()  # fmt: skip
    return found.scores[0], time.perf_counter() - began


def main() -> None:
    torch.set_num_threads(1)
    for name in ("olfaction", "fly-antenna"):
        observer = load_model(name)
        assert isinstance(observer.input, OdourInput)
        limit = Mixture(observer.input, most=MOST, total=TOTAL)
        gains, times = [], []
        for unit in range(UNITS):
            ours, ours_s = searched(observer, unit, Exchange(limit.levels, limit.project), limit, LOOKS)
            theirs, theirs_s = searched(observer, unit, Adam(step=0.02), limit, GRADIENTS)
            gains.append(ours / max(theirs, 1e-9) if theirs > 0 else float("inf"))
            times.append(ours_s / theirs_s)
        print(
            f"{name}: exchange over Adam, median of {UNITS} Kenyon cells: activation {statistics.median(gains):.2f} "
            f"(least {min(gains):.2f}), seconds {statistics.median(times):.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
