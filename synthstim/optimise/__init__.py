"""Optimisers, the loop that runs them on a batch of independent items, stopping and checkpoints."""

from synthstim.optimise.ascent import Adam, GradientAscent
from synthstim.optimise.base import Optimiser
from synthstim.optimise.checkpoint import load_checkpoint, save_checkpoint
from synthstim.optimise.exchange import Exchange
from synthstim.optimise.lbfgs import LBFGS
from synthstim.optimise.loop import Synthesiser
from synthstim.optimise.stopping import Stopping
from synthstim.optimise.synthesis import Progress, Synthesis

__all__ = [
    "LBFGS",
    "Adam",
    "Exchange",
    "GradientAscent",
    "Optimiser",
    "Progress",
    "Stopping",
    "Synthesis",
    "Synthesiser",
    "load_checkpoint",
    "save_checkpoint",
]
