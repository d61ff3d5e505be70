"""The loop: independent items, one pass an evaluation, honest stopping, checkpoints, memory."""

import dataclasses
import itertools
from types import SimpleNamespace

import pytest
import torch
from engine_fixture import photographs, small_network
from torch import nn

from synthstim.constraints import Luminance
from synthstim.errors import InputError
from synthstim.models import ImageInput, Observer, Unit
from synthstim.objectives import diversity, drive, match, smooth
from synthstim.optimise import (
    LBFGS,
    Adam,
    GradientAscent,
    Stopping,
    Synthesiser,
    load_checkpoint,
    loop,
    save_checkpoint,
)
from synthstim.parametrise import Fourier, Pixels
from synthstim.robustness import Robustness

NAMES = "coffee chelsea astronaut rocket camera coins moon cat"
SEEDS = list(range(40, 48))


def references(size: int, items=slice(None)) -> torch.Tensor:
    return photographs(NAMES, (size, size))[items].double()


def synthesiser(
    observer: Observer, items=slice(None), *, layers=("2",), optimiser=None, parametrisation=Fourier, **more
):
    wanted = references(observer.input.size[0], items)
    return Synthesiser(
        observer, match(wanted, layers), parametrisation(observer.input.shape), seeds=SEEDS[items],
        optimiser=optimiser, **{"stopping": Stopping(evaluations=30), **more},
    )  # fmt: skip


def trace(run: Synthesiser, evaluations: int, row: int) -> torch.Tensor:
    """Scores and latents of one item over the first evaluations."""
    seen = []
    for _ in range(evaluations):
        (scores, gradient, *_), _ = run.evaluator(run.latents, run.generators, run.spent / run.stopping.evaluations)
        loss = 10 ** (-scores / 10) if run.optimiser.squared else -scores
        slope = (
            gradient * (-0.1 * torch.log(torch.tensor(10.0)) * loss)[:, None] if run.optimiser.squared else -gradient
        )
        seen.append(torch.cat([scores[row : row + 1], run.latents[row]]))
        run.latents = run.evaluator.project(run.optimiser.advance(run.latents, loss, slope, run.spent / 30))
        run.spent += 1
    return torch.stack(seen)


OPTIMISERS = {
    "lbfgs": dict(optimiser=LBFGS),
    "lbfgs on pixels": dict(optimiser=LBFGS, parametrisation=lambda shape: Pixels(shape, bound="projection")),
    "adam": dict(optimiser=Adam),
    "adam, moved": dict(optimiser=Adam, robustness=Robustness(jitter=3, scale=0.05)),
    "ascent": dict(optimiser=lambda: GradientAscent(normalised=True, schedule="halving", step=0.5)),
    "adam, constrained": dict(optimiser=Adam, constraints=[Luminance(mean=0.25, rms_contrast=0.3)]),
}


def settings(name: str) -> dict:
    given = dict(OPTIMISERS[name])
    return {**given, "optimiser": given["optimiser"]()}


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("item", [0, 5])
def test_an_item_alone_is_the_same_item_in_a_batch_of_eight(name, item, observer):
    batch, alone = (
        synthesiser(observer, **settings(name)),
        synthesiser(observer, slice(item, item + 1), **settings(name)),
    )
    assert torch.equal(batch.latents[item], alone.latents[0])
    torch.testing.assert_close(trace(alone, 10, 0), trace(batch, 10, item), rtol=1e-5, atol=1e-9)
    batch = synthesiser(observer, **settings(name)).result()
    alone = synthesiser(observer, slice(item, item + 1), **settings(name)).result()
    assert alone.scores[0] == pytest.approx(batch.scores[item], abs=0.5)


def test_independence_on_efficientnet(small_efficientnet):
    def run(items):
        return synthesiser(small_efficientnet, items, layers=["blocks.0"], optimiser=LBFGS())

    batch, alone = run(slice(None)), run(slice(3, 4))
    assert torch.equal(batch.latents[3], alone.latents[0])
    together, apart = trace(batch, 14, 3), trace(alone, 14, 0)
    torch.testing.assert_close(apart[:10], together[:10], rtol=1e-5, atol=1e-8)
    assert apart[-1, 0].item() == pytest.approx(together[-1, 0].item(), abs=0.5)
    assert apart[-1, 0] > 5


def test_a_seed_is_a_stimulus(observer):
    one, two = (synthesiser(observer, optimiser=Adam(), robustness=Robustness(jitter=2)).result() for _ in range(2))
    assert torch.equal(one.stimuli, two.stimuli)
    assert one.scores == two.scores
    other = Synthesiser(observer, match(references(16)[:1], ["2"]), Fourier((3, 16, 16)), seeds=[7, 8],
                        stopping=Stopping(evaluations=10)).result()  # fmt: skip
    assert not torch.equal(other.stimuli[0], other.stimuli[1])


def test_results_are_what_they_say(observer, capfd):
    run = synthesiser(observer, optimiser=LBFGS(), stopping=Stopping(evaluations=35))
    steps = list(run)
    assert [progress.evaluations for progress in steps] == [10, 20, 30, 35]
    assert [progress.running for progress in steps] == [8, 8, 8, 0]
    assert all(
        later >= earlier for a, b in itertools.pairwise(steps) for earlier, later in zip(a.best, b.best, strict=True)
    )
    result = run.result()
    assert result.stimuli.shape == (8, 3, 16, 16)
    assert result.stimuli.min() >= 0
    assert result.stimuli.max() <= 1
    assert result.evaluations == [35] * 8
    assert result.converged == [False] * 8
    assert [curve[-1] for curve in result.curves] == [(35, score) for score in result.scores]
    scorer = match(references(16), ["2"]).bind(observer, 8)
    again = scorer(result.stimuli, observer.activations(result.stimuli, ["2"]))
    assert again.tolist() == pytest.approx(result.scores, abs=1e-6)
    torch.testing.assert_close(Fourier((3, 16, 16)).render(result.latents), result.stimuli)
    assert capfd.readouterr() == ("", "")


def test_the_best_state_is_kept_not_the_last(observer):
    def wild():
        return synthesiser(observer, optimiser=Adam(step=30.0, schedule="constant"), stopping=Stopping(evaluations=40))

    seen = torch.stack([trace(wild(), 40, item)[:, 0] for item in range(8)], 1)
    # Which items end below their best hangs on rounding; that some of them do, of steps so long, does not.
    assert (seen.max(0).values > seen[-1]).any()
    assert wild().result().scores == pytest.approx(seen.max(0).values.tolist())


@pytest.mark.parametrize("optimiser", [LBFGS, Adam])
def test_an_evaluation_is_one_forward_and_one_backward_pass(observer, optimiser):
    forward, backward = [], []
    first = observer.module[0]
    hooks = [
        first.register_forward_hook(lambda _m, inputs, _o: forward.append(len(inputs[0]))),
        first.register_full_backward_hook(lambda _m, gradient, _o: backward.append(1)),
    ]
    try:
        run = synthesiser(observer, optimiser=optimiser(), stopping=Stopping(evaluations=23))
        forward.clear()
        run.result()
    finally:
        for hook in hooks:
            hook.remove()
    assert forward == [8] * 23
    assert len(backward) == 23


def test_items_at_their_target_leave_the_batch(observer):
    sizes = []
    scores = synthesiser(observer, optimiser=LBFGS(), stopping=Stopping(evaluations=20)).result().scores
    target = sorted(scores)[4] - 0.01
    run = synthesiser(observer, optimiser=LBFGS(), stopping=Stopping(evaluations=60, target=target))
    hook = observer.module[0].register_forward_hook(lambda _m, inputs, _o: sizes.append(len(inputs[0])))
    try:
        progress = list(run)
    finally:
        hook.remove()
    result = run.result()
    assert sizes[0] == 8
    assert sizes[-1] < 8
    assert len({count for count in result.evaluations}) > 1
    for score, converged, evaluations in zip(result.scores, result.converged, result.evaluations, strict=True):
        assert converged == (evaluations < 60 or score >= target)
    assert [at.running for at in progress] == sorted((at.running for at in progress), reverse=True)
    # Who has left does not matter to those who go on.
    slowest = result.evaluations.index(max(result.evaluations))
    alone = synthesiser(observer, slice(slowest, slowest + 1), optimiser=LBFGS(), stopping=run.stopping).result()
    assert alone.evaluations[0] == result.evaluations[slowest]
    assert alone.scores[0] == pytest.approx(result.scores[slowest], abs=0.5)


def test_the_target_is_judged_on_the_rounded_image():
    # The observer sees only what 8 bits round away.
    class Remainder(nn.Module):
        def __init__(self):
            super().__init__()
            self.read = nn.Identity()

        def forward(self, images):
            return self.read(images - torch.round(images.detach() * 255) / 255).mean((1, 2, 3))[:, None]

    observer = Observer(Remainder(), input=ImageInput(size=(4, 4), channels=1)).to(dtype=torch.float64)
    unit = Unit(layer="output", channel=0)
    start = torch.full((1, 1, 4, 4), (100.3) / 255, dtype=torch.float64)
    more = dict(seeds=[1], start=start, optimiser=Adam(step=1e-5))
    parametrisation = Pixels((1, 4, 4), bound="projection")
    for target, converged in ((0.2 / 255, False), (-1.0, True)):
        run = Synthesiser(
            observer, drive(unit), parametrisation, stopping=Stopping(evaluations=20, target=target), **more
        )
        result = run.result()
        assert result.scores[0] > 0.2 / 255
        assert result.converged == [converged]
    # Rounded all along, the score is that of the file.
    run = Synthesiser(observer, drive(unit), parametrisation, stopping=Stopping(evaluations=10), levels=255, **more)
    assert run.result().scores[0] == pytest.approx(0, abs=1e-12)


def test_plateaus_end_a_run(observer):
    flat = synthesiser(
        observer, optimiser=LBFGS(), stopping=Stopping(evaluations=3000, plateau=0.2, window=20)
    ).result()
    assert flat.converged == [True] * 8
    assert max(flat.evaluations) < 3000


def test_seconds_end_a_run(observer, monkeypatch):
    ticks = itertools.count()
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: 0.01 * next(ticks)))
    run = synthesiser(observer, optimiser=Adam(), stopping=Stopping(evaluations=10**6, seconds=0.2))
    result = run.result()
    assert result.converged == [False] * 8
    assert 10 <= result.evaluations[0] < 10**4
    assert run.elapsed == pytest.approx(0.2, abs=0.02)


def test_stopping_finds_a_plateau():
    stop = Stopping(plateau=0.01, window=100)
    steps = list(range(10, 1001, 10))
    assert stop.flat(steps, [1 - 0.5 ** (step / 50) for step in steps])
    assert not stop.flat(steps, [step / 10 for step in steps])
    assert not Stopping(window=100).flat(steps, [1.0] * 100)
    assert not stop.flat(steps[:10], [1.0] * 10)
    for wrong in (dict(evaluations=0), dict(window=0), dict(plateau=-1.0), dict(seconds=0.0)):
        with pytest.raises(InputError):
            Stopping(**wrong)


@pytest.mark.parametrize("evaluations", [10, 70, 100, 130])
def test_moved_scores_do_not_outlive_the_movement(observer, evaluations):
    run = synthesiser(observer, optimiser=Adam(), robustness=Robustness(jitter=6, settled=0.3),
                      stopping=Stopping(evaluations=evaluations))  # fmt: skip
    result = run.result()
    scorer = match(references(16), ["2"]).bind(observer, 8)
    still = scorer(result.stimuli, observer.activations(result.stimuli, ["2"]))
    assert still.tolist() == pytest.approx(result.scores, abs=1e-6)


# Checkpoints.
def resumed(make, path, after: int):
    run = make()
    steps = iter(run)
    for _ in range(after):
        next(steps, None)
    save_checkpoint(run, path)
    fresh = make()
    load_checkpoint(fresh, path)
    return fresh


# Each with a target that its items reach at different times.
CHECKPOINTED = {
    "lbfgs": (25.0, dict(optimiser=LBFGS)),
    "adam": (9.0, dict(optimiser=Adam)),
    "moved": (4.5, dict(optimiser=Adam, robustness=Robustness(jitter=3, rotation=5, settled=0.7))),
    "ascent": (5.0, dict(optimiser=lambda: GradientAscent(normalised=True, schedule="halving", step=0.5))),
}


@pytest.mark.parametrize("name", CHECKPOINTED)
def test_a_resumed_run_is_the_same_bit_for_bit(tmp_path, observer, name):
    target, given = CHECKPOINTED[name]

    def make():
        stopping = Stopping(evaluations=45, target=target)
        return synthesiser(observer, slice(0, 5), **{**given, "optimiser": given["optimiser"](), "stopping": stopping})

    run = make()
    assert len({progress.running for progress in run}) > 2  # some items finish before others
    whole = run.result()
    for after in (0, 1, 3, 99):
        again = resumed(make, tmp_path / "run.safetensors", after).result()
        for field in dataclasses.fields(whole):
            one, two = getattr(whole, field.name), getattr(again, field.name)
            assert torch.equal(one, two) if isinstance(one, torch.Tensor) else one == two, (field.name, after)
    assert [path.name for path in tmp_path.iterdir()] == ["run.safetensors"]


def test_checkpoints_of_other_runs_and_damaged_ones_are_refused(tmp_path, observer):
    path = tmp_path / "run.safetensors"
    save_checkpoint(synthesiser(observer, optimiser=Adam()), path)
    others = [
        synthesiser(observer, slice(0, 3), optimiser=Adam()),
        synthesiser(observer, optimiser=LBFGS()),
        synthesiser(observer, optimiser=Adam(), parametrisation=Pixels),
        synthesiser(small_network(dtype=torch.float64, size=(18, 18)), optimiser=Adam()),
    ]
    for other in others:
        with pytest.raises(InputError, match="of another batch: remove it and start again"):
            load_checkpoint(other, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="is damaged"):
        load_checkpoint(synthesiser(observer, optimiser=Adam()), path)


# Memory.
class Narrow(nn.Module):
    """Runs out of memory beyond so many items, at the deepest point of the forward pass."""

    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner, self.most, self.error = inner, 99, torch.cuda.OutOfMemoryError("CUDA out of memory")

    def forward(self, values):
        values = self.inner(values)
        if len(values) > self.most:
            raise self.error
        return values


@pytest.mark.parametrize("moved", [None, Robustness(jitter=3)])
def test_a_batch_that_does_not_fit_is_halved(observer, moved, tmp_path):
    module = Narrow(observer.module)
    narrow = Observer(module, input=observer.input)

    def make():
        return synthesiser(narrow, layers=["inner.2", "output"], optimiser=Adam(), robustness=moved)

    whole = make().result()
    run = make()
    module.most = 2
    messages = [progress.message for progress in run]
    assert messages[0] == "memory ran out with 4 items at once: going on with 2"
    assert not any(messages[1:])
    halved = run.result()
    torch.testing.assert_close(halved.stimuli, whole.stimuli, rtol=1e-6, atol=1e-9)
    assert halved.scores == pytest.approx(whole.scores, rel=1e-6)

    save_checkpoint(run, tmp_path / "run")
    module.most = 99
    fresh = make()
    load_checkpoint(fresh, tmp_path / "run")
    assert fresh.evaluator.at_once == 2

    module.most, run = 99, make()
    module.most = 0
    with pytest.raises(torch.cuda.OutOfMemoryError):
        run.result()
    module.error = RuntimeError("shapes do not match")
    with pytest.raises(RuntimeError, match="shapes do not match"):
        run.result()


# What cannot work is said before the first evaluation, or after the first that shows it.
def test_a_nan_at_the_start_is_an_error(observer):
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.spoil = False

        def forward(self, images):
            return images.flatten(1) * (torch.nan if self.spoil else 1.0)

    observer = Observer(module := Broken(), input=ImageInput(size=(4, 4)))
    for optimiser in (LBFGS(), Adam()):
        module.spoil = False
        run = Synthesiser(
            observer, drive(Unit(layer="output", channel=0)), Pixels((3, 4, 4)), seeds=[1, 2], optimiser=optimiser
        )
        module.spoil = True
        with pytest.raises(InputError, match="item 0 has no finite score at its start"):
            run.result()


@pytest.mark.parametrize("optimiser", [LBFGS, Adam])
def test_an_item_that_turns_nan_keeps_its_best_and_leaves_the_rest_alone(observer, optimiser):
    spoiled = Unit(layer="2", reader=lambda a: a.flatten(1).mean(1))
    calls = []

    def reader(values):
        calls.append(1)
        means = values.flatten(1).mean(1)
        if len(calls) > 6 and len(values) == 2:
            means = means * torch.tensor([torch.nan, 1.0], dtype=means.dtype)
        return means

    def run(units, seeds):
        return Synthesiser(observer, drive(units), Fourier((3, 16, 16)), seeds=seeds, optimiser=optimiser(),
                           stopping=Stopping(evaluations=30)).result()  # fmt: skip

    both = run(Unit(layer="2", reader=reader), [1, 2])
    alone = run(spoiled, [2])
    assert both.scores[1] == pytest.approx(alone.scores[0], rel=1e-6)
    assert torch.isfinite(torch.tensor(both.scores)).all()
    assert torch.isfinite(both.stimuli).all()


def test_what_cannot_work_is_said_before_the_first_evaluation(observer):
    shape, unit = observer.input.shape, drive(Unit(layer="2", channel=0))
    grey = torch.full((1, *shape), 0.5, dtype=torch.float64)
    for reason, objective, parametrisation, more in [
        ("no seed given", unit, Fourier(shape), dict(seeds=[])),
        ("the parametrisation makes", unit, Fourier((1, 16, 16)), {}),
        (
            "with robustness, choose adam",
            unit,
            Fourier(shape),
            dict(optimiser=LBFGS(), robustness=Robustness(jitter=1)),
        ),
        ("start 'brown' is unknown", unit, Fourier(shape), dict(start="brown")),
        ("3 starts given for 2 items", unit, Fourier(shape), dict(start=grey.expand(3, -1, -1, -1))),
        ("the start is", unit, Fourier(shape), dict(start=grey * torch.nan)),
        ("the start is", unit, Fourier(shape), dict(start=grey[..., 1:])),
        ("cannot be reached", unit, Fourier(shape), dict(constraints=[Luminance(mean=2.0)])),
        ("has no layer", drive(Unit(layer="no", channel=0)), Fourier(shape), {}),
    ]:
        with pytest.raises(InputError, match=reason):
            Synthesiser(observer, objective, parametrisation, **{"seeds": [1, 2], **more})


def test_a_run_goes_on_from_images_and_from_latents(observer):
    first = synthesiser(observer, optimiser=LBFGS()).result()
    for start, latents in ((first.stimuli, False), (first.latents, True)):
        run = synthesiser(observer, optimiser=LBFGS(), start=start, latents=latents, stopping=Stopping(evaluations=1))
        assert run.result().scores == pytest.approx(first.scores, abs=1e-4)


def test_copies_with_diversity_stay_together(observer):
    def run(weight):
        objective = drive(Unit(layer="2", channel=1, position="mean")) + weight * diversity("2", [0, 0, 0])
        run = Synthesiser(observer, objective, Fourier((3, 16, 16)), seeds=[1, 2, 3], optimiser=Adam(),
                          stopping=Stopping(evaluations=60, target=-100.0))  # fmt: skip
        result = run.result()
        flat = nn.functional.normalize(observer.activations(result.stimuli, ["2"])["2"].flatten(1), dim=1)
        return (flat @ flat.T).triu(1).sum().item() / 3, result

    apart, result = run(2.0)
    assert apart < run(0.0)[0] - 0.02
    assert len(set(result.evaluations)) == 1


def test_smoothness_is_bought_with_the_score(observer):
    drives = drive(Unit(layer="2", channel=1, position="mean"))
    plain, smoothed = (
        Synthesiser(observer, objective, Fourier((3, 16, 16)), seeds=[1], stopping=Stopping(evaluations=50))
        .result()
        .stimuli
        for objective in (drives, drives + 5 * smooth())
    )
    variation = smooth().bind(observer, 1)
    assert variation(smoothed, {}) > variation(plain, {})
