"""What odours are compared with: the odorants of the panel, each alone at its strongest: at weak dilutions all smell of nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from synthstim.modalities.base import Stimulus
from synthstim.modalities.odour import OdourInput
from synthstim.verify.natural import whole_files
from synthstim.verify.pool import NaturalPool


def cut_pool(input: OdourInput, folder: Path | None, **_of_others: Any) -> NaturalPool:
    """The files of a folder; without one, every odorant of the panel alone, at its strongest dilution.

    Raises:
        InputError: the folder holds too few files, or one that does not fit the panel.
    """
    if folder is not None:
        return whole_files(input, folder)
    count, strongest = len(input.odorants), np.float32(input.concentrations[-1])
    stored = strongest * np.eye(count, dtype=np.float32)
    sha256 = hashlib.sha256(repr((input.odorants, input.dilutions)).encode()).hexdigest()
    return NaturalPool(
        stored, np.arange(count), input.odorants, str(input.modality.carried), sha256,
        input.modality, _alone,
    )  # fmt: skip


def _alone(odour: Stimulus) -> set[int]:
    """The odorant that an odour is nothing else than."""
    there = np.flatnonzero(odour)
    return {int(there[0])} if len(there) == 1 else set()
