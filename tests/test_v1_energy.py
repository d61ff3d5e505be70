"""Complex cells of V1: what gratings do to them, the same filters written in numpy, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from synthstim import InputError, load_model
from synthstim.models.seeing.v1_energy import ORIENTATIONS, V1Energy

SIDE = 64


def grating(cycles: int, *, amplitude: float = 0.2, phase: float = 0.0, down: bool = False) -> Tensor:
    """(1, 1, y, x), vertical bars unless ``down``."""
    wave = amplitude * torch.cos(2 * torch.pi * cycles * torch.arange(SIDE, dtype=torch.float64) / SIDE + phase)
    return (wave[:, None] if down else wave[None]).expand(SIDE, SIDE)[None, None] + 0.5


def energies(images: Tensor, kind: str = "complex") -> list[Tensor]:
    network = V1Energy((SIDE, SIDE)).double()
    parts = network(images).split([ORIENTATIONS * (SIDE // 2**scale) ** 2 for scale in range(4)] * 2, dim=1)
    sides = [SIDE // 2**scale for scale in range(4)]
    kept = parts[:4] if kind == "complex" else parts[4:]
    return [part.view(-1, ORIENTATIONS, side, side) for part, side in zip(kept, sides, strict=True)]


@pytest.mark.parametrize(("scale", "cycles"), [(0, 16), (1, 8), (2, 4)])
@pytest.mark.parametrize("phase", [0.0, 1.0, 2.5])
def test_a_grating_has_the_energy_of_its_amplitude_wherever_its_bars_lie(scale, cycles, phase):
    found = energies(grating(cycles, phase=phase))
    torch.testing.assert_close(found[scale][:, 0], torch.full_like(found[scale][:, 0], 0.2**2), rtol=1e-5, atol=1e-7)
    # No other octave sees it, and across it no orientation does.
    assert all(float(other.max()) < 1e-6 for at, other in enumerate(found) if at != scale)
    assert float(found[scale][:, ORIENTATIONS // 2].max()) < 1e-6


def test_energies_are_those_of_filters_written_in_numpy():
    image = np.random.default_rng(0).random((SIDE, SIDE))
    fy, fx = np.meshgrid(*[np.fft.fftfreq(SIDE) * 2] * 2, indexing="ij")
    octaves, angle = np.log2(np.maximum(np.hypot(fy, fx), 1e-12)), np.arctan2(fy, fx)
    # Two octaves wide, around half the Nyquist frequency; the corners of the plane, beyond it, are left out.
    radial = np.where(np.abs(octaves + 1) < 1, np.cos(np.pi / 2 * (octaves + 1)), 0)
    for orientation in range(ORIENTATIONS):
        tuned = np.maximum(np.cos(angle - np.pi * orientation / ORIENTATIONS), 0) ** (ORIENTATIONS - 1)
        wanted = np.abs(np.fft.ifft2(np.fft.fft2(image) * 2 * radial * tuned)) ** 2
        found = energies(torch.from_numpy(image)[None, None])[0][0, orientation].numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)


def test_normalised_cells_saturate_and_are_suppressed_from_across():
    def answer(image: Tensor) -> float:
        return float(energies(image, "normalised")[1][0, 0].mean())

    weak, strong = answer(grating(8, amplitude=0.02)), answer(grating(8, amplitude=0.2))
    assert 1 < strong / weak < 30  # 100 without division
    masked = grating(8, amplitude=0.1) + grating(8, amplitude=0.2, down=True) - 0.5
    assert answer(masked) < 0.6 * answer(grating(8, amplitude=0.1))


def test_it_is_an_observer_by_name():
    observer = load_model("v1-energy", size=(SIDE, 48), settings={"semi_saturation": 0.1})
    assert observer.layers["normalised_1"] == (ORIENTATIONS, 32, 24)
    assert observer.groups["complex"] == tuple(f"complex_{scale}" for scale in range(4))
    with pytest.raises(InputError, match="semi_saturation 2 given; expected more than 0, at most 1"):
        load_model("v1-energy", settings={"semi_saturation": 2})
    with pytest.raises(InputError, match="V1 energies need 32 px or more"):
        load_model("v1-energy", size=(16, 16))


def test_gradients_are_right():
    network = V1Energy((32, 32)).double()
    image = torch.rand(
        1, 1, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True
    )
    weights = torch.randn(network(image).shape[1], dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    direction = torch.randn(image.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    (gradient,) = torch.autograd.grad(network(image)[0] @ weights, image)
    step = 1e-6
    with torch.no_grad():
        change = (network(image + step * direction)[0] - network(image - step * direction)[0]) @ weights / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(float(change), rel=1e-6)
