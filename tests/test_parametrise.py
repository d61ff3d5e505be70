"""Parametrisations keep one contract, whatever the latents; noise is the seed's alone."""

import pytest
import torch
from engine_fixture import generators, photographs

from synthstim.errors import InputError
from synthstim.parametrise import Fourier, Pixels, noise

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
