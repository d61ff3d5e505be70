"""How the stimuli of the trials are chosen: all that are compared, equally often, or by a rule that follows the answers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from synthstim.errors import InputError
from synthstim.experiment.setting import ProtocolPart
from synthstim.recipe.problems import problem

MOST_LEVELS = 1000
# QUEST+ keeps a likelihood for each level, threshold, slope and lapse.
MOST_CELLS = 2_000_000


def _listed(given: Any) -> Any:
    return [given] if isinstance(given, (int, float)) and not isinstance(given, bool) else given


Steps = Annotated[tuple[Annotated[int, Field(ge=1, le=100)], ...], Field(min_length=1), BeforeValidator(_listed)]
Lapse = Annotated[float, Field(ge=0.001, le=0.2)]


class Constant(ProtocolPart):
    """Every comparison comes equally often, whatever is answered."""

    kind: Literal["constant"]


class AdaptiveMethod(ProtocolPart):
    """What every rule over levels has.

    Attributes:
        over: the column, of the set or of the user's own table, whose numbers are the levels.
        easier: whether the trials of the higher levels are the easier ones.
        trials: how many each track has at most.
        tracks: of each condition; they take turns.
        start: the first level, or one for each of these tracks.
    """

    kind: str
    over: str = Field(min_length=1)
    easier: Literal["high", "low"]
    trials: int = Field(default=60, ge=5, le=2000)
    tracks: int = Field(default=1, ge=1, le=8)
    start: Annotated[tuple[float, ...] | None, BeforeValidator(_listed)] = None

    @model_validator(mode="after")
    def _as_many_starts(self) -> AdaptiveMethod:
        if self.start is not None and len(self.start) not in (1, self.tracks):
            raise problem(
                f"starts at {len(self.start)} levels, with {self.tracks} tracks a condition: give one, or one a track"
            )
        return self

    def rule(self, levels: Sequence[float], track: int, guess: float) -> dict[str, Any]:
        """Every setting of one track, for the manifest and ``runtime.rules``.

        Args:
            track: number of the track in its condition, from 0.
            guess: how often whoever knows nothing is right.

        Raises:
            InputError: the levels are too few, too many, or none that the rule can go over.
        """
        ordered = sorted(set(levels))
        if not self._fewest() <= len(ordered) <= MOST_LEVELS:
            raise InputError(
                f"{self.over} has {len(ordered)} levels; expected {self._fewest()} to {MOST_LEVELS}",
                "make a series (series: {from, to, steps} in the recipe), or choose another column under over",
                code="too-few" if len(ordered) < self._fewest() else "too-large",
            )
        start = None if self.start is None else self.start[track if len(self.start) > 1 else 0]
        if start is not None and start not in ordered:
            raise InputError(
                f"the track starts at {start:g}; expected a level of {self.over}",
                f"choose one of {', '.join(f'{level:g}' for level in ordered[:20])}",
            )
        shared = {"kind": self.kind, "easier": self.easier, "trials": self.trials, "reversals": None, "start": start}
        return shared | self._more(ordered, guess)

    def _fewest(self) -> int:
        return 2

    def _more(self, levels: Sequence[float], guess: float) -> dict[str, Any]:
        raise NotImplementedError


class _Stepping(AdaptiveMethod):
    """What ends by turning round: ``reversals`` so often, if not None; the first ``leave_out`` of them do not count."""

    reversals: int | None = Field(default=None, ge=1, le=500)
    leave_out: int = Field(default=2, ge=0, le=50)

    @model_validator(mode="after")
    def _some_count(self) -> _Stepping:
        if self.reversals is not None and self.reversals < self.leave_out + 2:
            raise problem(
                f"ends after {self.reversals} reversals and leaves out {self.leave_out}: give two more reversals than that"
            )
        return self

    def _stepped(self, levels: Sequence[float], largest: int) -> dict[str, Any]:
        if largest >= len(levels):
            raise InputError(
                f"a step of {largest} levels; expected at most {len(levels) - 1}, {self.over} has {len(levels)} levels",
                "take smaller steps",
            )
        # Who begins easily sees first what the task is.
        start = {} if self.start is not None else {"start": levels[-1] if self.easier == "high" else levels[0]}
        return {"reversals": self.reversals, "leave_out": self.leave_out} | start


class UpDownMethod(_Stepping):
    """Harder after ``down`` right answers in a row, easier after ``up`` wrong ones (Levitt 1971).

    ``steps`` are in ranks of the levels, the next one with each reversal; with ``initial_rule`` every answer counts until the first.

    Example:
        >>> rule = UpDownMethod(kind="staircase", over="mix", easier="high").rule([0, 0.5, 1], 0, 0.5)
        >>> rule["down"], rule["up"], rule["start"]
        (3, 1, 1)
    """

    kind: Literal["staircase"]
    down: int = Field(default=3, ge=1, le=10)
    up: int = Field(default=1, ge=1, le=10)
    steps: Steps = (1,)
    initial_rule: bool = True

    def _more(self, levels: Sequence[float], guess: float) -> dict[str, Any]:
        own = {"down": self.down, "up": self.up, "steps": list(self.steps), "initial_rule": self.initial_rule}
        return self._stepped(levels, max(self.steps)) | own


class WeightedMethod(_Stepping):
    """Harder by ``step_harder`` levels after each right answer, easier by ``step_easier`` after each wrong one (Kaernbach 1991).

    It settles where ``step_easier / (step_easier + step_harder)`` of the answers are right. Both are multiplied by ``times``, the next
    one with each reversal.
    """

    kind: Literal["weighted"]
    step_harder: int = Field(default=1, ge=1, le=100)
    step_easier: int = Field(default=3, ge=1, le=100)
    times: Steps = (1,)

    @property
    def target(self) -> float:
        """The proportion of right answers at which it settles."""
        return self.step_easier / (self.step_easier + self.step_harder)

    def _more(self, levels: Sequence[float], guess: float) -> dict[str, Any]:
        own = {"step_harder": self.step_harder, "step_easier": self.step_easier, "times": list(self.times)}
        return self._stepped(levels, max(self.times) * max(self.step_harder, self.step_easier)) | own


class QuestPlusMethod(AdaptiveMethod):
    """QUEST+ (Watson 2017): the level that is expected to tell most of the psychometric function.

    The posterior is over thresholds, slopes and lapse rates. Thresholds are the levels and ``finer - 1`` values between each two of
    them. Slopes are those of the Weibull function at its ``scale``, or standard deviations, in units of the level, of the normal
    one. ``guess`` is 1 over the number of answers unless it is given.
    """

    kind: Literal["questplus"]
    function: Literal["weibull", "normal"] = "normal"
    scale: Literal["linear", "log10", "dB"] = "linear"
    finer: int = Field(default=4, ge=1, le=50)
    slopes: Annotated[tuple[Annotated[float, Field(gt=0)], ...] | None, BeforeValidator(_listed)] = None
    guess: float | None = Field(default=None, ge=0.001, le=0.9)
    lapses: Annotated[tuple[Lapse, ...], Field(min_length=1), BeforeValidator(_listed)] = (0.02,)

    @model_validator(mode="after")
    def _goes_together(self) -> QuestPlusMethod:
        if self.function == "normal" and self.scale != "linear":
            raise problem(f"has the scale {self.scale!r}, which goes with function 'weibull': leave it out")
        if self.slopes == ():
            raise problem("has no slope: give one or more, or leave slopes out")
        return self

    def _fewest(self) -> int:
        return 3

    def _more(self, levels: Sequence[float], guess: float) -> dict[str, Any]:
        linear = self.function == "weibull" and self.scale == "linear"
        if linear and (self.easier == "low" or levels[0] < 0):
            raise InputError(
                f"a Weibull function of {self.over}, whose {'harder levels are the higher' if self.easier == 'low' else 'lowest is below 0'};"
                " expected 0 or more, the higher the easier",
                "choose function: normal, or the scale log10 or dB if the levels are of that",
            )
        thresholds = [
            low + (high - low) * part / self.finer for low, high in pairwise(levels) for part in range(self.finer)
        ] + [levels[-1]]
        thresholds = [value for value in thresholds if value > 0 or not linear]
        slopes = list(self.slopes or self._usual(levels[-1] - levels[0]))
        if (cells := len(levels) * len(thresholds) * len(slopes) * len(self.lapses)) > MOST_CELLS:
            raise InputError(
                f"QUEST+ over {cells:,} values; expected {MOST_CELLS:,} at most",
                "give finer, slopes or lapses fewer",
                code="too-large",
            )
        return {
            "function": self.function, "scale": self.scale, "thresholds": thresholds, "slopes": slopes,
            "guess": guess if self.guess is None else self.guess, "lapses": list(self.lapses),
        }  # fmt: skip

    def _usual(self, span: float) -> list[float]:
        if self.function == "normal":
            return [span / part for part in (32, 16, 8, 4, 2)]
        # A decade is 20 dB.
        return [1.0, 2.0, 3.5, 5.0, 8.0]


Method = Annotated[Constant | UpDownMethod | WeightedMethod | QuestPlusMethod, Field(discriminator="kind")]
