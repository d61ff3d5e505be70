"""Luminance and energies in windows: each what loops over pixels find, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from engine_fixture import photograph, photographs, slopes

from synthstim import Recipe, make
from synthstim.errors import InputError
from synthstim.modalities.image import write_png
from synthstim.models import load_model
from synthstim.models.seeing.foveated_spectral import ORIENTATIONS, FoveatedSpectral

SIZE = (64, 72)
NAMES = ["foveated-energy", "foveated-luminance"]


@pytest.fixture(scope="module")
def small():
    return FoveatedSpectral(SIZE, scaling=1.2, fixation=(28, 40)).double()


def by_class(network: FoveatedSpectral, images: torch.Tensor) -> dict[str, np.ndarray]:
    """Of one image, (window, value) of each class but the centre."""
    found: dict[str, np.ndarray] = {}
    hooks = [
        network.get_submodule(name).register_forward_hook(lambda _m, _i, out, name=name: found.update({name: out[0]}))
        for name in network.statistics
    ]
    network(images)
    for hook in hooks:
        hook.remove()
    return {name: values.view(network.windows.count, -1).numpy() for name, values in found.items() if name != "centre"}


def filtered(image: np.ndarray, octave: int, orientation: int, grid: tuple[int, int]) -> np.ndarray:
    """The energy of a band, from its definition: a raised cosine of two octaves, a cosine's power in angle, one half of the plane."""
    frequencies = [np.fft.fftfreq(side, 1 / side) for side in grid]
    fy, fx = np.meshgrid(*[2 * f / side for f, side in zip(frequencies, image.shape, strict=True)], indexing="ij")
    from_peak = np.log2(np.maximum(np.hypot(fy, fx), 1e-12)) + 1 + octave
    radial = np.where(np.abs(from_peak) < 1, np.cos(np.pi / 2 * from_peak), 0)
    tuned = np.maximum(np.cos(np.arctan2(fy, fx) - np.pi * orientation / ORIENTATIONS), 0) ** (ORIENTATIONS - 1)
    spectrum = np.fft.fft2(image)[np.ix_(*(f.astype(int) for f in frequencies))]
    return np.abs(np.fft.ifft2(spectrum * 2 * radial * tuned) * math.prod(grid) / image.size) ** 2


def looped(energy: np.ndarray, weights: np.ndarray) -> list[float]:
    """Means in windows (window, y, x), pixel by pixel of the image, each of which lies in one cell of the energy's grid."""
    (height, width), (rows, columns) = weights.shape[1:], energy.shape
    means = []
    for window in weights:
        total = 0.0
        for y in range(height):
            for x in range(width):
                if window[y, x]:
                    total += window[y, x] * energy[y * rows // height, x * columns // width]
        means.append(total / window.sum())
    return means


def test_they_are_what_loops_over_windows_and_pixels_find(small):
    image = photographs("camera", SIZE, 1).double()
    window, pixel, weight = (part.numpy() for part in small.windows.entries)
    weights = np.zeros((small.windows.count, math.prod(SIZE)))
    weights[window, pixel] = weight
    weights = weights.reshape(-1, *SIZE)
    np.testing.assert_allclose(weights.sum(0) + small.windows.central().numpy(), 1, atol=1e-9)
    found = by_class(small, image)
    np.testing.assert_allclose(found["luminance"][:, 0], looped(image[0, 0].numpy(), weights), rtol=1e-9)
    for scale, orientation in ((0, 0), (0, 1), (1, 3), (2, 2)):
        energy = filtered(image[0, 0].numpy(), scale, orientation, small.pyramid.grid(scale))
        # The tables of filters are in single precision.
        np.testing.assert_allclose(found[f"energy_{scale}"][:, orientation], looped(energy, weights), rtol=1e-5)


def test_a_grating_has_the_square_of_its_amplitude_in_every_window():
    network = FoveatedSpectral((64, 64), scaling=1.0).double()
    wave = 0.5 + 0.2 * torch.cos(2 * torch.pi * 8 * torch.arange(64, dtype=torch.float64) / 64 + 1)
    found = by_class(network, wave.expand(1, 1, 64, 64))
    np.testing.assert_allclose(found["energy_1"][:, 0], 0.2**2, rtol=1e-5)
    assert max(found[name].max() for name in found if name not in ("energy_1", "luminance")) < 1e-6


def test_items_do_not_influence_one_another(small):
    images = photographs("camera coins", SIZE, 1).double()
    torch.testing.assert_close(small(images)[1:], small(images[1:]), rtol=1e-12, atol=1e-14)


def test_the_gradient_is_that_of_the_values(small):
    by_gradient, by_differences = slopes(small, SIZE)
    assert by_gradient == pytest.approx(by_differences, rel=1e-5)


@pytest.mark.parametrize("energies", [True, False])
@pytest.mark.parametrize("image", ["flat", "stripe", "half"])
def test_what_hardly_varies_has_finite_values_and_gradients(image, energies):
    shown = torch.full((1, 1, *SIZE), 0.5)
    if image == "stripe":
        shown[..., 30] = 1
    if image == "half":
        shown[..., 36:] = 0
    values = (network := FoveatedSpectral(SIZE, energies=energies, scaling=1.2))(shown.requires_grad_())
    (gradient,) = torch.autograd.grad(values.square().sum(), shown)
    assert torch.isfinite(values).all()
    assert torch.isfinite(gradient).all()
    if image == "flat":
        assert float(values[0, -1].detach()) == pytest.approx(0 if energies else 0.5, abs=1e-4)
        assert network.statistics[-1] == ("energy_3" if energies else "luminance")


@pytest.mark.parametrize(("name", "scaling", "fovea"), [(NAMES[0], 0.25, 32), (NAMES[1], 0.0625, 32)])
def test_an_observer_by_name_has_the_papers_scaling(name, scaling, fovea):
    observer = load_model(name)
    assert (observer.module.windows.scaling, observer.module.windows.inner) == (scaling, fovea)
    assert observer.input.shape == (1, 256, 256)
    assert observer.groups["statistics"][:2] == ("centre", "luminance")
    assert observer.bytes_of_item(["luminance"]) > 256**2
    asked = load_model(name, size=SIZE, settings={"scaling": 1.0, "fixation": [20, 30], "fovea": 10})
    assert asked.module.windows.centre == (20, 30)
    assert asked.module.windows.inner == 10


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"scaling": 0.01}, "a scaling of 0.01 given; expected 0.05 to 2"),
        ({"scaling": -1}, "a scaling of -1 given; expected 0.05 to 2"),
        ({"scaling": 0.06}, r"a centre of [\d.]+ px leaves nothing of an image that reaches"),
        ({"scaling": "half"}, "scaling .'half'. given; expected a number"),
        ({"fixation": [100, 5], "scaling": 1}, "the fixation .100.0, 5.0. is not on an image of 64 x 72 px"),
        ({"fixation": [5]}, r"expected \[y, x\] in pixels"),
        ({"energies": False}, "the setting 'energies' of .* given; expected scaling, fixation, fovea"),
    ],
)
def test_windows_that_cannot_be_are_said(name, settings, told):
    with pytest.raises(InputError, match=told):
        load_model(name, size=SIZE, settings=settings)


@pytest.mark.parametrize("name", NAMES)
def test_63_pixels_are_too_few(name):
    with pytest.raises(InputError, match="images of 63 x 64 px given"):
        load_model(name, size=(63, 64))


@pytest.mark.parametrize("name", NAMES)
def test_metamers_are_made_by_name(name, tmp_path):
    write_png(tmp_path / "coffee.png", photograph("coffee", SIZE, 1), bits=8)
    entry = {"name": "m", "kind": "metamer", "reference": "coffee.png", "layers": ["statistics"]}
    observer = {"name": name, "size": list(SIZE), "settings": {"scaling": 0.8}}
    made = make(Recipe.from_dict({"observer": observer, "stimuli": [entry]}, tmp_path), tmp_path / "set", budget=5)
    (row,) = made.table.to_dict("records")
    assert (row["parametrisation"], row["start"]) == ("pixels", "shaped")
    assert math.isfinite(row["match_db"])
