"""Crops of photographs, and sites planted on a layer of a small network, for the tests of encoding models."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import skimage.data
import torch
from engine_fixture import small_network
from responses_fixture import WINDOW

from synthstim.encoding import Stimuli, layer_activations
from synthstim.models import Observer
from synthstim.responses import Responses, from_array

PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket", "camera", "coins", "grass", "brick", "gravel", "moon")


@cache
def crops(count: int, size: int = 16) -> np.ndarray:
    """Random crops of photographs, (crop, channel, y, x); crop i is of photograph i mod 10."""
    generator = np.random.default_rng(0)
    out = []
    for number in range(count):
        image = getattr(skimage.data, PHOTOGRAPHS[number % len(PHOTOGRAPHS)])().astype(np.float32) / 255
        image = image if image.ndim == 3 else np.repeat(image[..., None], 3, 2)
        side = int(generator.uniform(0.1, 0.6) * min(image.shape[:2]))
        top, left = (generator.integers(0, edge - side + 1) for edge in image.shape[:2])
        crop = cv2.resize(image[top : top + side, left : left + side], (size, size), interpolation=cv2.INTER_AREA)
        out.append(crop.transpose(2, 0, 1))
    return np.clip(np.stack(out), 0, 1)


def names(count: int) -> list[str]:
    return [f"s{number}" for number in range(count)]


def stimuli(count: int, size: int = 16) -> Stimuli:
    return Stimuli.of_arrays(names(count), crops(count, size))


def small() -> Observer:
    return small_network().to(dtype=torch.float32)


def maps_of(observer: Observer, count: int, layer: str, size: int = 16) -> np.ndarray:
    with layer_activations(observer, stimuli(count, size), [layer]) as found:
        return np.array(found[layer])


def gaussian_masks(
    count: int, grid: tuple[int, int], seed: int = 1, width: float = 0.3
) -> tuple[np.ndarray, np.ndarray]:
    """(site, y, x) of unit sum, and their centres (site, 2) from -1 to 1."""
    centres = np.random.default_rng(seed).uniform(-0.6, 0.6, (count, 2))
    y, x = np.meshgrid(*(np.linspace(-1, 1, side) for side in grid), indexing="ij")
    squared = (y - centres[:, :1, None]) ** 2 + (x - centres[:, 1:, None]) ** 2
    mask = np.exp(-squared / (2 * width**2))
    return mask / mask.sum((1, 2), keepdims=True), centres


def planted(maps: np.ndarray, sites: int, *, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Responses (stimulus, site) of mean 5 and unit variance: mask times channels of a layer; the two."""
    mask, _ = gaussian_masks(sites, maps.shape[2:], seed)
    channels = np.random.default_rng(seed).normal(size=(sites, maps.shape[1])) / maps.std((0, 2, 3)).clip(1e-6)
    signal = np.einsum("ncyx,syx,sc->ns", maps, mask, channels, optimize=True)
    spread = signal.std(0)
    return 5 + (signal - signal.mean(0)) / spread, mask, channels / spread[:, None]


def recorded(signal: np.ndarray, *, repeats: int = 4, noise: float = 0.5, seed: int = 2) -> Responses:
    """Trials with independent noise."""
    values = signal + noise * np.random.default_rng(seed).normal(size=(repeats, *signal.shape))
    sites = [f"site{number}" for number in range(signal.shape[1])]
    return from_array(values, stimulus_ids=names(len(signal)), sites=sites, window_s=WINDOW)
