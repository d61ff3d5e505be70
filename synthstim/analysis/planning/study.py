"""What is planned: an exported experiment, a protocol, or a task by its name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from synthstim.analysis.answered.study import Study
from synthstim.analysis.answered.study_reading import read_study
from synthstim.analysis.sensitivity import UNMODELLED
from synthstim.analysis.simulated.plans import ANSWERS, study_of
from synthstim.errors import InputError, nearest
from synthstim.experiment.manifest import FILE
from synthstim.experiment.protocol_folders import list_protocols, read_protocol


def study_to_plan(design: str | Path, conditions: Sequence[str]) -> Study:
    """The study that a number of participants is planned for.

    Args:
        design: an exported experiment's folder, a protocol (its name, or its folder), or the name of a task.
        conditions: their names, where no experiment has been exported yet.

    Raises:
        InputError: nothing is called so, or the protocol has no right answers.

    Example:
        >>> study_to_plan("oddity", ["conv1", "conv5"]).answers
        ('1', '2', '3')
    """
    if (Path(design) / FILE).exists():
        return read_study(design)
    name = str(design)
    if name in ANSWERS and name not in list_protocols():
        return study_of(name, conditions)
    if name not in list_protocols() and not Path(design).is_dir():
        raise InputError(
            f"{name!r} given; expected an exported experiment, a protocol or a task",
            nearest(name, sorted({*ANSWERS, *list_protocols()})), code="unknown", value=name,
        )  # fmt: skip
    asked = read_protocol(design).design
    if asked is None or asked.task in UNMODELLED:
        raise InputError(f"the protocol {name!r} has no d': nothing is right in it", "choose another", code="mismatch")
    # What a column says is right is known from a set alone; then the task has its usual answers.
    answers = asked.answers({}) if asked.column_of_right is None else None
    return study_of(asked.task, conditions, answers=answers)
