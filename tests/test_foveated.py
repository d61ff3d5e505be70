"""Foveated statistics: windows as published that sum to 1, and in each window what a slow implementation finds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from engine_fixture import photographs, slopes

from synthstim.errors import InputError
from synthstim.models import load_model
from synthstim.models.seeing.band_moments import half_plane
from synthstim.models.seeing.foveated import FoveatedStatistics
from synthstim.models.seeing.pooling import PoolMatrix, pooled, pooled_lags, pooled_products
from synthstim.models.seeing.portilla_simoncelli import PortillaSimoncelli
from synthstim.models.seeing.windows import LogPolarWindows, profile
from synthstim.observers import open_observer

SIZES = [((64, 64), {"scaling": 1.0}), ((96, 150), {"scaling": 0.6, "fixation": (20, 100)}), ((81, 64), {"fovea": 10})]


@pytest.fixture(scope="module")
def small():
    return FoveatedStatistics((64, 72), scaling=1.2).double()


def published(x: float, t: float = 0.5) -> float:
    """The window of Freeman & Simoncelli 2011, equation 9."""
    if -(1 + t) / 2 < x <= (t - 1) / 2:
        return math.cos(math.pi / 2 * (x - (t - 1) / 2) / t) ** 2
    if (t - 1) / 2 < x <= (1 - t) / 2:
        return 1.0
    if (1 - t) / 2 < x <= (1 + t) / 2:
        return 1 - math.cos(math.pi / 2 * (x - (1 + t) / 2) / t) ** 2
    return 0.0


def test_the_profile_is_the_published_one():
    places = torch.linspace(-1, 1, 401, dtype=torch.float64)
    np.testing.assert_allclose(profile(places), [published(float(x)) for x in places], atol=1e-12)


@pytest.mark.parametrize(("size", "given"), SIZES)
def test_windows_are_products_of_ring_and_sector(size, given):
    windows = LogPolarWindows(size, **given)
    _, pixel, weight = windows.entries
    y0, x0 = windows.centre
    rings = math.floor(math.log(windows.farthest / windows.inner) / windows.step - 0.75)
    for place in np.random.default_rng(0).choice(math.prod(size), 60, replace=False):
        y, x = divmod(int(place), size[1])
        radius, angle = math.hypot(y - y0, x - x0), math.atan2(y - y0, x - x0) % (2 * math.pi)
        step = min(math.log(max(radius, 1e-9) / windows.inner) / windows.step - 0.75, rings)
        of_ring = [published(step - n) for n in range(rings + 1)]
        turn = angle / (2 * math.pi) * windows.sectors
        of_sector = [
            max(published(turn - n + wrap) for wrap in (0, windows.sectors, -windows.sectors))
            for n in range(windows.sectors)
        ]
        wanted = sorted(one * other for one in of_ring for other in of_sector if one * other > 1e-12)
        found = sorted(value for value in weight[pixel == place].tolist() if value > 1e-12)
        np.testing.assert_allclose(found, wanted, atol=1e-9)


@pytest.mark.parametrize(("size", "given"), SIZES)
def test_windows_and_centre_sum_to_one_on_every_grid(size, given):
    windows = LogPolarWindows(size, **given)
    assert windows.central().min() > -1e-12
    y, x = (round(at) for at in windows.centre)
    assert float(windows.central()[y, x]) == 1
    for grid in (size, (size[0] // 2 + size[0] % 2, size[1] // 2), (5, 7)):
        window, cell, weight = windows.on_grid(grid)
        assert len(torch.unique(window)) == windows.count
        rows, columns = (torch.arange(side) * count // side for side, count in zip(size, grid, strict=True))
        cells = (rows[:, None] * grid[1] + columns[None]).flatten()
        wanted = torch.zeros(math.prod(grid), dtype=torch.float64).index_add(0, cells, 1 - windows.central().flatten())
        found = torch.zeros(math.prod(grid), dtype=torch.float64).index_add(0, cell, weight)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("size", "given"), SIZES)
def test_what_is_smoothed_has_the_means_of_windows(size, given):
    windows = LogPolarWindows(size, **given)
    centre = windows.central()
    flat = windows.smoothed(torch.full((1, *size), 0.3, dtype=torch.float64))[0]
    torch.testing.assert_close(flat, 0.3 * (1 - centre), rtol=0, atol=1e-9)
    image = photographs("camera", size, 1)[0].double()
    window, pixel, weight = (part.numpy() for part in windows.entries)
    means = [
        np.average(image.flatten()[pixel[window == at]], weights=weight[window == at]) for at in range(windows.count)
    ]
    place = int(pixel[len(pixel) // 3])
    here = pixel == place
    assert float(windows.smoothed(image).flatten()[place]) == pytest.approx(
        (weight[here] * np.take(means, window[here])).sum()
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_what_a_metamer_begins_from_is_the_reference_in_the_centre_and_means_of_windows_around_it(channels):
    network = FoveatedStatistics((64, 72), channels=channels, scaling=1.2)
    references = photographs("camera coffee", (64, 72), channels)
    drawn = [[torch.Generator().manual_seed(seed) for seed in seeds] for seeds in ((1, 2), (2,), (3,))]
    both, alone, other = (
        network.noise_like(given, seeds)
        for given, seeds in zip((references, references[1:], references[1:]), drawn, strict=True)
    )
    assert torch.equal(both[1], alone[0])
    assert not torch.equal(alone, other)
    assert 0 <= float(both.min()) < float(both.max()) <= 1
    whole = network.windows.central() > 1 - 1e-9
    torch.testing.assert_close(both[..., whole], references[..., whole].double())
    pool = network._pool(0, both)
    means = [pooled(images.double().flatten(2).permute(2, 0, 1).contiguous(), pool) for images in (both, references)]
    torch.testing.assert_close(*means, rtol=0, atol=0.15)


def test_windows_grow_with_eccentricity_by_the_scaling():
    windows = LogPolarWindows((512, 512), scaling=0.5, fovea=16)
    # Half the height is reached half a step from the middle on either side.
    middle = windows.inner * math.exp(windows.step * 1.75)
    inner, outer = (middle * math.exp(sign * windows.step / 2) for sign in (-1, 1))
    assert (outer - inner) / middle == pytest.approx(0.5)
    assert windows.sectors == round(4 * math.pi / 0.5)


@pytest.mark.parametrize("channels", [1, 3])
def test_one_window_over_all_has_the_moments_of_a_whole_image(channels, monkeypatch):
    size = (72, 64)
    whole = PortillaSimoncelli(size, channels=channels).double()
    one = FoveatedStatistics(size, channels=channels, scaling=1.0).double()

    def uniform(scale, like):
        count = math.prod(one.grids[scale])
        weights = torch.ones(count, dtype=like.dtype)
        return PoolMatrix(torch.zeros(count, dtype=torch.long), torch.arange(count), weights, 1, count)

    monkeypatch.setattr(one, "_pool", uniform)
    images, wanted = photographs("coffee astronaut", size, channels).double(), {}
    for name in whole.statistics:
        whole.get_submodule(name).register_forward_hook(lambda _m, _i, out, name=name: wanted.update({name: out}))
    whole(images)
    moments = one.moments(images)
    came = whole._of_low(moments.low, images) | whole._of_bands(moments.bands) | whole._across_scales(moments.bands)
    grown = torch.tensor(one.grown, dtype=torch.float64)
    came["deviation"] = came["deviation"] * grown
    came["magnitude_deviation"] = came["magnitude_deviation"] * grown[:-1, None]
    came["highpass_variance"] = moments.high
    if channels > 1:
        came["colour_correlation"] = whole._between_colours(moments.low, moments.bands)
    assert came.keys() == set(whole.statistics) - {"pixels"}
    for name, values in came.items():
        scale = wanted[name].abs().max()
        torch.testing.assert_close(values.flatten(1) / scale, wanted[name] / scale, rtol=0, atol=1e-6)
    pixels = wanted["pixels"].view(2, channels, 6)
    # Their variance is that of a sample.
    torch.testing.assert_close(moments.pixels.mean, pixels[..., 0])
    torch.testing.assert_close(moments.pixels.variance, pixels[..., 1], rtol=1e-3, atol=0)
    torch.testing.assert_close(moments.pixels.fourth, pixels[..., 3] * pixels[..., 1] ** 2, rtol=1e-6, atol=0)


def test_a_windows_statistics_are_those_of_a_slow_implementation(small):
    image, found = photographs("camera", (64, 72), 1).double(), {}
    for name in small.statistics:
        small.get_submodule(name).register_forward_hook(lambda _m, _i, out, name=name: found.update({name: out[0]}))
    small(image)
    scale, one, count = 1, 3, small.windows.count
    grid = small.grids[scale]
    window, cell, weight = (part.numpy() for part in small.windows.on_grid(grid))
    share = np.zeros(math.prod(grid))
    share[cell[window == one]] = weight[window == one] / weight[window == one].sum()
    share = share.reshape(grid)
    keep = np.ix_(*(np.fft.fftfreq(side, 1 / side).astype(int) for side in grid))
    spectrum = np.fft.fft2(image[0, 0])[keep] / small.grown[scale]
    fine, coarse = (
        [np.fft.ifft2(spectrum * each) for each in small.pyramid.bands(octave, scale).numpy()] for octave in (1, 2)
    )

    def centred(values):
        return np.abs(values) - np.abs(values).mean()

    def mean(values):
        return float((share * values).sum())

    def covariance(values, other):
        return mean(values * other) - mean(values) * mean(other)

    sizes, coarser = [list(map(centred, bands)) for bands in (fine, coarse)]
    doubled = [each**2 / np.abs(each) for each in coarse]
    moved = [np.roll(sizes[0], (-y, -x), (0, 1)) for y, x in half_plane(3)[1:]]
    lags = len(moved)
    wanted = {
        "magnitude_deviation": [covariance(each, each) for each in sizes],
        "magnitude_autocorrelation": [mean(sizes[0] * each) - mean(sizes[0]) ** 2 for each in moved],
        "orientation_correlation": [covariance(sizes[i], sizes[j]) for i in range(4) for j in range(i)],
        "scale_correlation": [covariance(sizes[i], coarser[j]) for i in range(4) for j in range(4)],
        "phase_correlation": [
            mean(fine[i].real * part)
            for i in range(4)
            for part in (*(d.real for d in doubled), *(d.imag for d in doubled))
        ],
        "magnitude_mean": [mean(np.abs(each)) for each in fine],
    }
    came = {
        "magnitude_deviation": found["magnitude_deviation"].view(count, 4, 4)[one, :, scale],
        "magnitude_autocorrelation": found["magnitude_autocorrelation"].view(count, 4, -1)[one, 0, lags : 2 * lags],
        "orientation_correlation": found["orientation_correlation"].view(count, 4, 6)[one, scale],
        "scale_correlation": found["scale_correlation"].view(count, 3, 16)[one, scale],
        "phase_correlation": found["phase_correlation"].view(count, 3, 32)[one, scale],
        "magnitude_mean": found["magnitude_mean"].view(count, 4, 4)[one, scale],
    }
    for name, values in wanted.items():
        np.testing.assert_allclose(
            came[name].numpy(), values, rtol=1e-5, atol=1e-6 * np.abs(values).max(), err_msg=name
        )


def test_pools_are_weighted_means_and_their_gradients_exact():
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(3, 12, generator=generator, dtype=torch.float64)
    window, place = (part.flatten() for part in torch.meshgrid(torch.arange(3), torch.arange(12), indexing="ij"))
    pool = PoolMatrix(window, place, weights.flatten(), 3, 12)
    share = weights / weights.sum(1, keepdim=True)
    maps = torch.rand(12, 2, 3, generator=generator, dtype=torch.float64).requires_grad_()
    torch.testing.assert_close(pooled(maps, pool), torch.einsum("wp,pnm->wnm", share, maps))
    torch.testing.assert_close(
        pooled_products(maps, maps[..., :2], pool), torch.einsum("wp,pni,pnj->wnij", share, maps, maps[..., :2])
    )
    lags = [(0, 0), (1, -1), (0, 2)]
    moved = torch.stack([maps.unflatten(0, (3, 4)).roll((-y, -x), (0, 1)).flatten(0, 1) for y, x in lags], -1)
    torch.testing.assert_close(
        pooled_lags(maps, pool, lags, (3, 4)), torch.einsum("wp,pnm,pnml->wnml", share, maps, moved)
    )
    for check in (
        lambda x: pooled(x, pool), lambda x: pooled_products(x, x.square(), pool), lambda x: pooled_lags(x, pool, lags, (3, 4))
    ):  # fmt: skip
        assert torch.autograd.gradcheck(check, (maps,))


def test_the_gradient_is_that_of_the_statistics(small):
    by_gradient, by_differences = slopes(small, (64, 72))
    assert by_gradient == pytest.approx(by_differences, rel=1e-5)


@pytest.mark.parametrize("image", ["flat", "stripe", "half"])
def test_what_hardly_varies_has_finite_statistics_and_gradients(image):
    shown = torch.full((1, 1, 64, 72), 0.5)
    if image == "stripe":
        shown[..., 30] = 1
    if image == "half":
        shown[..., 36:] = 0
    network = FoveatedStatistics((64, 72), scaling=1.2)
    shown.requires_grad_()
    values = network(shown)
    (gradient,) = torch.autograd.grad(values.square().sum(), shown)
    assert torch.isfinite(values).all()
    assert torch.isfinite(gradient).all()


def test_what_is_at_the_fixation_is_pixels_and_the_rest_moves_freely_within_a_window(small):
    image = photographs("camera", (64, 72), 1).double()
    centre = small.windows.central()[None, None]
    small(image)
    y, x = (round(at) for at in small.windows.centre)
    changed = image.clone()
    changed[..., y, x] += 0.1
    read = load_foveated(scaling=1.2)
    one, other = (read.activations(shown.float(), ["centre", "pixels"]) for shown in (image, changed))
    assert float((one["centre"] - other["centre"]).abs().max()) == pytest.approx(0.1, abs=1e-6)
    assert torch.equal(one["pixels"], other["pixels"])
    assert centre.shape == image.shape


def load_foveated(**settings):
    return load_model("foveated", size=(64, 72), settings=settings)


def test_the_observer_by_name_keeps_its_settings():
    observer = load_foveated(scaling=1.0, fixation=[20, 30])
    assert observer.opening["settings"] == {"scaling": 1.0, "fixation": [20, 30]}
    again = open_observer(**{key: value for key, value in observer.opening.items() if key != "size"}, size=(64, 72))
    assert again.module.windows == observer.module.windows
    assert observer.groups["statistics"][0] == "centre"
    assert load_model("foveated-colour", size=(64, 64), settings={"scaling": 1.5}).input.channels == 3


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"scaling": 0.01}, "a scaling of 0.01 given; expected 0.05 to 2"),
        ({"scaling": 0.1}, "a centre of 80 px leaves nothing of an image that reaches"),
        ({"scaling": "half"}, "scaling .'half'. given; expected a number"),
        ({"fixation": [100, 5]}, "the fixation .100.0, 5.0. is not on an image of 64 x 72 px"),
        ({"fixation": [5]}, r"expected \[y, x\] in pixels"),
        ({"rings": 3}, "the setting 'rings' of foveated given; expected scaling, fixation, fovea"),
        ({"fovea": 500}, "leaves nothing of an image"),
    ],
)
def test_windows_that_cannot_be_are_said(settings, told):
    with pytest.raises(InputError, match=told):
        load_foveated(**settings)


def test_63_pixels_are_too_few():
    with pytest.raises(InputError, match="images of 63 x 64 px given"):
        load_model("foveated", size=(63, 64))


def test_settings_are_for_models_that_have_some():
    with pytest.raises(InputError, match="efficientnet-lite0 has no settings, scaling given"):
        load_model("efficientnet-lite0", settings={"scaling": 1})
    with pytest.raises(InputError, match="the setting 'scaling' of portilla-simoncelli given, which has none"):
        load_model("portilla-simoncelli", settings={"scaling": 1})
