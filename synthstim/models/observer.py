"""The observer: a frozen model of seeing or hearing that takes stimuli as they are presented and owns its preprocessing."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from synthstim.errors import InputError, said_by
from synthstim.ids import check_names
from synthstim.modalities.base import StimulusInput
from synthstim.models.adoption import adopted, move, real_dtype
from synthstim.models.axes import Axes
from synthstim.models.capture import OUTPUT, read_layers
from synthstim.models.known_inputs import input_of
from synthstim.models.layer_axes import LayerAxes
from synthstim.models.receptive import ReceptiveField
from synthstim.models.survey import Survey, survey
from synthstim.models.weights import checksum

EVENNESS = 0.25
HALF = (torch.float16, torch.bfloat16)
Decision = Callable[["Observer", Tensor, Sequence[str]], list[Hashable]]
NoiseLike = Callable[[Tensor, Sequence[torch.Generator]], Tensor]


class Observer:
    """A model whose layers can be read; stimuli stay as they are shown (display values in [0, 1]) or played (full scale).

    The module is taken over: its parameters are frozen, it is in eval mode, and ``to`` moves it. Nothing of it is cast, and
    before it is first used it is run once to see that each stimulus gets the same answer every time, alone or in a batch.

    Attributes:
        device: where the network is.
        network_dtype: the floating-point numbers it computes in.
        dtype: those of stimuli and activations; single precision where the network's are half.
        parts: of several observers as one, each by its name; none for one by itself.
        opening: what opens it again, for the provenance: a name, and of weights, size, seconds and rate what was asked for;
            None for one that was made in Python.
        fields: site -> where in the image it sees, of the fitted sites of which that is known.

    Args:
        module: any ``nn.Module`` that takes (batch, channel, y, x), or (batch, time) for sounds. Of what torch.compile or
            DataParallel made, the network inside is taken; of TorchScript, only ``output`` can be read.
        input: what it is shown or played, and how it preprocesses; None for a network that says so itself (``input_of``).
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
        >>> from synthstim.models import ImageInput
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
        input: StimulusInput | None = None,
        name: str | None = None,
        weights: str = "as given",
        decision: Decision | str | None = OUTPUT,
        stages: Sequence[str] = (),
        groups: Mapping[str, tuple[str, ...]] | None = None,
        sites: Sequence[str] = (),
        axes: Mapping[str, str] | None = None,
    ) -> None:
        self.module = adopted(module)
        if input is not None and not isinstance(input, StimulusInput):
            raise InputError(
                f"input {input!r} given; expected ImageInput, SoundInput or another StimulusInput",
                "such as ImageInput(size=(224, 224))",
            )
        self.input = input if input is not None else input_of(self.module)
        self.decision = decision
        self.stages = tuple(stages)
        self.groups = dict(groups or {})
        self.sites = tuple(sites)
        check_names(self.sites, "site")
        self.fields: Mapping[str, ReceptiveField] = {}
        self.axes = LayerAxes(self, axes or {})
        self.name = name or type(self.module).__name__
        self.weights = weights
        self.opening: Mapping[str, Any] | None = None
        self.parts: Mapping[str, Observer] = {}
        self._place(*real_dtype(self.module))

    def given(
        self,
        input: StimulusInput,
        *,
        name: str | None = None,
        weights: str | None = None,
        axes: Mapping[str, str] | None = None,
        opening: Mapping[str, Any] | None = None,
    ) -> Observer:
        """The same model, given its stimuli in another way, or with more axes declared.

        Args:
            input: how stimuli are given from now on.
            name, weights: its own where they are left out.
            axes: of further layers, by name.
            opening: what opens it again, for the provenance.

        Example:
            >>> from synthstim import ImageInput, load_model
            >>> load_model(size=(64, 64)).given(ImageInput(size=(96, 96))).input.size
            (96, 96)
        """
        made = Observer(
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
        made.opening, made.fields = opening or self.opening, self.fields
        return made

    def members_of(self, layers: Sequence[str]) -> tuple[str, ...]:
        """The layers, each once; the name of a group stands for all of its own."""
        return tuple(dict.fromkeys(name for layer in layers for name in self.groups.get(layer, (layer,))))

    def names_groups(self, layers: Sequence[str]) -> bool:
        """Whether these are names of groups of layers, such as the statistics of a texture: each of them counts."""
        return bool(layers) and all(layer in self.groups for layer in layers)

    def __repr__(self) -> str:
        return f"Observer({self.name!r}, {self.input.words}, weights {self.weights}, {self.device})"

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Observer:
        """Move to a device or a floating-point dtype; returns the observer itself.

        Raises:
            InputError: the network holds complex numbers, and there are none of this dtype.
        """
        move(self.module, torch.device(device if device is not None else self.device), dtype)
        self._place(*real_dtype(self.module))
        return self

    def _place(self, device: torch.device, dtype: torch.dtype) -> None:
        if (device, dtype) == (getattr(self, "device", None), getattr(self, "network_dtype", None)):
            return
        self.device, self.network_dtype = device, dtype
        # Transforms and sums of stimuli and activations want more than half precision.
        self.dtype = torch.float32 if dtype in HALF else dtype
        self._prepare = self.input.preparation(device, self.dtype)
        self._passes: set[str] = set()
        self.__dict__.pop("survey", None)

    @cached_property
    def survey(self) -> Survey:
        """What the network computes, and that it answers each stimulus for itself; it is run when first asked for.

        Raises:
            InputError: it does not run on its stimuli, or what it answers depends on more than the stimulus.
        """
        noise = torch.rand(2, *self.input.shape, generator=torch.Generator().manual_seed(0))
        # Faint and strong, with unlike means, so that networks whose items look at one another show it.
        unlike = torch.stack([self.input.rest + 0.2 * (noise[0] - 0.5), noise[1].square()])
        try:
            return survey(self.module, self.preprocess(unlike.to(self.device, self.dtype)), self.name)
        except InputError:
            raise
        except Exception as error:  # a module that is shown the wrong size may raise anything
            raise InputError(
                f"{self.name} does not run on stimuli of {self.input.words}: {said_by(error)}", code="does-not-run"
            ) from error

    @property
    def layers(self) -> dict[str, tuple[int, ...]]:
        """Every layer in the order of computation, with its shape for one stimulus (batch axis left out)."""
        return self.survey.shapes

    def bytes_of_item(self, layers: Sequence[str]) -> int:
        """About how much memory a stimulus and its gradient take: as the module says, or that of activations up to the last of the layers."""
        said = getattr(self.module, "bytes_of_item", None)
        if isinstance(said, int):
            return said
        order = list(self.layers)
        last = max((order.index(layer) for layer in layers), default=-1)
        return sum(math.prod(self.layers[layer]) for layer in order[: last + 1]) * self.dtype.itemsize

    @property
    def evenness(self) -> float:
        """How even a say layers have that are matched together under weights, from 0 (as they are) to 1: the module's own, or ``EVENNESS``."""
        return float(getattr(self.module, "evenness", EVENNESS))

    @property
    def noise_like(self) -> NoiseLike | None:
        """Noise for references (batch, *shape) and a generator each from which metamers are found soon, where its module has some."""
        own = getattr(self.module, "noise_like", None)
        return own if callable(own) else None

    def require(self, layers: Sequence[str]) -> None:
        """Raise InputError, with the nearest names, unless all layers exist and can be read."""
        for layer in layers:
            self.survey.require(layer, self.module, self.name)

    def require_gradient(self, layers: Sequence[str]) -> None:
        """Raise InputError unless a gradient reaches the stimulus from each of the layers; it is tried once for each."""
        self.require(layers)
        for layer in set(layers) - self._passes:
            shown = torch.full((1, *self.input.shape), self.input.rest, device=self.device, dtype=self.dtype)
            try:
                with torch.enable_grad():
                    read = self.activations(shown.requires_grad_(), [layer])[layer]
                    torch.autograd.grad(read.sum(), shown)
            except RuntimeError as error:
                raise InputError(
                    f"no gradient comes through layer {layer!r} of {self.name} ({said_by(error)})",
                    "choose an earlier one, or take no_grad, detach and whole numbers out before it",
                    code="no-gradient",
                    value=layer,
                ) from error
            self._passes.add(layer)

    def axes_of(self, layer: str) -> Axes:
        """What the axes of a layer stand for: as declared, or as a probe of the network finds them.

        Raises:
            InputError: the layer is unknown, or its axes are in doubt.
        """
        return self.axes.of(layer)

    def preprocess(self, stimuli: Tensor) -> Tensor:
        """Turn stimuli (batch, *shape), display values or full scale, into the network's input; differentiable.

        What comes back is never the stimuli themselves: some networks write into what they take.
        """
        return self._prepare(stimuli).to(self.network_dtype)

    def activations(self, stimuli: Tensor, layers: Sequence[str], *, through: Sequence[str] = ()) -> dict[str, Tensor]:
        """Activations of the layers, computed no further than the last of them.

        Args:
            stimuli: (batch, channel, y, x) display values in [0, 1], or (batch, time) at full scale, on the observer's
                device.
            layers: names from ``layers``.
            through: layers that pass gradients unchanged if they are rectifiers (Feather et al. 2023).

        Returns:
            layer -> (batch, ...) activations; what is quantised or in half precision comes in the precision of the stimuli.

        Raises:
            InputError: a layer is unknown, or the stimuli have another shape than the input.

        Example:
            >>> import torch
            >>> from synthstim import load_model
            >>> read = load_model(size=(64, 64)).activations(torch.rand(2, 3, 64, 64), ["blocks.1"])
            >>> tuple(read["blocks.1"].shape)
            (2, 24, 16, 16)
        """
        if tuple(stimuli.shape[1:]) != self.input.shape:
            raise InputError(
                f"{self.name} is {self.input.verb} {self.input.shape} ({self.input.axes}), {tuple(stimuli.shape[1:])} given: {self.input.remedy}"
            )
        self.require(layers)
        read = read_layers(self.module, self.preprocess(stimuli), layers, through=through)
        return {layer: _plain(values, stimuli.dtype) for layer, values in read.items()}

    def decide(self, stimuli: Tensor, layers: Sequence[str] = ()) -> list[Hashable] | None:
        """What the model takes each stimulus for; None where it decides nothing.

        Args:
            layers: a model with several outputs decides by those that these layers serve; by all for none.
        """
        with torch.no_grad():
            if callable(self.decision):
                return self.decision(self, stimuli, layers)
            if (layer := self.decision_layer) is None:
                return None
            return most_active(self.activations(stimuli, [layer])[layer])

    @property
    def decision_layer(self) -> str | None:
        """The layer whose most active output is the decision; None where none is, or another rule decides."""
        if not isinstance(self.decision, str) or (self.decision == OUTPUT and OUTPUT not in self.layers):
            return None
        return self.decision

    @cached_property
    def weights_sha256(self) -> str:
        """Checksum of every parameter and buffer: names, shapes and bytes."""
        return checksum(self.module)


def most_active(outputs: Tensor) -> list[Hashable]:
    """Number of the most active output of each stimulus, of outputs (batch, ...)."""
    return [int(number) for number in outputs.flatten(1).argmax(1)]


def _plain(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Activations that objectives can compute with: what is quantised or in half precision in that of the stimuli."""
    values = values.dequantize() if values.is_quantized else values
    return values.to(dtype) if values.dtype in HALF else values
