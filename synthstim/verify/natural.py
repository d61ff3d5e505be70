"""The natural pool of an observer: cut as its modality says, or one stimulus a file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from synthstim.errors import InputError
from synthstim.files import sha256_of
from synthstim.modalities.base import Stimulus
from synthstim.models import Observer, StimulusInput
from synthstim.verify.pool import NaturalPool, files_in


def natural_pool(
    observer: Observer,
    folder: str | Path | None = None,
    *,
    level_dbfs: float | None = None,
    channel: str | None = None,
    count: int | None = None,
    seed: int = 0,
) -> NaturalPool:
    """Cut a pool for an observer from a folder's files, or from what installed packages carry.

    Args:
        folder: of photographs or recordings; None takes those of scikit-image and scikit-learn, or the recorded
            sounds of installed packages.
        level_dbfs: root mean square that clips are brought to; None leaves them as they are.
        channel: of recordings with several: ``left``, ``right`` or ``mean``.
        count: about how many crops of images; 576 by default.
        seed: of where crops of images are cut.

    Raises:
        InputError: too few files, or one that cannot be read.

    Example:
        >>> pool = natural_pool(observer)
        >>> len(pool), len(pool.names)
        (576, 16)
    """
    path = None if folder is None else Path(folder)
    part = observer.input.modality.part("natural")
    if part is None:
        return whole_files(observer.input, path)
    cut: NaturalPool = part.cut_pool(
        observer.input, path, level_dbfs=level_dbfs, channel=channel, count=count, seed=seed
    )
    return cut


def whole_files(input: StimulusInput, folder: Path | None) -> NaturalPool:
    """Each file of a folder as it is."""
    modality = input.modality
    if folder is None:
        raise InputError(f"no package carries {modality.naturals}", "give a folder of them as pool", code="missing")
    paths = files_in(folder, modality)
    stored = np.stack([modality.read_for(path, input, fit=modality.fits[0]) for path in paths])

    def recognise(stimulus: Stimulus) -> set[int]:
        return {number for number, one in enumerate(stored) if np.allclose(one, stimulus, rtol=1e-5)}

    sha256 = hashlib.sha256("".join(map(sha256_of, paths)).encode()).hexdigest()
    names = tuple(path.name for path in paths)
    return NaturalPool(stored, np.arange(len(paths)), names, folder.name, sha256, modality, recognise)
