"""Files of ``torch.save`` and ``numpy.save``, opened so that nothing in them is executed or believed.

A file is a tree of plain values (``pickles``) whose tensors are descriptions: which stored bytes, from where, in what
strides. ``OpenFile.tensor`` checks a description against the bytes that are there before it copies them.
"""

from __future__ import annotations

import math
import mmap
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synthstim.models.pickles import Inert, read_pickle
from synthstim.models.stored import DTYPES, View, array_of, storage_of, view_of

_LEGACY_MAGIC, _LEGACY_VERSION = 0x1950A86A20F9469CFC6C, 1001


@dataclass(frozen=True)
class _Place:
    """Where bytes lie in the file, and their checksum, 0 for unknown."""

    start: int
    length: int
    checksum: int = 0


class OpenFile:
    """A checkpoint, open for reading until ``close``.

    Attributes:
        content: the tree: plain values and containers, and ``Inert`` records of all else.
        size: bytes of the file.

    Raises:
        ValueError: the file is none of those formats, or does not hold together.
    """

    def __init__(self, path: Path) -> None:
        self.size = path.stat().st_size
        if not self.size:
            raise ValueError("it is empty")
        self._storages: dict[str, _Place] = {}
        self._intact: set[str] = set()
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            self.content = self._read(path)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file; tensors already read stay valid."""
        self._bytes.close()

    def tensor(self, leaf: Any) -> Tensor | None:
        """A copy of the tensor or array that a leaf of the tree describes; None if it describes none.

        Raises:
            ValueError: the description goes beyond the bytes that the file has for it.
        """
        view = view_of(leaf)
        if view is None:
            return array_of(leaf)
        place, dtype = self._place(view), DTYPES[view.kind]
        elements = math.prod(view.size)
        last = view.offset + sum((n - 1) * step for n, step in zip(view.size, view.stride, strict=True))
        # More elements than the storage has (a stride of 0) would fill the memory from a small file.
        if elements and (elements > view.stored or last >= view.stored):
            raise ValueError(f"it declares {elements} elements up to number {last} of the {view.stored} stored")
        if not elements:
            return torch.zeros(view.size, dtype=torch.from_numpy(np.zeros(0, dtype)).dtype)
        start, steps = place.start + view.offset * dtype.itemsize, [step * dtype.itemsize for step in view.stride]
        copied = torch.from_numpy(np.ndarray(view.size, dtype, self._bytes, start, steps).copy())
        if view.kind == "BoolStorage":
            return copied != 0
        return copied.view(torch.bfloat16) if view.kind == "BFloat16Storage" else copied

    def _place(self, view: View) -> _Place:
        place = self._storages.get(view.key)
        if place is None:
            raise ValueError("the file has no bytes for it")
        if place.length != view.stored * DTYPES[view.kind].itemsize:
            raise ValueError(
                f"it declares {view.stored} stored elements and the file has {place.length} bytes for them"
            )
        if view.key not in self._intact:
            self._require_intact(place)
            self._intact.add(view.key)
        return place

    def _require_intact(self, place: _Place) -> None:
        with memoryview(self._bytes) as view:
            found = zlib.crc32(view[place.start : place.start + place.length]) if place.checksum else 0
        if found != place.checksum:
            raise ValueError("its bytes are not those that were saved (wrong checksum)")

    def _read(self, path: Path) -> Any:
        start = self._bytes[:6]
        if start[:4] == b"PK\x03\x04":
            return self._read_zip(path)
        if start == b"\x93NUMPY":
            return self._read_npy()
        if start[:1] == b"\x80":
            return self._read_legacy()
        raise ValueError("it is neither a file of torch.save nor of numpy.save")

    def _read_zip(self, path: Path) -> Any:
        try:
            with zipfile.ZipFile(path) as archive:
                entries = {entry.filename: entry for entry in archive.infolist()}
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            raise ValueError("it is cut off or damaged") from None
        pickles = [name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError("it is a zip file without the one data.pkl of torch.save")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}constants.pkl" in entries:
            raise ValueError("it is a TorchScript program, not a checkpoint")
        if f"{folder}byteorder" in entries:
            order = self._zip_place(entries[f"{folder}byteorder"])
            if self._bytes[order.start : order.start + order.length] != b"little":
                raise ValueError("its numbers are big-endian, which is not supported")
        data = f"{folder}data/"
        self._storages = {
            name.removeprefix(data): self._zip_place(entry) for name, entry in entries.items() if name.startswith(data)
        }
        tree = self._zip_place(entries[pickles[0]])
        self._require_intact(tree)
        self._bytes.seek(tree.start)
        return read_pickle(self._bytes)[0]

    def _zip_place(self, entry: zipfile.ZipInfo) -> _Place:
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise ValueError("its records are compressed or encrypted, as torch.save never writes them")
        header = self._bytes[max(entry.header_offset, 0) : max(entry.header_offset, 0) + 30]
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            raise ValueError("it is cut off or damaged")
        name_length, extra_length = struct.unpack("<HH", header[26:])
        start = entry.header_offset + 30 + name_length + extra_length
        if start + entry.file_size > self.size:
            raise ValueError(f"a record of {entry.file_size} bytes is declared in a file of {self.size}")
        return _Place(start, entry.file_size, entry.CRC)

    def _read_legacy(self) -> Any:
        if read_pickle(self._bytes)[0] != _LEGACY_MAGIC or read_pickle(self._bytes)[0] != _LEGACY_VERSION:
            raise ValueError("it is a pickle that torch.save did not write")
        system = read_pickle(self._bytes)[0]
        if not (isinstance(system, dict) and system.get("little_endian") is True):
            raise ValueError("its numbers are big-endian, which is not supported")
        content, ids = read_pickle(self._bytes)
        widths = {key: DTYPES[kind].itemsize for kind, key, _stored in filter(None, map(storage_of, ids))}
        keys = read_pickle(self._bytes)[0]
        for key in keys if isinstance(keys, list) else []:
            place = self._bytes.tell()
            if not isinstance(key, str) or key not in widths or place + 8 > self.size:
                raise ValueError("it is cut off, or stores a kind of number that is not supported")
            length = struct.unpack("<q", self._bytes[place : place + 8])[0] * widths[key]
            if not 0 <= length <= self.size - place - 8:
                raise ValueError(f"a storage of {length} bytes is declared in a file of {self.size}")
            self._storages[key] = _Place(place + 8, length)
            self._bytes.seek(place + 8 + length)
        return content

    def _read_npy(self) -> Any:
        major, _minor = np.lib.format.read_magic(self._bytes)
        read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}.get(major)
        if read is None or read(self._bytes)[2] != np.dtype(object):
            raise ValueError("it is a file of numpy.save without named weights")
        outer = read_pickle(self._bytes)[0]
        state = outer.state if isinstance(outer, Inert) else None
        inner = state[4] if isinstance(state, tuple) and len(state) == 5 else None
        return inner[0] if isinstance(inner, list) and len(inner) == 1 else inner
