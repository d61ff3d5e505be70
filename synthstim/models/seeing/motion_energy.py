"""Motion: energies of V1 (Adelson & Bergen 1985), divided by those around, and cells of MT that add them up (Simoncelli & Heeger 1998).

A quadrature pair of filters of one orientation, one octave and one temporal frequency, squared and summed, answers a
grating that drifts to one side and not to the other. Whatever moves with one velocity has all its power on one plane of
space and time; a cell of MT adds the energies near the plane of its own velocity and takes away those that lie far from it, so
that it prefers the direction of a pattern, where those of V1 prefer that of its parts.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.modalities.movie.input import MovieInput
from synthstim.models.seeing.sizes import require_side
from synthstim.models.seeing.steerable import SteerablePyramid, low_frequencies, neighbourhood, unit_bands

SIZE = (64, 64)
SMALLEST, FEWEST = 32, 8
# Numbers that all cells answer to one movie: 2 GiB of them, before any search.
MOST_ANSWERS = 2**29
SETTINGS = ("frames", "frame_rate_hz", "semi_saturation")
SCALES, ORIENTATIONS = 2, 4
# Temporal frequencies, in cycles a frame: 0 is what stands, and the sign is the direction along the orientation.
RATES = (-0.25, -0.125, 0.0, 0.125, 0.25)
DIRECTIONS, SPEEDS = 8, (0.5, 1.0)
# Standard deviation of the neighbourhood, in wavelengths of a band, and of a plane's thickness, in cycles a frame.
NEIGHBOURHOOD, THICKNESS = 1.0, 0.08


class MotionEnergy(nn.Module):
    """Movies (batch, 1, frame, y, x), display values -> energies of V1 from the finer scale, normalised, then cells of MT.

    ``energy_0``, ``energy_1`` (orientation and rate, frame, y, x): for each of 4 orientations five temporal frequencies, from -1/4 to
    1/4 cycle a frame in steps of 1/8; of a grating at the band's own frequencies the square of its amplitude. Orientation 0
    has its frequency along x, and they go on in steps of 45 degrees; a negative rate drifts along the orientation, to the
    right for the first, a positive one against it. ``normalised_0``, ``normalised_1`` divide them by the square of the semi-saturation and the mean
    energy of all channels around. ``pattern`` (direction and speed, frame, y, x): for each of 8 directions, from the right on in steps of
    45 degrees, downwards next, half and one pixel a frame; what a cell adds up over its receptive field (a Gaussian of 8 pixels), rectified and squared, is divided by the
    mean of all cells. The ends of a movie are joined, in space and in time.

    Departures from the papers: bands are those of the steerable pyramid times raised cosines of temporal frequency, not
    third derivatives of Gaussians and no causal filters, and there is no noise.

    Args:
        size: (height, width) of the frames, from 32 pixels.
        frames: of a movie, from 8.
        frame_rate_hz: frames a second, which give speeds their seconds and change no answer.
        semi_saturation: amplitude, in display values, at which division begins to matter.

    Raises:
        InputError: the movies are too small or short, or a setting is out of range.

    Example:
        >>> MotionEnergy((32, 32), frames=8)(torch.rand(2, 1, 8, 32, 32)).shape
        torch.Size([2, 442368])
    """

    channels = 1

    def __init__(
        self, size: tuple[int, int], *, frames: float = 16, frame_rate_hz: float = 30, semi_saturation: float = 0.05
    ) -> None:
        super().__init__()
        require_side(size, SMALLEST, shown="movies", what="motion energies")
        if not isinstance(frames, (int, float)) or frames != int(frames) or frames < FEWEST:
            raise InputError(f"frames {frames!r} given; expected a whole number from {FEWEST} on", code="mismatch")
        for name, value, most in (("frame_rate_hz", frame_rate_hz, 1000), ("semi_saturation", semi_saturation, 1)):
            if not (isinstance(value, (int, float)) and 0 < value <= most):
                raise InputError(f"{name} {value!r} given; expected more than 0, at most {most}")
        answers = round(54 * int(frames) * math.prod(size))
        if answers > MOST_ANSWERS:
            raise InputError(
                f"cells of {int(frames)} frames of {size[0]} x {size[1]} px take {4 * answers / 2**30:.1f} GiB of memory"
                f" for one movie; expected at most {4 * MOST_ANSWERS / 2**30:.0f}",
                "ask for fewer frames or a smaller size",
                code="too-large",
            )
        self.shown = MovieInput(size=size, frames=int(frames), frame_rate_hz=float(frame_rate_hz), channels=1)
        self.semi_saturation = float(semi_saturation)
        self.pyramid = SteerablePyramid(size, SCALES, ORIENTATIONS)
        layers = [f"{kind}_{scale}" for kind in ("energy", "normalised") for scale in range(SCALES)]
        self.statistics, self.groups = (*layers, "pattern"), dict[str, tuple[str, ...]]()
        self.axes = dict.fromkeys(self.statistics, "channel frame y x")
        for name in self.statistics:
            self.add_module(name, nn.Identity())
        for scale in range(SCALES):
            self.register_buffer(f"bands_{scale}", unit_bands(self.pyramid, scale).float(), persistent=False)
            around = neighbourhood(self.pyramid, scale, NEIGHBOURHOOD)
            self.register_buffer(f"around_{scale}", around.float(), persistent=False)
        self.register_buffer("rates", _rates(int(frames)).float(), persistent=False)
        self.register_buffer("planes", _planes().float(), persistent=False)

    def forward(self, movies: Tensor) -> Tensor:
        """All layers side by side, in the order of ``statistics``."""
        spectrum = torch.fft.fftn(movies[:, 0], dim=(1, 2, 3))
        found: dict[str, Tensor] = {}
        for scale in range(SCALES):
            spectrum = low_frequencies(spectrum, self.pyramid.grid(scale))
            found[f"energy_{scale}"] = self.get_submodule(f"energy_{scale}")(self._energy(spectrum, scale))
        for scale in range(SCALES):
            energy = found[f"energy_{scale}"]
            seen = torch.fft.fft2(energy.mean(1)) * getattr(self, f"around_{scale}")
            around = torch.fft.ifft2(seen).real[:, None]
            divided = energy / (self.semi_saturation**2 + around)
            found[f"normalised_{scale}"] = self.get_submodule(f"normalised_{scale}")(divided)
        normalised = [found[f"normalised_{scale}"] for scale in range(SCALES)]
        found["pattern"] = self.get_submodule("pattern")(self._pattern(normalised))
        return torch.cat([found[name].flatten(1) for name in self.statistics], 1)

    def _energy(self, spectrum: Tensor, scale: int) -> Tensor:
        """(batch, orientation and rate, frame, y, x) of the frequencies (batch, frame, y, x) on a scale's grid."""
        bands = torch.view_as_complex(getattr(self, f"bands_{scale}"))
        oriented = torch.fft.ifft2(spectrum[:, None] * bands[:, None])
        tuned = oriented[:, :, None] * self.get_buffer("rates")[:, :, None, None]
        answers = torch.fft.ifft(tuned, dim=3)
        return (answers.real.square() + answers.imag.square()).flatten(1, 2)

    def _pattern(self, normalised: list[Tensor]) -> Tensor:
        """(batch, direction and speed, frame, y, x) on the grid of the coarsest scale."""
        frames, height, width = normalised[-1].shape[2:]
        pooled = [nn.functional.adaptive_avg_pool3d(one, (frames, height, width)) for one in normalised]
        near = torch.einsum("vc,nctyx->nvtyx", self.get_buffer("planes"), torch.cat(pooled, 1))
        # A receptive field as wide as the neighbourhood that divides cells of V1 of the coarsest scale.
        summed = torch.fft.ifft2(torch.fft.fft2(near) * self.get_buffer(f"around_{SCALES - 1}")).real
        drive = summed.clamp_min(0).square()
        # Their semi-saturation is a tenth of what a cell answers to its own grating alone.
        return drive / (0.1 + drive.mean(1, keepdim=True))


def _rates(frames: int) -> Tensor:
    """Responses (rate, frame) to temporal frequencies: raised cosines a step wide, squares of which add up to 1 between the outer two."""
    steps = (torch.fft.fftfreq(frames, dtype=torch.float64) - torch.tensor(RATES, dtype=torch.float64)[:, None]) / 0.125
    return torch.where(steps.abs() < 1, torch.cos(torch.pi / 2 * steps), torch.zeros(()).double())


def _planes() -> Tensor:
    """Weights (direction and speed, scale and orientation and rate): near the plane of a velocity, and less the mean."""
    rows = []
    for direction in range(DIRECTIONS):
        for speed in SPEEDS:
            row = []
            for scale in range(SCALES):
                for orientation in range(ORIENTATIONS):
                    turn = 2 * math.pi * direction / DIRECTIONS - math.pi * orientation / ORIENTATIONS
                    # A pattern that moves with velocity v has power where rate = -v . frequency; a band's own is 1/4 cycle a sample.
                    there = -speed * math.cos(turn) / 4 / 2**scale
                    row += [math.exp(-(((rate - there) / THICKNESS) ** 2) / 2) for rate in RATES]
            rows.append(row)
    weights = torch.tensor(rows, dtype=torch.float64)
    weights = weights - weights.mean(1, keepdim=True)
    return weights / weights.clamp_min(0).sum(1, keepdim=True)


def network(size: tuple[int, int], **settings: float) -> MotionEnergy:
    """The cells of movies of this size. They have no weights."""
    return MotionEnergy(size, **settings)
