"""Objectives: one score per item, higher is better, whoever shares the batch."""

import numpy as np
import pytest
import torch
from engine_fixture import photographs, small_network
from torch import nn

from synthstim.errors import InputError
from synthstim.models import ImageInput, Observer, Unit
from synthstim.objectives import diversity, drive, level, match, one_hot, smooth, standardisation, suppress

ITEMS = 4
UNIT = Unit(layer="2", channel=3)
UNITS = [Unit(layer="2", channel=channel) for channel in range(ITEMS)]
SET = [Unit(layer="2", channel=5), Unit(layer="5", channel=0), Unit(layer="0", channel=1, position="mean")]
MEAN = Unit(layer="2", reader=lambda values: values.flatten(1).mean(1))


def shown(items: int = ITEMS) -> torch.Tensor:
    return torch.rand(items, 3, 16, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


REFERENCES = photographs("coffee chelsea astronaut rocket", (16, 16)).double()
OBJECTIVES = {
    "drive": drive(UNIT),
    "drive each": drive(UNITS),
    "drive a function": drive(MEAN),
    "drive a mean": drive([Unit(layer="2", channel=n, position="mean" if n % 2 else "centre") for n in range(ITEMS)]),
    "suppress": suppress(UNITS),
    "level": level(UNITS, [0.1, 0.2, 0.3, 0.4]),
    "one_hot": one_hot(UNIT, SET),
    "match": match(REFERENCES, ["1", "2"]),
    "match one": match(REFERENCES[:1], ["3"]),
    "pearson": match(REFERENCES, ["0", "3"], metric="pearson"),
    "smooth": smooth(),
    "together": match(REFERENCES, ["2"]) + 0.1 * smooth() - drive(UNITS) * 2,
}


def scores(objective, observer, stimuli, keep=slice(None)):
    scorer = objective.bind(observer, ITEMS).select(keep)
    return scorer(stimuli, observer.activations(stimuli, scorer.layers, through=scorer.through))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_scores_are_per_item_and_differentiable(name, observer):
    stimuli = shown().requires_grad_()
    together = scores(OBJECTIVES[name], observer, stimuli)
    assert together.shape == (ITEMS,)
    assert torch.isfinite(together).all()
    (gradient,) = torch.autograd.grad(together.sum(), stimuli)
    assert (gradient.flatten(1).abs().sum(1) > 0).all()
    for item in range(ITEMS):
        alone = shown()[item : item + 1].requires_grad_()
        score = scores(OBJECTIVES[name], observer, alone, torch.tensor([item]))
        torch.testing.assert_close(score[0], together[item], rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(torch.autograd.grad(score.sum(), alone)[0][0], gradient[item], rtol=1e-7, atol=1e-12)
    reordered = scores(OBJECTIVES[name], observer, shown()[[2, 0]], torch.tensor([2, 0]))
    torch.testing.assert_close(reordered, together[[2, 0]], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_step_up_the_gradient_raises_every_score(name, observer):
    # Not through rectifiers: there the gradient is on purpose not that of the score.
    objective = match(REFERENCES, ["1", "2"], through_rectifiers=False) if name == "match" else OBJECTIVES[name]
    objective = match(REFERENCES[:1], ["3"], through_rectifiers=False) if name == "match one" else objective
    stimuli = shown().requires_grad_()
    before = scores(objective, observer, stimuli)
    (gradient,) = torch.autograd.grad(before.sum(), stimuli)
    after = scores(objective, observer, shown() + 1e-6 * gradient / gradient.flatten(1).norm(dim=1).view(-1, 1, 1, 1))
    assert (after > before).all()


def test_objectives_compose_linearly(observer):
    one, two, three = (scores(OBJECTIVES[name], observer, shown()) for name in ("drive", "smooth", "match"))
    together = 2 * drive(UNIT) - smooth() * 3 + match(REFERENCES, ["1", "2"])
    torch.testing.assert_close(scores(together, observer, shown()), 2 * one - 3 * two + three)
    torch.testing.assert_close(scores(-drive(UNIT), observer, shown()), -one)
    torch.testing.assert_close(scores(suppress(UNIT), observer, shown()), -one)
    assert repr(together) == "2 * (drive(channel 3 at centre)) + -1 * (3 * (smooth())) + match(1 + 2)"


def test_only_a_match_alone_is_in_decibels(observer):
    found = match(REFERENCES, ["2"])
    for objective, decibels in ((found, True), (1 * found, True), (2 * found, False), (found + smooth(), False)):
        assert objective.bind(observer, ITEMS).decibels == decibels


def test_the_match_is_20_log10_of_the_relative_error(observer):
    layers = ["0", "2", "5"]
    features, wanted = observer.activations(shown(), layers), observer.activations(REFERENCES, layers)
    for item in range(ITEMS):
        squares, correlations = [], []
        for layer in layers:
            a, b = features[layer][item].numpy().ravel(), wanted[layer][item].numpy().ravel()
            squares.append((np.linalg.norm(a - b) / np.linalg.norm(b)) ** 2)
            correlations.append(np.corrcoef(a, b)[0, 1])
        decibels = scores(match(REFERENCES, layers), observer, shown())[item]
        assert decibels == pytest.approx(-20 * np.log10(np.sqrt(np.mean(squares))), abs=1e-9)
        pearson = scores(match(REFERENCES, layers, metric="pearson"), observer, shown())[item]
        assert pearson == pytest.approx(np.mean(correlations), abs=1e-9)
    perfect = scores(match(REFERENCES, layers), observer, REFERENCES)
    assert (perfect > 150).all()
    assert torch.isfinite(perfect).all()


def test_a_matched_rectifier_lets_dead_units_recover():
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU())
    nn.init.constant_(network[0].weight, 1.0)
    nn.init.constant_(network[0].bias, -0.5)
    observer = Observer(network, input=ImageInput(size=(4, 4), channels=1))
    dark = torch.full((1, 1, 4, 4), 0.25, requires_grad=True)
    for through in (True, False):
        objective = match(torch.ones(1, 1, 4, 4), ["1"], through_rectifiers=through)
        scorer = objective.bind(observer, 1)
        score = scorer(dark, observer.activations(dark, scorer.layers, through=scorer.through))
        (gradient,) = torch.autograd.grad(score.sum(), dark)
        assert score.item() == pytest.approx(0.0, abs=1e-6)
        assert bool((gradient > 0).all()) == through
        assert bool((gradient == 0).all()) != through


@pytest.mark.parametrize("weight", [1.0, 2.5])
def test_one_hot_is_the_log_odds_of_a_softmax_share_of_standardised_units(weight, observer):
    pool = shown(6)
    mean, std = standardisation(observer, pool, [UNIT, *SET])
    read = observer.activations(shown(), ["2", "5", "0"])
    values = torch.stack(
        [read["2"][:, 3, 3, 3], read["2"][:, 5, 3, 3], read["5"][:, 0], read["0"][:, 1].mean((1, 2))], 1
    )
    z = (values - mean) / std / 0.7
    share = torch.softmax(z, 1)[:, 0]
    wanted = torch.logit(share) - (weight - 1) * z[:, 1:].exp().sum(1).log()
    found = scores(one_hot(UNIT, SET, temperature=0.7, others_weight=weight, mean=mean, std=std), observer, shown())
    torch.testing.assert_close(found, wanted)


def test_diversity_compares_copies_of_one_group(observer):
    objective = diversity("2", [0, 0, 0, 7])
    stimuli = shown().requires_grad_()
    found = scores(objective, observer, stimuli)
    flat = nn.functional.normalize(observer.activations(shown(), ["2"])["2"].flatten(1), dim=1)
    cosine = flat @ flat.T
    assert found[0].item() == pytest.approx(-(cosine[0, 1] + cosine[0, 2]).item() / 2)
    assert found[3].item() == 0
    (gradient,) = torch.autograd.grad(found[0], stimuli)
    assert (gradient[1:] == 0).all()  # an item's score moves that item alone
    same = scores(objective, observer, shown()[:1].expand(ITEMS, -1, -1, -1))
    assert same[:3].tolist() == pytest.approx([-1, -1, -1])
    assert (objective + smooth()).bind(observer, ITEMS).coupled


def test_smooth_is_minus_the_mean_difference_of_neighbours(observer):
    stripes = torch.zeros(ITEMS, 3, 16, 16, dtype=torch.float64)
    stripes[..., ::2] = 1
    torch.testing.assert_close(scores(smooth(), observer, stripes), torch.full((ITEMS,), -1.0, dtype=torch.float64))
    assert (scores(smooth(), observer, torch.full_like(stripes, 0.3)) == 0).all()


ELSEWHERE = Unit(layer="0", channel=0)
ERRORS = {
    "layer": (lambda: drive(Unit(layer="22", channel=0)), "has no layer '22'"),
    "channel": (lambda: drive(Unit(layer="2", channel=12)), "channel 12 is outside 2"),
    "count": (lambda: drive(UNITS[:2]), "2 units given for 4 items"),
    "layers": (lambda: drive([*UNITS[:3], ELSEWHERE]), "read one layer, 0 and 2 given"),
    "function": (lambda: drive([MEAN, *UNITS[:3]]), "a unit that is a function is read in a batch of its own"),
    "functions": (lambda: drive([*UNITS[:3], MEAN]), "a unit that is a function is read in a batch of its own"),
    "scalar": (lambda: drive(Unit(layer="2", reader=torch.mean)), "expected one number each"),
    "values": (lambda: level(UNIT, [1.0, 2.0]), r"level \[1.0, 2.0\] given for 4 items"),
    "nan": (lambda: level(UNIT, float("nan")), "level nan given"),
    "temperature": (lambda: one_hot(UNIT, SET, temperature=0), "temperature 0 given"),
    "weight": (lambda: one_hot(UNIT, SET, others_weight=0), "others_weight 0 given"),
    "no others": (lambda: one_hot(UNIT, []), "at least one other unit"),
    "itself": (lambda: one_hot(UNIT, [UNIT]), "not among the others"),
    "metric": (lambda: match(REFERENCES, ["2"], metric="cosine"), "metric 'cosine' is unknown: choose l2 or pearson"),
    "nowhere": (lambda: match(REFERENCES, []), "at least one layer"),
    "references": (lambda: match(REFERENCES[:3], ["2"]), "3 references given for 4 items"),
    "groups": (lambda: diversity("2", [0, 1]), "2 group numbers given for 4 items"),
    "factor": (lambda: drive(UNIT) * float("inf"), "inf given; an objective is multiplied by a finite number"),
    "product": (lambda: drive(UNIT) * drive(UNIT), "multiplied by a finite number"),
    "sum": (lambda: drive(UNIT) + 3, "only an objective can be added to drive"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_cannot_be_scored_is_said_before_the_run(name, observer):
    make, reason = ERRORS[name]
    with pytest.raises(InputError, match=reason):
        scores(make(), observer, shown())


def test_a_silent_reference_cannot_be_matched():
    network = nn.Sequential(nn.Conv2d(3, 1, 1), nn.ReLU())
    nn.init.constant_(network[0].bias, -100.0)
    observer = Observer(network, input=small_network().input)
    with pytest.raises(InputError, match="evokes no activity in 1: choose another layer"):
        match(REFERENCES.float(), ["0", "1"]).bind(observer, 4)
