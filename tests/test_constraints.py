"""Constraints are projections: satisfied, idempotent, per item, differentiable; impossible ones are refused at once."""

import pytest
import torch
from engine_fixture import photographs

from synthstim.constraints import Aperture, Energy, Fixed, Grey, Luminance, check_all, project_all, violations
from synthstim.errors import InputError
from synthstim.modalities.image import luminance

SIZE = (40, 32)
SHAPE = (3, *SIZE)
LEVEL = 1 / 255


def images() -> torch.Tensor:
    """Photographs, noise, nearly nothing, and black and white."""
    random = torch.rand(1, *SHAPE, generator=torch.Generator().manual_seed(0))
    return torch.cat([photographs("coffee rocket", SIZE), random, 0.5 + 0.05 * (random - 0.5), random.round()])


def patch(rows: slice, columns: slice) -> Fixed:
    mask = torch.zeros(SIZE)
    mask[rows, columns] = 1
    return Fixed(image=torch.full(SHAPE, 0.25), mask=mask)


def statistics(shown: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    seen = luminance(shown.double()).flatten(1)
    return seen.mean(1), seen.std(1, unbiased=False) / seen.mean(1)


def is_near(found: torch.Tensor, wanted: float) -> bool:
    return bool((found - wanted).abs().max() < 2e-3)


def energy(shown: torch.Tensor) -> torch.Tensor:
    return (shown - 0.5).square().mean((1, 2, 3)).sqrt()


CONSTRAINTS = {
    "mean": (Luminance(mean=0.25), lambda x: is_near(statistics(x)[0], 0.25)),
    "contrast": (Luminance(rms_contrast=0.3), lambda x: is_near(statistics(x)[1], 0.3)),
    "both": (
        Luminance(mean=0.2, rms_contrast=0.4),
        lambda x: is_near(statistics(x)[0], 0.2) and is_near(statistics(x)[1], 0.4),
    ),
    "energy": (Energy(most=0.1), lambda x: bool((energy(x) <= 0.1 + 1e-5).all())),
    "circle": (Aperture(shape="circular", size=0.8), lambda x: bool((x[:, :, 0] == 0.5).all())),
    "circle off the centre": (Aperture(size=0.4, centre=(0.2, 0.1)), lambda x: bool((x[:, :, :, 0] == 0.5).all())),
    "grey": (Grey(), lambda x: bool((x == x[:, :1]).all())),
    "gaussian": (Aperture(shape="gaussian", size=0.15), lambda x: bool(((x - 0.5).abs()[:, :, 0] < 0.01).all())),
    "fixed": (patch(slice(10), slice(12)), lambda x: bool((x[:, :, :10, :12] == 0.25).all())),
}


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_laws_of_every_constraint(name):
    constraint, holds = CONSTRAINTS[name]
    check_all([constraint], SHAPE)
    given = images().requires_grad_()
    projected = constraint.project(given)
    assert projected.shape == given.shape
    assert projected.min() >= 0
    assert projected.max() <= 1
    assert holds(projected.detach())
    assert violations([constraint], projected)[0] < LEVEL / 2
    for item in range(len(given)):
        torch.testing.assert_close(constraint.project(given[item : item + 1])[0], projected[item])
    (gradient,) = torch.autograd.grad((projected * torch.randn(projected.shape)).sum(), given)
    assert gradient.isfinite().all()
    assert (gradient[:-1].flatten(1).abs().sum(1) > 0).all()  # black and white may lie wholly outside a soft window


@pytest.mark.parametrize("name", CONSTRAINTS)
@pytest.mark.parametrize("channels", [1, 5])
def test_any_number_of_channels_and_uniform_images(name, channels):
    constraint, _ = CONSTRAINTS[name]
    if isinstance(constraint, Fixed):
        constraint = Fixed(image=constraint.image[:1].expand(channels, *SIZE), mask=constraint.mask)
    check_all([constraint], (channels, *SIZE))
    for value in (0.0, 0.5, 1.0):
        uniform = torch.full((1, channels, *SIZE), value, dtype=torch.float64, requires_grad=True)
        projected = constraint.project(uniform)
        assert projected.isfinite().all()
        (gradient,) = torch.autograd.grad(projected.sum(), uniform)
        assert gradient.isfinite().all()


def test_the_gradient_of_luminance_is_that_of_finite_differences():
    given = torch.rand(1, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.2 + 0.4
    for constraint in (Luminance(mean=0.2), Luminance(mean=0.2, rms_contrast=0.1), Energy(most=0.02)):
        assert torch.autograd.gradcheck(constraint.project, given.clone().requires_grad_())


def test_what_satisfies_a_constraint_is_left_alone():
    photograph = photographs("chelsea", SIZE)
    mean, contrast = (float(value) for value in statistics(photograph))
    held = Fixed(image=photograph[0], mask=patch(slice(10), slice(12)).mask)
    for constraint in (Luminance(mean=mean, rms_contrast=contrast), Energy(most=0.5), held):
        torch.testing.assert_close(constraint.project(photograph), photograph, atol=1e-4, rtol=0)
    grey = torch.full((1, *SHAPE), 0.5)
    assert torch.equal(Aperture(shape="gaussian", size=0.1).project(grey), grey)


def test_apertures_leave_the_middle_and_hide_the_rest():
    board = images()[-1:]
    for aperture in (Aperture(shape="circular", size=0.5), Aperture(shape="gaussian", size=0.2)):
        shown = aperture.project(board)
        window = aperture.window(board)
        assert window.max() <= 1
        assert window[20, 16] > 0.99
        assert ((shown - 0.5).abs() <= 0.5 * window + 1e-6).all()
        torch.testing.assert_close(window, window.flip(0, 1))
    assert Aperture(shape="circular", size=0.5).window(board).sum().item() == pytest.approx(torch.pi * 64, rel=0.02)


TOGETHER = {
    "luminance in a circle": [Aperture(size=0.9), Luminance(mean=0.22, rms_contrast=0.3)],
    "energy in a gaussian": [Energy(most=0.1), Aperture(shape="gaussian", size=0.3)],
    "luminance and a fixed corner": [Luminance(mean=0.2, rms_contrast=0.4), patch(slice(10), slice(12))],
    "grey of one luminance": [Grey(), Luminance(mean=0.22, rms_contrast=0.3), Aperture(size=0.8, centre=(0.1, 0))],
    "all": [Energy(most=0.2), Aperture(size=0.9), Luminance(mean=0.22), patch(slice(15, 25), slice(10, 22))],
}


@pytest.mark.parametrize("name", TOGETHER)
def test_constraints_hold_together_within_a_level(name):
    constraints = TOGETHER[name]
    check_all(constraints, SHAPE)
    projected = project_all(constraints, images())
    for constraint, off in zip(constraints, violations(constraints, projected), strict=True):
        assert off < 2 * LEVEL, constraint
    assert violations(constraints[-1:], projected)[0] < LEVEL / 2


IMPOSSIBLE = {
    "white": ([Luminance(mean=1.0)], "mean luminance 1 cannot be reached"),
    "negative": ([Luminance(rms_contrast=-0.1)], "RMS contrast -0.1 is negative"),
    "too much contrast": ([Luminance(mean=0.5, rms_contrast=1.2)], "a black and white image has 1, ask for less"),
    "no energy": ([Energy(most=0.0)], "energy 0 given"),
    "energy": ([Energy(most=0.6)], "energy 0.6 given"),
    "shape": ([Aperture(shape="square")], "aperture 'square' is unknown: choose circular or gaussian"),
    "centre": ([Aperture(size=0.5, centre=(0.7, 0))], "an aperture centred at 0.7, 0"),
    "size": ([Aperture(size=1.5)], "an aperture of 1.5"),
    "speck": ([Aperture(size=0.01)], "expected 2 pixels or more"),
    "another size": ([Fixed(image=torch.zeros(3, 8, 8), mask=torch.zeros(8, 8))], "give them the stimulus's size"),
    "nothing free": ([Fixed(image=torch.zeros(SHAPE), mask=torch.ones(SIZE))], "covers the whole image"),
    "energy against luminance": ([Energy(most=0.05), Luminance(mean=0.6)], "cannot be met together"),
    "circle against luminance": ([Aperture(size=0.2), Luminance(mean=0.8)], "cannot be met together"),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_impossible_constraints_are_refused_before_any_work(name):
    constraints, reason = IMPOSSIBLE[name]
    with pytest.raises(InputError, match=reason):
        check_all(constraints, SHAPE)
