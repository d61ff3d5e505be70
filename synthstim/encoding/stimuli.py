"""The stimuli behind responses: ids, checksums, and how each is given to an observer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthstim.errors import InputError
from synthstim.files import sha256_of
from synthstim.modalities.base import Stimulus
from synthstim.models import StimulusInput
from synthstim.stimulus_set import StimulusSet
from synthstim.stimulus_set.read import opened_set


@dataclass(frozen=True, repr=False)
class Stimuli:
    """Stimuli as an observer is given them, read when they are needed.

    Attributes:
        table: a row each, at least ``stimulus_id`` and ``sha256``; ids are unique.
        read: row number -> the stimulus, as the observer is given it.
        how: what else decides how a file becomes a stimulus, for caches.

    Example:
        >>> Stimuli.of_arrays(["a", "b"], np.zeros((2, 3, 8, 8), np.float32))
        Stimuli(2)
    """

    table: pd.DataFrame
    read: Callable[[int], Stimulus]
    how: str

    @classmethod
    def of_sets(
        cls,
        sets: StimulusSet | str | Path | Sequence[StimulusSet | str | Path],
        input: StimulusInput,
        *,
        fit: str = "crop",
        level_dbfs: float | None = None,
    ) -> Stimuli:
        """The stimuli of one or several sets; an id that two sets use for one file is one stimulus.

        Args:
            sets: on disk, or their folders; each file is compared with its checksum when it is read.
            input: of the observer.
            fit, level_dbfs: as for ``Modality.read_for``.

        Raises:
            InputError: two sets use an id for different files.
        """
        opened = [opened_set(part) for part in ([sets] if isinstance(sets, StimulusSet | str | Path) else sets)]
        if not opened:
            raise InputError("no stimulus set given", "give the sets that were presented")
        table = pd.concat([part.table.assign(set=number) for number, part in enumerate(opened)], ignore_index=True)
        table = table.drop_duplicates(["stimulus_id", "sha256"]).reset_index(drop=True)
        if (twice := table["stimulus_id"].duplicated()).any():
            name = table.loc[twice, "stimulus_id"].iloc[0]
            raise InputError(
                f"two sets use the id {name!r} for different files", "rename the stimuli of one", code="mismatch"
            )

        def read(row: int) -> Stimulus:
            path = opened[table.at[row, "set"]].path(table.at[row, "file"])
            if sha256_of(path) != table.at[row, "sha256"]:
                raise InputError(f"{path} has changed since the set was made", "restore it from a copy", code="changed")
            return input.modality.read_for(path, input, fit=fit, level_dbfs=level_dbfs)

        return cls(table, read, f"{fit} {level_dbfs}")

    @classmethod
    def of_arrays(cls, ids: Sequence[str], stimuli: NDArray[np.float32] | Tensor) -> Stimuli:
        """Stimuli in memory, (stimulus, *shape of the observer's input); the checksum is that of the values."""
        values = np.ascontiguousarray(torch.as_tensor(stimuli).cpu().numpy(), dtype=np.float32)
        if len(ids) != len(values) or len(set(ids)) != len(ids):
            raise InputError(
                f"{len(values)} stimuli given with {len(set(ids))} different ids; expected one each", code="mismatch"
            )
        digests = [hashlib.sha256(one.tobytes()).hexdigest() for one in values]
        return cls(pd.DataFrame({"stimulus_id": list(ids), "sha256": digests}), values.__getitem__, "array")

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return f"Stimuli({len(self)})"

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids in the order of the table."""
        return tuple(map(str, self.table["stimulus_id"]))

    def only(self, ids: Sequence[str]) -> Stimuli:
        """Those with these ids, in their order."""
        place = {name: row for row, name in enumerate(self.ids)}
        rows = [place[name] for name in ids]
        return replace(self, table=self.table.iloc[rows].reset_index(drop=True), read=lambda row: self.read(rows[row]))

    def batch(self, rows: Sequence[int]) -> Tensor:
        """The stimuli of some rows, (batch, *shape)."""
        return torch.from_numpy(np.stack([self.read(row) for row in rows]))
