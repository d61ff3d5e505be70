"""Smelling: models of what a fly does with odours, one noun a file: ``network``, ``STAGES``, and the panel as ``INPUT`` or ``panel``."""

from __future__ import annotations

from pathlib import Path

import torch

from synthstim.catalogue import SMELLING
from synthstim.models.capture import OUTPUT
from synthstim.models.observer import Observer


def load_smelling(name: str, short: str, *, weights: str | Path) -> Observer:
    """Return a model of smelling as an observer of odours.

    Args:
        name: how the observer is called.
        short: a name of ``SMELLING``.
        weights: ``default``, ``random``, or a file that ``synthstim train`` wrote.

    Raises:
        InputError: the weights cannot be had, or a package with recordings is not installed.
    """
    module = SMELLING[short].module
    # Random weights are the same every time, so that a set made on them can be checked; nobody else's draws change.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network = module.network(weights=weights)
    return Observer(
        network,
        input=module.INPUT if hasattr(module, "INPUT") else module.panel(),
        name=name,
        weights=str(weights) if str(weights) in ("default", "random") else Path(weights).name,
        decision=getattr(module, "decide", OUTPUT if SMELLING[short].weights != "none" else None),
        stages=module.STAGES,
        axes=module.AXES,
    )
