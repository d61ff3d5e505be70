"""The natural pool: natural stimuli, cut from photographs or recordings, that stimuli are compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthstim.errors import InputError, counted
from synthstim.modalities.base import Modality, Stimulus
from synthstim.models import Observer

MOST_ORIGINS = 2000
FEWEST_ORIGINS = 4
# Memory of a layer's activations beyond 32 MiB is asked from the system each time, which doubles the time of a pass.
_FAST_BYTES = 24 * 2**20


@dataclass(frozen=True, repr=False)
class NaturalPool:
    """Natural stimuli as an observer is given them.

    Attributes:
        stored: (stimulus, *shape), uint8 of 8-bit display values or float32 at full scale.
        origin: (stimulus,) number of the photograph or recording each one is cut from.
        names: of the photographs or recordings.
        source: where they come from.
        sha256: over the files' bytes.
        modality: of the stimuli.
        recognise: a stimulus -> numbers of the photographs or recordings that it is cut from.
    """

    stored: NDArray[np.uint8] | NDArray[np.float32]
    origin: NDArray[np.int64]
    names: tuple[str, ...]
    source: str
    sha256: str
    modality: Modality
    recognise: Callable[[Stimulus], set[int]] = field(compare=False)

    def __len__(self) -> int:
        return len(self.stored)

    def __repr__(self) -> str:
        return f"NaturalPool({len(self)} cut from {len(self.names)} {self.modality.naturals}, {self.source})"

    def facts(self) -> dict[str, object]:
        """What the provenance says of the pool."""
        return {"source": self.source, "origins": len(self.names), "stimuli": len(self),
                "names": list(self.names), "sha256": self.sha256}  # fmt: skip

    def stimulus(self, number: int) -> Stimulus:
        """One stimulus, (*shape): display values or full scale."""
        return _as_float(self.stored[number])

    def batches(
        self, observer: Observer, chosen: NDArray[np.int64] | None = None, size: int | None = None
    ) -> Iterator[Tensor]:
        """Stimuli as batches (batch, *shape) on the observer's device."""
        numbers = np.arange(len(self)) if chosen is None else chosen
        size = size or batch_size(observer)
        for at in range(0, len(numbers), size):
            batch = torch.from_numpy(_as_float(self.stored[numbers[at : at + size]]))
            yield batch.to(observer.device, observer.dtype)

    def subset(self, most: int) -> NDArray[np.int64]:
        """At most this many stimuli, the same number of every origin, each origin's first ones."""
        each = max(1, most // len(self.names))
        chosen = [np.flatnonzero(self.origin == number)[:each] for number in range(len(self.names))]
        return np.concatenate(chosen)[:most]


def batch_size(observer: Observer) -> int:
    """How many stimuli are read together: enough for an accelerator; on a processor, few enough to be fast."""
    if observer.device.type != "cpu":
        return 64
    largest = max((int(np.prod(shape)) for shape in observer.layers.values()), default=1)
    return max(1, min(16, _FAST_BYTES // (observer.dtype.itemsize * largest)))


def files_in(folder: Path, modality: Modality) -> list[Path]:
    """The files of a folder that a pool can be cut from.

    Raises:
        InputError: the folder is none, or holds too few of them.
    """
    noun = modality.naturals
    if not folder.is_dir():
        raise InputError(f"the pool {folder} is not a folder", f"give a folder of {noun}", code="missing")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in modality.suffixes)
    if len(paths) < FEWEST_ORIGINS:
        raise InputError(
            f"the pool {folder} holds {counted(len(paths), modality.name, modality.plural)}; expected at least {FEWEST_ORIGINS} {noun}",
            code="too-few",
        )
    return paths[:MOST_ORIGINS]


def _as_float(stored: NDArray[np.uint8] | NDArray[np.float32]) -> Stimulus:
    if stored.dtype == np.uint8:
        return stored.astype(np.float32) / np.float32(255)
    return np.asarray(stored, dtype=np.float32)
