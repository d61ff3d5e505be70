"""An ensemble of fitted sites as layers of an observer: one forward pass a network, whatever the number of members."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synthstim.encoding.fitted import SITES, STANDARDISED, OnNetwork, Sites, Standardised, decision_of, require_untaken
from synthstim.models import Observer, StimulusInput
from synthstim.models.adoption import move
from synthstim.models.capture import read_layers

MEMBERS = "members"
SPREAD = "sites_spread"


@dataclass(frozen=True)
class Member:
    """One read-out of all sites.

    Attributes:
        network: which of the ensemble's networks it reads, from 0.
        reads: the layers of it.
        sites: takes their activations.
    """

    network: int
    reads: tuple[str, ...]
    sites: Sites


class Members(nn.Module):
    """The responses that each member predicts."""

    def __init__(self, members: Sequence[Sites]) -> None:
        super().__init__()
        self.of = nn.ModuleList(members)

    def forward(self, activations: Sequence[Sequence[Tensor]]) -> Tensor:
        """For each member the activations that it reads -> (batch, member, site), in the units of the recording."""
        return torch.stack([member(values) for member, values in zip(self.of, activations, strict=True)], 1)


class Mean(nn.Module):
    """The mean over members."""

    def forward(self, members: Tensor) -> Tensor:
        """(batch, member, site) -> (batch, site)."""
        return members.mean(1)


class Spread(nn.Module):
    """The standard deviation over members, the sum of squares divided by their number."""

    def forward(self, members: Tensor) -> Tensor:
        """(batch, member, site) -> (batch, site)."""
        # A norm, not a root of the variance: its gradient is 0, not NaN, where all members agree.
        return torch.linalg.vector_norm(members - members.mean(1, keepdim=True), dim=1) / members.shape[1] ** 0.5


class FittedEnsemble(OnNetwork):
    """A network with the layers ``members`` (batch, member, site), ``sites`` (their mean), ``sites_z``, ``sites_spread``.

    They are computed within the first network's forward pass. Members of other networks are asked then, each network once and
    no further than its members read.

    Args:
        networks: the first is the one whose layers keep their names.
        shown: the input of each network, where the ensemble is given stimuli as they are shown; empty where it is given
            what its one network takes.
        members: the read-outs; the first network has one or more.
        standardised: takes the mean over members.
    """

    added = (MEMBERS, SITES, STANDARDISED, SPREAD, "others")

    def __init__(
        self,
        networks: Sequence[nn.Module],
        shown: Sequence[StimulusInput],
        members: Sequence[Member],
        standardised: Standardised,
    ) -> None:
        reads = [
            list(dict.fromkeys(layer for member in members if member.network == number for layer in member.reads))
            for number in range(len(networks))
        ]
        super().__init__(networks[0], reads[0])
        self.reads_of_others = reads[1:]
        self.shown = tuple(shown)
        self.structure = tuple(members)
        self.others = nn.ModuleList(networks[1:])
        self.members = Members([member.sites for member in members])
        self.sites, self.sites_z, self.sites_spread = Mean(), standardised, Spread()

    def answer(self, inputs: Tensor, held: dict[str, Tensor]) -> None:
        """The members of all networks, then what is computed of them."""
        read = [held]
        for number, (other, reads) in enumerate(zip(self.others, self.reads_of_others, strict=True), 1):
            read.append(read_layers(other, self.prepared(inputs, number), reads))
        members = self.members([[read[one.network][layer] for layer in one.reads] for one in self.structure])
        self.sites_z(self.sites(members))
        self.sites_spread(members)

    def prepared(self, inputs: Tensor, number: int = 0) -> Tensor:
        """What one of the networks is given."""
        return self.shown[number].preparation(inputs.device, inputs.dtype)(inputs) if self.shown else inputs


def observer_with_members(bases: Sequence[Observer], members: Sequence[Member], standardised: Standardised) -> Observer:
    """An observer with all that the first of ``bases`` has, and the layers of ``FittedEnsemble``; networks are shared.

    Args:
        bases: the networks' observers, shown stimuli of one size (or duration and rate); each preprocesses for itself.
        members, standardised: as for ``FittedEnsemble``.

    Raises:
        InputError: the first has layers of these names already.
    """
    first = bases[0]
    require_untaken(first, FittedEnsemble.added)
    several = len(bases) > 1
    module = FittedEnsemble(
        _distinct([base.module for base in bases]), [base.input for base in bases] if several else [], members,
        standardised,
    )  # fmt: skip
    for added in (module.others, module.members, standardised):
        move(added, first.device, first.network_dtype)
    return Observer(
        module,
        input=first.input.unprocessed if several else first.input,
        name=f"sites of {len(members)} members on {' and '.join(dict.fromkeys(base.name for base in bases))}",
        weights=first.weights,
        decision=decision_of(first),
        stages=first.stages,
        groups=first.groups,
        axes={MEMBERS: "token channel", **first.axes.declared},
    )


def _distinct(networks: Sequence[nn.Module]) -> list[nn.Module]:
    # One runs within another's forward pass: the hooks of one must not hear the other.
    return [
        copy.deepcopy(network) if any(network is earlier for earlier in networks[:number]) else network
        for number, network in enumerate(networks)
    ]
