"""What tests share: the default observer and a small one."""

from __future__ import annotations

import pytest
import torch
from engine_fixture import small_network

from synthstim.models import Observer, load_model

# Two test processes run side by side (Makefile); threads of both on two cores would wait for one another.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def efficientnet() -> Observer:
    """EfficientNet-Lite0 with its trained weights, shown 224 x 224 pixels."""
    return load_model()


@pytest.fixture(scope="session")
def small_efficientnet() -> Observer:
    """The same network in double precision, shown 32 x 32 pixels."""
    return load_model(size=(32, 32)).to(dtype=torch.float64)


@pytest.fixture(scope="session")
def observer() -> Observer:
    """A random convolutional network in double precision, shown colour images of 16 x 16 pixels."""
    return small_network()
