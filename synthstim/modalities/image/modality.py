"""Images: how they are named, read, written, rounded and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synthstim.modalities.base import Stimulus, StimulusInput
from synthstim.modalities.image.arrays import fit_image
from synthstim.modalities.image.displayed import Displayed
from synthstim.modalities.image.input import ImageInput
from synthstim.modalities.image.light import luminance_statistics
from synthstim.modalities.image.likeness import structural_similarity
from synthstim.modalities.image.noise import noise, shaped_noise
from synthstim.modalities.image.png import write_png
from synthstim.modalities.image.reading import SUFFIXES, bit_depth, read_image


class ImageModality(Displayed):
    """Images (channel, y, x), display values in [0, 1], in PNG files of 8 or 16 bits."""

    name = "image"
    article = "an"
    carried = "scikit-image and scikit-learn"
    distance_hint = "|image − reference| / |reference|, display values"
    coding = "sRGB (IEC 61966-2-1) display values; luminance and contrast are of decoded, linear light"
    Input = ImageInput
    suffixes = SUFFIXES
    suffix = ".png"
    bits = (8, 16)
    settings = ("match_luminance", "total_variation", "robustness")
    parametrisations = ("fourier", "pixels", "decoder")
    controls = ("noise", "gabor")
    starts = ("pink", "white", "shaped")
    shaped_starts = ("shaped",)
    columns: Mapping[str, tuple[str, str, str]] = {
        "ssim": ("number", "Structural similarity to the reference (Wang et al. 2004), in display values, of the saved file", "-1 to 1")
    }  # fmt: skip
    tolerances = {"mean_luminance": 1e-4, "rms_contrast": 1e-3, "ssim": 2e-3}  # noqa: RUF012 - never changed
    resizes = True
    looped = "passive_fixation"
    weighs_statistics = True
    home = "synthstim.modalities.image"

    def read(self, path: str | Path) -> Stimulus:
        """Read an image file."""
        return read_image(path)

    def fitted(self, path: Path, input: StimulusInput, fit: str, how: Mapping[str, Any]) -> Stimulus:
        """Read an image file and bring it to an observer's channels and size."""
        assert isinstance(input, ImageInput)
        return fit_image(read_image(path), input.channels, input.size, fit)

    def write(self, path: str | Path, values: Stimulus, *, bits: int) -> None:
        """Write a PNG file."""
        write_png(path, values, bits=bits)

    def bits_of(self, path: str | Path) -> int:
        """The bits of a file's channels: 8 or 16."""
        return bit_depth(path)

    def reference_bits(self, bits: int | None) -> int:
        """As many as of its metamers."""
        return bits or self.default_bits

    def statistics(self, path: str | Path) -> dict[str, Any]:
        """Luminance and contrast."""
        mean, contrast = luminance_statistics(read_image(path))
        return {"mean_luminance": mean, "rms_contrast": contrast}

    def between(self, stimulus: Stimulus, reference: Stimulus) -> dict[str, float]:
        """Distance and structural similarity."""
        return super().between(stimulus, reference) | {"ssim": structural_similarity(stimulus, reference)}

    def noise(self, kind: str, shape: tuple[int, ...], generators: Sequence[torch.Generator]) -> Tensor:
        """Weak noise around mid-grey."""
        self.require_start(kind)
        return noise(kind, shape, generators)

    def shaped(self, kind: str, references: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Noise with the spectrum and histogram of each reference."""
        return shaped_noise(references.cpu(), generators)
