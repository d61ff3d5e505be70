"""The command line: a thin face over the public functions."""

from synthstim.cli import making  # isort: skip - help lists commands in the order of their use
from synthstim.cli import experiments  # isort: skip
from synthstim.cli import presenting  # isort: skip
from synthstim.cli import listing  # isort: skip
from synthstim.cli import rigs  # isort: skip
from synthstim.cli import fitting, lesioning, looping, online, probing, simulation, tools, training, varying
from synthstim.cli.app import app, main

__all__ = [
    "app",
    "experiments",
    "fitting",
    "lesioning",
    "listing",
    "looping",
    "main",
    "making",
    "online",
    "presenting",
    "probing",
    "rigs",
    "simulation",
    "tools",
    "training",
    "varying",
]
