"""The lists of what has a name, open to plug-ins, where the rooms that the entries lie in are slow to import."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from synthstim.catalogue import HEARING, SEEING, SMELLING, WEIGHTS
from synthstim.registry import HERE, Entry, Registry, having

PARAMETRISATIONS: Registry[Any] = Registry(
    "parametrisation",
    "synthstim.parametrise",
    "PARAMETRISATION",
    "synthstim.parametrisations",
    having("options", "make"),
)
DECODERS: Registry[Any] = Registry("decoder", "synthstim.decoders", "DECODER", "synthstim.decoders", having("__call__"))
CONSTRAINTS: Registry[Any] = Registry(
    "constraint", "synthstim.constraints", "CONSTRAINT", "synthstim.constraints", having("options", "make", "modality")
)
CONTROLS: Registry[Any] = Registry(
    "control", "synthstim.controls", "CONTROL", "synthstim.controls", having("make", "order")
)
READERS: Registry[Any] = Registry(
    "reader", "synthstim.responses", "READER", "synthstim.readers", having("suffixes", "read")
)
READOUTS: Registry[Any] = Registry(
    "read-out", "synthstim.encoding", "READOUT", "synthstim.readouts", having("name", "module", "cross_validate", "fit")
)
POLICIES: Registry[Any] = Registry(
    "policy", "synthstim.online.policies", "POLICY", "synthstim.policies", having("__call__")
)
TRAININGS: Registry[Any] = Registry(
    "training", "synthstim.training", "TRAINING", "synthstim.trainings", having("fit", "epochs")
)


class _Models(Registry[Any]):
    """The catalogue's entries, and functions of plug-ins that return an Observer, or a network and its input."""

    def _own(self) -> Iterator[Entry[Any]]:
        for takes, entries in (("images", SEEING), ("sounds", HEARING), ("odours", SMELLING)):
            for name, entry in entries.items():
                about = f"{entry.takes or takes}: {entry.about}{WEIGHTS[entry.weights]}"
                yield Entry(name, about, HERE, lambda entry=entry: entry)  # type: ignore[misc]


MODELS: Registry[Any] = _Models("model", "synthstim.models", "", "synthstim.models", having("__call__"))
