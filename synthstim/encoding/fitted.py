"""Fitted sites as layers of an observer: the base network runs up to what they read, and the sites follow."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.models import OUTPUT, Observer
from synthstim.models.adoption import move
from synthstim.models.capture import listen
from synthstim.models.observer import Decision

SITES = "sites"
STANDARDISED = "sites_z"


class Sites(nn.Module):
    """Read-outs of several layers, put together in the order of the sites.

    Args:
        readouts: one a layer that is read.
        order: for each site, where it stands in the read-outs' outputs one after the other.
    """

    order: Tensor

    def __init__(self, readouts: Sequence[nn.Module], order: Sequence[int]) -> None:
        super().__init__()
        self.readouts = nn.ModuleList(readouts)
        self.register_buffer("order", torch.tensor(list(order), dtype=torch.long))

    def forward(self, activations: Sequence[Tensor]) -> Tensor:
        """Activations of each layer that is read -> (batch, site) responses, in the units of the recording."""
        parts = [readout(values) for readout, values in zip(self.readouts, activations, strict=True)]
        return torch.cat(parts, 1)[:, self.order]


class Standardised(nn.Module):
    """Sites in standard deviations of their measured responses, about their mean.

    Args:
        mean, spread: (site,) of the mean responses to the stimuli that were fitted to.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, mean: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)

    def forward(self, sites: Tensor) -> Tensor:
        """(batch, site) -> (batch, site)."""
        return (sites - self.mean) / self.spread


class OnNetwork(nn.Module):
    """A network with more layers; its own keep their names, so that its decision, its stages and a user's recipe find them.

    They are computed as soon as the last layer that they read is there, within the network's own forward pass: whoever reads
    only them runs the network no further, and whoever reads layers of the network, or its output, finds them under the names
    they have there.

    Args:
        reads: its layers that the added ones read.
    """

    # What stands beside the network.
    added: ClassVar[tuple[str, ...]] = ()

    def __init__(self, base: nn.Module, reads: Sequence[str]) -> None:
        super().__init__()
        self.base = base
        self.reads = tuple(reads)

    def forward(self, inputs: Tensor) -> Any:
        """The network's own output; the sites are read as layers."""
        held: dict[str, Tensor] = {}

        def keep(layer: str, values: Tensor) -> None:
            held[layer] = values
            if len(held) == len(self.reads):
                self.answer(inputs, held)

        with listen(self.base, [layer for layer in self.reads if layer != OUTPUT], keep):
            output = self.base(self.prepared(inputs))
        if OUTPUT in self.reads:
            keep(OUTPUT, output)
        return output

    def answer(self, inputs: Tensor, held: dict[str, Tensor]) -> None:
        """Compute the layers that are added from those that are read."""
        raise NotImplementedError

    def prepared(self, inputs: Tensor) -> Tensor:
        """What the network is given."""
        return inputs

    def named_modules(
        self, memo: set[nn.Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Module]]:
        """As of any module, with the network's parts under their own names."""
        inside = f"{prefix}." if prefix else ""
        for name, part in super().named_modules(memo, prefix, remove_duplicate):
            yield inside + name.removeprefix(inside).removeprefix("base."), part

    def get_submodule(self, target: str) -> nn.Module:
        """A part of the network, or of what stands beside it."""
        first = target.partition(".")[0]
        return super().get_submodule(target) if first in ("", "base", *self.added) else self.base.get_submodule(target)


class FittedSites(OnNetwork):
    """A network with two more layers: ``sites`` (batch, site) and ``sites_z``.

    Args:
        base: the network.
        reads: the layers that the sites read.
        sites: takes their activations.
        standardised: takes the sites.
    """

    added = (SITES, STANDARDISED)

    def __init__(self, base: nn.Module, reads: Sequence[str], sites: Sites, standardised: Standardised) -> None:
        super().__init__(base, reads)
        self.sites = sites
        self.sites_z = standardised

    def answer(self, inputs: Tensor, held: dict[str, Tensor]) -> None:
        """The sites, then their z-scores."""
        self.sites_z(self.sites([held[name] for name in self.reads]))


def observer_with_sites(base: Observer, reads: Sequence[str], sites: Sites, standardised: Standardised) -> Observer:
    """An observer with all that ``base`` has, and the layers ``sites`` and ``sites_z``; the network is shared, not copied.

    Raises:
        InputError: the base has layers of these names already.
    """
    require_untaken(base, FittedSites.added)
    for added in (sites, standardised):
        move(added, base.device, base.network_dtype)
    return Observer(
        FittedSites(base.module, reads, sites, standardised),
        input=base.input,
        name=f"sites on {base.name}",
        weights=base.weights,
        decision=decision_of(base),
        stages=base.stages,
        groups=base.groups,
        axes=base.axes.declared,
    )


def decision_of(base: Observer) -> Decision | str | None:
    """The decision of a network that more layers were put on: a model's own looks into its own module."""
    decision = base.decision
    if not callable(decision):
        return decision

    def decide(observer: Observer, stimuli: Tensor, layers: Sequence[str]) -> list[Hashable]:
        bare = base if observer.input.shape == base.input.shape else base.given(observer.input)
        return decision(bare.to(observer.device, observer.network_dtype), stimuli, layers)

    return decide


def require_untaken(base: Observer, added: Sequence[str]) -> None:
    """Raise InputError if a layer of the base has a name that will be added."""
    if taken := [name for name in ("base", *added) if name in base.layers]:
        raise InputError(
            f"{base.name} has a layer {taken[0]!r} already", "fit to the observer without fitted sites", code="missing"
        )
