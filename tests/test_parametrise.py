"""Parametrisations keep one contract, whatever the latents; noise is the seed's alone."""

import pytest
import torch
from engine_fixture import generators, photographs

from synthstim.errors import InputError
from synthstim.modalities import MODALITIES
from synthstim.modalities.sound import highest_hz, raise_rate, resample, shaped_noise
from synthstim.models import SoundInput
from synthstim.parametrise import Fourier, Pixels, Waveform

noise = MODALITIES["image"].noise
SHAPES = [(3, 16, 16), (1, 9, 14), (5, 7, 7), (2, 12, 5)]
CLASSES = [
    Pixels,
    lambda shape: Pixels(shape, bound="projection"),
    Fourier,
    lambda shape: Fourier(shape, decay=0.0),
    lambda shape: Fourier(shape, decay=2.0, chroma=1.0),
]


@pytest.fixture(params=range(len(CLASSES)), ids=["sigmoid", "projection", "fourier", "white", "steep"])
def make(request):
    return CLASSES[request.param]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_laws_of_every_parametrisation(make, shape, dtype):
    parametrisation = make(shape)
    assert parametrisation.shape == shape
    images = torch.rand(3, *shape, generator=torch.Generator().manual_seed(0), dtype=dtype) * 0.98 + 0.01
    latents = parametrisation.invert(images)
    assert latents.shape == (3, *parametrisation.latent_shape)
    assert latents.dtype == dtype

    tolerance = {"atol": 2e-5 if dtype == torch.float32 else 1e-9, "rtol": 0}
    torch.testing.assert_close(parametrisation.render(latents), images, **tolerance)
    again = parametrisation.render(parametrisation.invert(parametrisation.render(latents)))
    torch.testing.assert_close(again, images, **tolerance)

    wild = parametrisation.project(torch.randn(latents.shape, dtype=dtype) * 100)
    rendered = parametrisation.render(wild)
    assert rendered.min() >= 0
    assert rendered.max() <= 1
    assert torch.equal(parametrisation.project(wild.clone()), wild)

    alone = parametrisation.render(latents[1:2])
    torch.testing.assert_close(alone[0], parametrisation.render(latents)[1], **tolerance)

    latents.requires_grad_()
    weights = torch.randn(images.shape, dtype=dtype, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((parametrisation.render(latents) * weights).sum(), latents)
    reached = gradient.abs() > 1e-9
    if isinstance(parametrisation, Fourier):
        _, height, width = shape
        rows = {0, height // 2} if height % 2 == 0 else {0}
        columns = {0, width // 2} if width % 2 == 0 else {0}
        for row in rows:
            for column in columns:
                # The imaginary parts of self-conjugate frequencies have no effect.
                assert not reached[:, :, row, column, 1].any()
                reached[:, :, row, column, 1] = True
    assert reached.all()


@pytest.mark.parametrize("shape", [(3, 6, 6), (1, 5, 4)], ids=str)
def test_gradients_are_those_of_finite_differences(make, shape):
    parametrisation = make(shape)
    latents = parametrisation.invert(torch.rand(1, *shape, dtype=torch.float64) * 0.6 + 0.2).requires_grad_()
    assert torch.autograd.gradcheck(parametrisation.render, latents)


def test_black_and_white_photographs_survive_within_half_a_level(make):
    images = photographs("coffee astronaut", (32, 32))
    images[0, :, :8], images[1, :, :8] = 0, 1
    parametrisation = make((3, 32, 32))
    torch.testing.assert_close(parametrisation.render(parametrisation.invert(images)), images, atol=0.51 / 255, rtol=0)


def test_fourier_latents_are_real_colours_whitened():
    images = photographs("coffee chelsea astronaut rocket", (64, 64))
    latents = Fourier((3, 64, 64), decay=1.0).invert(images)
    power = latents.square().sum(-1).mean(0)
    # In pixels, the low half of the spectrum of a photograph holds nearly all of the power; whitened, far less.
    grey = torch.fft.rfft2(images.mean(1) - images.mean((1, 2, 3))[:, None, None]).abs().square().mean(0)
    low = torch.fft.fftfreq(64)[:, None].abs().maximum(torch.fft.rfftfreq(64)[None]) < 0.25
    assert grey[low].sum() / grey.sum() > 0.94
    assert power[0, 1:][low[1:]].sum() / power[0, 1:].sum() < 0.9
    # A grey image has no chroma.
    flat = Fourier((3, 8, 8)).invert(torch.rand(1, 1, 8, 8).expand(1, 3, 8, 8))
    assert flat[:, 1:].abs().max() < 1e-4
    assert flat[:, 0].abs().max() > 0.01


def test_unknown_bounds():
    with pytest.raises(InputError, match="bound 'tanh' is unknown: choose sigmoid or projection"):
        Pixels((3, 8, 8), bound="tanh")


@pytest.mark.parametrize("kind", ["pink", "white"])
def test_noise_hangs_on_the_seed_alone(kind):
    shape = (3, 33, 32)
    batch = noise(kind, shape, generators(1, 2, 3))
    assert torch.equal(noise(kind, shape, generators(2))[0], batch[1])
    assert torch.equal(noise(kind, shape, generators(3, 2))[1], batch[1])
    assert not torch.equal(batch[0], batch[1])
    torch.manual_seed(99)
    assert torch.equal(noise(kind, shape, generators(1, 2, 3)), batch)
    assert batch.min() > 0
    assert batch.max() < 1
    assert batch.mean().item() == pytest.approx(0.5, abs=0.01)
    assert batch.flatten(1).std(1).tolist() == pytest.approx([0.025] * 3, rel=0.05)
    assert noise(kind, (5, 1, 7), generators(1)).isfinite().all()


@pytest.mark.parametrize(("kind", "slope"), [("pink", -1.0), ("white", 0.0)])
def test_the_amplitude_spectrum_of_noise(kind, slope):
    size = 128
    spectrum = torch.fft.rfft2(noise(kind, (3, size, size), generators(*range(6))) - 0.5).abs().mean((0, 1))
    radius = (torch.fft.fftfreq(size)[:, None] ** 2 + torch.fft.rfftfreq(size)[None] ** 2).sqrt()
    use = (radius > 2 / size) & (radius < 0.4)
    x, y = radius[use].log(), spectrum[use].log().float()
    fitted = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    assert fitted.item() == pytest.approx(slope, abs=0.05)


def test_unknown_noise():
    with pytest.raises(InputError, match="start 'brown' is unknown: choose pink, white or a file"):
        noise("brown", (1, 4, 4), generators(1))


RATES = [(16_000, 44_100), (16_000, 48_000), (20_000, 44_100), (20_000, 48_000), (16_000, 16_000)]
DECAYS = [0.0, 0.5, 1.0]


def waveform_of(heard: int, played: int, decay: float = 0.0, seconds: float = 0.05) -> Waveform:
    return Waveform(SoundInput.lasting(seconds, network_rate=heard, rate=played), decay=decay)


def sounds_for(waveform: Waveform, dtype: torch.dtype = torch.float64, batch: int = 3) -> torch.Tensor:
    """Quiet noise as it is played."""
    given = 0.1 * torch.randn(batch, *waveform.latent_shape, generator=torch.Generator().manual_seed(0), dtype=dtype)
    return raise_rate(given, waveform.input.network_rate, waveform.input.rate)


@pytest.mark.parametrize(("heard", "played"), RATES)
@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_laws_of_the_waveform(heard, played, decay, dtype):
    waveform = waveform_of(heard, played, decay)
    sounds = sounds_for(waveform, dtype)
    assert waveform.shape == waveform.input.shape == sounds.shape[1:]
    latents = waveform.invert(sounds)
    assert latents.shape == (3, waveform.input.network_samples)
    assert latents.dtype == dtype

    tolerance = {"atol": 2e-6 if dtype == torch.float32 else 1e-12, "rtol": 0}
    rendered = waveform.render(latents)
    assert rendered.dtype == dtype
    torch.testing.assert_close(rendered, raise_rate(resample(sounds, played, heard), heard, played), **tolerance)
    torch.testing.assert_close(waveform.render(latents[1:2])[0], rendered[1], **tolerance)

    wild = waveform.project(torch.randn(latents.shape, dtype=dtype) * 100)
    assert waveform.render(wild).abs().amax(1).tolist() == pytest.approx([1] * 3)
    assert torch.equal(waveform.project(wild.clone()), wild)

    latents.requires_grad_()
    weights = torch.randn(sounds.shape, dtype=dtype, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((waveform.render(latents) * weights).sum(), latents)
    assert (gradient != 0).all()
    slopes = torch.fft.rfft(gradient).abs()
    played_at_all = torch.fft.rfftfreq(latents.shape[1], 1 / heard) < highest_hz(heard, played)
    assert (slopes[:, played_at_all] > 1e-7 * slopes.mean()).all()
    assert not (slopes[:, ~played_at_all] > 1e-5 * slopes.mean()).any() or played == heard


@pytest.mark.parametrize(("heard", "played"), RATES)
def test_what_the_network_cannot_hear_is_never_rendered(heard, played):
    for decay in DECAYS:
        waveform = waveform_of(heard, played, decay)
        latents = 0.1 * torch.randn(2, *waveform.latent_shape, dtype=torch.float64)
        power = torch.fft.rfft(waveform.render(latents)).abs().square().sum(0)
        above = torch.fft.rfftfreq(waveform.shape[0], 1 / played) > heard / 2
        # The fades, short as these sounds are, have a spectrum of their own.
        assert power[above].sum() < 1e-6 * power.sum()


@pytest.mark.parametrize("decay", DECAYS)
def test_latents_of_the_waveform_are_white_where_sounds_are_not(decay):
    waveform = waveform_of(16_000, 48_000, decay, seconds=1.0)
    latents = 0.05 * torch.randn(8, *waveform.latent_shape, generator=torch.Generator().manual_seed(0))
    spectrum = torch.fft.rfft(waveform.render(latents)).abs().square().mean(0).sqrt()
    frequency = torch.fft.rfftfreq(48_000, 1 / 48_000)
    use = (frequency > 100) & (frequency < 7200)
    x, y = frequency[use].log(), spectrum[use].log()
    fitted = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    assert fitted.item() == pytest.approx(-decay, abs=0.03)
    # A latent keeps its meaning whatever the decay: rendering changes the spectrum, not the level.
    level = waveform.render(latents).square().mean().sqrt()
    assert level.item() == pytest.approx(0.05, rel=0.05)


def test_white_latents_at_the_rate_played_are_the_waveform():
    white = waveform_of(16_000, 16_000)
    latents = 0.1 * torch.randn(2, 800)
    torch.testing.assert_close(white.render(latents), latents, atol=1e-6, rtol=0)


@pytest.mark.parametrize("decay", DECAYS)
def test_the_gradient_of_the_waveform_is_that_of_finite_differences(decay):
    waveform = Waveform(SoundInput(rate=4800, samples=48, network_rate=2000), decay=decay)
    latents = (0.05 * torch.randn(1, 20, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(waveform.render, latents)


def test_unknown_decays():
    with pytest.raises(InputError, match=r"decay -1 given; expected 0 \(white\) to 3"):
        waveform_of(16_000, 48_000, decay=-1)


@pytest.mark.parametrize(("kind", "slope"), [("pink", -0.5), ("white", 0.0)])
def test_noise_of_sounds(kind, slope):
    """Acousticians call pink what has the same power in every octave: an amplitude of 1/sqrt(f)."""
    noise = MODALITIES["sound"].noise
    sounds = noise(kind, (48_000,), generators(*range(6)))
    assert sounds.abs().max() <= 1
    assert sounds.std(1).tolist() == pytest.approx([0.02] * 6, rel=0.02)
    assert torch.equal(noise(kind, (48_000,), generators(2))[0], sounds[2])
    spectrum = torch.fft.rfft(sounds).abs().square().mean(0).sqrt()
    frequency = torch.fft.rfftfreq(48_000, 1 / 48_000)
    edges = [(low, low * 2**0.5) for low in (50, 200, 800, 3200, 12_800)]
    levels = torch.stack(
        [spectrum[(frequency > low) & (frequency < high)].square().mean().sqrt() for low, high in edges]
    )
    x = torch.tensor([low for low, _ in edges]).double().log()
    y = levels.log()
    fitted = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    assert fitted.item() == pytest.approx(slope, abs=0.05)


def test_shaped_noise_has_the_spectrum_and_level_of_each_sound():
    random = torch.Generator().manual_seed(5)
    white = torch.randn(2, 48_000, generator=random, dtype=torch.float64)
    frequency = torch.fft.rfftfreq(48_000, 1 / 48_000, dtype=torch.float64)
    slopes = torch.stack([frequency.clamp_min(50) ** -1.0, torch.exp(-0.5 * ((frequency - 1500) / 500) ** 2)])
    references = torch.fft.irfft(torch.fft.rfft(white) * slopes)
    references = 0.05 * references / references.std(1, keepdim=True)
    # Eight of each, since the power of noise in a band is itself a draw.
    made = torch.stack([shaped_noise(references, generators(seed, 100 + seed)) for seed in range(8)])
    assert made.shape == (8, *references.shape)
    assert made.std(-1).flatten().tolist() == pytest.approx([0.05] * 16, rel=1e-3)

    def thirds(sounds):
        power = torch.fft.rfft(sounds).abs().square().view(-1, 2, len(frequency)).mean(0)
        middles = [250 * 2 ** (step / 3) for step in range(13)]
        bands = [(frequency >= m * 2 ** (-1 / 6)) & (frequency < m * 2 ** (1 / 6)) for m in middles]
        return 10 * torch.stack([power[:, band].sum(1) for band in bands], 1).log10()

    apart = (thirds(made) - thirds(references)).abs()
    assert apart[0].max() < 0.5
    assert apart[1][4:10].max() < 1  # 630 Hz to 2.5 kHz: around the one band that the second sound has
    # New phases: nothing of the waveform itself is left.
    for sound, reference in zip(made[0], references, strict=True):
        assert abs(float(torch.corrcoef(torch.stack([sound, reference]))[0, 1])) < 0.2


def test_an_image_s_shaped_noise_has_its_histogram_and_nearly_its_spectrum_and_colours():
    references = photographs("coffee chelsea").double()
    made = MODALITIES["image"].shaped("shaped", references, generators(1, 2))
    for reference, one in zip(references.flatten(2), made.flatten(2), strict=True):
        torch.testing.assert_close(one.sort(1).values, reference.sort(1).values)
        assert (torch.corrcoef(one) - torch.corrcoef(reference)).abs().max() < 0.25
        assert torch.corrcoef(torch.stack([one[0], reference[0]]))[0, 1].abs() < 0.5
    spectra = [
        torch.fft.rfft2(images - images.mean((2, 3), keepdim=True)).abs().flatten(1) for images in (made, references)
    ]
    for one, reference in zip(*spectra, strict=True):
        assert torch.corrcoef(torch.stack([one, reference]))[0, 1] > 0.9


def test_shaped_noise_hangs_on_the_seed_and_its_own_reference_alone():
    references = 0.05 * torch.randn(3, 4000, generator=torch.Generator().manual_seed(0))
    batch = shaped_noise(references, generators(1, 2, 3))
    assert torch.equal(shaped_noise(references[1:2], generators(2))[0], batch[1])
    assert torch.equal(shaped_noise(references[[2, 1]], generators(3, 2))[1], batch[1])
    assert not torch.equal(shaped_noise(references[1:2], generators(9))[0], batch[1])
    assert batch.abs().max() <= 1
    assert shaped_noise(torch.zeros(1, 4000), generators(1)).abs().max() == 0
