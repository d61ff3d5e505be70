"""The observer: a frozen model of seeing that takes stimuli as they are shown and owns its preprocessing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.models.capture import OUTPUT, layer_shapes, read_layers, require_layer


@dataclass(frozen=True, kw_only=True)
class ImageInput:
    """What a visual observer is shown, and how it turns display values into its network's input.

    Attributes:
        size: (height, width) of the stimuli, in pixels.
        channels: of the stimuli; 1 for grey, 3 for RGB, any number through the Python API.
        mean, std: per channel, in display units: the network sees (stimulus - mean) / std.
        resize: (height, width) the network sees, if not ``size``: differentiable, bicubic, antialiased.
        order: RGB, or BGR for networks trained on channels in reverse.

    Example:
        >>> ImageInput(size=(224, 224), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)).channels
        3
    """

    size: tuple[int, int]
    channels: int = 3
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    resize: tuple[int, int] | None = None
    order: str = "RGB"

    def __post_init__(self) -> None:
        if min(self.size) < 1 or self.channels < 1:
            raise InputError(f"an input of {self.channels} channels and size {self.size} is empty")
        for name in ("mean", "std"):
            if len(getattr(self, name)) not in (1, self.channels):
                raise InputError(
                    f"{name} has {len(getattr(self, name))} values for {self.channels} channels: give 1 or {self.channels}"
                )
        if min(self.std) <= 0:
            raise InputError(f"std {self.std} holds a value that is not positive")
        if self.order not in ("RGB", "BGR"):
            raise InputError(f"channel order {self.order!r} is unknown: choose RGB or BGR")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channel, y, x) of one stimulus."""
        return (self.channels, *self.size)


class Observer:
    """A model whose layers can be read; stimuli stay in display values [0, 1].

    The module is taken over: frozen, in eval mode, and moved by ``to``.

    Args:
        module: any ``nn.Module`` that takes (batch, channel, y, x).
        input: what it is shown and how it preprocesses.
        name: how tables and messages call it.
        weights: where the weights come from, for the provenance.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
        >>> observer = Observer(net, input=ImageInput(size=(16, 16), channels=1), name="small")
        >>> observer.layers["0"]
        (4, 14, 14)
        >>> observer.activations(torch.rand(2, 1, 16, 16), ["1"])["1"].shape
        torch.Size([2, 4, 14, 14])
    """

    def __init__(
        self, module: nn.Module, *, input: ImageInput, name: str | None = None, weights: str = "as given"
    ) -> None:
        self.module = module.eval().requires_grad_(False)
        self.input = input
        self.name = name or type(module).__name__
        self.weights = weights
        some = next((p for p in (*module.parameters(), *module.buffers()) if p.is_floating_point()), torch.zeros(1))
        self.device, self.dtype = some.device, some.dtype
        self.to()

    def __repr__(self) -> str:
        height, width = self.input.size
        return f"Observer({self.name!r}, {self.input.channels} x {height} x {width}, weights {self.weights}, {self.device})"

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Observer:
        """Move to a device or a floating-point dtype; returns the observer itself."""
        self.device = torch.device(device if device is not None else self.device)
        self.dtype = dtype if dtype is not None else self.dtype
        self.module.to(self.device, self.dtype)
        std = torch.tensor(self.input.std, device=self.device, dtype=self.dtype).view(1, -1, 1, 1)
        self._scale = 1 / std
        self._shift = -torch.tensor(self.input.mean, device=self.device, dtype=self.dtype).view(1, -1, 1, 1) / std
        return self

    @cached_property
    def layers(self) -> dict[str, tuple[int, ...]]:
        """Every layer in the order of computation, with its shape for one stimulus (batch axis left out)."""
        grey = torch.full((1, *self.input.shape), 0.5, device=self.device, dtype=self.dtype)
        try:
            return layer_shapes(self.module, self.preprocess(grey))
        except Exception as error:  # a module that is shown the wrong size may raise anything
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise InputError(
                f"{self.name} does not run on {self.input.channels} x {self.input.size} stimuli: {reason}"
            ) from error

    def require(self, layers: Sequence[str]) -> None:
        """Raise InputError, with the nearest names, unless all layers exist."""
        for layer in layers:
            require_layer(layer, self.layers, self.name)

    def preprocess(self, stimuli: Tensor) -> Tensor:
        """Turn display values (batch, channel, y, x) into the network's input; differentiable."""
        if self.input.resize is not None:
            stimuli = nn.functional.interpolate(
                stimuli, self.input.resize, mode="bicubic", antialias=True, align_corners=False
            )
        stimuli = torch.addcmul(self._shift, stimuli, self._scale)
        return stimuli.flip(1) if self.input.order == "BGR" else stimuli

    def activations(self, stimuli: Tensor, layers: Sequence[str], *, through: Sequence[str] = ()) -> dict[str, Tensor]:
        """Activations of the layers, computed no further than the last of them.

        Args:
            stimuli: (batch, channel, y, x) display values in [0, 1], on the observer's device.
            layers: names from ``layers``.
            through: layers that pass gradients unchanged if they are rectifiers (Feather et al. 2023).

        Returns:
            layer -> (batch, ...) activations.

        Raises:
            InputError: a layer is unknown, or the stimuli have another shape than the input.
        """
        if tuple(stimuli.shape[1:]) != self.input.shape:
            raise InputError(
                f"{self.name} is shown {self.input.shape} (channel, y, x), {tuple(stimuli.shape[1:])} came: resize or crop it"
            )
        self.require(layers)
        return read_layers(self.module, self.preprocess(stimuli), layers, through=through)

    def decide(self, stimuli: Tensor) -> Tensor:
        """The most active output of each stimulus, (batch,); the class, for a classifier."""
        with torch.no_grad():
            return self.activations(stimuli, [OUTPUT])[OUTPUT].flatten(1).argmax(1)

    @cached_property
    def weights_sha256(self) -> str:
        """Checksum of every parameter and buffer: names, shapes and bytes."""
        digest = hashlib.sha256()
        for name, value in sorted(self.module.state_dict().items()):
            array = value.detach().cpu().contiguous()
            digest.update(f"{name} {tuple(array.shape)} {array.dtype}".encode())
            digest.update(array.view(-1).view(torch.uint8).numpy().tobytes() if array.numel() else b"")
        return digest.hexdigest()
