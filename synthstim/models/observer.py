"""The observer: a frozen model of seeing or hearing that takes stimuli as they are presented and owns its preprocessing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property

import torch
from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.ids import check_names
from synthstim.models.axes import Axes
from synthstim.models.capture import OUTPUT, layer_shapes, read_layers, require_layer
from synthstim.models.inputs import StimulusInput
from synthstim.models.layer_axes import LayerAxes

Decision = Callable[["Observer", Tensor, Sequence[str]], list[Hashable]]


class Observer:
    """A model whose layers can be read; stimuli stay as they are shown (display values in [0, 1]) or played (full scale).

    The module is taken over: frozen, in eval mode, and moved by ``to``.

    Args:
        module: any ``nn.Module`` that takes (batch, channel, y, x), or (batch, time) for sounds.
        input: what it is shown or played, and how it preprocesses.
        name: how tables and messages call it.
        weights: where the weights come from, for the provenance.
        decision: (observer, stimuli, layers) -> what it takes each stimulus for, as far as those layers serve it;
            None for a model that decides nothing. By default the most active output.
        stages: the layers that stand for its stages, for profiles of a match.
        groups: names for groups of layers that are matched together.
        sites: names of the fitted sites, in the order of the layer ``sites``, where it has one.
        axes: what the axes of layers stand for, where that is not to be found out: layer, or pattern such as
            ``blocks.*``, -> ``channel y x``, ``y x channel``, ``1+14x14 channel``; see ``Axes``.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
        >>> observer = Observer(net, input=ImageInput(size=(16, 16), channels=1), name="small")
        >>> observer.layers["0"]
        (4, 14, 14)
        >>> observer.activations(torch.rand(2, 1, 16, 16), ["1"])["1"].shape
        torch.Size([2, 4, 14, 14])
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        input: StimulusInput,
        name: str | None = None,
        weights: str = "as given",
        decision: Decision | str | None = OUTPUT,
        stages: Sequence[str] = (),
        groups: Mapping[str, tuple[str, ...]] | None = None,
        sites: Sequence[str] = (),
        axes: Mapping[str, str] | None = None,
    ) -> None:
        self.module = module.eval().requires_grad_(False)
        self.input = input
        self.decision = decision
        self.stages = tuple(stages)
        self.groups = dict(groups or {})
        self.sites = tuple(sites)
        check_names(self.sites, "site")
        self.axes = LayerAxes(self, axes or {})
        self.name = name or type(module).__name__
        self.weights = weights
        some = next((p for p in (*module.parameters(), *module.buffers()) if p.is_floating_point()), torch.zeros(1))
        self.device, self.dtype = some.device, some.dtype
        self.to()

    def given(
        self,
        input: StimulusInput,
        *,
        name: str | None = None,
        weights: str | None = None,
        axes: Mapping[str, str] | None = None,
    ) -> Observer:
        """The same model, given its stimuli in another way, or with more axes declared."""
        return Observer(
            self.module,
            input=input,
            name=name or self.name,
            weights=weights or self.weights,
            decision=self.decision,
            stages=self.stages,
            groups=self.groups,
            sites=self.sites,
            axes={**(axes or {}), **self.axes.declared, **(axes or {})},
        )

    def __repr__(self) -> str:
        return f"Observer({self.name!r}, {self.input.words}, weights {self.weights}, {self.device})"

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Observer:
        """Move to a device or a floating-point dtype; returns the observer itself."""
        self.device = torch.device(device if device is not None else self.device)
        self.dtype = dtype if dtype is not None else self.dtype
        self.module.to(self.device, self.dtype)
        self._prepare = self.input.preparation(self.device, self.dtype)
        return self

    @cached_property
    def layers(self) -> dict[str, tuple[int, ...]]:
        """Every layer in the order of computation, with its shape for one stimulus (batch axis left out)."""
        probe = torch.full((1, *self.input.shape), self.input.rest, device=self.device, dtype=self.dtype)
        try:
            return layer_shapes(self.module, self.preprocess(probe))
        except Exception as error:  # a module that is shown the wrong size may raise anything
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise InputError(f"{self.name} does not run on {self.input.words} stimuli: {reason}") from error

    def require(self, layers: Sequence[str]) -> None:
        """Raise InputError, with the nearest names, unless all layers exist."""
        for layer in layers:
            require_layer(layer, self.layers, self.name)

    def axes_of(self, layer: str) -> Axes:
        """What the axes of a layer stand for: as declared, or as a probe of the network finds them.

        Raises:
            InputError: the layer is unknown, or its axes are in doubt.
        """
        return self.axes.of(layer)

    def preprocess(self, stimuli: Tensor) -> Tensor:
        """Turn stimuli (batch, *shape), display values or full scale, into the network's input; differentiable."""
        return self._prepare(stimuli)

    def activations(self, stimuli: Tensor, layers: Sequence[str], *, through: Sequence[str] = ()) -> dict[str, Tensor]:
        """Activations of the layers, computed no further than the last of them.

        Args:
            stimuli: (batch, channel, y, x) display values in [0, 1], or (batch, time) at full scale, on the observer's
                device.
            layers: names from ``layers``.
            through: layers that pass gradients unchanged if they are rectifiers (Feather et al. 2023).

        Returns:
            layer -> (batch, ...) activations.

        Raises:
            InputError: a layer is unknown, or the stimuli have another shape than the input.
        """
        if tuple(stimuli.shape[1:]) != self.input.shape:
            raise InputError(
                f"{self.name} is {self.input.verb} {self.input.shape} ({self.input.axes}), {tuple(stimuli.shape[1:])} came: {self.input.remedy}"
            )
        self.require(layers)
        return read_layers(self.module, self.preprocess(stimuli), layers, through=through)

    def decide(self, stimuli: Tensor, layers: Sequence[str] = ()) -> list[Hashable] | None:
        """What the model takes each stimulus for; None where it decides nothing.

        Args:
            layers: a model with several outputs decides by those that these layers serve; by all for none.
        """
        if self.decision is None or (self.decision == OUTPUT and OUTPUT not in self.layers):
            return None
        with torch.no_grad():
            if callable(self.decision):
                return self.decision(self, stimuli, layers)
            read = self.activations(stimuli, [self.decision])[self.decision]
            return [int(number) for number in read.flatten(1).argmax(1)]

    @cached_property
    def weights_sha256(self) -> str:
        """Checksum of every parameter and buffer: names, shapes and bytes."""
        digest = hashlib.sha256()
        for name, value in sorted(self.module.state_dict().items()):
            array = value.detach().cpu().contiguous()
            digest.update(f"{name} {tuple(array.shape)} {array.dtype}".encode())
            digest.update(array.view(-1).view(torch.uint8).numpy().tobytes() if array.numel() else b"")
        return digest.hexdigest()
