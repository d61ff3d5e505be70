"""What an observer of odours is given: a panel of odorants by name, and the dilutions that it can have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from synthstim.errors import InputError, nearest
from synthstim.modalities.inputs import Preparation, StimulusInput

if TYPE_CHECKING:
    import torch

# Quarters of a decade, from a thousandth of the stock to the stock itself.
DILUTIONS = tuple(round(-3 + 0.25 * step, 2) for step in range(13))


@dataclass(frozen=True, kw_only=True)
class OdourInput(StimulusInput):
    """What an observer of odours is given: a concentration for each odorant of a panel.

    Attributes:
        odorants: their names, in the order of the values.
        dilutions: log10 of the concentrations that an odorant can have besides none; 0 is the stock, as it was recorded with.
        stock: what a concentration of 1 is.
        diluted: share of all concentrations that reaches the observer: at 0.1 it smells the same odour ten times weaker.

    Raises:
        InputError: names, dilutions or the share cannot be.

    Example:
        >>> panel = OdourInput(odorants=("1-hexanol", "ethyl acetate"), dilutions=(-2, -1, 0))
        >>> panel.shape, panel.concentrations
        ((2,), array([0.01, 0.1 , 1.  ]))
    """

    odorants: tuple[str, ...]
    dilutions: tuple[float, ...] = DILUTIONS
    stock: str = "the stock"
    diluted: float = 1.0
    kind: ClassVar[str] = "odour"
    axes: ClassVar[str] = "odorant"
    remedy: ClassVar[str] = "give a concentration for each odorant of the panel"
    places: ClassVar[tuple[str, str]] = ("odorant", "odorant")

    def __post_init__(self) -> None:
        given: object = self.odorants
        if isinstance(given, str):
            raise InputError(f"odorants {self.odorants!r} given; expected a list of names", "put it into a list")
        object.__setattr__(self, "odorants", tuple(self.odorants))
        require_odorants(self.odorants)
        if not self.dilutions or list(self.dilutions) != sorted(set(self.dilutions)) or self.dilutions[-1] > 0:
            raise InputError(
                f"dilutions {list(self.dilutions)} given; expected logarithms to base 10 that rise, none above 0",
                "give such as [-3, -2, -1, 0]",
            )
        if not (isinstance(self.diluted, (int, float)) and 0 < self.diluted <= 1):
            raise InputError(
                f"diluted {self.diluted!r} given; expected more than 0, at most 1", "give such as 0.1 for a tenth"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """(odorant,) of one odour."""
        return (len(self.odorants),)

    @property
    def words(self) -> str:
        """The shape in words."""
        return f"{len(self.odorants)} concentrations"

    @property
    def unprocessed(self) -> OdourInput:
        """The same panel, smelt as it is given."""
        return replace(self, diluted=1.0)

    def preparation(self, device: torch.device, dtype: torch.dtype) -> Preparation:
        """The function from concentrations to those that reach the observer, a tensor of its own."""
        return lambda odours: odours * self.diluted

    @cached_property
    def concentrations(self) -> NDArray[np.float64]:
        """What an odorant can have besides none, as shares of the stock, from the least."""
        return np.float64(10.0) ** np.asarray(self.dilutions, np.float64)

    def place_of(self, odorant: str) -> int:
        """The place of an odorant in the panel.

        Raises:
            InputError: it is not in the panel.
        """
        if odorant not in self.odorants:
            raise InputError(
                f"the odorant {odorant!r} is not in the panel of {len(self.odorants)}",
                nearest(odorant, self.odorants),
                code="unknown",
                value=odorant,
            )
        return self.odorants.index(odorant)


def require_odorants(names: tuple[str, ...]) -> None:
    """Raise InputError unless these can be the names of a panel, and of the columns of a table."""
    if not names:
        raise InputError("a panel of no odorants given; expected their names", code="missing")
    for number, name in enumerate(names):
        if (
            not isinstance(name, str)
            or not name.strip()
            or name != name.strip()
            or not name.isprintable()
            or _is_number(name)
        ):
            raise InputError(f"{name!r} is not a name for an odorant", "give a name such as '1-hexanol'", value=name)
        if name in names[:number]:
            raise InputError(f"the odorant {name!r} is named twice", "name each once", value=name)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
