"""The lists of what has a name, open to plug-ins, where the rooms that the entries lie in are slow to import."""

from __future__ import annotations

from typing import Any

from synthstim.registry import Registry, having

PARAMETRISATIONS: Registry[Any] = Registry(
    "parametrisation",
    "synthstim.parametrise",
    "PARAMETRISATION",
    "synthstim.parametrisations",
    having("options", "make"),
)
CONSTRAINTS: Registry[Any] = Registry(
    "constraint", "synthstim.constraints", "CONSTRAINT", "synthstim.constraints", having("options", "make", "modality")
)
READERS: Registry[Any] = Registry(
    "reader", "synthstim.responses", "READER", "synthstim.readers", having("suffixes", "read")
)
