"""Random movement: each item's own, nothing at zero, still at the end."""

import pytest
import torch
from engine_fixture import generators, photographs

from synthstim.errors import InputError
from synthstim.robustness import Robustness

IMAGES = photographs("coffee rocket chelsea", (33, 40)).double()
MOVES = {
    "jitter": Robustness(jitter=5),
    "scale": Robustness(scale=0.2),
    "rotation": Robustness(rotation=20),
    "blur": Robustness(blur=3.0),
    "all": Robustness(jitter=3, scale=0.1, rotation=10, blur=1.0),
}


@pytest.mark.parametrize("name", MOVES)
def test_an_item_moves_by_its_own_generator(name):
    together = MOVES[name].move(IMAGES, generators(1, 2, 3), 0.2)
    assert together.shape == IMAGES.shape
    assert not torch.allclose(together[1], IMAGES[1])
    torch.testing.assert_close(MOVES[name].move(IMAGES[1:2], generators(2), 0.2)[0], together[1])
    assert together.min() >= -1e-9
    assert together.max() <= 1 + 1e-9


@pytest.mark.parametrize("name", MOVES)
def test_gradients_reach_the_images(name):
    given = IMAGES.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(MOVES[name].move(given, generators(4, 5, 6), 0.0).square().sum(), given)
    assert gradient.isfinite().all()
    assert (gradient[:, :, 12:20, 12:20] != 0).float().mean() > 0.95


def test_nothing_moves_by_zero():
    torch.testing.assert_close(Robustness().move(IMAGES, generators(1, 2, 3), 0.0), IMAGES)
    assert not Robustness().moving(0.0)


def test_jitter_moves_by_whole_pixels():
    seen = set()
    for seed in range(12):
        moved = Robustness(jitter=4).move(IMAGES[:1], generators(seed), 0.0)[0]
        inside = moved[:, 8:25, 8:32]
        found = [
            (down, across)
            for down in range(-4, 5)
            for across in range(-4, 5)
            if torch.allclose(inside, IMAGES[0, :, 8 + down : 25 + down, 8 + across : 32 + across], atol=1e-6)
        ]
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) > 6


@pytest.mark.parametrize("settled", [0.1, 0.5, 1.0])
def test_the_movement_falls_and_ends(settled):
    robustness = Robustness(jitter=8, settled=settled)
    fractions = [step / 100 for step in range(101)]
    moving = [robustness.moving(fraction) for fraction in fractions]
    assert sum(moving) == pytest.approx(100 * (1 - settled), abs=1)
    assert moving == sorted(moving, reverse=True)
    if settled < 1:
        early, late = (
            (robustness.move(IMAGES[:1], generators(3), fraction) - IMAGES[:1]).abs().mean()
            for fraction in (0.0, 0.99 * (1 - settled))
        )
        assert late <= early


@pytest.mark.parametrize(
    "settings", [dict(jitter=-1), dict(blur=-1.0), dict(scale=1.0), dict(rotation=181), dict(jitter=1, settled=0)]
)
def test_settings_out_of_range(settings):
    with pytest.raises(InputError, match="is out of range: jitter from 0"):
        Robustness(**settings)


def test_blur_takes_fine_detail_and_leaves_the_mean_and_other_draws():
    sharp = Robustness(jitter=4, rotation=10).move(IMAGES, generators(1, 2, 3), 0.2)
    blurred = Robustness(jitter=4, rotation=10, blur=4.0).move(IMAGES, generators(1, 2, 3), 0.2)

    def detail(images):
        return images.diff(dim=-1).abs().mean((1, 2, 3))

    # One of them may draw a blur of next to nothing.
    assert (detail(blurred) <= detail(sharp) + 1e-9).all()
    assert detail(blurred).mean() < 0.9 * detail(sharp).mean()
    torch.testing.assert_close(blurred.mean((2, 3)), sharp.mean((2, 3)), rtol=0, atol=0.03)
    with pytest.raises(InputError, match="a blur of 20 pixels reaches 60 pixels"):
        Robustness(blur=20).check((33, 40))
