"""Checkpoints of others become plain weights, and nothing in them runs."""

import argparse
import contextlib
import io
import os
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import dill
import numpy as np
import pytest
import torch
from torch import nn

from synthstim.errors import InputError
from synthstim.models import pickles
from synthstim.models.checkpoints import convert_checkpoint
from synthstim.models.weights import load_into, read_weights


def small_network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 2), nn.BatchNorm2d(3), nn.Linear(4, 5))


def converted(tmp_path, path):
    done = convert_checkpoint(path, tmp_path / "weights.safetensors")
    return read_weights(done.path), done


def same(found, wanted):
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name].dtype == value.dtype, name
        assert torch.equal(found[name], value), name


def as_published(state, prefix):
    """What the adversarial training code saves: the network, its second copy, an optimiser and the command's options."""
    inside = prefix.removesuffix("model.")
    names = {f"{prefix}{name}": value for name, value in state.items()}
    names |= {f"{inside}attacker.{name.removeprefix(inside)}": value for name, value in names.items()}
    weights = nn.Parameter(torch.ones(2))
    optimiser = torch.optim.Adam([weights])
    weights.sum().backward()
    optimiser.step()
    return {
        "model": OrderedDict(names),
        "optimizer": optimiser.state_dict(),
        "schedule": None,
        "epoch": 74,
        "args": argparse.Namespace(lr=0.1, arch="kell2018", hook=lambda log: log + 1),
        "transform": lambda x: x * 2,
        "best": np.float32(0.75),
    }


# From checkpoints to weights


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.model.", "_orig_mod.module."])
def test_a_published_layout_gives_its_networks_weights(tmp_path, prefix, legacy):
    network = small_network()
    path = tmp_path / "kell2018_wsn_word.pt"
    content = as_published(network.state_dict(), prefix)
    torch.save(content, path, pickle_module=dill, _use_new_zipfile_serialization=not legacy)
    found, done = converted(tmp_path, path)
    same(found, network.state_dict())
    load_into(small_network(), found, "converted")
    aside = " ".join(done.left_out)
    assert {"optimizer", "schedule", "epoch"} <= set(done.left_out)
    assert "args (argparse.Namespace)" in aside
    assert "transform (dill._dill._create_function)" in aside
    assert "best (numpy" in aside
    assert sum("attacker." in name for name in done.left_out) == len(found)


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "model_state_dict"])
@pytest.mark.parametrize("suffix", [".pt", ".pth.tar", ".ckpt", ".bin"])
def test_weights_are_found_wherever_scripts_put_them(tmp_path, wrapper, suffix):
    state = small_network().state_dict()
    path = tmp_path / f"some{suffix}"
    torch.save(state if wrapper is None else {wrapper: state, "epoch": 3}, path)
    found, done = converted(tmp_path, path)
    same(found, state)
    assert done.left_out == (() if wrapper is None else ("epoch",))


def test_a_whole_saved_module_gives_its_state_dict(tmp_path):
    network = nn.DataParallel(small_network())
    torch.save({"net": 1, "model": network}, tmp_path / "whole.pt", pickle_module=dill)
    found, _ = converted(tmp_path, tmp_path / "whole.pt")
    same(found, small_network().state_dict())


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_every_kind_of_tensor_comes_out_as_it_was(tmp_path, legacy):
    base = torch.arange(24.0).reshape(4, 6)
    kinds = (
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
    )
    state = {str(kind).removeprefix("torch."): torch.tensor([[1, 2], [3, 4]]).to(kind) for kind in kinds}
    state |= {
        "bool": torch.tensor([True, False]),
        "scalar": torch.tensor(7),
        "empty": torch.zeros(0, 3),
        "transposed": base.T,
        "every_other": base[1::2, ::3],
        "parameter": nn.Parameter(base[0]),
        "tied": base,
    }
    torch.save(state, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
    found, _ = converted(tmp_path, tmp_path / "a.pt")
    same(found, {name: value.detach() for name, value in state.items()})


def test_a_tensor_with_attributes_and_nested_states_are_read(tmp_path):
    marked = torch.ones(3)
    marked.note = "mine"
    torch.save({"state_dict": {"encoder": {"w": marked}, "loss": [1.0, 2.0]}}, tmp_path / "a.pt")
    found, done = converted(tmp_path, tmp_path / "a.pt")
    same(found, {"encoder.w": torch.ones(3)})
    assert done.left_out == ("loss",)


def test_parts_in_several_files_of_numpy_are_put_together(tmp_path):
    early = {"conv1": {"W": np.ones((2, 3), ">f4", order="F"), "b": np.arange(3)}}
    late = {"fc": {"W": np.full((1, 2), 0.5)}, "names": np.array(["a", None], dtype=object)}
    for name, part in (("early", early), ("late", late)):
        np.save(tmp_path / f"{name}.npy", part, allow_pickle=True)
    # What Python 2 wrote: protocol 2, where bytes are text.
    text = pickle.dumps(np.array(late, dtype=object), protocol=2)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": ()})
    (tmp_path / "old.npy").write_bytes(header.getvalue() + text)
    for second in ("late", "old"):
        out = tmp_path / f"{second}.safetensors"
        done = convert_checkpoint([tmp_path / "early.npy", tmp_path / f"{second}.npy"], out)
        found = read_weights(out)
        assert done.kept == {"conv1.W": (2, 3), "conv1.b": (3,), "fc.W": (1, 2)}
        same(found, {"conv1.W": torch.ones(2, 3), "conv1.b": torch.arange(3), "fc.W": torch.full((1, 2), 0.5).double()})
        assert done.left_out[0].startswith("names (numpy")
    with pytest.raises(InputError, match=r"early.npy holds conv1.W as another file does: give parts that differ"):
        convert_checkpoint([tmp_path / "early.npy"] * 2, tmp_path / "b.safetensors")


def test_where_weights_come_from_stays_with_them(tmp_path):
    from safetensors import safe_open

    from synthstim.files import sha256_of

    torch.save(small_network().state_dict(), tmp_path / "a.pt")
    _, done = converted(tmp_path, tmp_path / "a.pt")
    with safe_open(done.path, "pt") as file:
        assert file.metadata() == {"sha256 of a.pt": sha256_of(tmp_path / "a.pt")}


def test_a_file_that_torch_refuses_is_sent_here(tmp_path):
    torch.save({"model": {}, "args": argparse.Namespace()}, tmp_path / "a.pt")
    with pytest.raises(InputError, match="convert it"):
        read_weights(tmp_path / "a.pt")


# Files that mean harm. Each would leave a mark if anything in it ran.


class Call:
    """Pickles as a call of what it names."""

    def __init__(self, function, *args, state=None):
        self.parts = (function, args) if state is None else (function, args, state)

    def __reduce__(self):
        return self.parts


class Stored:
    """Pickles as a storage kept outside the pickle."""

    def __init__(self, key, elements, kind=torch.FloatStorage):
        self.identity = ("storage", kind, key, "cpu", elements)


class Pickler(pickle.Pickler):
    def persistent_id(self, obj):
        return obj.identity if isinstance(obj, Stored) else None


def tensor(storage, offset, size, stride):
    return Call(torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, OrderedDict())


def pickled(content, protocol=2):
    stream = io.BytesIO()
    Pickler(stream, protocol).dump(content)
    return stream.getvalue()


def write_zip(path, data_pkl, records=(("0", bytes(24)),), compression=zipfile.ZIP_STORED, extra=()):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", data_pkl)
        for key, value in records:
            archive.writestr(f"archive/data/{key}", value)
        for name, value in extra:
            archive.writestr(name, value)
    return path


FINE = tensor(Stored("0", 6), 0, (2, 3), (3, 1))


@pytest.fixture
def mark(tmp_path):
    path = tmp_path / "it-ran"
    yield path
    assert not path.exists(), "something in the file was executed"


def harmful(mark):
    write = f"open({str(mark)!r}, 'w').close()"
    return {
        "os.system": Call(os.system, f"touch {mark}"),
        "eval": Call(eval, write),
        "exec": Call(exec, write),
        "getattr": Call(getattr, Call(__import__, "os"), "system"),
        "torch.load": Call(torch.load, str(mark)),
        "a gadget of torch": Call(torch.hub.load, "nobody/nothing", "x"),
        "a write to disk": Call(Path.touch, mark),
        "a state": Call(argparse.Namespace, state={"x": Call(os.system, f"touch {mark}")}),
        "as a key": {"k": Call(eval, write)},
    }


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("what", list(harmful(Path("x"))))
def test_calls_are_never_made(tmp_path, mark, what, protocol):
    content = {"state_dict": {"w": FINE, "trap": harmful(mark)[what]}, "also": harmful(mark)[what]}
    found, done = converted(tmp_path, write_zip(tmp_path / "a.pt", pickled(content, protocol)))
    same(found, {"w": torch.zeros(2, 3)})
    assert len(done.left_out) == 2


@pytest.mark.parametrize("what", list(harmful(Path("x"))))
def test_a_file_of_nothing_but_harm_is_refused_by_name(tmp_path, mark, what):
    path = write_zip(tmp_path / "a.pt", pickled(harmful(mark)[what]))
    with pytest.raises(InputError, match=r"^a.pt holds no weights \(it holds .+\): give a file with a state dict$"):
        convert_checkpoint(path, tmp_path / "b.safetensors")


def test_nothing_that_a_file_names_is_imported(tmp_path):
    assert "antigravity" not in sys.modules
    opcodes = b"\x80\x02}(X\x01\x00\x00\x00acantigravity\nfly\n)Rci\nam_not_there\nX\x01\x00\x00\x00bu."
    with pytest.raises(InputError, match="holds no weights"):
        convert_checkpoint(write_zip(tmp_path / "a.pt", opcodes), tmp_path / "b.safetensors")
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (tensor(Stored("0", 2**40), 0, (2**40,), (1,)), r"declares 1099511627776 stored elements.* has 24 bytes"),
        (tensor(Stored("0", 6), 0, (2**40,), (0,)), r"declares 1099511627776 elements .* of the 6 stored"),
        (tensor(Stored("0", 6), 0, (2, 3), (1000, 1)), r"up to number 1002 of the 6 stored"),
        (tensor(Stored("0", 6), 1, (2, 3), (3, 1)), r"up to number 6 of the 6 stored"),
        (tensor(Stored("0", 6), 2**47, (1,), (1,)), r"of the 6 stored"),
        (tensor(Stored("0", 6), -6, (2, 3), (3, 1)), r"shape makes no sense"),
        (tensor(Stored("0", 6), 0, (2, 3), (-3, 1)), r"shape makes no sense"),
        (tensor(Stored("0", 6), 0, (2, 3), (1,)), r"shape makes no sense"),
        (tensor(Stored("0", 6), 0, (10**4000,), (1,)), r"shape makes no sense"),
        (tensor(Stored("0", 6), 0, (1,) * 100, (1,) * 100), r"shape makes no sense"),
        (tensor(Stored("0", "many"), 0, (2, 3), (3, 1)), r"shape makes no sense"),
        (tensor(Stored("0", 6, torch.DoubleStorage), 0, (2, 3), (3, 1)), r"has 24 bytes for them"),
        (tensor(Stored("../../etc/passwd", 6), 0, (2, 3), (3, 1)), r"no bytes for it"),
    ],
)
def test_a_tensor_that_goes_beyond_its_bytes_is_refused(tmp_path, made, reason):
    path = write_zip(tmp_path / "a.pt", pickled({"fine": FINE, "bad": made}))
    with pytest.raises(InputError, match=rf"^a.pt is not a checkpoint that can be read: at bad .*{reason}.*"):
        convert_checkpoint(path, tmp_path / "b.safetensors")
    assert not (tmp_path / "b.safetensors").exists()


def test_many_views_of_one_storage_do_not_fill_the_memory(tmp_path):
    content = {f"w{n}": tensor(Stored("0", 2**20), 0, (2**20,), (1,)) for n in range(100)}
    path = write_zip(tmp_path / "a.pt", pickled(content), [("0", bytes(2**22))])
    with pytest.raises(InputError, match="its weights would take far more than its"):
        convert_checkpoint(path, tmp_path / "b.safetensors")


def test_zip_files_that_lie_are_refused(tmp_path):
    good = write_zip(tmp_path / "good.pt", pickled({"w": FINE})).read_bytes()
    declared = good.replace(struct.pack("<II", 24, 24), struct.pack("<II", 24, 2**31))
    reasons = {
        "cut": (good[: len(good) // 2], "cut off or damaged"),
        "cut2": (good[:40], "cut off or damaged"),
        "declared": (declared, r"a record of 2147483648 bytes is declared|cut off or damaged"),
        "flipped": (good.replace(bytes(24), b"\x01" + bytes(23)), "not those that were saved"),
        "text": (b"hello, this is not a checkpoint", "neither a file of torch.save nor of numpy.save"),
        "empty": (b"", "it is empty"),
        "pickle": (pickle.dumps({"w": 1}), "a pickle that torch.save did not write"),
    }
    for name, (content, reason) in reasons.items():
        path = tmp_path / f"{name}.pt"
        path.write_bytes(content)
        with pytest.raises(
            InputError, match=rf"^{name}.pt is not a checkpoint that can be read: .*{reason}.*; download"
        ):
            convert_checkpoint(path, tmp_path / "b.safetensors")


def test_a_zip_bomb_is_refused_unopened(tmp_path):
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickled({"w": FINE}))
        with archive.open("archive/data/0", "w") as record:
            for _ in range(64):
                record.write(bytes(2**20))
    assert path.stat().st_size < 2**17
    with pytest.raises(InputError, match="compressed or encrypted"):
        convert_checkpoint(path, tmp_path / "b.safetensors")


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ([("archive/constants.pkl", b"x")], "a TorchScript program"),
        ([("archive/byteorder", b"big")], "big-endian"),
        ([("other/data.pkl", b"x")], "without the one data.pkl"),
    ],
)
def test_other_zip_files_are_named(tmp_path, extra, reason):
    path = write_zip(tmp_path / "a.pt", pickled({"w": FINE}), extra=extra)
    with pytest.raises(InputError, match=reason):
        convert_checkpoint(path, tmp_path / "b.safetensors")


def test_legacy_files_that_lie_are_refused(tmp_path):
    state = {"w": torch.ones(6)}
    stream = io.BytesIO()
    torch.save(state, stream, _use_new_zipfile_serialization=False)
    good = stream.getvalue()
    count = struct.pack("<q", 6)
    assert good.count(count) == 1
    for content, reason in (
        (good[:-4], "a storage of 24 bytes is declared"),
        (good[:-30], "cut off"),
        (good[:60], "only 2 remain"),
        (good.replace(count, struct.pack("<q", 2**60)), "bytes is declared in a file of"),
        (good.replace(count, struct.pack("<q", -1)), "is declared in a file of"),
        (good.replace(count, struct.pack("<q", 3)), "declares 6 stored elements and the file has 12 bytes"),
    ):
        (tmp_path / "a.pt").write_bytes(content)
        with pytest.raises(InputError, match=f"^a.pt is not a checkpoint that can be read: .*({reason})"):
            convert_checkpoint(tmp_path / "a.pt", tmp_path / "b.safetensors")


def bombs():
    doubled = b"\x80\x02" + b"]q\x00" + b"".join(b"](h%ch%ceq%c" % (n, n, n + 1) for n in range(60)) + b"."
    return {
        "nested lists": b"\x80\x02" + b"]" * 300_000 + b"a" * 299_999 + b".",
        "a nested key": b"\x80\x02}" + b")" + b"\x85" * 300_000 + b"K\x01s.",
        "doubled lists": doubled,
        "doubled keys": b"\x80\x02})" + b"2\x86" * 60 + b"K\x01s.",
        "a memo index": b"\x80\x02}r\xff\xff\xff\xff.",
        "a dict in itself": b"\x80\x02}q\x00X\x05\x00\x00\x00modelh\x00s.",
        "a list of dicts in dicts": b"\x80\x02}"
        + b"".join(b"q%c}X\x01\x00\x00\x00ah%csX\x01\x00\x00\x00bh%cs" % (n, n, n) for n in range(200))
        + b".",
    }


@pytest.mark.parametrize("name", list(bombs()))
def test_bombs_are_dull(tmp_path, name):
    path = write_zip(tmp_path / "a.pt", bombs()[name])
    with pytest.raises(InputError, match="holds no weights"):
        convert_checkpoint(path, tmp_path / "b.safetensors")


@pytest.mark.parametrize(
    ("data_pkl", "reason"),
    [
        (b"\x80\x02" + b"r\xff\xff\xff\xff.", "makes no sense"),
        (b"\x80\x02.", "makes no sense"),
        (b"\x80\x02h\x07.", "makes no sense"),
        (b"\x80\x02]K\x01X\x01\x00\x00\x00au.", "makes no sense"),
        (b"\x80\x02)K\x01a.", "adds items to what holds none"),
        (b"\x80\x02K\x01)R.", "calls what cannot be called"),
        (b"\x80\x02X\xff\xff\xff\x7fshort", "expected 2147483647 bytes"),
        (b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7fx", "expected 9223372036854775807 bytes"),
        (b"\x80\x02\x8b\xff\xff\xff\x7f", "not enough data"),
        (b"p99999999999999999999\n.", "makes no sense|impossible index"),
        (b"\xee", "opcode"),
        (b"I" + b"9" * 10_000 + b"\n.", "digits"),
    ],
)
def test_pickles_that_make_no_sense_are_refused(tmp_path, data_pkl, reason):
    path = write_zip(tmp_path / "a.pt", data_pkl, records=())
    with pytest.raises(InputError, match=rf"^a.pt is not a checkpoint that can be read: .*({reason})"):
        convert_checkpoint(path, tmp_path / "b.safetensors")


def test_a_pickle_may_not_take_forever(tmp_path, monkeypatch):
    monkeypatch.setattr(pickles, "MAX_STEPS", 1000)
    path = write_zip(tmp_path / "a.pt", b"\x80\x02" + b"}" * 2000 + b".")
    with pytest.raises(InputError, match="more than 1000 steps"):
        convert_checkpoint(path, tmp_path / "b.safetensors")


def test_names_that_would_break_a_line_are_made_safe(tmp_path):
    content = {"a\nb" + "x" * 500: 1, "w": tensor(Stored("0", 6), 0, (7,), (1,))}
    with pytest.raises(InputError, match=r"at w it declares") as caught:
        convert_checkpoint(write_zip(tmp_path / "a.pt", pickled(content)), tmp_path / "b.safetensors")
    assert "\n" not in str(caught.value)
    content["w"] = FINE
    _, done = converted(tmp_path, write_zip(tmp_path / "a.pt", pickled(content)))
    assert "\n" not in done.left_out[0]
    assert len(done.left_out[0]) < 120


def test_names_that_safetensors_cannot_hold_are_left_out(tmp_path):
    state = {"module.__metadata__": torch.ones(1), "module.a\ud800": torch.ones(1), "module.w": torch.ones(2)}
    torch.save(state, tmp_path / "a.pt")
    found, done = converted(tmp_path, tmp_path / "a.pt")
    same(found, {"w": torch.ones(2)})
    assert done.left_out == (
        "module.__metadata__ (torch._utils._rebuild_tensor_v2)",
        "'module.a\\ud800' (torch._utils._rebuild_tensor_v2)",
    )


def test_kinds_of_tensors_that_cannot_be_kept_are_listed(tmp_path):
    state = {"w": torch.ones(1), "complex": torch.ones(2, dtype=torch.complex64), "sparse": torch.eye(3).to_sparse()}
    torch.save(state, tmp_path / "a.pt")
    _, done = converted(tmp_path, tmp_path / "a.pt")
    assert done.kept == {"w": (1,)}
    assert [name.partition(" ")[0] for name in done.left_out] == ["complex", "sparse"]


def test_random_damage_never_escapes_as_another_error(tmp_path):
    generator = np.random.default_rng(0)
    for legacy in (False, True):
        stream = io.BytesIO()
        torch.save(
            as_published(small_network().state_dict(), "module."),
            stream,
            pickle_module=dill,
            _use_new_zipfile_serialization=not legacy,
        )
        good = np.frombuffer(stream.getvalue(), np.uint8)
        for trial in range(150):
            bad = good.copy()
            bad[generator.integers(0, len(bad), size=8)] = generator.integers(0, 256, size=8)
            (tmp_path / "a.pt").write_bytes(bad[: generator.integers(10, len(bad))] if trial % 3 == 0 else bad)
            out = tmp_path / f"{legacy}{trial}.safetensors"
            with contextlib.suppress(InputError):
                convert_checkpoint(tmp_path / "a.pt", out)


# What the user asks


def test_what_cannot_be_asked_is_said_first(tmp_path):
    torch.save(small_network().state_dict(), tmp_path / "a.pt")
    (tmp_path / "there.safetensors").touch()
    for checkpoint, out, reason in (
        ("none.pt", "b.safetensors", "no checkpoint at .*none.pt: check the path"),
        ("a.pt", "b.pt", "end it with .safetensors"),
        ("a.pt", "there.safetensors", "exists already: choose another name"),
        ("a.pt", "a.pt/where.safetensors", "cannot be made"),
    ):
        with pytest.raises(InputError, match=reason):
            convert_checkpoint(tmp_path / checkpoint, tmp_path / out)
    with pytest.raises(InputError, match="no checkpoint given"):
        convert_checkpoint([], tmp_path / "b.safetensors")
