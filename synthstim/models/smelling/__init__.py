"""Smelling: models of what a fly does with odours, one noun a file: ``network``, ``STAGES``, and the panel as ``INPUT`` or ``panel``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from synthstim.catalogue import SMELLING
from synthstim.errors import InputError
from synthstim.models.capture import OUTPUT
from synthstim.models.observer import Observer
from synthstim.models.weights import same_random_weights, weights_called

# Of every model: how much of an odour's concentrations reaches it.
SETTINGS = ("diluted",)


def load_smelling(name: str, short: str, *, weights: str | Path, settings: Mapping[str, Any]) -> Observer:
    """Return a model of smelling as an observer of odours.

    Args:
        short: a name of ``SMELLING``.
        weights: ``default``, ``random``, or a file that ``synthstim train`` wrote.
        settings: ``diluted``, as ``OdourInput`` has it.

    Raises:
        InputError: the weights cannot be had, a setting is unknown or out of range, or a package with recordings is not installed.
    """
    if unknown := [key for key in settings if key not in SETTINGS]:
        raise InputError(
            f"the setting {unknown[0]!r} of {name} given; expected {', '.join(SETTINGS)}", "correct it", code="unknown"
        )
    module = SMELLING[short].module
    with same_random_weights():
        network = module.network(weights=weights)
    return Observer(
        network,
        input=replace(module.INPUT if hasattr(module, "INPUT") else module.panel(), **settings),
        name=name,
        weights=weights_called(weights),
        decision=getattr(module, "decide", OUTPUT if SMELLING[short].weights != "none" else None),
        stages=module.STAGES,
        axes=module.AXES,
    )
