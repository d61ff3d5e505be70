"""The result of an analysis in a few lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from synthstim.errors import counted
from synthstim.report.numbers import known, number

if TYPE_CHECKING:
    from synthstim.analysis.analyse import Analysis


def summary_of(found: Analysis) -> str:
    """A line for each condition, then d' and thresholds, then what must be stated."""
    chance = found.study.chance
    said = (
        f", chance {chance:.4f}" if found.measure is not None and found.measure.is_proportion and known(chance) else ""
    )
    kept, came = int(found.participants["kept"].sum()), len(found.participants)
    lines = [f"{found.study.title}: participants kept: {kept} of {came}{said}"]
    return "\n".join([*lines, *_conditions(found), *_sensitivity(found), *_thresholds(found), *found.notes])


def _conditions(found: Analysis) -> Iterator[str]:
    width = max(len(name) for name in found.study.names)
    for row in found.by_condition.to_dict("records"):
        value = f"{number(row[found.measure.column], '.3f')}  ({_interval(row)})  " if found.measure else ""
        yield f"  {row['condition']:<{width}}  {value}{counted(row['trials'], 'trial')}"


def _sensitivity(found: Analysis) -> Iterator[str]:
    width = max(len(name) for name in found.study.names)
    for row in found.sensitivity.to_dict("records"):
        strategy = f"  {row['strategy']}" if row["strategy"] else ""
        yield f"  {row['condition']:<{width}}  d' {number(row['d_prime'], '.2f')}  ({_interval(row, '.2f')}){strategy}"


def _thresholds(found: Analysis) -> Iterator[str]:
    for row in found.thresholds.to_dict("records"):
        yield (
            f"  threshold of {row['curve']}: {row['over']} {number(row['threshold'])}  ({_interval(row, '.4g')}), "
            f"{number(row['proportion'], '.3f')} there"
        )


def _interval(row: Mapping[Any, Any], style: str = ".3f") -> str:
    return f"{number(row['low'], style)} to {number(row['high'], style)}" if known(row["low"]) else "no interval"
