"""Texture statistics of images: equal to those of plenoptic, finite where nothing varies, joint in colour."""

from __future__ import annotations

import pytest
import torch
from engine_fixture import photographs

from synthstim.errors import InputError
from synthstim.models import load_model
from synthstim.models.capture import read_layers
from synthstim.models.seeing.band_moments import half_plane, lag_tables, spread, squares_of, windowed
from synthstim.models.seeing.portilla_simoncelli import COLOUR_STATISTICS, STATISTICS, PortillaSimoncelli
from synthstim.models.seeing.steerable import SteerablePyramid

SMALL = (128, 160)
# Plenoptic's names of the classes; what lags, pairs and scales are called there is put into our order by ``published``.
PLENOPTIC = {
    "pixels": "pixel_statistics",
    "skewness": "skew_reconstructed",
    "kurtosis": "kurtosis_reconstructed",
    "deviation": "std_reconstructed",
    "autocorrelation": "auto_correlation_reconstructed",
    "magnitude_deviation": "magnitude_std",
    "magnitude_autocorrelation": "auto_correlation_magnitude",
    "orientation_correlation": "cross_orientation_correlation_magnitude",
    "scale_correlation": "cross_scale_correlation_magnitude",
    "phase_correlation": "cross_scale_correlation_real",
    "highpass_variance": "var_highpass_residual",
}


def published(name: str, values: torch.Tensor) -> torch.Tensor:
    """Plenoptic's values of a class, (batch, ...), in our order."""
    if name.endswith("autocorrelation"):
        lags = half_plane(3)[1:]
        either = [torch.stack([values[:, 3 + s * y, 3 + s * x] for y, x in lags], -1) for s in (1, -1)]
        found = torch.where(either[0].isnan(), either[1], either[0])
        return found.flatten(1)
    if name == "orientation_correlation":
        one, other = torch.tril_indices(4, 4, -1)
        return values[:, one, other].mT.flatten(1)
    return (values.movedim(-1, 1) if values.ndim > 2 else values).flatten(1)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def grey() -> torch.Tensor:
    return photographs("camera brick grass", SMALL, channels=1)


@pytest.mark.parametrize("size", [SMALL, (256, 256)])
def test_statistics_and_gradients_are_those_of_plenoptic(size):
    pytest.importorskip("plenoptic", reason="plenoptic is not installed")
    from plenoptic.models import PortillaSimoncelli as Peer

    images = photographs("camera gravel", size, channels=1)
    ours, theirs = PortillaSimoncelli(size), Peer(size)
    gradients = []
    for model in (ours, theirs):
        given = images.clone().requires_grad_()
        gradients.append(torch.autograd.grad(model(given).square().sum(), given)[0])
    assert float((gradients[0] - gradients[1]).norm() / gradients[1].norm()) < 1e-4
    with torch.no_grad():
        read = read_layers(ours, images, STATISTICS)
        wanted = theirs.convert_to_dict(theirs(images))
    assert sum(values.shape[1] for values in read.values()) == 710
    for name, values in read.items():
        torch.testing.assert_close(
            values, published(name, wanted[PLENOPTIC[name]][:, 0]), rtol=1e-4, atol=1e-4, msg=name
        )


@pytest.mark.parametrize("size", [(64, 64), (101, 67), (130, 100)])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_size_has_the_statistics_of_its_own_gradient(size, channels):
    model = PortillaSimoncelli(size, channels=channels).double()
    image = (0.2 + 0.6 * noise(1, channels, *size)).double().requires_grad_()
    found = model(image)
    weights = noise(*found.shape, seed=1) - 0.5
    (gradient,) = torch.autograd.grad((found * weights).sum(), image)
    step = 1e-6 * (noise(*image.shape, seed=2).double() - 0.5)
    with torch.no_grad():
        difference = float(((model(image + step) - model(image - step)) * weights).sum()) / 2
    assert float((gradient * step).sum()) == pytest.approx(difference, rel=1e-4)


def test_bands_split_an_image_without_loss():
    pyramid = SteerablePyramid((100, 77))
    power = pyramid.highpass().square()
    for octave in range(4):
        bands = pyramid.bands(octave, 0).abs().square().sum(0)
        # A band has half of the plane at twice the amplitude: both halves of the spectrum of an image together.
        power = power + (bands + torch.roll(bands.flip(0, 1), (1, 1), (0, 1))) / 4 * 1
    power = power + pyramid.lowpass(4, 0).square()
    assert torch.allclose(power, torch.ones_like(power), atol=1e-9)


@pytest.mark.parametrize("octave", [1, 2, 3])
def test_a_coarse_grid_holds_all_of_a_band(octave):
    pyramid = SteerablePyramid((101, 66))
    whole, cut = (pyramid.bands(octave, scale).abs().square().sum() for scale in (0, octave))
    assert float(cut) == pytest.approx(float(whole), rel=1e-9)


@pytest.mark.parametrize("grid", [(16, 16), (13, 9), (8, 15)])
def test_autocorrelations_are_sums_of_shifted_products(grid):
    image = noise(1, *grid).double()
    tables = lag_tables(grid, 3)
    squares = squares_of(torch.fft.rfft2(image))
    wanted = [(image * image.roll((-y, -x), (1, 2))).mean() for y, x in half_plane(3)]
    assert torch.allclose(windowed(squares, *tables)[0], torch.stack(wanted), atol=1e-12)
    image.requires_grad_()
    weights = noise(1, len(wanted), seed=3).double()
    shifted = torch.stack([(image * image.roll((-y, -x), (1, 2))).mean() for y, x in half_plane(3)])
    (gradient,) = torch.autograd.grad((shifted * weights).sum(), image)
    found = torch.fft.irfft2(torch.fft.rfft2(image) * spread(weights, *tables), s=grid)
    assert torch.allclose(found, gradient, atol=1e-12)


def odd_images(name: str, channels: int) -> torch.Tensor:
    image = torch.full((1, channels, *SMALL), 0.5)
    if name == "black":
        image[:] = 0
    if name == "stripe":
        image[..., 40] = 1
    if name == "stripes":
        image[..., ::2] = 0
    if name == "one pixel":
        image[..., 50, 40] += 1 / 255
    if name == "grey in colour":
        image[:] = photographs("camera", SMALL, channels=1)
    return image


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["flat", "black", "stripe", "stripes", "one pixel", "grey in colour"])
def test_what_hardly_varies_has_finite_statistics_and_gradients(name, channels):
    model, image = PortillaSimoncelli(SMALL, channels=channels), odd_images(name, channels).requires_grad_()
    found = model(image)
    assert torch.isfinite(found).all()
    reference = model(noise(1, channels, *SMALL)).detach()
    (gradient,) = torch.autograd.grad((found - reference).square().sum(), image)
    assert torch.isfinite(gradient).all()
    correlations = read_layers(model, image.detach(), model.statistics)
    for kind in (kind for kind in model.statistics if "correlation" in kind):
        assert float(correlations[kind].abs().max()) <= 1 + 1e-3, kind
        if name in ("flat", "black"):
            assert float(correlations[kind].abs().max()) < 1e-3, kind


def test_items_do_not_see_one_another(grey):
    model = PortillaSimoncelli(SMALL)
    together = model(grey)
    for at in range(len(grey)):
        assert torch.allclose(model(grey[at : at + 1])[0], together[at], rtol=1e-4, atol=1e-5)


def test_double_precision_gives_the_same(grey):
    single, double = (read_layers(PortillaSimoncelli(SMALL).to(kind), grey.to(kind), STATISTICS) for kind in (torch.float32, torch.float64))  # fmt: skip
    for name in STATISTICS:
        assert float((single[name] - double[name]).norm() / double[name].norm()) < 1e-4, name


def test_colours_are_joint():
    model = PortillaSimoncelli(SMALL, channels=3)
    image = photographs("coffee", SMALL)
    # The green channel moved away from the others: each channel for itself is the texture that it was.
    moved = torch.stack([image[:, 0], image[:, 1].roll(31, -1), image[:, 2]], 1)
    one, other = (read_layers(model, each, COLOUR_STATISTICS) for each in (image, moved))
    assert torch.allclose(one["pixels"], other["pixels"], atol=1e-4)
    for name in ("colour_correlation", "orientation_correlation"):
        assert float((one[name] - other[name]).norm() / one[name].norm()) > 0.1, name


def test_the_texture_of_a_shifted_image_is_the_same(grey):
    model = PortillaSimoncelli(SMALL)
    assert torch.allclose(model(grey), model(grey.roll((16, 32), (2, 3))), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["portilla-simoncelli", "portilla-simoncelli-colour"])
def test_the_observers_by_name(name):
    observer = load_model(name, size=(64, 80))
    assert observer.input.size == (64, 80)
    assert observer.names_groups(["statistics"])
    assert set(observer.groups["statistics"]) == set(observer.layers) - {"output"}
    assert observer.decide(noise(1, *observer.input.shape)) is None
    observer.require_gradient(observer.stages)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"size": (63, 200)}, "63 x 200 px given; texture statistics need 64"),
        ({"weights": "random"}, "has no weights"),
    ],
)
def test_what_it_cannot_measure_is_said(asked, message):
    with pytest.raises(InputError, match=message):
        load_model("portilla-simoncelli", **asked)
