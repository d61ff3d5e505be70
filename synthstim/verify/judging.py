"""Whether a stimulus passes, by what was measured of its file."""

from __future__ import annotations

from typing import Any

from synthstim.verify.aims import Aim, in_z_scores
from synthstim.verify.measure import Measured


def judge(
    kind: str, aim: Aim | None, measured: Measured, criteria: dict[str, Any], target_db: float | None = None
) -> tuple[str, str]:
    """Whether a stimulus passes, and why not.

    A metamer must lie beyond the null's percentile and keep its class (Feather et al. 2023), and reach its own target
    if it had one, a texture 20 dB in every class of statistics (McDermott & Simoncelli 2011); drive and suppress must
    go beyond the pool, a level come within 5 % of the pool's spread of it, one_hot make its target the most driven, a
    pattern come nearer than any of the pool. No sound may be cut off at its peak.
    """
    reasons = []
    if run := measured.get("peak_run"):
        reasons.append(f"the sound is cut off at its peak, {run} samples in a row")
    if kind == "metamer":
        if measured["null_percentile"] < criteria["null_percentile"]:
            reasons.append(
                f"the match is at percentile {measured['null_percentile']:.2f} of the null, {criteria['null_percentile']:g} was wanted"
            )
        if criteria["same_class"] and measured["same_class"] is False:
            reasons.append("the observer's most active output is another than the reference's")
        if target_db is not None and measured["match_db"] < target_db:
            reasons.append(f"the match is {measured['match_db']:.1f} dB, {target_db:g} was wanted")
        if below := measured.get("unmatched"):
            reasons.append(f"{', '.join(below)} matched at less than 20 dB")
    elif kind == "controller" and aim is not None:
        reasons += _control_problems(aim, measured)
    return ("failed", "; ".join(reasons)) if reasons else ("passed", "")


def _control_problems(aim: Aim, measured: Measured) -> list[str]:
    activation, natural = measured["activation"], measured["best_natural"]
    if aim.goal == "drive" and activation <= natural:
        return [f"the activation {activation:.3g} is not above the best natural {natural:.3g}"]
    if aim.goal == "suppress" and activation > natural:
        return [f"the activation {activation:.3g} is not below the least natural {natural:.3g}"]
    if aim.goal == "level" and aim.level is not None and abs(activation - aim.level) > measured["tolerance"]:
        return [
            f"the activation {activation:.3g} is not within {measured['tolerance']:.2g} of the level {aim.level:.3g}"
        ]
    if aim.goal == "one_hot" and not measured["wins"]:
        fitted = aim.unit is not None and in_z_scores([aim.unit]) is not None
        scores = (
            "in z-scores" if fitted and aim.zscore else "z-scored over the pool" if aim.zscore else "in activations"
        )
        return [f"the target is not the most driven unit of its set ({scores})"]
    if aim.goal == "pattern" and activation >= natural:
        return [f"the distance {activation:.3g} from the pattern is not below the nearest natural's {natural:.3g}"]
    return []
