"""Noise with the amplitude spectrum, the luminance and the contrast of an image: phases are scrambled, in linear light."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synthstim.constraints import Luminance, brought_within
from synthstim.controls.cases import Case, Comparison, Control, Use, as_filed, control_id, seed_of
from synthstim.modalities.image import display_values, linear_light, luminance
from synthstim.models import Observer

# Rounds between the spectrum of the image and the range of a display.
ROUNDS = 60


def phase_scrambled(image: Tensor, generator: torch.Generator) -> Tensor:
    """Noise with the amplitude spectrum of an image.

    All colours are shifted by the same random phases, so the colours of the image, and the spectrum of its luminance, stay
    too. Phases drawn at random would leave the range of a display where the image is of high contrast, and cutting
    what leaves it costs contrast: so spectrum and range are imposed in turn (Gerchberg & Saxton 1972), which moves the
    phases to some that the range allows.

    Args:
        image: (channel, y, x) display values.
        generator: on the CPU, so that a seed gives the same noise on every device.

    Returns:
        (channel, y, x) display values, with the image's mean luminance and RMS contrast.
    """
    given = image.detach().cpu().double()[None]
    linear = linear_light(given)
    spectrum = torch.fft.rfft2(linear)
    size = given.shape[-2:]
    white = torch.randn(size, generator=generator, dtype=torch.float64)
    phases = _phases(torch.fft.rfft2(white))
    for _ in range(ROUNDS):
        noise = torch.fft.irfft2(spectrum * phases, s=size)
        phases = _phases((torch.fft.rfft2(noise.clamp(0, 1)) * spectrum.conj()).sum(1, keepdim=True))
    noise = display_values(torch.fft.irfft2(spectrum * phases, s=size).clamp(0, 1))
    seen = luminance(given)
    mean, deviation = float(seen.mean()), float(seen.std(unbiased=False))
    # What was cut is missing from the contrast.
    limit = Luminance(mean=min(max(mean, 1e-6), 1 - 1e-6), rms_contrast=deviation / max(mean, 1e-6))
    return brought_within(noise, [limit])[0].to(image.dtype)


def noise_controls(cases: Sequence[Case], observer: Observer, count: int, seed: int) -> tuple[list[Control], list[Use]]:
    """So many noise images for each case, of its controllers in turn; they meet the case's constraints."""
    made, uses = [], []
    for case in cases:
        for number in range(count):
            of, stimulus = case.controllers[number % len(case.controllers)]
            own = seed_of(seed, "noise", case.head, number)
            noise = phase_scrambled(torch.from_numpy(stimulus), torch.Generator().manual_seed(own))[None]
            (filed,) = as_filed(brought_within(noise, case.constraints), observer)
            name = control_id("noise", case.head, number)
            columns = {
                "name": case.entry,
                "copy": number,
                "seed": own,
                "start": of,
                "parametrisation": "phase scrambled",
            }
            made.append(Control(name, "control", filed, columns))
            uses.append(Use(case, "noise", name, of))
    return made, uses


def _phases(spectrum: Tensor) -> Tensor:
    """The phase of each frequency as a number of modulus 1; 1 where there is no amplitude, and at the mean."""
    size = spectrum.abs()
    phases = torch.where(size > 1e-12 * size.amax(), spectrum / size.clamp_min(1e-300), torch.ones_like(spectrum))
    phases[..., 0, 0] = 1
    return phases


CONTROL = Comparison(lambda asked: noise_controls(asked.cases, asked.observer, asked.count, asked.seed), order=20)
