"""Movies: how they are named, read, written, rounded and measured."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.modalities.base import Stimulus, StimulusInput
from synthstim.modalities.image.arrays import fit_image
from synthstim.modalities.image.displayed import Displayed
from synthstim.modalities.image.light import luminance
from synthstim.modalities.movie.files import read_movie, write_movie
from synthstim.modalities.movie.input import MovieInput
from synthstim.modalities.movie.noise import noise
from synthstim.modalities.movie.videos import VIDEOS

# Relative: what a rate that a recipe rounds to some digits, such as 29.97, is to be taken for.
SAME_RATE = 1e-5


class MovieModality(Displayed):
    """Movies (time, channel, y, x), display values in [0, 1], in animated PNG files of 8 bits."""

    name = "movie"
    carried = "photographs of scikit-image and scikit-learn, moved"
    distance_hint = "|movie − reference| / |reference|, display values"
    coding = "sRGB (IEC 61966-2-1) display values; luminance and contrast are of decoded, linear light, over all frames"
    Input = MovieInput
    suffixes = (".apng", ".gif", *VIDEOS)
    suffix = ".apng"
    parametrisations = ("spacetime",)
    columns: Mapping[str, tuple[str, str, str]] = {
        "frame_rate_hz": ("number", "Frames a second, of the saved file", "Hz"),
        "flicker": (
            "number",
            "Root mean square of the change of luminance from one frame to the next, over mean luminance, of the saved file",
            "",
        ),
    }
    tolerances = {"mean_luminance": 1e-4, "rms_contrast": 1e-3, "flicker": 1e-3, "frame_rate_hz": 1e-6}  # noqa: RUF012 - never changed
    home = "synthstim.modalities.movie"

    def read(self, path: str | Path) -> Stimulus:
        """Read the frames of a file."""
        return read_movie(path).frames

    def fitted(self, path: Path, input: StimulusInput, fit: str, how: Mapping[str, Any]) -> Stimulus:
        """Read a file and bring its frames to an observer's channels and size: the first ones, as many as it is shown.

        Raises:
            InputError: the file has another frame rate, or too few frames; neither is made up.
        """
        assert isinstance(input, MovieInput)
        held = read_movie(path)
        if abs(held.rate_hz / input.frame_rate_hz - 1) > SAME_RATE:
            raise InputError(
                f"{path.name} has {held.rate_hz:.7g} frames a second, the observer is shown {input.frame_rate_hz:g}",
                "ask for that frame rate, or write the file anew",
                code="mismatch",
            )
        if len(held.frames) < input.frames or (fit == "exact" and len(held.frames) != input.frames):
            raise InputError(
                f"{path.name} has {len(held.frames)} frames, the observer is shown {input.frames}",
                "ask for as many frames as it has",
                code="mismatch",
            )
        frames = held.frames[: input.frames]
        return np.stack([fit_image(frame, input.channels, input.size, fit) for frame in frames])

    def writing(self, input: StimulusInput) -> dict[str, Any]:
        """The frame rate."""
        assert isinstance(input, MovieInput)
        return {"rate_hz": input.frame_rate_hz}

    def writing_of(self, files: Sequence[Path]) -> dict[str, Any]:
        """The frame rate that all of them have."""
        with warnings.catch_warnings():
            # What there is to say of a file is said when its frames are taken.
            warnings.simplefilter("ignore")
            first, *others = [(path, read_movie(path).rate_hz) for path in files]
        for path, rate in others:
            if rate != first[1]:
                raise InputError(
                    f"{first[0].name} has {first[1]:g} frames a second, {path.name} {rate:g}",
                    "write all at one frame rate",
                    code="mismatch",
                )
        return {"rate_hz": first[1]}

    def write(self, path: str | Path, values: Stimulus, *, bits: int, rate_hz: float = 60.0) -> None:
        """Write an animated PNG."""
        write_movie(path, values, rate_hz=rate_hz)

    def statistics(self, path: str | Path) -> dict[str, Any]:
        """Luminance, contrast and flicker over all frames, and the frame rate."""
        held = read_movie(path)
        seen = luminance(torch.from_numpy(held.frames).double())
        mean = float(seen.mean())
        scale = mean if mean > 0 else 1.0
        return {
            "frame_rate_hz": held.rate_hz,
            "mean_luminance": mean,
            "rms_contrast": float(seen.std(unbiased=False)) / scale,
            "flicker": float(seen.diff(dim=0).square().mean().sqrt()) / scale,
        }

    def noise(self, kind: str, shape: tuple[int, ...], generators: Sequence[torch.Generator]) -> Tensor:
        """Weak noise around mid-grey."""
        self.require_start(kind)
        return noise(kind, shape, generators)
