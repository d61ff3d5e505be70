"""When an item is finished: a target, a plateau, or a budget of evaluations or seconds."""

from __future__ import annotations

from dataclasses import dataclass

from synthstim.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Stopping:
    """Each item stops by itself, whichever comes first.

    Attributes:
        target: what to reach: dB of a match, the activation of a unit that is driven (alone or not), minus the activation
            of one that is suppressed, minus the distance from a level or a pattern; whatever penalties there are besides.
        plateau: stop when the best score has gained, over the last ``window`` evaluations, less than this share of
            all it has gained since the start; 0 never stops.
        window: evaluations.
        evaluations: budget of forward and backward passes of each item.
        seconds: budget of the batch; the result then depends on the machine.
    """

    target: float | None = None
    plateau: float = 0.0
    window: int = 100
    evaluations: int = 1000
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.evaluations < 1 or self.window < 1:
            raise InputError(
                f"a budget of {self.evaluations} evaluations and a window of {self.window} given; expected at least 1 of each",
                code="too-few",
            )
        if self.plateau < 0 or (self.seconds is not None and self.seconds <= 0):
            raise InputError(f"a plateau of {self.plateau} and {self.seconds} seconds given: they cannot be negative")

    def flat(self, evaluations: list[int], best: list[float]) -> bool:
        """Whether the best scores, at these numbers of evaluations, have reached a plateau."""
        if not self.plateau or evaluations[-1] < 2 * self.window:
            return False
        earlier = max(at for at, done in enumerate(evaluations) if done <= evaluations[-1] - self.window)
        return best[-1] - best[earlier] < self.plateau * (best[-1] - best[0])
