"""The natural pool of an observer: crops for one that sees, clips for one that hears."""

from __future__ import annotations

from pathlib import Path

from synthstim.models import ImageInput, Observer, SoundInput
from synthstim.verify.clips import clip_pool
from synthstim.verify.crops import CROPS, crop_pool
from synthstim.verify.pool import NaturalPool


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
        >>> pool = natural_pool(load_model())                      # doctest: +SKIP
        >>> len(pool), len(pool.names)                             # doctest: +SKIP
        (576, 16)
    """
    path = None if folder is None else Path(folder)
    if isinstance(observer.input, ImageInput):
        return crop_pool(observer.input, path, count=count or CROPS, seed=seed)
    assert isinstance(observer.input, SoundInput)
    return clip_pool(observer.input, path, level_dbfs=level_dbfs, channel=channel)
