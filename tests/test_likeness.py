"""Structural similarity: as another package computes it, its laws, and what a check finds of it."""

import numpy as np
import pytest
from skimage.metrics import structural_similarity as reference_ssim

from synthstim.modalities.image.likeness import structural_similarity


def images(shape, spread, seed=0):
    random = np.random.default_rng(seed)
    one = random.random(shape, np.float32)
    return one, np.clip(one + spread * random.standard_normal(shape), 0, 1).astype(np.float32)


@pytest.mark.parametrize("spread", [0.05, 0.3])
@pytest.mark.parametrize("shape", [(1, 96, 64), (3, 80, 80)])
def test_it_is_that_of_another_package(shape, spread):
    one, other = images(shape, spread)
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    # They differ in what lies beyond the edge.
    assert structural_similarity(one, other) == pytest.approx(
        reference_ssim(one, other, channel_axis=0, data_range=1.0, **settings), abs=0.01
    )


@pytest.mark.parametrize("shape", [(1, 32, 40), (3, 8, 5), (1, 1, 1)])
def test_it_is_symmetric_one_for_the_same_image_and_falls_with_noise(shape):
    one, near = images(shape, 0.05)
    _, far = images(shape, 0.5)
    assert structural_similarity(one, one) == pytest.approx(1.0, abs=1e-6)
    assert structural_similarity(one, near) == pytest.approx(structural_similarity(near, one), abs=1e-9)
    if min(shape[1:]) > 1:
        assert structural_similarity(one, far) < structural_similarity(one, near) < 1
