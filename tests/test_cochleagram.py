"""Cochleagrams, against the published algorithm computed plainly, and against figures of the published code."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import scipy.signal
import torch
from cochleagram_oracle import FEATHER, KELL, MCDERMOTT, ORACLES, PlainCochleagram, filters
from PIL import Image
from torch import Tensor

from synthstim.errors import InputError
from synthstim.models import load_model
from synthstim.models.hearing.cochleagram import PRESETS, Cochleagram, network
from synthstim.models.hearing.compression import Compress, Compression, Rectify
from synthstim.models.hearing.erb import ErbBands, FilterBank, erb_to_hz, filter_bank, hz_to_erb
from synthstim.models.hearing.frames import Frames
from synthstim.models.hearing.picture import CochleagramPicture
from synthstim.models.hearing.resampler import Resampler
from synthstim.models.hearing.supports import Supports


def noise(batch: int, samples: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(seed))


def harmonics(samples: int, rate: float) -> Tensor:
    """A buzz at 150 Hz that beats, at RMS 0.1: (1, time)."""
    time = torch.arange(samples, dtype=torch.float64) / rate
    buzz = sum(torch.cos(2 * math.pi * 150 * k * time + k * k) for k in range(1, int(rate / 300)))
    sound = buzz * (1 + torch.sin(2 * math.pi * 4 * time))
    return (0.1 * sound / sound.square().mean().sqrt()).float()[None]


def clicks(samples: int) -> Tensor:
    sound = torch.zeros(1, samples)
    sound[:, 100::2511] = 1.0
    return 0.1 * sound / sound.square().mean().sqrt()


def answers(module: torch.nn.Module, sounds: Tensor) -> tuple[Tensor, Tensor]:
    """What comes out, and the gradient of a random weighting of it."""
    leaf = sounds.clone().requires_grad_()
    out = module(leaf)
    out.backward(torch.randn(out.shape, generator=torch.Generator().manual_seed(1)).to(out))
    assert leaf.grad is not None
    return out.detach(), leaf.grad


def apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm())


def ours(oracle: dict[str, Any], samples: int, **options: Any) -> Cochleagram:
    """The package's cochleagram with an oracle's settings."""
    o = {"taps": 1001, "padding": (0, 0), "compress_first": False, "slope_limit": None, **oracle}
    return Cochleagram(
        samples,
        rate=o["rate"],
        bands=ErbBands(o["n"], o["low"], o["high"], o["oversampling"]),
        frames=Frames(o["frame_rate"], taps=o["taps"], padding=o["padding"]),
        compression=Compression(slope_limit=o["slope_limit"], first=o["compress_first"]),
        **options,
    )


# -- the filter bank


@pytest.mark.parametrize(
    ("bands", "samples", "rate"),
    [
        (ErbBands(), 4000, 20_000),
        (ErbBands(50, 20, 8000, 4), 3001, 16_000),
        (ErbBands(30, 20, 10_000, 1), 5000, 20_000),
        (ErbBands(10, 100, 6000, 3), 2047, 22_050),
        (ErbBands(1, 0, 4000, 2), 999, 8000),
    ],
)
def test_squared_responses_sum_to_one_and_are_the_published_ones(bands: ErbBands, samples: int, rate: float) -> None:
    bank = filter_bank(bands, samples=samples, rate=rate)
    assert bank.responses.shape == (bands.channels, samples // 2 + 1)
    torch.testing.assert_close(bank.responses.square().sum(0), torch.ones(bank.bins), atol=1e-6, rtol=0)
    plain = filters(samples, rate, bands.n, bands.low, bands.high, bands.oversampling)
    torch.testing.assert_close(bank.responses, plain.float(), atol=1e-6, rtol=0)


def test_bands_without_their_companions() -> None:
    bare = dataclasses.replace(ErbBands(), lowpass=False, highpass=False)
    assert (ErbBands().channels, bare.channels) == (211, 203)
    whole, inner = (filter_bank(bands, samples=4000, rate=20_000) for bands in (ErbBands(), bare))
    assert torch.equal(whole.responses[4:-4], inner.responses)
    np.testing.assert_array_equal(ErbBands().centre_frequencies[4:-4], bare.centre_frequencies)


def test_filter_bank_of_2023_is_mostly_zeros() -> None:
    bank = filter_bank(ErbBands(), samples=40_000, rate=20_000)
    widths = [len(values) for values in bank.values]
    assert (min(widths), max(widths)) == (80, 2696)
    assert sum(widths) / (211 * 20_001) == pytest.approx(0.038, abs=0.0005)


def test_erb_scale() -> None:
    np.testing.assert_allclose(
        erb_to_hz(hz_to_erb(np.array([0.0, 50, 1000, 10_000]))), [0, 50, 1000, 10_000], atol=1e-9
    )
    # Glasberg & Moore: 1 kHz is ERB number 15.6, and the ear's filter there 132.6 Hz wide (to the scale's rounding).
    assert float(hz_to_erb(1000.0)) == pytest.approx(15.6, abs=0.1)
    assert float(erb_to_hz(hz_to_erb(1000.0) + 0.5) - erb_to_hz(hz_to_erb(1000.0) - 0.5)) == pytest.approx(
        132.6, abs=0.2
    )


def subbands_of(bank: FilterBank, sound: torch.Tensor) -> torch.Tensor:
    """Complex analytic subbands (batch, channel, time): the real part is the subband, the magnitude its envelope."""
    spectra = torch.fft.rfft(sound).unsqueeze(-2)
    return torch.fft.ifft(spectra * bank.responses * bank.one_sided, n=bank.samples)


@pytest.mark.parametrize("samples", [2000, 2001])
def test_subbands_filtered_again_add_up_to_the_sound(samples: int) -> None:
    bank = filter_bank(ErbBands(30, 20, 10_000, 1), samples=samples, rate=20_000)
    sound = noise(2, samples)
    subbands = subbands_of(bank, sound)
    assert subbands.shape == (2, 32, samples)
    again = torch.fft.irfft((torch.fft.rfft(subbands.real) * bank.responses).sum(1), n=samples)
    torch.testing.assert_close(again, sound, atol=1e-6, rtol=0)
    torch.testing.assert_close(
        subbands.abs(),
        torch.from_numpy(np.abs(scipy.signal.hilbert(subbands.real.numpy()))),
        atol=1e-6,
        rtol=0,
    )


# -- the whole, against the oracle


@pytest.mark.parametrize(
    ("name", "seconds", "shape"),
    [
        ("feather2023", 2, (211, 390)),
        ("feather2023", 1, (211, 190)),
        ("kell2018", 2, (256, 256)),
        ("mcdermott2011", 2, (32, 800)),
    ],
)
def test_published_shapes(name: str, seconds: int, shape: tuple[int, int]) -> None:
    samples = seconds * PRESETS[name].rate
    cochleagram = Cochleagram.preset(name, samples=samples)
    assert cochleagram(noise(2, samples)).shape == (2, *shape)
    assert cochleagram.shape == shape
    assert cochleagram.centre_frequencies.shape == shape[:1]
    assert torch.equal(cochleagram.centre_frequencies, cochleagram.centre_frequencies.sort().values)
    assert not cochleagram.state_dict()


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("sound", ["noise", "harmonics", "clicks", "quiet"])
def test_feather2023_agrees_with_the_oracle(sound: str, compat: bool) -> None:
    samples = 20_000
    sounds = {
        "noise": noise(2, samples),
        "harmonics": harmonics(samples, 20_000),
        "clicks": clicks(samples),
        "quiet": 1e-4 * noise(1, samples),
    }[sound]
    out, gradient = answers(Cochleagram.preset("feather2023", samples=samples, compat=compat), sounds)
    expected, slope = answers(PlainCochleagram(samples, **FEATHER, compat=compat), sounds)
    assert apart(out, expected) < 1e-3
    assert apart(gradient, slope) < 1e-2


@pytest.mark.parametrize(
    ("samples", "changed"),
    [
        (28_822, {}),
        (16_001, {"rate": 16_000, "high": 8000, "low": 20}),
        (22_050, {"rate": 22_050, "n": 30, "oversampling": 2}),
        (24_000, {"rate": 48_000, "high": 16_000, "frame_rate": 400, "oversampling": 2}),
        (9000, {"rate": 8000, "high": 3000.5, "frame_rate": 130, "taps": 401, "oversampling": 1}),
        (5003, {"padding": (300, 700), "n": 20, "low": 100}),
    ],
)
@pytest.mark.parametrize("compat", [False, True])
def test_any_length_and_rate_agrees_with_the_oracle(samples: int, changed: dict[str, Any], compat: bool) -> None:
    settings = FEATHER | changed
    out, gradient = answers(ours(settings, samples, compat=compat), noise(1, samples))
    expected, slope = answers(PlainCochleagram(samples, **settings, compat=compat), noise(1, samples))
    assert out.shape == expected.shape
    assert apart(out, expected) < 1e-3
    assert apart(gradient, slope) < 1e-2


def test_kell2018_agrees_with_the_oracle_before_it_is_resized() -> None:
    cochleagram = Cochleagram.preset("kell2018", samples=16_000)
    cochleagram.picture = torch.nn.Identity()
    out, gradient = answers(cochleagram, noise(1, 16_000))
    expected, slope = answers(PlainCochleagram(16_000, **KELL), noise(1, 16_000))
    assert out.shape == expected.shape == (1, 211, 200)
    assert apart(out, expected) < 1e-3
    assert apart(gradient, slope) < 1e-2


def test_mcdermott2011_agrees_with_the_oracle_within_what_aliases() -> None:
    out, gradient = answers(Cochleagram.preset("mcdermott2011", samples=20_000), noise(1, 20_000))
    expected, slope = answers(PlainCochleagram(20_000, **MCDERMOTT), noise(1, 20_000))
    assert out.shape == expected.shape == (1, 32, 400)
    assert apart(out, expected) < 1e-3
    # The slope of a compressed envelope has no bound near 0, where few samples fall.
    assert apart(gradient, slope) < 0.06


@pytest.mark.parametrize("name", list(ORACLES))
def test_at_the_full_rate_nothing_is_lost(name: str) -> None:
    samples = 6000
    out, gradient = answers(ours(ORACLES[name], samples, over=math.inf), noise(1, samples))
    expected, slope = answers(PlainCochleagram(samples, **ORACLES[name]), noise(1, samples))
    assert apart(out, expected) < 1e-5
    assert apart(gradient, slope) < 1e-4


def sweeps(floor: float) -> Tensor:
    """Two sweeps that cross, 2 s at 20 kHz, over a flat line spectrum of this amplitude; (1, time) in double precision."""
    sample = torch.arange(40_000)
    time = sample.double() / 20_000
    up = 0.1 * torch.sin(2 * math.pi * (100 * time + 1000 * time**2))
    down = 0.05 * torch.sin(2 * math.pi * (6000 * time - 1000 * time**2)) * (1 + torch.sin(2 * math.pi * 3 * time))
    return (up + down + floor * torch.sin(2 * math.pi * (sample**2 % 4001).double() / 4001))[None]


# chcochleagram's cochleagram_1 in double precision. Where an envelope is nearly 0 its gradient hangs on rounding alone,
# which differs from processor to processor: gradients are compared for the sound that leaves no band silent.
PUBLISHED_AT = ([2, 40, 60, 100, 130, 150, 180, 209], [10, 5, 50, 100, 200, 310, 389, 0])
PUBLISHED = {
    0.0: [0.076271662, 0.107178648, 0.097520895, 0.07975259, 0.06438302, 0.122148333, 0.019312943, 0.016831004],
    0.02: [0.095129404, 0.107456197, 0.096873148, 0.080269815, 0.075299491, 0.113873689, 0.173463839, 0.04106997],
}
PUBLISHED_MEAN_AND_STD = {0.0: (0.0388596427, 0.0648713471), 0.02: (0.0714638873, 0.0670371255)}


@pytest.mark.parametrize("floor", list(PUBLISHED))
def test_compat_is_what_the_published_code_gives(floor: float) -> None:
    """Much of the sound without a floor is silent, so that its mean rests on the published floor of envelopes."""
    plain = PlainCochleagram(40_000, **FEATHER, compat=True, dtype=torch.float64)(sweeps(floor))
    np.testing.assert_allclose(plain[0][PUBLISHED_AT], PUBLISHED[floor], rtol=1e-5)
    out = Cochleagram.preset("feather2023", samples=40_000, compat=True)(sweeps(floor).float())
    assert apart(out, plain) < 1e-3
    for found in (plain, out):
        assert (found.mean().item(), found.std().item()) == pytest.approx(PUBLISHED_MEAN_AND_STD[floor], rel=1e-4)


def test_gradients_of_compat_are_those_of_the_published_code() -> None:
    plain = PlainCochleagram(40_000, **FEATHER, compat=True, dtype=torch.float64)
    single = Cochleagram.preset("feather2023", samples=40_000, compat=True)
    gradients = []
    for module, dtype in ((plain, torch.float64), (single, torch.float32)):
        sound = sweeps(0.02).to(dtype).requires_grad_()
        (module(sound) * torch.linspace(-1, 1, 390)).sum().backward()
        assert sound.grad is not None
        gradients.append(sound.grad)
    published = [-0.014307711, 0.081560034, -0.0539868, 0.020995471, -0.0225131]
    np.testing.assert_allclose(gradients[0][0, [0, 777, 12_345, 25_000, 39_999]], published, rtol=1e-3)
    assert gradients[0].norm().item() == pytest.approx(30.408884, rel=1e-5)
    assert apart(gradients[1], gradients[0]) < 1e-2


def test_resampling_after_compression_is_scipys() -> None:
    """The toolbox of 2011 resamples as scipy's polyphase filter does, which scales to unit gain besides."""
    sound = noise(1, 10_000)
    bank = filter_bank(PRESETS["mcdermott2011"].bands, samples=10_000, rate=20_000)
    compressed = subbands_of(bank, sound).abs().numpy() ** 0.3
    expected = torch.from_numpy(scipy.signal.resample_poly(compressed, 1, 50, axis=-1).clip(0)).float()
    assert apart(Cochleagram.preset("mcdermott2011", samples=10_000)(sound), expected) < 2e-3


# -- laws


@pytest.mark.parametrize("channel", [30, 90, 150, 190])
def test_a_tone_peaks_in_its_channel_at_its_amplitude(channel: int) -> None:
    cochleagram = Cochleagram.preset("feather2023", samples=20_000)
    hz = round(float(cochleagram.centre_frequencies[channel]))
    tone = 0.2 * torch.sin(2 * math.pi * hz * torch.arange(20_000, dtype=torch.float64) / 20_000).float()[None]
    out = cochleagram(tone)[0]
    assert int(out.mean(1).argmax()) == channel
    # Filters four to a spacing have a gain of 1/2 at their centre.
    assert float(out[channel].mean()) == pytest.approx(0.1**0.3, rel=2e-3)
    halved = Cochleagram.preset("feather2023", samples=20_000, compat=True)(tone)[0]
    assert float(halved[channel].mean()) == pytest.approx(0.05**0.3, rel=2e-3)
    # As an observer, whole and as the published package has it.
    whole, published = (load_model(name, seconds=1.0).module(tone)[0, channel].mean() for name in ("cochleagram", "cochleagram-feather2023"))  # fmt: skip
    assert float(published / whole) == pytest.approx(2**-0.3, rel=2e-3)


def test_frames_lie_where_they_say() -> None:
    """A click's envelope is greatest in the frame around it; frame 0 is centred on sample 500."""
    for sample, frame in ((500, 0), (5500, 50), (12_500, 120)):
        sound = torch.zeros(1, 20_000)
        sound[0, sample] = 1
        assert int(Cochleagram.preset("feather2023", samples=20_000)(sound)[0, 150].argmax()) == frame


@pytest.mark.parametrize("name", list(PRESETS))
@pytest.mark.parametrize("level", [0.0, 1e-8, 1.0])
def test_gradients_are_finite_at_silence_and_at_full_scale(name: str, level: float) -> None:
    samples = PRESETS[name].rate // 2
    out, gradient = answers(Cochleagram.preset(name, samples=samples), level * 10 * noise(1, samples))
    assert bool(out.isfinite().all())
    assert bool(gradient.isfinite().all())
    sound = torch.zeros(1, samples)
    sound[0, 3000:3100] = 0.1
    assert bool(answers(Cochleagram.preset(name, samples=samples), sound)[1].isfinite().all())


def test_near_silence_a_gradient_remains() -> None:
    _, gradient = answers(Cochleagram.preset("feather2023", samples=10_000), 1e-6 * noise(1, 10_000))
    assert float(gradient.norm()) > 1


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("samples", [240, 241])
def test_gradients_in_double_precision(first: bool, samples: int) -> None:
    cochleagram = Cochleagram(
        samples,
        rate=2000,
        bands=ErbBands(3, 50, 900, 2),
        frames=Frames(200, taps=41, padding=(20, 10)),
        compression=Compression(offset=1e-3, slope_limit=None, first=first),
        picture=(6, 12),
        over=math.inf,
    )
    sound = noise(2, samples).double().requires_grad_()
    assert cochleagram(sound).dtype == torch.float64
    assert torch.autograd.gradcheck(cochleagram, (sound,), eps=1e-6, atol=1e-4)


@pytest.mark.parametrize("name", list(PRESETS))
def test_items_do_not_influence_one_another(name: str) -> None:
    samples = PRESETS[name].rate // 2
    cochleagram = Cochleagram.preset(name, samples=samples)
    sounds = noise(3, samples) * torch.tensor([[1.0], [1e-3], [10.0]])
    out, gradient = answers(cochleagram, sounds)
    leaf = sounds[1:2].clone().requires_grad_()
    alone = cochleagram(leaf)
    alone.backward(torch.randn(out.shape, generator=torch.Generator().manual_seed(1))[1:2])
    torch.testing.assert_close(alone[0], out[1], rtol=1e-4, atol=1e-6 * float(out[1].max()))
    assert leaf.grad is not None
    assert apart(leaf.grad[0], gradient[1]) < 1e-3


def test_without_a_gradient_it_is_the_same() -> None:
    cochleagram, sound = Cochleagram.preset("feather2023", samples=10_000), noise(1, 10_000)
    with torch.no_grad():
        quietly = cochleagram(sound)
    assert torch.equal(quietly, cochleagram(sound.requires_grad_()).detach())


def test_as_a_network_its_one_stage_has_a_name() -> None:
    module = network(8000, preset="mcdermott2011")
    assert [name for name, _ in module.named_children()] == ["cochleagram"]
    assert module(noise(1, 8000)).shape == (1, 32, 160)


# -- parts


@pytest.mark.parametrize(
    ("length", "samples", "padding"), [(300, 3000, (0, 0)), (320, 3001, (200, 300)), (3000, 3000, (500, 500))]
)
def test_linear_maps_have_their_adjoints(length: int, samples: int, padding: tuple[int, int]) -> None:
    resample = Resampler(Frames(250, taps=201, padding=padding), length, samples=samples, rate=10_000)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, length, generator=generator, dtype=torch.float64, requires_grad=True)
    out = resample(x)
    y = torch.randn(out.shape, generator=generator, dtype=torch.float64, requires_grad=True)
    (back,) = torch.autograd.grad(out, x, y, create_graph=True)
    torch.testing.assert_close((out * y).sum(), (x * back).sum())
    # Linear: the gradient of the gradient is the map again.
    torch.testing.assert_close(torch.autograd.grad(back, y, x)[0], out)

    bank = filter_bank(ErbBands(4, 100, 4000, 2), samples=samples, rate=10_000)
    supports = Supports(bank, [[0, 5, 3], [1, 2, 4, *range(6, bank.bands.channels)]], doubled=True)
    sound = torch.randn(2, samples, generator=generator, dtype=torch.float64, requires_grad=True)
    parts = supports(sound)
    others = [torch.randn(part.shape, generator=generator, dtype=torch.complex128) for part in parts]
    inner = sum((part * other.conj()).real.sum() for part, other in zip(parts, others, strict=True))
    (gradient,) = torch.autograd.grad(inner, sound)
    torch.testing.assert_close(inner, (sound * gradient).sum())


def test_compression() -> None:
    values = torch.tensor([-1.0, 0.0, 1e-6, 0.5, 2.0], requires_grad=True)
    out = Compress(Compression(0.3, slope_limit=5.0, scale=2.0))(values)
    expected = (2 * (np.array([0, 0, 1e-6, 0.5, 2.0]) + 1e-8)) ** 0.3
    np.testing.assert_allclose(out.detach(), expected, rtol=1e-5)
    (slope,) = torch.autograd.grad(out.sum(), values)
    # Cut off at 5 times the scale, and below 0 as at 0.
    np.testing.assert_allclose(slope, [10, 10, 10, 0.6 * 1.0**-0.7, 0.6 * 4.0**-0.7], rtol=1e-5)
    rectified = Rectify()(values)
    assert rectified.tolist() == values.clamp(min=0).tolist()
    assert torch.autograd.grad(rectified.sum(), values)[0].tolist() == [1] * 5


@pytest.mark.parametrize(("given", "wanted"), [((211, 400), (256, 256)), ((20, 30), (20, 15)), ((7, 9), (21, 9))])
def test_pictures_are_resized_as_photographs_are(given: tuple[int, int], wanted: tuple[int, int]) -> None:
    cochleagram = torch.rand(1, *given, generator=torch.Generator().manual_seed(0))
    stretched = (cochleagram - cochleagram.min()) / (cochleagram.max() - cochleagram.min()) * 255
    pillow = Image.fromarray(stretched[0].numpy()).resize(wanted[::-1], Image.Resampling.LANCZOS)
    out = CochleagramPicture(given, wanted)(0.01 + 3 * cochleagram)
    np.testing.assert_allclose(out[0], np.asarray(pillow), atol=1e-2)


def test_a_picture_of_nothing_is_zero() -> None:
    assert not CochleagramPicture((4, 5), (8, 8))(torch.full((2, 4, 5), 0.3)).any()


# -- what cannot be used


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Cochleagram.preset("feather2023", samples=400), "the sound has 400 samples (20 ms at 20000 Hz)"),
        (lambda: Cochleagram.preset("feather2023", samples=1000), "give at least 50 ms"),
        (lambda: Cochleagram(8000, rate=8000), "up to 10000 Hz and a sound at 8000 Hz to 4000 Hz"),
        (lambda: Cochleagram.preset("feather2032", samples=40_000), "did you mean 'feather2023'"),
        (lambda: Cochleagram(1200, bands=ErbBands(200, 20, 10_000, 4)), "bands are narrower"),
        (lambda: Cochleagram(40_000, frames=Frames(40_000)), "lower the frame rate"),
        (lambda: Frames(taps=1000), "odd number"),
        (lambda: Frames(0), "a rate above 0"),
        (lambda: ErbBands(0), "n is 0"),
        (lambda: ErbBands(10, 500, 100), "low < high"),
        (lambda: Compression(power=0), "a power and a scale above 0"),
        (lambda: Compression(slope_limit=-1), "slope_limit is -1"),
        (lambda: Cochleagram.preset(samples=8000)(torch.zeros(8000)), "(batch, 8000)"),
        (lambda: Cochleagram.preset(samples=8000)(torch.zeros(1, 7999)), "shape (1, 7999)"),
    ],
)
def test_what_cannot_be_used_is_said(make: Any, says: str) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
