"""The optimisers themselves, against independent implementations."""

import numpy as np
import pytest
import scipy.optimize
import torch

from synthstim.errors import InputError
from synthstim.optimise import LBFGS, Adam, GradientAscent
from synthstim.optimise.base import scheduled


def quadratic(size: int, condition: float):
    scales = torch.logspace(0, np.log10(condition), size, dtype=torch.float64)
    rotation = torch.linalg.qr(
        torch.randn(size, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    )[0]
    matrix = rotation @ torch.diag(scales) @ rotation.T
    return lambda x: 0.5 * torch.einsum("bi,ij,bj->b", x - 1, matrix, x - 1)


def rosenbrock(x):
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(1)


def rectified(x):
    """Convex, with bends: what networks of rectifiers look like close by."""
    weights = torch.randn(40, x.shape[1], generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return (x @ weights.T + 1).relu().square().sum(1) + 0.01 * x.square().sum(1)


def minimise(function, start, optimiser, evaluations):
    """Loss of every item at every evaluation, (evaluation, batch)."""
    latents, losses = start.clone(), []
    optimiser.start(latents)
    for step in range(evaluations):
        leaf = latents.clone().requires_grad_()
        loss = function(leaf)
        (gradient,) = torch.autograd.grad(loss.sum(), leaf)
        losses.append(loss.detach())
        latents = optimiser.advance(latents, loss.detach(), gradient, step / evaluations)
    return torch.stack(losses)


def evaluations_to(losses, target):
    return 1 + int((losses <= target).to(torch.int).argmax()) if (losses <= target).any() else len(losses) * 10


def by_scipy(function, start, evaluations):
    """Loss at every evaluation of scipy's L-BFGS-B."""
    losses = []

    def value(x):
        leaf = torch.from_numpy(x)[None].requires_grad_()
        loss = function(leaf)
        losses.append(loss.item())
        return loss.item(), torch.autograd.grad(loss.sum(), leaf)[0][0].numpy()

    options = {"maxcor": 20, "maxfun": evaluations, "maxiter": evaluations, "ftol": 0, "gtol": 1e-9}
    scipy.optimize.minimize(value, start.numpy(), jac=True, method="L-BFGS-B", options=options)
    return torch.tensor(losses)


@pytest.mark.parametrize(
    ("function", "size"),
    [(quadratic(30, 1e3), 30), (quadratic(60, 1e4), 60), (rosenbrock, 10), (rectified, 20)],
    ids=["quadratic", "ill-conditioned", "rosenbrock", "bends"],
)
def test_lbfgs_keeps_up_with_scipy(function, size):
    starts = torch.randn(2, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ours = minimise(function, starts, LBFGS(), 250)
    for item, start in enumerate(starts):
        theirs = by_scipy(function, start, 250)
        floor = min(theirs.min(), ours[:, item].min())
        for share in (1e-2, 1e-4, 1e-7):
            goal = floor + share * (theirs[0] - floor)
            assert evaluations_to(ours[:, item], goal) <= 1.5 * evaluations_to(theirs, goal) + 10


def test_lbfgs_items_do_not_see_one_another():
    function, starts = rosenbrock, torch.randn(4, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    calls = []

    def spoiled(x):
        # The second item is NaN now and then, the third infinite where it is worse than at its start.
        calls.append(1)
        loss = function(x)
        factor = torch.ones_like(loss)
        factor[1] = torch.nan if len(calls) % 5 == 0 else 1.0
        walls = torch.tensor([torch.inf, torch.inf, function(starts)[2].item() + 1e-9, torch.inf])
        return torch.where(loss > walls, torch.inf, loss) * factor

    together = minimise(spoiled, starts, LBFGS(), 150)
    for item in (0, 3):
        alone = minimise(function, starts[item : item + 1], LBFGS(), 150)[:, 0]
        torch.testing.assert_close(together[:30, item], alone[:30], rtol=1e-6, atol=1e-9)
    # Both still come to the minimum that they come to alone: the history outlives a NaN.
    for item in (1, 2):
        alone = minimise(function, starts[item : item + 1], LBFGS(), 150)[:, 0]
        assert together[:, item].nan_to_num(torch.inf).min().item() == pytest.approx(alone.min().item(), abs=1e-6)


def test_lbfgs_rests_at_a_minimum_and_steps_by_its_own_length_first():
    start = torch.ones(1, 6, dtype=torch.float64)
    assert (minimise(quadratic(6, 10.0), start, LBFGS(), 10) == 0).all()
    optimiser = LBFGS(step=0.03)
    optimiser.start(start * 5)
    leaf = (start * 5).requires_grad_()
    loss = quadratic(6, 10.0)(leaf)
    (gradient,) = torch.autograd.grad(loss.sum(), leaf)
    moved = optimiser.advance(leaf.detach(), loss.detach(), gradient, 0.0) - start * 5
    assert moved.square().mean().sqrt().item() == pytest.approx(0.03)
    assert torch.nn.functional.cosine_similarity(moved, -gradient).item() == pytest.approx(1)


@pytest.mark.parametrize("momentum", [0.9, 0.5])
def test_adam_is_adam(momentum):
    function, start = rosenbrock, torch.randn(3, 6, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    ours = minimise(function, start, Adam(step=0.01, schedule="constant", momentum=momentum), 60)
    leaf, theirs = start.clone().requires_grad_(), []
    reference = torch.optim.Adam([leaf], lr=0.01, betas=(momentum, 0.999), eps=1e-12)
    for _ in range(60):
        reference.zero_grad()
        loss = function(leaf)
        loss.sum().backward()
        theirs.append(loss.detach())
        reference.step()
    torch.testing.assert_close(ours, torch.stack(theirs), rtol=1e-7, atol=1e-9)


def test_normalised_ascent_steps_by_its_length_whatever_the_gradient():
    optimiser = GradientAscent(step=0.5, normalised=True)
    optimiser.start(torch.zeros(2, 4))
    gradient = torch.tensor([[1e-6, 0, 0, 0], [3e3, 4e3, 0, 0]])
    moved = optimiser.advance(torch.zeros(2, 4), torch.zeros(2), gradient, 0.0)
    torch.testing.assert_close(moved, torch.tensor([[-0.5, 0, 0, 0], [-0.3, -0.4, 0, 0]]))
    plain = GradientAscent(step=2.0)
    plain.start(torch.zeros(2, 4))
    torch.testing.assert_close(plain.advance(torch.zeros(2, 4), torch.zeros(2), gradient, 0.9), -2 * gradient)


def test_schedules():
    assert [scheduled("halving", eighth / 8) for eighth in range(9)] == [
        1,
        0.5,
        0.25,
        0.125,
        *(2.0**-n for n in (4, 5, 6, 7, 7)),
    ]
    assert scheduled("constant", 0.7) == 1
    falling = [scheduled("cosine", step / 20) for step in range(21)]
    assert falling == sorted(falling, reverse=True)
    assert (falling[0], falling[-1]) == pytest.approx((1.0, 0.01))
    assert {scheduled("late", step / 10) for step in range(10)} == {1.0}
    last = [scheduled("late", 0.9 + step / 100) for step in range(11)]
    assert last == sorted(last, reverse=True)
    assert last[-1] == pytest.approx(0.01)
    with pytest.raises(InputError, match="schedule 'linear' is unknown: choose constant, cosine, halving, late"):
        Adam(schedule="linear")
