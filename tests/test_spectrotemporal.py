"""The spectrotemporal model: filters against an independent computation, and ripples that drive the filter tuned to them."""

import functools
import itertools
import math

import numpy as np
import pytest
import torch

from synthstim.errors import InputError
from synthstim.modalities.sound import SoundInput
from synthstim.models.capture import read_layers
from synthstim.models.hearing import spectrotemporal
from synthstim.models.hearing.erb import erb_to_hz, hz_to_erb
from synthstim.models.hearing.ripple_filters import Modulations, RippleFilters
from synthstim.models.hearing.spectrotemporal import PRESETS, Octaves, Spectrotemporal, network
from synthstim.models.observer import Observer
from synthstim.models.survey import survey

pytestmark = pytest.mark.usefixtures("one_thread")


@functools.cache
def model_of(preset):
    return Spectrotemporal(20_000, preset=preset)


@pytest.fixture(params=list(PRESETS))
def model(request):
    return model_of(request.param)


def noise(items=1, samples=20_000):
    return 0.1 * torch.randn(items, samples, generator=torch.Generator().manual_seed(0))


# The filters


def written_out(cochleagram, rate, scale, *, grid, frame_rate, density, taps, demeaned, highpass):
    """One filter as the papers define it: both transfer functions in full, two quadrants removed, a plain 2-D transform."""
    rows, columns = grid
    time, across = np.fft.fftfreq(columns, 1 / frame_rate), np.fft.fftfreq(rows, 1 / density)
    along = np.ones(columns, complex)
    if rate is not None:
        cycles = np.arange(taps) / frame_rate * abs(rate)
        impulse = np.sin(2 * np.pi * cycles) * cycles**2 * np.exp(-3.5 * cycles)
        impulse = np.concatenate([impulse - demeaned * impulse.mean(), np.zeros(columns - taps)])
        along = np.fft.fft(impulse) / np.abs(np.fft.fft(impulse)).max() if rate else (time == 0).astype(complex)
        if highpass[0] and rate:
            best = np.abs(time[np.abs(along).argmax()])
            along = np.where(np.abs(time) >= best, np.exp(1j * np.angle(along)), along)
    down = np.ones(rows)
    if scale is not None:
        squared = (across / scale) ** 2 if scale else None
        down = squared * np.exp(-squared) if scale else (across == 0).astype(float)
        down = down / down.max()
        if highpass[1] and scale:
            down = np.where(np.abs(across) >= np.abs(across[down.argmax()]), 1, down)
    transfer = np.outer(down, along)
    if rate and scale:
        inner = np.ones((rows, columns), bool)
        inner[[0, rows // 2] if rows % 2 == 0 else 0] = False
        inner[:, [0, columns // 2] if columns % 2 == 0 else 0] = False
        same = np.sign(across)[:, None] * np.sign(time)
        transfer[inner & (same == -np.sign(rate))] = 0
    return np.fft.ifft2(np.fft.fft2(cochleagram, grid) * transfer)[: len(cochleagram), : cochleagram.shape[1]]


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("highpass", [False, True])
@pytest.mark.parametrize(("channels", "frames", "room"), [(20, 50, (5, 1.0)), (21, 37, (5.5, 0.83)), (1, 9, (3, 0.3))])
def test_filters_are_those_of_the_papers(channels, frames, room, highpass, short):
    modulations = Modulations(
        rates=(0, 1, 4, 16),
        scales=(0, 0.25, 1),
        frame_rate=60,
        density=4,
        room=room,
        separate=True,
        highpass=highpass,
        short=short,
    )
    filters = RippleFilters(channels, frames, modulations).double()
    cochleagram = np.random.default_rng(0).random((channels, frames))
    responses = filters(torch.from_numpy(cochleagram)[None])[0].numpy()
    assert len(responses) == len(filters.tunings) == 4 * 3 + 3 * 2 + 3 + 3
    columns = filters.grid[1]
    assert columns - frames == (max(round(room[1] * 60), 2 * frames) if short else round(room[1] * 60))
    for (rate, scale), found in zip(filters.tunings, responses, strict=True):
        wanted = written_out(
            cochleagram,
            rate,
            scale,
            grid=filters.grid,
            frame_rate=60,
            density=4,
            taps=(columns - frames) // 2 if short else columns,
            demeaned=short,
            highpass=(highpass and rate is not None and abs(rate) == 16, highpass and scale == 1),
        )
        assert np.abs(wanted.imag).max() < 1e-9
        assert np.abs(found - wanted.real).max() < 1e-5 * max(np.abs(wanted).max(), 1e-3), (rate, scale)


def test_continuing_by_the_mean_is_as_if_it_had_been_written_around():
    plain = {"rates": (0, 2, 8), "scales": (0, 0.5), "frame_rate": 60, "density": 4, "room": (5, 1), "separate": True}
    filters = RippleFilters(12, 40, Modulations(**plain, mean_around=True)).double()
    cochleagram = torch.rand(1, 12, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows, columns = filters.grid
    around = torch.full((1, rows, columns), float(cochleagram.mean()), dtype=torch.float64)
    around[:, :12, :40] = cochleagram
    whole = RippleFilters(rows, columns, Modulations(**(plain | {"room": (0, 0)}))).double()
    assert torch.allclose(filters(cochleagram), whole(around)[..., :12, :40], atol=1e-6)


def test_the_published_filters_are_counted_as_published():
    feather, norman = (PRESETS[name].tunings for name in ("feather2023", "norman_haignere2018"))
    assert len(feather) == len(set(feather)) == 111 == 9 * 7 + 8 * 6
    assert len(norman) == len(set(norman)) == 133 == 9 * 7 + 9 * 6 + 9 + 7
    assert max(rate for rate, _ in norman if rate is not None) == 128
    assert max(scale for _, scale in norman if scale is not None) == 8
    assert feather[:2] == [(0, 0), (0.5, 0)]


@pytest.mark.parametrize("scale", [0.25, 0.5, 1])
@pytest.mark.parametrize("rate", [-16, -4, 4, 16])
def test_a_ripple_drives_the_filter_tuned_to_it_most(rate, scale):
    filters = RippleFilters(120, 400, PRESETS["feather2023"])
    time, across = torch.arange(400) / 200, torch.arange(120) / 6
    # It falls in frequency as time passes if the rate is positive.
    ripple = 1 + torch.cos(2 * torch.pi * (rate * time + scale * across[:, None]))
    power = filters(ripple[None]).square().mean((2, 3))[0]
    power = power.masked_fill(torch.tensor([not (r and s) for r, s in filters.tunings]), 0)
    assert filters.tunings[int(power.argmax())] == (rate, scale)
    against = power[filters.tunings.index((-rate, scale))]
    assert power.max() > 20 * against


# From sounds


def moving_ripple(rate, scale, *, octaves):
    """Tones all over the frequency axis whose levels follow a ripple; scale in cycles per octave or per ERB."""
    generator = torch.Generator().manual_seed(0)
    place = torch.linspace(0, 1, 400, dtype=torch.float64)
    if octaves:
        across = place * math.log2(8000 / 60)
        tones = 60 * 2**across
    else:
        across = hz_to_erb(60) + place * (hz_to_erb(8000) - hz_to_erb(60))
        tones = torch.from_numpy(erb_to_hz(across.numpy()))
    time = torch.arange(20_000, dtype=torch.float64) / 20_000
    level = 1 + 0.9 * torch.cos(2 * torch.pi * (rate * time + scale * across[:, None]))
    phases = 2 * torch.pi * torch.rand(400, 1, generator=generator, dtype=torch.float64)
    sound = (level * torch.cos(2 * torch.pi * tones[:, None] * time + phases)).sum(0)
    return (0.1 * sound / sound.square().mean().sqrt()).float()[None]


@pytest.mark.parametrize(("rate", "scale"), [(8, 0.25), (-8, 0.25), (4, 0.5), (-16, 0.125)])
def test_a_moving_ripple_is_heard_as_such_by_feathers_model(rate, scale):
    model = model_of("feather2023")
    assert best(model, moving_ripple(rate, scale, octaves=False)) == (rate, scale)


@pytest.mark.parametrize(("rate", "scale"), [(8, 1), (-8, 1), (16, 0.5), (-4, 2)])
def test_a_moving_ripple_is_heard_as_such_by_norman_haigneres_model(rate, scale):
    model = model_of("norman_haignere2018")
    assert best(model, moving_ripple(rate, scale, octaves=True)) == (rate, scale)


def best(model, sound):
    """The tuning of the filter with the most power, among those of both a rate and a scale."""
    power = model(sound)[0].mean(1)
    both = torch.tensor([bool(rate and scale) for rate, scale in model.filters.tunings])
    return model.filters.tunings[int(power.masked_fill(~both, 0).argmax())]


def test_stages_are_named_and_shaped(model):
    shapes = survey(model, torch.rand(2, 20_000)).shapes
    filters = len(model.filters.tunings)
    channels, frames = {111: (211, 190), 133: (216, 400)}[filters]
    assert {stage: shapes[stage] for stage in spectrotemporal.STAGES} == {
        "cochleagram": (channels, frames),
        "filters": (filters, channels, frames),
        "power": (filters, channels, frames),
        "avgpool": (filters, channels),
    }


def test_the_published_size_at_two_seconds():
    shapes = survey(Spectrotemporal(40_000), torch.rand(2, 40_000)).shapes
    assert shapes["filters"] == (111, 211, 390)
    assert Spectrotemporal(40_000).filters.grid == (422, 1170)


def test_short_sounds_get_the_same_filters():
    one, two = (Spectrotemporal(samples).filters for samples in (20_000, 40_000))
    assert torch.equal(one.spectral, two.spectral)
    long = torch.fft.irfft(torch.view_as_complex(two.temporal), n=two.grid[1])[:, :100]
    short = torch.fft.irfft(torch.view_as_complex(one.temporal), n=one.grid[1])[:, :100]
    assert torch.allclose(short[1:-1], long[1:-1], atol=2e-3 * float(long[1:-1].abs().max()))


def test_power_and_average_are_of_the_responses(model):
    read = read_layers(model, noise(), ["filters", "power", "avgpool"])
    floor = 1e-8 if len(model.filters.tunings) == 111 else 0
    assert torch.equal(read["power"], read["filters"].square().clamp(min=floor))
    assert torch.equal(read["avgpool"], read["power"].mean(-1))


def test_items_are_independent_gradients_flow_and_silence_is_finite(model):
    batch = torch.cat([torch.zeros(1, 20_000), noise()]).requires_grad_()
    together = model(batch)
    together.square().sum().backward()
    assert together.isfinite().all()
    assert batch.grad.isfinite().all()
    assert batch.grad[1].abs().max() > 0
    alone = model(batch[1:2].detach())
    assert torch.allclose(together[1:2], alone, rtol=1e-4, atol=1e-5 * float(alone.abs().max()))


def test_gradients_are_those_of_the_filters():
    modulations = Modulations(
        rates=(0, 2, 8), scales=(0, 0.5), frame_rate=40, density=4, room=(2, 0.5), separate=True, mean_around=True
    )
    filters = RippleFilters(5, 12, modulations).double()
    cochleagrams = torch.rand(
        2, 5, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    ).requires_grad_()
    assert torch.autograd.gradcheck(lambda c: filters(c).square().mean(-1), cochleagrams)


def test_an_observer_reads_it_in_both_precisions():
    observer = Observer(
        Spectrotemporal(10_000), input=SoundInput.lasting(0.5, network_rate=spectrotemporal.RATE), decision=None
    )
    assert not list(observer.module.state_dict())
    sound = noise(samples=24_000)
    single = observer.activations(sound, ["filters"])["filters"]
    double = observer.to(dtype=torch.float64).activations(sound.double(), ["filters"])["filters"]
    assert double.dtype == torch.float64
    assert torch.allclose(single.double(), double, atol=1e-3 * float(double.abs().max()))


def test_octaves_interpolate_between_channels():
    centres = torch.tensor([100.0, 200.0, 800.0])
    octaves = Octaves(centres, low=50, high=1600, per_octave=2)
    ramp = torch.tensor([[1.0], [2.0], [4.0]])
    wanted = [1, 1, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4, 4]
    assert torch.allclose(octaves(ramp[None])[0, :, 0], torch.tensor(wanted))


# What is asked


def test_a_readout_takes_the_published_weights():
    model = network(40_000, trained=False, words=3)
    own = {"classification.weight": torch.ones(3, 111 * 211), "classification.bias": torch.zeros(3)}
    filters = {"spectempfilterbank.apply_filt.all_Hts": torch.zeros(2)}
    state = {f"module.model.{name}": value for name, value in (own | filters).items()}
    state |= {f"module.attacker.model.{name}": value for name, value in (own | filters).items()}
    found = spectrotemporal.published_state(state)
    assert found.keys() == model.state_dict().keys() == {"final.weight", "final.bias"}
    model.load_state_dict(found)
    assert spectrotemporal.published_state(found) == found
    read = read_layers(model, noise(samples=40_000), ["avgpool", "final"])
    assert torch.allclose(read["final"], read["avgpool"].sum((1, 2))[:, None].expand(1, 3), rtol=1e-3)


def test_what_cannot_be_asked_is_said():
    with pytest.raises(InputError, match=r"no spectrotemporal model is called 'feather': did you mean 'feather2023'"):
        network(20_000, preset="feather")
    with pytest.raises(InputError, match="readout hears exactly 2 s"):
        network(20_000, trained=False, words=794)
    with pytest.raises(InputError, match="not carried: give a weights file"):
        network(40_000, words=794)
    for rates, scales in itertools.product([(1, 60), (-1,), ()], [(0.5,)]):
        with pytest.raises(InputError, match=r"modulation rates .* give some between 0 and 50"):
            RippleFilters(9, 9, Modulations(rates=rates, scales=scales, frame_rate=100, density=6, room=(1, 1)))
    with pytest.raises(InputError, match=r"modulation scales .* give some between 0 and 3"):
        RippleFilters(9, 9, Modulations(rates=(1,), scales=(4,), frame_rate=100, density=6, room=(1, 1)))
