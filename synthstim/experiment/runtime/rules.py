"""What a track goes by: PsychoPy's staircase in ranks of the levels, its weighted form, and QUEST+ by questplus.

Ranks count from the hardest level, so an easier trial always has the higher rank.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

# Staircases of PsychoPy end by themselves; here the track says when.
_NEVER = 10**9
_SCORES = ("Yes", "No")


class Rule(ABC):
    """Chooses a level by the answers so far.

    Args:
        levels: from the lowest to the highest.
    """

    def __init__(self, rule: Mapping[str, Any], levels: Sequence[float]) -> None:
        self._settings = rule
        self._sign = 1.0 if rule["easier"] == "high" else -1.0
        self._ranked = sorted(levels, key=lambda level: self._sign * level)

    @abstractmethod
    def level(self) -> float:
        """The level of the next trial; the same until there is an answer."""

    @abstractmethod
    def answer(self, correct: bool) -> None:
        """Take the answer to a trial at that level."""

    @abstractmethod
    def told(self) -> dict[str, Any]:
        """What is known: ``reversals``, ``step``, ``threshold``, ``threshold_sd``, ``slope``, ``lapse``; None is nothing."""


class UpDown(Rule):
    """So many right answers in a row and it becomes harder, so many wrong ones and easier (Levitt 1971)."""

    def __init__(self, rule: Mapping[str, Any], levels: Sequence[float]) -> None:
        from psychopy.data import StairHandler

        super().__init__(rule, levels)
        self._handler = StairHandler(
            startVal=self._ranked.index(rule["start"]), stepSizes=rule["steps"], stepType="lin",
            nDown=rule["down"], nUp=rule["up"], applyInitialRule=rule["initial_rule"],
            minVal=0, maxVal=len(levels) - 1, nReversals=_NEVER, nTrials=_NEVER, originPath=-1, autoLog=False,
        )  # fmt: skip

    def level(self) -> float:
        """The level of the next trial."""
        return self._ranked[int(self._handler.intensity)]

    def answer(self, correct: bool) -> None:
        """Take the answer."""
        next(self._handler)
        self._handler.addResponse(int(correct))

    def told(self) -> dict[str, Any]:
        """The reversals, the step in ranks, and the mean of the levels at which it turned, as many peaks as valleys."""
        turned = [self._ranked[int(rank)] for rank in self._handler.reversalIntensities]
        counted = turned[self._settings["leave_out"] :]
        counted = counted[len(counted) % 2 :]
        return {
            "reversals": len(turned), "step": self._step(), "threshold": sum(counted) / len(counted) if counted else None,
            "threshold_sd": None, "slope": None, "lapse": None,
        }  # fmt: skip

    def _step(self) -> int:
        return int(self._handler.stepSizeCurrent)


class WeightedUpDown(UpDown):
    """Each right answer makes it harder and each wrong one easier, by steps of different size (Kaernbach 1991).

    It settles where right answers times the step to harder levels balance wrong ones times the step to easier levels.
    """

    def __init__(self, rule: Mapping[str, Any], levels: Sequence[float]) -> None:
        super().__init__({**rule, "steps": [1], "down": 1, "up": 1, "initial_rule": False}, levels)

    def answer(self, correct: bool) -> None:
        """Take the answer."""
        # PsychoPy's staircase has one step in both directions; it leaves alone the size of one that was given as a number.
        self._handler.stepSizeCurrent = self._step() * self._settings["step_harder" if correct else "step_easier"]
        super().answer(correct)

    def _step(self) -> int:
        times = self._settings["times"]
        return int(times[min(len(self._handler.reversalIntensities), len(times) - 1)])


class QuestPlusRule(Rule):
    """The level whose answer is expected to tell most of the psychometric function (Watson 2017).

    Where harder levels are the higher ones, the function is one of the negative level.
    """

    def __init__(self, rule: Mapping[str, Any], levels: Sequence[float]) -> None:
        super().__init__(rule, levels)
        self._values = [self._sign * level for level in self._ranked]
        grid = {
            "threshold": sorted(self._sign * value for value in rule["thresholds"]),
            "slope": list(rule["slopes"]),
            "lapse": list(rule["lapses"]),
        }
        self._grid = grid
        self._quest = (_Weibull if rule["function"] == "weibull" else _Normal)(rule, self._values, grid)
        self._rank = None if rule["start"] is None else self._ranked.index(rule["start"])

    def level(self) -> float:
        """The level of the next trial."""
        if self._rank is None:
            value = self._quest.next()
            self._rank = min(range(len(self._values)), key=lambda rank: abs(self._values[rank] - value))
        return self._ranked[self._rank]

    def answer(self, correct: bool) -> None:
        """Take the answer."""
        self._quest.add(self._sign * self.level(), _SCORES[not correct])
        self._rank = None

    def told(self) -> dict[str, Any]:
        """Means of the posterior, and the standard deviation of the threshold's."""
        marginals = self._quest.marginals()
        means = {name: _mean(values, marginals[name]) for name, values in self._grid.items()}
        spread = [(value - means["threshold"]) ** 2 for value in self._grid["threshold"]]
        return {
            "reversals": None, "step": None, "threshold": self._sign * means["threshold"],
            "threshold_sd": _mean(spread, marginals["threshold"]) ** 0.5, "slope": means["slope"], "lapse": means["lapse"],
        }  # fmt: skip


class _Weibull:
    """QUEST+ with a Weibull function, by PsychoPy's handler."""

    def __init__(self, rule: Mapping[str, Any], values: Sequence[float], grid: Mapping[str, Sequence[float]]) -> None:
        from psychopy.data import QuestPlusHandler

        self._handler = QuestPlusHandler(
            nTrials=None, intensityVals=values, thresholdVals=grid["threshold"], slopeVals=grid["slope"],
            lowerAsymptoteVals=[rule["guess"]], lapseRateVals=grid["lapse"], responseVals=_SCORES,
            psychometricFunc="weibull", stimScale=rule["scale"],
        )  # fmt: skip

    def next(self) -> float:
        return float(next(self._handler))

    def add(self, value: float, score: str) -> None:
        self._handler.addResponse(score, intensity=value)

    def marginals(self) -> dict[str, Any]:
        posterior = self._handler.posterior
        return {"threshold": posterior["threshold"], "slope": posterior["slope"], "lapse": posterior["lapseRate"]}


class _Normal:
    """QUEST+ with a cumulative normal function, by the package that PsychoPy's handler rests on: it offers the Weibull alone."""

    def __init__(self, rule: Mapping[str, Any], values: Sequence[float], grid: Mapping[str, Sequence[float]]) -> None:
        from questplus import QuestPlus

        self._quest = QuestPlus(
            stim_domain={"intensity": values}, outcome_domain={"response": list(_SCORES)}, func="norm_cdf", stim_scale="linear",
            param_domain={
                "mean": grid["threshold"], "sd": grid["slope"], "lower_asymptote": [rule["guess"]], "lapse_rate": grid["lapse"],
            },
        )  # fmt: skip

    def next(self) -> float:
        return float(self._quest.next_stim["intensity"])

    def add(self, value: float, score: str) -> None:
        self._quest.update(stim={"intensity": value}, outcome={"response": score})

    def marginals(self) -> dict[str, Any]:
        marginal = self._quest.marginal_posterior
        return {"threshold": marginal["mean"], "slope": marginal["sd"], "lapse": marginal["lapse_rate"]}


RULES: dict[str, type[Rule]] = {"staircase": UpDown, "weighted": WeightedUpDown, "questplus": QuestPlusRule}


def rule_of(settings: Mapping[str, Any], levels: Sequence[float]) -> Rule:
    """The rule that settings describe.

    Args:
        settings: ``kind``, and what it takes.
        levels: from the lowest to the highest.
    """
    return RULES[settings["kind"]](settings, levels)


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    return float(sum(value * weight for value, weight in zip(values, weights, strict=True)))
