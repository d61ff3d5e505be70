"""Reading the variables of a CTranslate2 model file: nothing is executed, and no length in the file is believed.

The file is little-endian: version, name and revision of the model's specification, a count, then each variable as
name, rank, dimensions, type, length in bytes and data, and last the aliases. The whole table is checked against the
size of the file before memory is taken for any variable.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import torch
from torch import Tensor

from synthstim.errors import InputError

VERSION = 6
# The number that the file gives to each type.
TYPES = (torch.float32, torch.int8, torch.int16, torch.int32, torch.float16, torch.bfloat16)
MAX_RANK = 8
# The fewest bytes that a variable (empty name, rank 0) and an alias (two empty names) can take.
_LEAST_VARIABLE, _LEAST_ALIAS = 3 + 1 + 1 + 4, 3 + 3


@dataclass(frozen=True)
class Variable:
    """Where one array lies in the file.

    Attributes:
        shape: () for a number.
        dtype: one of ``TYPES``.
        start: of the data, in bytes from the start of the file.
        length: of the data, in bytes; it equals what shape and dtype need, and lies inside the file.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    start: int
    length: int


@dataclass(frozen=True)
class VariableTable:
    """What a file says it holds, checked.

    Attributes:
        specification: name of the kind of model, such as ``WhisperSpec``.
        revision: of that specification.
        variables: by name, aliases included.
    """

    specification: str
    revision: int
    variables: dict[str, Variable]


def read_table(path: str | Path) -> VariableTable:
    """Read and check the table of a CTranslate2 ``model.bin`` without reading its data.

    Raises:
        InputError: the file is missing, of another version, truncated, or says something false about itself.

    Example:
        >>> read_table("model.bin").variables["encoder/conv1/weight"].shape  # your file  # doctest: +SKIP
        (384, 80, 3)
    """
    path = _existing(path)
    with path.open("rb") as file:
        return _Reader(file, path).table()


def read_variables(path: str | Path, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, Tensor]:
    """Read the variables of a CTranslate2 ``model.bin`` whose names are wanted, in the file's own types.

    Raises:
        InputError: as ``read_table``.

    Example:
        >>> read_variables("model.bin", lambda name: name.startswith("encoder/conv1"))  # your file  # doctest: +SKIP
    """
    path = _existing(path)
    with path.open("rb") as file:
        variables = _Reader(file, path).table().variables
        return {name: _read(file, variable, path) for name, variable in variables.items() if wanted(name)}


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no CTranslate2 file at {path}", "check the path")
    return path


def _read(file: BufferedReader, variable: Variable, path: Path) -> Tensor:
    if 0 in variable.shape:
        return torch.zeros(variable.shape, dtype=variable.dtype)
    file.seek(variable.start)
    data = bytearray(variable.length)
    if file.readinto(data) != variable.length:
        raise InputError(f"{path.name} became shorter while it was read", "try again")
    return torch.frombuffer(data, dtype=variable.dtype).view(variable.shape)


class _Reader:
    """Walks through a file; every step is checked against the bytes that are left."""

    def __init__(self, file: BufferedReader, path: Path) -> None:
        self.file, self.name = file, path.name
        self.left = path.stat().st_size

    def table(self) -> VariableTable:
        (version,) = self.numbers("<I", "its version")
        if version != VERSION:
            raise InputError(f"{self.name} is not a CTranslate2 file of version {VERSION}: its version reads {version}")
        specification = self.text("its specification")
        (revision,) = self.numbers("<I", "its revision")
        variables: dict[str, Variable] = {}
        for at in range(self.count("variables", _LEAST_VARIABLE)):
            name = self.text(f"the name of variable {at + 1}")
            if name in variables:
                raise self.damaged(f"it holds {name!r} twice")
            variables[name] = self.variable(name)
        for at in range(self.count("aliases", _LEAST_ALIAS)):
            alias, name = self.text(f"alias {at + 1}"), self.text(f"alias {at + 1}")
            if name not in variables or alias in variables:
                raise self.damaged(f"its alias {alias!r} stands for {name!r}, which it lacks or holds already")
            variables[alias] = variables[name]
        if self.left:
            raise self.damaged(f"{self.left} bytes follow its end")
        return VariableTable(specification, revision, variables)

    def variable(self, name: str) -> Variable:
        (rank,) = self.numbers("<B", f"the rank of {name!r}")
        if rank > MAX_RANK:
            raise self.damaged(f"{name!r} has {rank} dimensions, {MAX_RANK} at most were expected")
        shape = self.numbers(f"<{rank}I", f"the shape of {name!r}")
        code, length = self.numbers("<BI", f"the length of {name!r}")
        if code >= len(TYPES):
            raise self.damaged(f"{name!r} is of an unknown type, {code}")
        needed = math.prod(shape) * TYPES[code].itemsize
        if length != needed:
            raise self.damaged(f"{name!r} of shape {shape} needs {needed} bytes, it claims {length}")
        if length > self.left:
            raise self.damaged(f"{name!r} claims {length} bytes, {self.left} are left")
        start = self.file.tell()
        self.file.seek(length, 1)
        self.left -= length
        return Variable(shape, TYPES[code], start, length)

    def numbers(self, layout: str, what: str) -> tuple[int, ...]:
        return struct.unpack(layout, self.bytes(struct.calcsize(layout), what))

    def count(self, what: str, least: int) -> int:
        (count,) = self.numbers("<I", f"the number of its {what}")
        if count * least > self.left:
            raise self.damaged(f"it claims {count} {what}, and {self.left} bytes are left")
        return count

    def text(self, what: str) -> str:
        (length,) = self.numbers("<H", f"the length of {what}")
        raw = self.bytes(length, what)
        if not raw.endswith(b"\0") or not raw[:-1].isascii() or not raw[:-1].decode("ascii").isprintable():
            raise self.damaged(f"{what} is not plain text")
        return raw[:-1].decode("ascii")

    def bytes(self, length: int, what: str) -> bytes:
        if length > self.left:
            raise self.damaged(f"{what} takes {length} bytes, {self.left} are left")
        self.left -= length
        return self.file.read(length)

    def damaged(self, reason: str) -> InputError:
        return InputError(f"{self.name} is damaged or truncated: {reason}; get the file again", code="unreadable")
