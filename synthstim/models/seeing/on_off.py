"""ON and OFF cells of the retina and thalamus, with gain control of luminance and of contrast (Berardino et al. 2017).

A difference of Gaussians is divided by the luminance around, then by the contrast around, and rectified. Parameters are the
published ones, which were fitted to people's judgements of distorted photographs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from synthstim.errors import InputError
from synthstim.models.seeing.sizes import require_side

SIZE = (128, 128)
# Gaussians are cut to so many pixels, and images mirrored beyond their ends.
KERNEL = 31
SMALLEST = KERNEL // 2 + 1
# Of the difference, as published.
AMPLITUDE = 1.25
# Under the root of a contrast, so that it has a gradient where there is none: in the square of a display value.
_TINY = 1e-12
# (ON, OFF): standard deviations in pixels, then the gains; Table 2 of Berardino's thesis (2018), as plenoptic has it.
_PUBLISHED = {
    "centre": (1.237, 0.3233),
    "surround": (30.12, 2.184),
    "luminance": (76.4, 2.184),
    "contrast": (7.49, 2.43),
    "luminance_gain": (3.2637, 14.3961),
    "contrast_gain": (7.3405, 16.7423),
}
SETTINGS = tuple(_PUBLISHED)


class OnOff(nn.Module):
    """Images (batch, 1, y, x), display values -> four stages (cell, y, x), cell 0 ON and cell 1 OFF, at every pixel.

    ``difference`` is the centre less the surround, of OFF the surround less the centre, times 1.25. ``luminance`` divides it by 1 and the gain
    times the mean of the image around; ``contrast`` by 1 and the gain times the root mean square of ``luminance`` around. ``rectified`` is
    log(1 + exp(contrast)). The image is mirrored at its ends.

    Args:
        size: (height, width) of the images, from 16 pixels.
        settings: by name, two numbers each for ON and OFF: ``centre``, ``surround``, ``luminance`` and ``contrast``, standard deviations in
            pixels of Gaussians that are 31 pixels wide; ``luminance_gain`` and ``contrast_gain``. The published ones where left out.

    Raises:
        InputError: the images are too small, or a setting is not two such numbers.

    Example:
        >>> OnOff((32, 32))(torch.rand(1, 1, 32, 32)).shape
        torch.Size([1, 2, 32, 32])
    """

    channels = 1
    statistics = ("difference", "luminance", "contrast", "rectified")
    groups: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - never changed
    axes = dict.fromkeys(statistics, "channel y x")
    profiles: Tensor
    gains: Tensor

    def __init__(self, size: tuple[int, int], **settings: Sequence[float]) -> None:
        super().__init__()
        require_side(size, SMALLEST, shown="images", what="ON and OFF cells")
        values = {name: _read(name, settings.get(name, usual)) for name, usual in _PUBLISHED.items()}
        for name in self.statistics:
            self.add_module(name, nn.Identity())
        place = torch.arange(KERNEL, dtype=torch.float64) - KERNEL // 2
        widths = torch.tensor([values[name] for name in ("centre", "surround", "luminance", "contrast")])
        # A Gaussian of two dimensions on a square is the product of two of one.
        profiles = torch.exp(-(place**2) / (2 * widths.double().flatten()[:, None] ** 2))
        self.register_buffer("profiles", (profiles / profiles.sum(1, keepdim=True)).float(), persistent=False)
        gains = torch.tensor([values["luminance_gain"], values["contrast_gain"]])
        self.register_buffer("gains", gains[..., None, None].float(), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """The last stage (batch, cell, y, x)."""
        around, contrast = self.profiles.split([6, 2])
        centre, surround, luminance = blurred(images.expand(-1, 6, -1, -1), around).split(2, 1)
        sign = AMPLITUDE * images.new_tensor([1, -1])[:, None, None]
        stage = self.get_submodule("difference")(sign * (centre - surround))
        stage = self.get_submodule("luminance")(stage / (1 + self.gains[0] * luminance))
        root = (blurred(stage.square(), contrast) + _TINY).sqrt()
        stage = self.get_submodule("contrast")(stage / (1 + self.gains[1] * root))
        rectified: Tensor = self.get_submodule("rectified")(functional.softplus(stage))
        return rectified


def blurred(maps: Tensor, profiles: Tensor) -> Tensor:
    """Each map (batch, map, y, x) blurred along both axes by its own profile (map, place), mirrored beyond its ends."""
    count, width = profiles.shape
    padded = functional.pad(maps, (width // 2,) * 4, mode="reflect")
    across = functional.conv2d(padded, profiles[:, None, None, :], groups=count)
    return functional.conv2d(across, profiles[:, None, :, None], groups=count)


def _read(name: str, given: Sequence[float]) -> tuple[float, float]:
    least = "0 or more" if name.endswith("_gain") else "more than 0"
    numbers = given if isinstance(given, list | tuple) else ()
    real = [float(one) for one in numbers if isinstance(one, int | float) and not isinstance(one, bool)]
    if (
        len(numbers) != 2
        or len(real) != 2
        or not all(0 <= one < 1e6 for one in real)
        or (least[0] == "m" and not all(real))
    ):
        raise InputError(f"{name} {given!r} given; expected [ON, OFF], two numbers, {least}", value=name)
    return real[0], real[1]


def network(size: tuple[int, int], **settings: Sequence[float]) -> OnOff:
    """The cells of images of this size. They have no weights but the published parameters."""
    return OnOff(size, **settings)
