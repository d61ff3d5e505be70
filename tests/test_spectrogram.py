"""Log amplitudes and phases as latents of sounds keep the contract of every parametrisation."""

import pytest
import torch

from synthstim.modalities.sound import raise_rate, resample
from synthstim.models import SoundInput
from synthstim.parametrise import Spectrogram

INPUTS = [SoundInput.lasting(seconds, network_rate=heard, rate=played)
          for seconds, heard, played in ((0.2, 16_000, 48_000), (0.13, 20_000, 44_100), (0.05, 16_000, 16_000))]  # fmt: skip


def sounds_of(given: SoundInput, dtype: torch.dtype) -> torch.Tensor:
    """Noise as it is played, quiet in its middle."""
    noise = torch.randn(3, given.network_samples, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    noise[:, given.network_samples // 3 : given.network_samples // 2] *= 1e-3
    return raise_rate(0.05 * noise, given.network_rate, given.rate).to(dtype)


@pytest.mark.parametrize("given", INPUTS, ids=lambda given: given.words)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_laws(given, dtype):
    spectrogram, sounds = Spectrogram(given), sounds_of(given, dtype)
    assert spectrogram.shape == given.shape
    latents = spectrogram.invert(sounds)
    assert latents.shape == (3, *spectrogram.latent_shape)
    assert latents.dtype == dtype
    rendered = spectrogram.render(latents)
    again = raise_rate(resample(sounds, given.rate, given.network_rate), given.network_rate, given.rate)
    # Where the band ends, the windows of the latents lie across it.
    assert (rendered - again).norm() < 0.02 * sounds.norm()
    if given.rate == given.network_rate:
        torch.testing.assert_close(rendered, sounds, atol=2e-5, rtol=0)
    torch.testing.assert_close(spectrogram.render(latents[1:2])[0], rendered[1], atol=1e-6, rtol=0)
    wild = spectrogram.render(spectrogram.project(torch.randn(latents.shape, dtype=dtype) * 10))
    assert wild.abs().max() <= 1

    latents.requires_grad_()
    weights = torch.randn(sounds.shape, dtype=dtype, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((spectrogram.render(latents) * weights).sum(), latents)
    assert torch.isfinite(gradient).all()
    # The first and last frequency are real: at a phase of 0 or pi it has no slope there.
    reached = gradient[:, :, 1:-1, 1:-1] != 0
    assert reached.all()


def test_gradients_are_those_of_finite_differences():
    spectrogram = Spectrogram(SoundInput.lasting(0.02, network_rate=4000, rate=8000))
    start = torch.randn(1, *spectrogram.latent_shape, dtype=torch.float64) * 0.3 - 4
    assert torch.autograd.gradcheck(spectrogram.render, start.requires_grad_())


def test_silence_has_latents_too():
    spectrogram = Spectrogram(INPUTS[0])
    latents = spectrogram.invert(torch.zeros(1, *spectrogram.shape))
    assert torch.isfinite(latents).all()
    assert spectrogram.render(latents).abs().max() < 1e-5
