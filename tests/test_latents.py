"""Parametrisations that cannot be inverted, such as generators: latents are kept with a set, and rendered again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
import torch
from engine_fixture import photographs, small_network
from torch import Tensor

from synthstim.errors import InputError
from synthstim.kinds import PARAMETRISATIONS
from synthstim.modalities.image import write_png
from synthstim.models import Unit
from synthstim.objectives import drive
from synthstim.optimise import Stopping, Synthesiser
from synthstim.production import make
from synthstim.recipe import Recipe
from synthstim.recipe.registered import Offer, Options
from synthstim.verify import check_set, natural_pool

SIDE = 24


class ToyOptions(Options):
    kind: Literal["toy"] = "toy"
    gain: float = 1.0


@dataclass(frozen=True)
class Toy:
    """Six latents -> smooth colour images; no way back."""

    shape: tuple[int, int, int]
    gain: float = 1.0
    latent_shape = (6,)

    def render(self, latents: Tensor) -> Tensor:
        line = torch.linspace(-1, 1, SIDE, dtype=latents.dtype, device=latents.device)
        waves = torch.stack([torch.sin(3 * line), torch.cos(2 * line), line])
        rows, columns = latents[:, :3] @ waves, latents[:, 3:] @ waves
        return torch.sigmoid(self.gain * rows[:, None, :, None] * columns[:, None, None]).expand(-1, *self.shape)

    def project(self, latents: Tensor) -> Tensor:
        return latents.clamp_(-3, 3)


@pytest.fixture(scope="module")
def observer():
    return small_network(size=(SIDE, SIDE))


@pytest.fixture(scope="module")
def naturals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("naturals")
    for number, image in enumerate(photographs("chelsea astronaut coffee rocket camera coins moon page", (SIDE, SIDE))):
        write_png(folder / f"{number}.png", image.numpy())
    return folder


@pytest.fixture(autouse=True)
def _named(monkeypatch):
    """The registry has it as it has those of plug-ins."""
    offer = Offer(ToyOptions, lambda input, gain=1.0: Toy(input.shape, gain), "image")
    monkeypatch.setitem(PARAMETRISATIONS._loaded, "toy", offer)
    entries = PARAMETRISATIONS.entries
    monkeypatch.setitem(entries, "toy", entries["fourier"])


HOW = {"parametrisation": {"kind": "toy", "gain": 2.0}, "evaluations": 20}
UP = {"name": "up", "kind": "controller", "goal": "drive", "unit": {"layer": "2", "channel": 1}, "copies": 2, **HOW}


def metamer(**more):
    return {"name": "m", "kind": "metamer", "reference": "0.png", "layers": ["2"], **HOW, **more}


def recipe_of(naturals, *entries):
    return Recipe.from_dict({"observer": "small", "pool": str(naturals), "stimuli": list(entries)}, naturals)


def made(observer, naturals, out, *entries):
    return make(recipe_of(naturals, *entries), out, observer=observer)


def test_a_set_keeps_them_and_check_renders_them_again(observer, naturals, tmp_path):
    limits = {"constraints": {"mean_luminance": 0.3}}
    stimuli = made(observer, naturals, tmp_path / "set", UP, metamer(), metamer(name="dim", **limits))
    assert all(stimuli.latents(name).shape == (6,) for name in stimuli.table["stimulus_id"])
    assert set(stimuli.table["parametrisation"]) == {"toy"}
    # No phase goes on with pixels.
    assert not stimuli.table["optimiser"].str.contains("pixels").any()
    pool = natural_pool(observer, naturals)
    assert check_set(stimuli, observer, pool=pool).problems == []
    (path,) = (stimuli.root / "latents").glob("dim*")
    np.save(path, np.load(path) + 1)
    problems = check_set(stimuli, observer, pool=pool).problems
    assert f"latents/{path.name} has changed since the set was made" in problems
    assert any(problem.startswith(f"{path.stem}: its latents render to another stimulus") for problem in problems)


def test_latents_that_are_no_numbers_are_refused(observer, naturals, tmp_path):
    stimuli = made(observer, naturals, tmp_path / "set", UP)
    path = sorted((stimuli.root / "latents").iterdir())[0]
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=f"latents/{path.name} of set cannot be read"):
        stimuli.latents(path.stem)


def test_an_item_starts_from_its_own_seed(observer):
    def result(*seeds):
        stopping = Stopping(evaluations=5)
        unit = drive(Unit(layer="2", channel=1))
        return Synthesiser(observer, unit, Toy((3, SIDE, SIDE)), seeds=seeds, stopping=stopping).result()

    torch.testing.assert_close(result(1, 2).latents[1:], result(2).latents)
    assert not torch.allclose(*result(1, 2).latents)


@pytest.mark.parametrize("entry", [metamer(start="1.png"), UP | {"start": "1.png"}], ids=["metamer", "controller"])
def test_what_needs_an_inverse_says_so_before_long_work(observer, naturals, tmp_path, entry):
    with pytest.raises(InputError, match="Toy has no invert: its latents cannot be found from a stimulus: start from"):
        made(observer, naturals, tmp_path / "set", entry)


def test_interrupted_work_keeps_them(observer, naturals, tmp_path):
    def stopped(progress):
        if progress.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(recipe_of(naturals, UP), tmp_path / "set", observer=observer, watch=stopped)
    resumed = make(recipe_of(naturals, UP), tmp_path / "set", observer=observer, resume=True)
    whole = made(observer, naturals, tmp_path / "again", UP)
    assert list(resumed.table["sha256"]) == list(whole.table["sha256"])
    name = whole.table["stimulus_id"][1]
    assert whole.latents(name).any()
    np.testing.assert_array_equal(resumed.latents(name), whole.latents(name))
