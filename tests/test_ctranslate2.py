"""The reader of CTranslate2 files: what is written is read, and a file that lies is one sentence, without memory taken."""

import contextlib
import math
import struct
import tracemalloc

import numpy as np
import pytest
import torch

from synthstim.errors import InputError
from synthstim.models.hearing.ctranslate2 import TYPES, read_table, read_variables

CODES = {
    np.dtype("float32"): 0,
    np.dtype("int8"): 1,
    np.dtype("int16"): 2,
    np.dtype("int32"): 3,
    np.dtype("float16"): 4,
}


def text(value: str) -> bytes:
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def record(name: str, shape: tuple, code: int, length: int, data: bytes = b"") -> bytes:
    return text(name) + struct.pack(f"<B{len(shape)}IBI", len(shape), *shape, code, length) + data


def header(count: int, version: int = 6) -> bytes:
    return struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, count)


def whole(arrays: dict, aliases: dict) -> bytes:
    variables = [record(name, a.shape, CODES[a.dtype], a.nbytes, a.tobytes()) for name, a in arrays.items()]
    others = [text(alias) + text(name) for alias, name in aliases.items()]
    return b"".join([header(len(arrays)), *variables, struct.pack("<I", len(others)), *others])


@pytest.fixture
def arrays() -> dict:
    generator = np.random.default_rng(0)
    return {
        "a/weight": generator.normal(size=(3, 4)).astype("float16"),
        "a/bias": generator.normal(size=4).astype("float32"),
        "heads": np.array(6, dtype="int16"),
        "kind": np.array(-1, dtype="int8"),
        "many": generator.integers(-9, 9, (2, 1, 3)).astype("int32"),
        "none": np.zeros((0, 5), dtype="float32"),
    }


def refused(tmp_path, data: bytes) -> str:
    path = tmp_path / "model.bin"
    path.write_bytes(data)
    with pytest.raises(InputError) as told:
        read_variables(path)
    message = str(told.value)
    assert "\n" not in message
    assert message.startswith("model.bin")
    return message


def test_what_is_written_is_read(tmp_path, arrays):
    path = tmp_path / "model.bin"
    path.write_bytes(whole(arrays, {"b/weight": "a/weight"}))
    table = read_table(path)
    assert (table.specification, table.revision) == ("WhisperSpec", 3)
    read = read_variables(path)
    assert list(read) == [*arrays, "b/weight"]
    for name, array in arrays.items():
        assert read[name].dtype == TYPES[CODES[array.dtype]]
        np.testing.assert_array_equal(read[name].numpy(), array)
    assert torch.equal(read["b/weight"], read["a/weight"])
    assert list(read_variables(path, lambda name: name.startswith("a/"))) == ["a/weight", "a/bias"]


def test_bfloat16_is_read(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(header(1) + record("x", (2,), 5, 4, struct.pack("<HH", 0x3F80, 0xC000)) + struct.pack("<I", 0))
    assert read_variables(path)["x"].tolist() == [1.0, -2.0]


def test_a_file_cut_anywhere_is_refused(tmp_path, arrays):
    data = whole(arrays, {"b/weight": "a/weight"})
    for length in range(len(data)):
        refused(tmp_path, data[:length])
    assert "follow" in refused(tmp_path, data + b"\0")


def test_any_changed_byte_is_read_or_refused(tmp_path, arrays):
    data, path = whole(arrays, {"b/weight": "a/weight"}), tmp_path / "model.bin"
    generator = np.random.default_rng(1)
    for at in range(len(data)):
        for value in {0, 255, int(generator.integers(256))}:
            path.write_bytes(data[:at] + bytes([value]) + data[at + 1 :])
            with contextlib.suppress(InputError):
                read_variables(path)


LIES = {
    "no variables but many claimed": (header(2**32 - 1), "claims 4294967295 variables"),
    "a length of 4 GB": (header(1) + record("x", (2**30 - 1,), 0, 2**32 - 4), "claims 4294967292 bytes"),
    "a length that its shape denies": (header(1) + record("x", (2, 2), 0, 4, b"0" * 99), "needs 16 bytes, it claims 4"),
    "a shape beyond all integers": (header(1) + record("x", (2**32 - 1,) * 8, 0, 0, b"0" * 99), "it claims 0"),
    "a shape that wraps to zero": (header(1) + record("x", (2**31, 2, 2**31, 2), 1, 0, b"0" * 99), "it claims 0"),
    "200 dimensions": (header(1) + record("x", (1,) * 200, 1, 1, b"0" * 99), "200 dimensions"),
    "an unknown type": (header(1) + record("x", (1,), 9, 4, b"0" * 99), "unknown type, 9"),
    "a name of 64 KB": (header(1) + struct.pack("<H", 65535) + b"x" * 99, "takes 65535 bytes"),
    "a name without an end": (header(1) + struct.pack("<H", 4) + b"abcd" + b"0" * 99, "not plain text"),
    "a name with a path of control characters": (header(1) + text("a\x1b[2J") + b"0" * 99, "not plain text"),
    "an empty name": (header(1) + struct.pack("<H", 0) + b"0" * 99, "not plain text"),
    "one name twice": (header(2) + 2 * record("x", (), 1, 1, b"0") + b"0" * 9, "'x' twice"),
    "many aliases": (header(0) + struct.pack("<I", 2**31), "2147483648 aliases"),
    "an alias of nothing": (header(0) + struct.pack("<I", 1) + text("a") + text("b"), "'b', which it lacks"),
    "version 5": (header(0, version=5) + b"0000", "version reads 5"),
    "a pickle": (b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x02os", "not a CTranslate2 file"),
    "nothing": (b"", "0 are left"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_false_file_is_one_sentence_and_takes_no_memory(tmp_path, name):
    data, wanted = LIES[name]
    tracemalloc.start()
    try:
        message = refused(tmp_path, data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert wanted in message
    assert peak < 2**20


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="no CTranslate2 file at"):
        read_table(tmp_path / "model.bin")


def test_the_table_of_the_embedded_whisper():
    from synthstim.models.hearing.whisper_weights import package_folder

    path = package_folder() / "model.bin"
    table = read_table(path)
    assert (table.specification, table.revision, len(table.variables)) == ("WhisperSpec", 3, 149)
    assert table.variables["encoder/layer_0/self_attention/linear_0/weight"].shape == (1152, 384)
    assert table.variables["decoder/projection/weight"] == table.variables["decoder/embeddings/weight"]
    halves = [variable for variable in table.variables.values() if variable.dtype == torch.float16]
    assert all(variable.length == 2 * math.prod(variable.shape) for variable in halves)
