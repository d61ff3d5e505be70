"""Odours: how they are named, read, written and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.files import sha256_of
from synthstim.modalities.base import Modality, Stimulus, StimulusInput
from synthstim.modalities.odour.files import read_odour, write_odour
from synthstim.modalities.odour.input import OdourInput

if TYPE_CHECKING:
    import pandas as pd

# Spread of the noise that synthesis starts from, as a share of the stock.
_FAINT = 0.05


class OdourModality(Modality):
    """Odours (odorant,): concentrations from 0 to 1 of the odorants of a panel, as shares of the stock."""

    name = "odour"
    article = "an"
    verb = "given"
    presents = "presents"
    natural = "odorant"
    naturals = "odorants"
    carried = "odorants of the panel, each alone"
    distance = "concentration_distance"
    distance_label = "distance of concentrations"
    distance_hint = "|concentrations − reference| / |reference|: 0 is the same mixture"
    coding = "concentrations, as shares of the stock"
    Input = OdourInput
    suffixes = (".odour",)
    suffix = ".odour"
    parametrisations = ("concentrations",)
    columns: Mapping[str, tuple[str, str, str]] = {
        "concentration_distance": ("number", "|concentrations - reference| / |reference|, of the saved file", ""),
        "odorants": ("count", "Odorants that the mixture has, of the saved file", "count"),
        "total_concentration": ("number", "Sum of the concentrations, of the saved file", "share of the stock"),
    }
    # Among few odorants and dilutions the exact mixture is easily found.
    recovers = True
    tolerances = {"odorants": 0, "total_concentration": 1e-6}  # noqa: RUF012 - never changed
    home = "synthstim.modalities.odour"

    def read(self, path: str | Path) -> Stimulus:
        """Read the concentrations of a file, in its own order."""
        return read_odour(path)[1]

    def fitted(self, path: Path, input: StimulusInput, fit: str, how: Mapping[str, Any]) -> Stimulus:
        """Read a file and bring it into the order of a panel: it may leave odorants out, which it then has none of."""
        assert isinstance(input, OdourInput)
        names, concentrations = read_odour(path)
        values = np.zeros(input.shape, np.float32)
        for name, concentration in zip(names, concentrations, strict=True):
            try:
                values[input.place_of(name)] = concentration
            except InputError as error:
                raise error.within(path.name) from None
        return values

    def writing(self, input: StimulusInput) -> dict[str, Any]:
        """The names of the odorants."""
        assert isinstance(input, OdourInput)
        return {"odorants": input.odorants}

    def writing_of(self, files: Sequence[Path]) -> dict[str, Any]:
        """The odorants that all of them name, in one order."""
        first, *others = [(path, read_odour(path)[0]) for path in files]
        for path, names in others:
            if names != first[1]:
                raise InputError(
                    f"{first[0].name} and {path.name} name different odorants, or in another order",
                    "give each file all of the panel, with 0 for what it lacks",
                    code="mismatch",
                )
        return {"odorants": first[1]}

    def write(self, path: str | Path, values: Stimulus, *, bits: int, odorants: Sequence[str] = ()) -> None:
        """Write a table with the names of the odorants and their concentrations."""
        write_odour(path, values, odorants)

    def statistics(self, path: str | Path) -> dict[str, Any]:
        """How many odorants, and how much of them together."""
        values = self.read(path)
        return {"odorants": int(np.count_nonzero(values)), "total_concentration": float(values.sum(dtype=np.float64))}

    def tables(self, files: Mapping[str, Path]) -> dict[str, pd.DataFrame]:
        """``odours.tsv``: a row for each odour, with its id, the checksum of its file and the concentrations."""
        import pandas as pd

        rows = []
        for stimulus_id, path in files.items():
            names, values = read_odour(path)
            shown = (np.format_float_positional(value, trim="-") for value in values)
            rows.append({"stimulus_id": stimulus_id, "sha256": sha256_of(path), **dict(zip(names, shown, strict=True))})
        return {"odours.tsv": pd.DataFrame(rows, dtype=str)}

    def noise(self, kind: str, shape: tuple[int, ...], generators: Sequence[torch.Generator]) -> Tensor:
        """A little of every odorant."""
        self.require_start(kind)
        drawn = torch.stack([torch.randn(shape, generator=one, dtype=torch.float64) for one in generators])
        return (_FAINT * drawn.abs()).clamp(max=1)
