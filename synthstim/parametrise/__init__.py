"""Parametrisations: latents that an optimiser moves, and the stimuli that they render to."""

from synthstim.parametrise.base import Drawing, Invertible, Parametrisation, first_latents, latents_of
from synthstim.parametrise.concentrations import Concentrations
from synthstim.parametrise.decoder import Decoded
from synthstim.parametrise.fourier import Fourier
from synthstim.parametrise.pixels import Pixels
from synthstim.parametrise.spacetime import Spacetime
from synthstim.parametrise.spectrogram import Spectrogram
from synthstim.parametrise.waveform import Waveform

__all__ = [
    "Concentrations",
    "Decoded",
    "Drawing",
    "Fourier",
    "Invertible",
    "Parametrisation",
    "Pixels",
    "Spacetime",
    "Spectrogram",
    "Waveform",
    "first_latents",
    "latents_of",
]
