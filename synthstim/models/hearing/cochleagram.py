"""Cochleagrams: what reaches the auditory nerve, as a differentiable picture of a sound, channel by frame.

Filters of the ear (``erb``), the Hilbert envelope of each band, anti-aliased resampling to a frame rate, and power
compression. Presets are the front ends of Feather et al. 2023 (doi:10.1038/s41593-023-01442-0), Kell et al. 2018
(doi:10.1016/j.neuron.2018.03.044) and McDermott & Simoncelli 2011 (doi:10.1016/j.neuron.2011.06.032).
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict

import numpy as np
import torch
from torch import Tensor, nn

from synthstim.errors import InputError, nearest
from synthstim.models.hearing.compression import Compress, Compression, Rectify
from synthstim.models.hearing.envelopes import Envelopes
from synthstim.models.hearing.erb import ErbBands
from synthstim.models.hearing.frames import Frames
from synthstim.models.hearing.picture import CochleagramPicture

RATE = 20_000
STAGES = ("cochleagram",)


@dataclasses.dataclass(frozen=True)
class Preset:
    """A published front end: the rate it hears at (Hz) and its stages."""

    rate: int
    bands: ErbBands
    frames: Frames
    compression: Compression
    picture: tuple[int, int] | None = None


# Kell's slope limit is the one that Feather et al. 2019 put on the same front end: 1 for envelopes scaled by 796.874,
# which is 796.874**0.7 for unscaled ones. It acts below an envelope of 2e-4.
_KELL_SLOPE = 107.0
PRESETS: dict[str, Preset] = {
    "feather2023": Preset(RATE, ErbBands(50, 50, 10_000, 4), Frames(200), Compression(0.3)),
    "kell2018": Preset(
        16_000,
        ErbBands(50, 20, 8_000, 4),
        Frames(200, taps=1601, padding=(800, 800)),
        Compression(0.3, slope_limit=_KELL_SLOPE),
        picture=(256, 256),
    ),
    "mcdermott2011": Preset(
        RATE,
        ErbBands(30, 20, 10_000, 1),
        Frames(400, padding=(500, 500)),
        Compression(0.3, slope_limit=None, first=True),
    ),
}


class Cochleagram(nn.Module):
    """A sound (batch, time), full scale, at ``rate`` Hz -> its cochleagram (batch, channel, frame), low to high.

    Sounds have ``samples`` samples. ``picture`` (channels, frames) stretches each cochleagram to 0 to 255 and resizes
    it, as Kell et al. did. ``compat`` keeps quirks of the 2023 code that its networks were trained with: envelopes at
    half amplitude and nowhere under 1e-8, and a resampling filter whose sinc is half a sample late. ``over`` trades
    time for accuracy (``Envelopes``). ``shape`` is (channel, frame), ``centre_frequencies`` (channel,) and
    ``frame_rate`` are in Hz, of what comes out. Submodules: ``envelopes`` (resampled), ``compression``, ``picture``.

    Raises InputError for a sound too short, and for bands beyond half the rate.

    >>> import torch
    >>> cochleagram = Cochleagram.preset("feather2023", samples=40_000)
    >>> cochleagram(torch.zeros(1, 40_000)).shape
    torch.Size([1, 211, 390])
    """

    def __init__(
        self,
        samples: int,
        *,
        rate: float = RATE,
        bands: ErbBands = ErbBands(),  # noqa: B008  frozen
        frames: Frames = Frames(),  # noqa: B008
        compression: Compression = Compression(),  # noqa: B008
        picture: tuple[int, int] | None = None,
        compat: bool = False,
        over: float | None = None,
    ) -> None:
        super().__init__()
        if compat:
            frames = dataclasses.replace(frames, shift=0.5)
        self.samples, self.rate = samples, rate
        compress = Compress(compression)
        self.envelopes = Envelopes(
            samples,
            rate=rate,
            bands=bands,
            frames=frames,
            half=compat,
            compress=compress if compression.first else None,
            over=over,
        )
        self.compression = Rectify() if compression.first else compress
        given = self.envelopes.shape
        self.picture = CochleagramPicture(given, picture) if picture else nn.Identity()
        self.shape = picture or given
        self.frame_rate = frames.rate * self.shape[1] / given[1]
        self.centre_frequencies: Tensor
        places = (np.arange(self.shape[0]) + 0.5) * (given[0] / self.shape[0]) - 0.5
        centres = torch.from_numpy(np.interp(places, np.arange(given[0]), bands.centre_frequencies)).float()
        self.register_buffer("centre_frequencies", centres, persistent=False)

    @classmethod
    def preset(cls, name: str = "feather2023", *, samples: int, compat: bool = False) -> Cochleagram:
        """Return a published front end for sounds of ``samples`` samples at its rate, ``PRESETS[name].rate``.

        To compare values with the package that Feather et al. published, ask for ``compat``: its envelopes have half the
        amplitude, so that its cochleagrams are 2**-0.3, or 0.81, of those without. As an observer that is
        ``cochleagram-feather2023``; ``cochleagram`` has whole envelopes.
        """
        if name not in PRESETS:
            raise InputError(f"no cochleagram is called {name!r}; {nearest(name, PRESETS)}")
        given = PRESETS[name]
        return cls(
            samples,
            rate=given.rate,
            bands=given.bands,
            frames=given.frames,
            compression=given.compression,
            picture=given.picture,
            compat=compat,
        )

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the cochleagrams (batch, channel, frame) of sounds (batch, time)."""
        if waveforms.ndim != 2 or waveforms.shape[1] != self.samples:
            raise InputError(
                f"a cochleagram of sounds of {self.samples} samples got a tensor of shape {tuple(waveforms.shape)}; "
                f"give (batch, {self.samples})"
            )
        return self.picture(self.compression(self.envelopes(waveforms)))


def rate_of(preset: str = "feather2023", compat: bool = False) -> int:
    """The rate in Hz that a preset hears at."""
    return PRESETS[preset].rate


def network(samples: int, *, trained: bool = True, preset: str = "feather2023", compat: bool = False) -> nn.Sequential:
    """A cochleagram as an observer's network: one stage, ``cochleagram``. It has no weights; ``trained`` is ignored."""
    return nn.Sequential(OrderedDict(cochleagram=Cochleagram.preset(preset, samples=samples, compat=compat)))
