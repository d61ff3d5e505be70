"""Tensors and arrays as a pickle describes them: which stored bytes, from where, in what strides."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synthstim.models.pickles import PERSISTENT, Inert

DTYPES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype("<i2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("u1"),
}
_REBUILDERS = ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")
_PARAMETERS = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")
_SUBCLASS = "torch._tensor._rebuild_from_type_v2"
_ARRAYS = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
_MAX_AXES, _MAX_SIZE = 16, 2**48


@dataclass(frozen=True)
class View:
    """A tensor on a storage: ``kind`` of numbers, ``stored`` elements in all; offset, sizes and strides in elements."""

    key: str
    kind: str
    stored: int
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def view_of(leaf: Any) -> View | None:
    """The tensor that a leaf of the tree describes, None for anything else.

    Raises:
        ValueError: its numbers make no sense; whether the bytes are there is for whoever reads them.
    """
    name, args = _called(leaf)
    # A parameter wraps a tensor, a tensor with attributes names how a plain one is made: both once, in honest files.
    if name in _PARAMETERS:
        name, args = _called(args[0] if args else None)
    if name == _SUBCLASS and len(args) > 2 and isinstance(args[0], Inert) and isinstance(args[2], tuple):
        name, args = args[0].name, args[2]
    if name not in _REBUILDERS or len(args) < 4:
        return None
    outside, offset, size, stride = args[:4]
    name, args = _called(outside)
    storage = storage_of(args[0]) if name == PERSISTENT else None
    if storage is None:
        return None
    kind, key, stored = storage
    if not (_counts(size) and _counts(stride) and _counts((offset, stored)) and len(size) == len(stride)):
        raise ValueError("its shape makes no sense")
    return View(key, kind, stored, offset, size, stride)


def storage_of(identity: Any) -> tuple[str, str, int] | None:
    """(kind, key, elements) of a storage outside the pickle; None for kinds of numbers that safetensors cannot hold."""
    if not (isinstance(identity, tuple) and len(identity) >= 5 and isinstance(identity[1], Inert)):
        return None
    label, named, key, _device, stored, *views = identity
    kind = named.name.rpartition(".")[2]
    whole = all(view is None for view in views)
    return (kind, key, stored) if label == "storage" and kind in DTYPES and isinstance(key, str) and whole else None


def array_of(leaf: Any) -> Tensor | None:
    """The tensor of a numpy array, whose bytes lie in the pickle; None for anything else, arrays of objects included.

    Raises:
        ValueError: the array has not the bytes that its shape wants.
    """
    name, _args = _called(leaf)
    state = leaf.state if name in _ARRAYS else None
    if not (isinstance(state, tuple) and len(state) == 5 and _counts(state[1])):
        return None
    _version, size, kind, columns_first, data = state
    dtype = _dtype(kind)
    if dtype is None:
        return None
    if isinstance(data, Inert) and data.name == "_codecs.encode" and data.args:
        data = data.args[0]
    if isinstance(data, str):
        data = data.encode("latin-1")  # How Python 2 wrote bytes, and Python 3 does for it.
    if not isinstance(data, bytes) or len(data) != math.prod(size) * dtype.itemsize:
        raise ValueError(f"it declares {math.prod(size)} elements and has not the bytes for them")
    array = np.frombuffer(data, dtype).reshape(size, order="F" if columns_first else "C")
    return torch.from_numpy(np.ascontiguousarray(array.astype(dtype.newbyteorder("="))).reshape(size))


def _called(leaf: Any) -> tuple[str, tuple[Any, ...]]:
    return (leaf.name, leaf.args or ()) if isinstance(leaf, Inert) else ("", ())


def _counts(numbers: Any) -> bool:
    """Whether this is a tuple of a few whole numbers that could count elements."""
    return (
        isinstance(numbers, tuple)
        and len(numbers) <= _MAX_AXES
        and all(isinstance(number, int) and 0 <= number < _MAX_SIZE for number in numbers)
    )


def _dtype(kind: Any) -> np.dtype[Any] | None:
    """The numbers of an array: plain floats and integers only."""
    name, args = _called(kind)
    if name != "numpy.dtype" or not args or not isinstance(args[0], str) or not isinstance(kind.state, tuple):
        return None
    order = kind.state[1] if len(kind.state) > 1 and kind.state[1] in ("<", ">", "|") else None
    return np.dtype(order + args[0]) if order and re.fullmatch(r"f[248]|[iu][1248]", args[0]) else None
