"""The natural pool is read in one pass, once a machine; what is kept is never believed blindly, and never in the way."""

import os
import stat

import numpy as np
import pytest
import torch
from engine_fixture import small_network
from torch import nn

from synthstim.modalities.image import fit_image
from synthstim.models import ImageInput, Observer, Unit, indices_of, read_units
from synthstim.verify import array_cache, natural_pool
from synthstim.verify.pool import batch_size
from synthstim.verify.pool_reading import PoolReading

UNITS = [Unit(layer="2", channel=3), Unit(layer="0", channel=1, position="mean")]
NULLS = [("0",), ("0", "2")]


class Counting(nn.Module):
    """Counts the stimuli that pass; ``twist`` is code that weights and architecture do not show."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = small_network().module
        self.passed, self.twist = 0, 1.0

    def forward(self, images):
        self.passed += len(images)
        return self.inner(self.twist * images)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNTHSTIM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "natural"


@pytest.fixture
def observer():
    module = Counting().double()
    return Observer(module, input=ImageInput(size=(16, 16), channels=3, mean=(0.5,), std=(0.25,)), name="counting")


@pytest.fixture(scope="module")
def pool():
    return natural_pool(small_network(), count=64)


def units():
    return [Unit(layer=f"inner.{unit.layer}", channel=unit.channel, position=unit.position) for unit in UNITS]


def read(observer, pool):
    """Everything that is asked for, and how many stimuli had to be read for it."""
    _ = observer.layers, observer.weights_sha256, [indices_of(unit, observer) for unit in units()]
    before, reading = observer.module.passed, PoolReading(observer, pool)
    reading.prepare(units(), [[f"inner.{layer}" for layer in null] for null in NULLS])
    nulls = [reading.null([f"inner.{layer}" for layer in null]).pairs["match_db"] for null in NULLS]
    return reading.units(units()), nulls, observer.module.passed - before


def test_one_pass_reads_all_and_the_next_reading_two_stimuli(observer, pool, cache):
    values, nulls, passed = read(observer, pool)
    assert passed == len(pool)
    with torch.no_grad():
        direct = torch.cat([read_units(observer, batch, units()) for batch in pool.batches(observer)])
    assert np.allclose(values, direct.numpy(), rtol=1e-9)
    again, nulls_again, passed = read(observer, pool)
    assert passed == 2
    assert np.array_equal(values, again)
    assert all(np.array_equal(one, other) for one, other in zip(nulls, nulls_again, strict=True))
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in [cache]} == {0}, "for this user alone"


def test_code_that_changed_under_the_same_weights_is_noticed(observer, pool, cache):
    values, _, _ = read(observer, pool)
    observer.module.twist = 1.3
    changed, _, passed = read(observer, pool)
    assert passed == len(pool) + 2
    assert not np.allclose(values, changed)
    observer.module.twist = 1.0
    assert np.allclose(read(observer, pool)[0], values)


def test_other_weights_pools_and_inputs_find_nothing_of_these(observer, pool, cache):
    read(observer, pool)
    other = natural_pool(small_network(), count=64, seed=1)
    assert read(observer, other)[2] == len(other)
    with torch.no_grad():
        next(observer.module.parameters()).add_(1e-3)
    fresh = Observer(observer.module, input=observer.input, name="counting")
    assert read(fresh, pool)[2] == len(pool)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 nonsense", "half", "flipped"])
def test_damaged_files_are_read_anew(observer, pool, cache, damage):
    values, _, _ = read(observer, pool)
    for path in cache.iterdir():
        data = bytearray(path.read_bytes())
        if damage == "flipped":
            data[len(data) // 2] ^= 255
        path.write_bytes(data[: len(data) // 2] if damage == "half" else data if damage == "flipped" else damage)
    again, _, passed = read(observer, pool)
    assert passed == len(pool)
    assert np.array_equal(again, values)
    assert read(observer, pool)[2] == 2


@pytest.mark.parametrize("place", ["a file", "no home"])
def test_without_a_cache_all_is_read(observer, pool, tmp_path, monkeypatch, place):
    if place == "a file":
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("SYNTHSTIM_CACHE", str(tmp_path / "file"))
    else:
        for name in ("SYNTHSTIM_CACHE", "XDG_CACHE_HOME", "HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("pathlib.Path.home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert read(observer, pool)[2] == len(pool)
    assert read(observer, pool)[2] == len(pool)


def test_what_was_not_used_for_longest_goes_first(cache, monkeypatch):
    array = np.zeros(1000)
    monkeypatch.setattr(array_cache, "MOST_BYTES", 20_000)
    array_cache.keep({"number": 0}, array)
    array_cache.keep({"number": 1}, array)
    times = {path: at for at, path in enumerate(sorted(cache.iterdir(), key=lambda path: path.stat().st_mtime_ns))}
    for path, at in times.items():
        os.utime(path, (at, at))
    assert array_cache.recall({"number": 0}) is not None, "used again"
    array_cache.keep({"number": 2}, array)
    found = [array_cache.recall({"number": number}) is not None for number in range(3)]
    assert found == [True, False, True]
    assert sum(path.stat().st_size for path in cache.iterdir()) <= 20_000


def test_crops_are_kept_as_long_as_the_first_is_the_same(cache, monkeypatch):
    input = small_network()
    pool = natural_pool(input, count=64)
    monkeypatch.setattr("synthstim.modalities.image.natural.resize", pytest.fail)
    again = natural_pool(input, count=64)
    assert np.array_equal(again.stored, pool.stored)
    assert np.array_equal(again.origin, pool.origin)
    monkeypatch.undo()
    monkeypatch.setattr("synthstim.modalities.image.natural.fit_image", lambda image, *_: fit_image(image / 2, *_))
    assert not np.array_equal(natural_pool(input, count=64).stored, pool.stored), "read otherwise, cut anew"


def test_a_unit_that_is_a_function_is_never_kept(observer, pool, cache):
    mine = Unit(layer="inner.2", reader=lambda values: values.flatten(1).sum(1), label="mine")
    PoolReading(observer, pool).units([mine])
    assert not list(cache.iterdir()) if cache.is_dir() else True


def test_batches_keep_each_layer_within_what_the_processor_is_fast_at():
    small = small_network(size=(16, 16))
    assert batch_size(small) == 16
    large = small_network(size=(512, 512))
    assert batch_size(large) == 1
