"""A small network of the fly's sense of smell, trained here: receptors, glomeruli, Kenyon cells, classes of Wang et al. 2021.

Wang et al. 2021 (doi:10.1016/j.neuron.2021.09.010) trained such a network to name odours and found the fly's anatomy in it:
receptor neurons of a type project to one glomerulus, a Kenyon cell listens to about seven. Here an antenna stands in front,
so that what is given is a mixture of odorants. ``synthstim train olfaction`` trained it; ``docs/olfaction_model_card.md``
says how well it does.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from synthstim.errors import InputError
from synthstim.modalities.odour import OdourInput
from synthstim.models.smelling.antenna import Antenna
from synthstim.models.smelling.prototypes import NAMES, ODORANTS, RECEPTORS, prototypes
from synthstim.models.weights import load_into, read_weights

if TYPE_CHECKING:
    from synthstim.models.observer import Observer

# Receptor neurons of a type; Kenyon cells of the network that the package carries.
NEURONS, KENYON_CELLS = 10, 1000
WEIGHTS = Path(__file__).with_suffix(".safetensors")
INPUT = OdourInput(odorants=NAMES, stock="what drives receptors as a prototype of the task does")
STAGES = ("antenna", "pn", "kc", "logits")
AXES = {"antenna": "channel", "orn": "channel", "pn": "channel", "kc": "channel", "logits": "channel"}


class Olfaction(nn.Module):
    """Mixture -> receptor types -> receptor neurons -> glomeruli -> Kenyon cells -> classes.

    Args:
        dropped: share of Kenyon cells that are silent at each step of training.

    Example:
        >>> network = Olfaction(kenyon_cells=20).eval()
        >>> network(torch.zeros(2, 100)).shape, network.smell(torch.rand(2, 50)).shape
        (torch.Size([2, 100]), torch.Size([2, 100]))
    """

    def __init__(self, *, kenyon_cells: int = KENYON_CELLS, dropped: float = 0.5) -> None:
        super().__init__()
        # Its numbers are below 1, as a receptor's odds of being active have to be.
        self.antenna = Antenna(prototypes(), prototypes()[0] * 0, most=1.0)
        self.orn = _Copies(NEURONS)
        self.glomeruli = _Exciting(RECEPTORS * NEURONS, RECEPTORS, bias=False)
        self.norm = nn.BatchNorm1d(RECEPTORS)
        self.pn = nn.ReLU()
        self.claws = _Exciting(RECEPTORS, kenyon_cells)
        self.kc = nn.ReLU()
        self.drop = nn.Dropout(dropped)
        self.logits = nn.Linear(kenyon_cells, ODORANTS)

    def forward(self, odours: Tensor) -> Tensor:
        """Concentrations (batch, odorant) -> logits (batch, class)."""
        return self.smell(self.antenna(odours))

    def smell(self, patterns: Tensor) -> Tensor:
        """Patterns of receptor types (batch, receptor), 0 to 1, as the task has them -> logits (batch, class)."""
        glomeruli = self.pn(self.norm(self.glomeruli(self.orn(patterns))))
        logits: Tensor = self.logits(self.drop(self.kc(self.claws(glomeruli))))
        return logits


class _Exciting(nn.Linear):
    """Connections that only excite: their weights count without their sign."""

    def forward(self, rates: Tensor) -> Tensor:
        """(batch, input) -> (batch, output)."""
        return linear(rates, self.weight.abs(), self.bias)


class _Copies(nn.Module):
    """The receptor neurons of each type, which all answer alike."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, rates: Tensor) -> Tensor:
        """(batch, receptor) -> (batch, receptor x neuron), the neurons of a type side by side."""
        return rates.repeat_interleave(self.count, 1)


def network(*, weights: str | Path = "default") -> Olfaction:
    """Return the network with the weights that the package carries, random ones, or those of a file.

    Raises:
        InputError: the file's weights are of another network.
    """
    if str(weights) == "random":
        return Olfaction()
    path = WEIGHTS if str(weights) == "default" else Path(weights)
    state = dict(read_weights(path))
    claws = state.get("claws.weight")
    if claws is None or claws.ndim != 2:
        raise InputError(f"{path.name} does not fit the model: it lacks 'claws.weight'", code="mismatch")
    made = Olfaction(kenyon_cells=len(claws))
    # The task is of the file's own where that was trained for other prototypes.
    load_into(made, {**_antenna(made), **state}, path.name)
    return made


def trained_state(trained: Olfaction) -> dict[str, Tensor]:
    """What a weights file holds of a network: its connections, not the panel."""
    return {name: value for name, value in trained.state_dict().items() if not name.startswith("antenna.")}


def _antenna(made: Olfaction) -> Mapping[str, Tensor]:
    return {f"antenna.{name}": value for name, value in made.antenna.state_dict().items()}


def decide(observer: Observer, stimuli: Tensor, layers: Sequence[str] = ()) -> list[Hashable]:
    """The odorant whose class each odour is taken for."""
    with torch.no_grad():
        logits = observer.activations(stimuli, ["logits"])["logits"]
    return [NAMES[int(number)] for number in logits.argmax(1)]
