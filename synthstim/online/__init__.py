"""The endpoint for rigs that choose the next stimulus from trial to trial, over TCP or LSL (docs/online.md)."""

from synthstim.online.client import TrialClient, TrialError
from synthstim.online.policies.bandit import Bandit
from synthstim.online.policies.base import Policy
from synthstim.online.policies.blocks import Blocks
from synthstim.online.policies.evolve import Generations
from synthstim.online.policies.staircase import Staircase, levels_of_set
from synthstim.online.server import TrialServer
from synthstim.online.session import OnlineSession
from synthstim.online.trial import Catalogue, Shown, Trial

__all__ = [
    "Bandit",
    "Blocks",
    "Catalogue",
    "Generations",
    "OnlineSession",
    "Policy",
    "Shown",
    "Staircase",
    "Trial",
    "TrialClient",
    "TrialError",
    "TrialServer",
    "levels_of_set",
]
