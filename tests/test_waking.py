"""Units that the start does not excite: they are woken, whatever shuts them off; those that cannot be are named."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from synthstim.models import ImageInput, Observer, Unit, read_units
from synthstim.objectives import diversity, drive, level, one_hot, pattern, smooth, suppress
from synthstim.optimise import LBFGS, Adam, GradientAscent, Stopping, Synthesiser, load_checkpoint, save_checkpoint
from synthstim.parametrise import Fourier, Pixels
from synthstim.robustness import Robustness

SHIFT = -2.0


class Gate(nn.Module):
    """A convolution whose unit 1 no noise excites, and what shuts it off, as modules and blocks write it."""

    def __init__(self, gate, shift=SHIFT):
        super().__init__()
        torch.manual_seed(0)
        self.filters, self.gate = nn.Conv2d(3, 4, 5), gate
        with torch.no_grad():
            self.filters.weight *= 4
            self.filters.bias.fill_(0.1)
            self.filters.bias[1] = shift

    def forward(self, images):
        return self.gate(self.filters(images - 0.5))


def network(gate, *then: nn.Module, shift: float = SHIFT) -> Observer:
    module = nn.Sequential(Gate(gate, shift), *then)
    return Observer(module, input=ImageInput(size=(16, 16)), name="gated").to(dtype=torch.float64)


def made(observer: Observer, objective, evaluations: int = 80, **more) -> Synthesiser:
    return Synthesiser(
        observer, objective, Fourier(observer.input.shape), seeds=[1, 2], stopping=Stopping(evaluations=evaluations), **more
    )  # fmt: skip


def activations(observer: Observer, run: Synthesiser, unit: Unit) -> list[float]:
    return read_units(observer, run.result().stimuli, [unit]).flatten().tolist()


UNIT, OTHER = Unit(layer="0", channel=1), Unit(layer="0", channel=2)
GATES = {
    "relu": (F.relu, 0.5),
    "relu in place": (lambda x: F.relu(x, inplace=True), 0.5),
    "module": (nn.ReLU(), 0.5),
    "relu6": (F.relu6, 0.5),
    "clamp": (lambda x: x.clamp(min=0), 0.5),
    "maximum": (lambda x: torch.maximum(x, x.new_zeros(())), 0.5),
    "where": (lambda x: torch.where(x > 0, x, 0.0), 0.5),
    "mask": (lambda x: x * (x > 0), 0.5),
    "threshold": (lambda x: F.threshold(x, 0.1, 0.0), 0.5),
    "squared": (lambda x: F.relu(x).square(), 0.5),
    "two in turn": (lambda x: F.relu(F.relu(x) - 0.1), 0.4),
    "gelu": (F.gelu, 0.5),
    "silu": (F.silu, 0.5),
    "hardswish": (F.hardswish, 0.5),
    "hardsigmoid": (lambda x: F.hardsigmoid(3 * x), 0.6),
    "sigmoid": (lambda x: torch.sigmoid(40 * x), 0.6),
    "softplus": (lambda x: F.softplus(40 * x), 0.5),
}


@pytest.mark.parametrize("name", GATES)
def test_a_unit_that_noise_does_not_excite_is_driven(name):
    gate, reached = GATES[name]
    observer = network(gate)
    start = made(observer, drive(UNIT), 1)
    assert max(activations(observer, start, UNIT)) <= 0.05
    run = made(observer, drive(UNIT))
    driven = activations(observer, run, UNIT)
    assert min(driven) > reached
    # A gate that may go straight from shut to its most has no gradient on either side.
    assert not any(still for still, value in zip(run.result().still, driven, strict=True) if value != 1)


BEHIND = {
    "max-pool": [nn.MaxPool2d(2)],
    "mean": [nn.AdaptiveAvgPool2d(1), nn.Flatten()],
    "convolution and rectifier": [nn.Conv2d(4, 4, 3), nn.ReLU()],
    "a linear read-out": [nn.Flatten(), nn.Linear(4 * 144, 4)],
}


@pytest.mark.parametrize("name", BEHIND)
def test_a_layer_of_shut_rectifiers_is_opened_for_what_stands_behind_it(name):
    observer = network(nn.ReLU(), *BEHIND[name])
    with torch.no_grad():
        observer.module[0].filters.bias.fill_(SHIFT)
        for part in observer.module[1:]:
            if isinstance(part, nn.Conv2d | nn.Linear):
                part.bias.zero_()
    unit = Unit(layer="output", channel=1)
    before = max(activations(observer, made(observer, drive(unit), 1), unit))
    assert before == 0
    assert min(activations(observer, made(observer, drive(unit), 120), unit)) > 0


GOALS = {
    "level": (lambda: level(UNIT, 0.4), 0.35, 0.45),
    "pattern": (lambda: pattern([UNIT], [0.4]), 0.35, 0.45),
    "one_hot": (lambda: one_hot(UNIT, [OTHER]), 0.3, 99),
    "with a penalty": (lambda: drive(UNIT) + 0.1 * smooth(), 0.4, 99),
    "with diversity": (lambda: drive(UNIT) + 0.1 * diversity("0", [0, 0]), 0.4, 99),
}


@pytest.mark.parametrize("name", GOALS)
def test_every_goal_wakes_its_unit(name):
    make, low, high = GOALS[name]
    observer = network(nn.ReLU())
    found = activations(observer, made(observer, make(), 150), UNIT)
    assert low < min(found)
    assert max(found) < high


@pytest.mark.parametrize("optimiser", [Adam, LBFGS, lambda: GradientAscent(normalised=True)])
def test_every_optimiser_climbs_to_the_unit(optimiser):
    observer = network(nn.ReLU())
    run = made(observer, drive(UNIT), optimiser=optimiser())
    assert min(activations(observer, run, UNIT)) > 0.4


def test_from_above_too():
    observer = network(nn.ReLU6(), shift=7.0)
    assert min(activations(observer, made(observer, suppress(UNIT), 1), UNIT)) == 6
    assert max(activations(observer, made(observer, suppress(UNIT)), UNIT)) < 5.9


def test_a_live_unit_keeps_its_own_gradient():
    observer = network(nn.ReLU())
    run = made(observer, drive(OTHER))
    woken, _ = run.evaluator(run.latents, run.generators, 0.0, wake=True)
    plain, _ = run.evaluator(run.latents, run.generators, 0.0)
    assert torch.equal(woken.gradient, plain.gradient)
    assert not woken.asleep.any()
    assert not woken.still.any()


def test_an_item_that_sleeps_leaves_its_neighbours_alone():
    observer = network(nn.ReLU())
    both = Synthesiser(
        observer, drive([UNIT, OTHER]), Fourier((3, 16, 16)), seeds=[1, 2], stopping=Stopping(evaluations=40)
    )
    alone = Synthesiser(observer, drive([OTHER]), Fourier((3, 16, 16)), seeds=[2], stopping=Stopping(evaluations=40))
    assert both.result().scores[1] == pytest.approx(alone.result().scores[0], rel=1e-9)


def test_what_cannot_be_moved_is_said():
    observer = network(nn.ReLU(), shift=-1e4)
    for objective, score in ((drive(UNIT), 0), (suppress(UNIT), 0), (level(UNIT, 1.0), -1)):
        result = made(observer, objective, 30).result()
        assert result.still == [True, True]
        assert result.scores == [score, score]
    # Nothing of the image reaches it.
    deaf = network(nn.Hardtanh(0, 1), nn.Conv2d(4, 2, 1))
    with torch.no_grad():
        deaf.module[1].weight.zero_()
    run = Synthesiser(
        deaf, drive(Unit(layer="1", channel=0)), Pixels((3, 16, 16)), seeds=[1], stopping=Stopping(evaluations=20)
    )
    assert run.result().still == [True]


def test_waking_goes_on_from_a_checkpoint(tmp_path):
    observer = network(nn.ReLU())
    whole = made(observer, drive(UNIT), 40).result()
    run = made(observer, drive(UNIT), 40)
    next(iter(run))
    save_checkpoint(run, tmp_path / "run")
    again = made(observer, drive(UNIT), 40)
    load_checkpoint(again, tmp_path / "run")
    assert torch.equal(again.result().stimuli, whole.stimuli)


@pytest.mark.parametrize("moved", [None, Robustness(jitter=2)])
@pytest.mark.parametrize("goal", ["drive", "with a penalty", "one_hot", "suppress", "level"])
def test_a_target_is_the_activation_and_is_where_synthesis_stops(goal, moved):
    wanted = 0.5
    target = {"suppress": -wanted, "level": -0.05}.get(goal, wanted)
    objective = {
        "drive": drive(OTHER), "with a penalty": drive(OTHER) + 0.5 * smooth(), "one_hot": one_hot(OTHER, [UNIT]),
        "suppress": suppress(OTHER), "level": level(OTHER, wanted),
    }[goal]  # fmt: skip
    observer = network(nn.Identity(), shift=0.0)
    start = torch.full((1, 3, 16, 16), 0.5, dtype=torch.float64)
    if goal == "suppress":
        start = made(observer, drive(OTHER), 10).result().stimuli[:1]
    run = Synthesiser(
        observer, objective, Fourier((3, 16, 16)), seeds=[1], start=start, robustness=moved,
        stopping=Stopping(evaluations=300, target=target),
    )  # fmt: skip
    result = run.result()
    (found,) = read_units(observer, result.stimuli, [OTHER]).flatten().tolist()
    assert result.converged == [True]
    assert result.evaluations[0] <= 100
    assert found == pytest.approx(wanted, abs=0.1)
    assert result.curves[0][-1] == (result.evaluations[0], result.scores[0])
