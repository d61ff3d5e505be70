"""Mel spectrograms: bands as other packages have them, tones in their places, gradients everywhere."""

import numpy as np
import pytest
import torch
from transformers.audio_utils import mel_filter_bank

from synthstim.errors import InputError
from synthstim.models import load_model
from synthstim.models.hearing.mel import RATE, WINDOW, mel_filters


@pytest.mark.parametrize("bands", [40, 64, 80])
@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_bands_are_those_of_another_package(scale, bands):
    norm = {"slaney": "slaney", "htk": None}[scale]
    other = mel_filter_bank(WINDOW // 2 + 1, bands, 0.0, RATE / 2, RATE, norm=norm, mel_scale=scale)
    np.testing.assert_allclose(mel_filters(bands, scale=scale), other.T, rtol=1e-6, atol=1e-8)


def test_bands_that_hold_no_bin_are_refused():
    with pytest.raises(InputError, match=r"200 mel bands hold no bin of a window of 400 samples"):
        mel_filters(200)
    with pytest.raises(InputError, match="no mel scale is called 'slany'"):
        mel_filters(40, scale="slany")


@pytest.mark.parametrize("name", ["mel", "mel-htk"])
def test_a_tone_is_in_the_band_around_it(name):
    observer = load_model(name, seconds=0.5, rate=RATE)
    bins = torch.arange(WINDOW // 2 + 1) * RATE / WINDOW
    filters = observer.module.mel.filters
    for frequency in (400.0, 1000.0, 3000.0, 6000.0):
        tone = 0.1 * torch.sin(2 * torch.pi * frequency * torch.arange(observer.input.samples) / RATE)
        band = observer.activations(tone[None], ["mel"])["mel"][0, :, 20].argmax()
        held = bins[filters[band] > 0]
        assert held.min() - RATE / WINDOW <= frequency <= held.max() + RATE / WINDOW


def test_ten_times_the_amplitude_is_two_decades_and_silence_has_a_gradient():
    observer = load_model("mel", seconds=0.5, rate=RATE)
    noise = 0.01 * torch.randn(1, observer.input.samples, generator=torch.Generator().manual_seed(0))
    quiet, loud = (observer.activations(scale * noise, ["mel"])["mel"] for scale in (1, 10))
    torch.testing.assert_close(loud - quiet, torch.full_like(quiet, 2.0), rtol=0, atol=2e-2)
    faint = (1e-6 * noise).requires_grad_()
    observer.activations(faint, ["mel"])["mel"].sum().backward()
    assert faint.grad.isfinite().all()
    assert (faint.grad != 0).float().mean() > 0.9


def test_a_sound_shorter_than_a_window_is_refused():
    with pytest.raises(InputError, match="give at least 400"):
        load_model("mel", seconds=0.02, rate=RATE)
