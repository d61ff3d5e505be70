"""Constraints on sounds are projections: satisfied, idempotent, per item, differentiable; impossible ones are refused."""

import math

import pytest
import torch

from synthstim.constraints import Band, Level, Peak, Ramps, check_all, project_all, violations
from synthstim.errors import InputError

RATE = 16_000
SHAPE = (8000,)


def sounds(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """White noise, quiet and loud, with an offset; bursts that are silent between; a tone; clicks."""
    random = torch.Generator().manual_seed(0)
    white = torch.randn(2, *SHAPE, generator=random, dtype=dtype) * 0.1
    time = torch.arange(SHAPE[0], dtype=torch.float64) / RATE
    bursts = white[0] * (torch.sin(2 * torch.pi * 4 * time) > 0.3)
    tone = 0.5 * torch.sin(2 * torch.pi * 440 * time)
    clicks = 0.001 * white[1]
    clicks[::1000] = 0.9
    return torch.stack([white[0], 0.01 * white[1], white[0] + 0.2, bursts, tone.to(dtype), clicks])


def level(waveforms: torch.Tensor) -> torch.Tensor:
    return 20 * waveforms.double().square().mean(-1).sqrt().log10()


def outside(waveforms: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """Share of the power of each sound that lies outside a band."""
    power = torch.fft.rfft(waveforms.double()).abs().square()
    frequency = torch.fft.rfftfreq(waveforms.shape[-1], 1 / RATE, dtype=torch.float64)
    return power[:, (frequency < low) | (frequency > high)].sum(1) / power.sum(1)


def is_ramped(waveforms: torch.Tensor, seconds: float) -> bool:
    """Each sound lies under a raised cosine that rises to its own peak."""
    count = round(seconds * RATE)
    rise = 0.5 - 0.5 * torch.cos(torch.pi * torch.arange(count) / count)
    most = waveforms[:, count:-count].abs().amax(1, keepdim=True)
    ends = torch.cat([waveforms[:, :count], waveforms[:, -count:].flip(1)])
    return bool((ends.abs() <= rise * most.repeat(2, 1) + 1e-6).all())


CONSTRAINTS = {
    "level": (Level(rms_dbfs=-26), lambda x: bool((level(x) + 26).abs().max() < 1e-4)),
    "quiet": (Level(rms_dbfs=-60), lambda x: bool((level(x) + 60).abs().max() < 1e-4)),
    "peak": (Peak(most_dbfs=-20), lambda x: bool(x.abs().max() <= 0.1 + 1e-7)),
    "band": (Band(low=300, high=3000, rate=RATE), lambda x: bool(outside(x, 300, 3000).max() < 1e-9)),
    "low pass": (Band(low=0, high=1000, rate=RATE), lambda x: bool(outside(x, 0, 1000).max() < 1e-9)),
    "ramps": (Ramps(seconds=0.02, rate=RATE), lambda x: is_ramped(x, 0.02)),
    "long ramps": (Ramps(seconds=0.125, rate=RATE), lambda x: is_ramped(x, 0.125)),
}


@pytest.mark.parametrize("name", CONSTRAINTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_laws_of_every_constraint(name, dtype):
    constraint, holds = CONSTRAINTS[name]
    check_all([constraint], SHAPE)
    given = sounds(dtype).requires_grad_()
    projected = constraint.project(given)
    assert projected.shape == given.shape
    assert projected.dtype == dtype
    assert holds(projected.detach())
    assert violations([constraint], projected)[0] < 1e-6
    for item in range(len(given)):
        torch.testing.assert_close(constraint.project(given[item : item + 1])[0], projected[item], rtol=1e-5, atol=1e-6)
    weights = torch.randn(projected.shape, dtype=dtype, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((projected * weights).sum(), given)
    assert gradient.isfinite().all()
    assert (gradient.abs().sum(1) > 0).all()


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_silence_and_full_scale_give_no_nan(name):
    constraint, _ = CONSTRAINTS[name]
    for value in (0.0, 1.0, -1.0):
        for dtype in (torch.float32, torch.float64):
            flat = torch.full((1, *SHAPE), value, dtype=dtype, requires_grad=True)
            projected = constraint.project(flat)
            assert projected.isfinite().all()
            (gradient,) = torch.autograd.grad(projected.sum(), flat)
            assert gradient.isfinite().all()
    assert constraint.project(torch.zeros(1, *SHAPE)).abs().max() == 0


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_gradients_are_those_of_finite_differences(name):
    constraint = {
        "ramps": Ramps(seconds=6 / RATE, rate=RATE),
        "long ramps": Ramps(seconds=12 / RATE, rate=RATE),
    }.get(name, CONSTRAINTS[name][0])
    random = torch.Generator().manual_seed(3)
    given = (0.2 * torch.randn(2, 48, dtype=torch.float64, generator=random)).requires_grad_()
    assert torch.autograd.gradcheck(constraint.project, given)


def test_what_satisfies_a_constraint_is_left_alone():
    tone = sounds()[4:5]  # whole periods: no mean
    own = float(level(tone)[0])
    for constraint in (Level(rms_dbfs=own), Peak(most_dbfs=-6), Band(low=400, high=500, rate=RATE)):
        torch.testing.assert_close(constraint.project(tone), tone, atol=1e-6, rtol=0)
    ramped = Ramps(seconds=0.02, rate=RATE).project(tone)
    assert torch.equal(ramped[:, 320:-320], tone[:, 320:-320]), "the middle is as it was"
    assert ramped[0, 0] == ramped[0, -1] == 0


def test_a_ramp_goes_with_the_level():
    """Ramps of a quiet sound are those of a loud one: the same shape at another gain."""
    ramps = Ramps(seconds=0.02, rate=RATE)
    loud = sounds()[:1]
    torch.testing.assert_close(ramps.project(0.01 * loud), 0.01 * ramps.project(loud), atol=1e-8, rtol=1e-5)


TOGETHER = {
    "as recipes have them": [Level(rms_dbfs=-26), Peak(most_dbfs=0)],
    "in a band": [Band(low=200, high=4000, rate=RATE), Level(rms_dbfs=-26), Peak(most_dbfs=0)],
    "ramped": [Ramps(seconds=0.01, rate=RATE), Level(rms_dbfs=-30), Peak(most_dbfs=0)],
    "all": [Band(low=200, high=4000, rate=RATE), Ramps(seconds=0.01, rate=RATE), Level(rms_dbfs=-26), Peak()],
    "limited": [Level(rms_dbfs=-20), Peak(most_dbfs=-8)],
}


@pytest.mark.parametrize("name", TOGETHER)
def test_constraints_hold_together(name):
    constraints = TOGETHER[name]
    check_all(constraints, SHAPE)
    # Clicks cannot be loud and limited: the rest can.
    given = sounds()[:5]
    projected = project_all(constraints, given)
    wanted = next(constraint.rms_dbfs for constraint in constraints if isinstance(constraint, Level))
    assert (level(projected) - wanted).abs().max() < 0.01
    for constraint, off in zip(constraints, violations(constraints, projected), strict=True):
        assert off < 0.01, constraint
    assert violations(constraints[-1:], projected)[0] == 0
    for item in range(len(given)):
        torch.testing.assert_close(
            project_all(constraints, given[item : item + 1])[0], projected[item], atol=1e-6, rtol=1e-5
        )


IMPOSSIBLE = {
    "full scale": ([Level(rms_dbfs=0)], "a level of 0 dBFS cannot be met; expected -120 to below 0"),
    "too quiet": ([Level(rms_dbfs=-130)], "a level of -130 dBFS"),
    "no number": ([Level(rms_dbfs=math.nan)], "a level of nan dBFS"),
    "beyond full scale": ([Peak(most_dbfs=3)], "a peak of 3 dBFS given; expected -120 to 0"),
    "falling band": ([Band(low=3000, high=300, rate=RATE)], "a band of 3000 to 300 Hz given; expected rising"),
    "band beyond half the rate": ([Band(low=300, high=9000, rate=RATE)], "from 0 to 8000 Hz"),
    "band between frequencies": ([Band(low=300.5, high=301.5, rate=RATE)], "no frequency of a sound of 0.5 s lies in"),
    "no ramp": ([Ramps(seconds=0, rate=RATE)], "ramps of 0 s given"),
    "ramps too long": ([Ramps(seconds=0.2, rate=RATE)], "for a sound of 0.5 s; expected at most 0.125 s"),
    "level above peak": ([Level(rms_dbfs=-10), Peak(most_dbfs=-20)], "cannot be met together"),
    "quiet level above quieter peak": ([Level(rms_dbfs=-50), Peak(most_dbfs=-60)], "cannot be met together"),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_impossible_constraints_are_refused_before_any_work(name):
    constraints, reason = IMPOSSIBLE[name]
    with pytest.raises(InputError, match=reason):
        check_all(constraints, SHAPE)
