"""What every training keeps to: a weights file that is written whole, and a table of how it came about."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors.torch import save_file
from torch import Tensor

from synthstim.errors import InputError
from synthstim.files import as_tsv, require_absent, sha256_of, write_whole, written_whole
from synthstim.kinds import TRAININGS

# A row of figures by name, after each epoch.
Curve = Sequence[dict[str, Any]]
# The share of the work that is done, 0 to 1, and what is being done.
Watch = Callable[[float, str], None]


@dataclass(frozen=True)
class Training:
    """How a network is trained.

    Attributes:
        fit: (seed, epochs, watch) -> the tensors of the weights file, and the figures after each epoch; the last row holds
            what the weights do on data that were not trained on.
        epochs: by default.
    """

    fit: Callable[[int, int, Watch], tuple[dict[str, Tensor], Curve]]
    epochs: int


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes:
        path, sha256: the weights file and its checksum.
        curve: figures after each epoch, which also lie beside the weights as a table.
        seconds: it took.
    """

    path: Path
    sha256: str
    curve: Curve
    seconds: float


def train(
    name: str, out: str | Path, *, seed: int = 0, epochs: int | None = None, watch: Watch = lambda share, text: None
) -> Trained:
    """Train one of the small networks, and write its weights, and beside them a table of the training.

    Args:
        name: of the network, such as ``olfaction``.
        out: the .safetensors file to write; it must not exist, nor the .tsv file of this name.
        seed: of the first weights and of all that is drawn.
        epochs: fewer give another network, sooner.
        watch: called with the share of the work that is done, and what is being done.

    Raises:
        InputError: before anything is done: the name is unknown, or a file is in the way.

    Example:
        >>> train("olfaction", "mine.safetensors", epochs=1)  # half a minute  # doctest: +SKIP
    """
    training, out = TRAININGS[name], Path(out)
    if out.suffix != ".safetensors":
        raise InputError(f"{out.name} is not a name for weights", "end it with .safetensors")
    if epochs is not None and epochs < 1:
        raise InputError(f"{epochs} epochs given; expected at least 1", code="too-few")
    table = out.with_suffix(".tsv")
    for path in (out, table):
        require_absent(path)
    began = time.monotonic()
    state, curve = training.fit(seed, epochs or training.epochs, watch)
    with written_whole(out) as part:
        save_file({key: value.detach().contiguous() for key, value in state.items()}, str(part))
    write_whole(table, as_tsv(pd.DataFrame(curve), float_format="%.4g"))
    return Trained(out, sha256_of(out), curve, time.monotonic() - began)
