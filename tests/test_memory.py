"""Runs that do not fit into memory are refused before they begin; those that may not are warned of."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from engine_fixture import small_network

from synthstim.errors import InputError
from synthstim.models import load_model
from synthstim.observers import together
from synthstim.production import make, memory
from synthstim.production.memory import bytes_of_item, free_bytes
from synthstim.production.planned import plan
from synthstim.recipe import Recipe

ENTRY = {"name": "a", "kind": "controller", "goal": "drive", "unit": {"layer": "2", "channel": 3}, "copies": 4}


def run(monkeypatch, tmp_path, observer, share):
    """With so much of what the batch is thought to need."""
    monkeypatch.setattr(memory, "free_bytes", lambda _: int(share * 4 * bytes_of_item(observer, ["2"])))
    return make({"observer": "x", "stimuli": [ENTRY]}, tmp_path / "set", observer=observer, budget=1)


def test_what_cannot_fit_is_refused_before_it_begins(monkeypatch, tmp_path):
    with pytest.raises(
        InputError, match=r"4 stimuli at once of 3 x 16 x 16 on small take about .* make 1 at once"
    ) as error:
        run(monkeypatch, tmp_path, small_network(), 0.4)
    assert error.value.code == "too-large"
    assert not list(tmp_path.iterdir())


def test_one_that_cannot_fit_alone_is_to_be_smaller(monkeypatch, tmp_path):
    with pytest.raises(InputError, match="ask for smaller stimuli"):
        run(monkeypatch, tmp_path, small_network(), 0.1)


def test_processes_share_the_memory_of_a_computer_and_others_ask_for_themselves(monkeypatch):
    observer = small_network()
    recipe = Recipe.from_dict({"observer": "x", "stimuli": [ENTRY]})
    monkeypatch.setattr(memory, "free_bytes", lambda _: int(3 * bytes_of_item(observer, ["2"])))
    plan(recipe, observer, at_once=2)
    with pytest.warns(
        UserWarning, match="2 stimuli at once in each of 2 processes of .*make 1 at once .*or take fewer"
    ):
        plan(recipe, observer, at_once=2, processes=2)
    # As the caller of a cluster does, whose machines are others.
    monkeypatch.setattr(memory, "free_bytes", lambda _: 1)
    plan(recipe, observer, at_once=2, processes=0)


def test_what_may_not_fit_is_warned_of_and_what_fits_is_not(monkeypatch, tmp_path):
    (tmp_path / "other").mkdir()
    with pytest.warns(UserWarning, match="which may not do"):
        run(monkeypatch, tmp_path, small_network(), 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        run(monkeypatch, tmp_path / "other", small_network(), 2.0)


def test_in_a_container_a_cache_of_files_counts_as_free(monkeypatch, tmp_path):
    facts = {"memory.max": 8 << 30, "memory.current": 7 << 30, "memory.stat": f"anon 1\ninactive_file {6 << 30}"}
    for name, text in facts.items():
        (tmp_path / name).write_text(f"{text}\n")
    (tmp_path / "meminfo").write_text("MemAvailable: 1000000000 kB\n")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    assert free_bytes(torch.device("cpu")) == 7 << 30


def test_the_estimate_of_a_large_texture_is_what_was_measured():
    # 3.1 GB at 2048 px.
    observer = load_model("portilla-simoncelli", size=(128, 128))
    assert bytes_of_item(observer, ["pixels"]) * (2048 / 128) ** 2 == pytest.approx(3.1e9, rel=0.35)


def test_several_take_what_each_does():
    one, other = small_network(), small_network()
    both = together({"a": one, "b": other})
    assert both.bytes_of_item(["a.0", "b.2"]) == one.bytes_of_item(["0"]) + other.bytes_of_item(["2"])
    assert one.bytes_of_item(["0"]) == 8 * math.prod(one.layers["0"]) < one.bytes_of_item(["2"])


def test_what_is_free_is_a_size_or_unknown(monkeypatch, tmp_path):
    found = free_bytes(torch.device("cpu"))
    assert found is None or found > 0
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "none")
    assert free_bytes(torch.device("cpu")) is None
