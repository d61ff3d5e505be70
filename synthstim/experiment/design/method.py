"""How the stimuli of the trials are chosen: all that are compared, equally often, or by a rule that follows the answers."""

from __future__ import annotations

from typing import Literal

from synthstim.experiment.setting import ProtocolPart


class Constant(ProtocolPart):
    """Every comparison comes equally often, whatever is answered."""

    kind: Literal["constant"]


Method = Constant
