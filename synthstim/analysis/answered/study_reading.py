"""The study of an exported experiment, read from its manifest and its plan."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from synthstim.analysis.answered.study import LISTENING, NATURAL, ColumnCondition, ListenerCriteria, Study
from synthstim.errors import InputError
from synthstim.experiment import manifest
from synthstim.experiment.manifest import ManifestCriteria, ManifestPart, read_manifest
from synthstim.experiment.runtime.plan import PARTS
from synthstim.experiment.sounds.headphones import TONES

PLAN = "plan.tsv"
CATCH = "catch"
# What a plan says of a trial that is no column of its conditions.
_MISSING = "n/a"


class Asking(manifest.Named):
    """Whether anything is answered in an experiment."""

    asks: bool = False


class RecordedDesign(ManifestPart):
    """What the manifest says of how trials were made."""

    conditions: tuple[str, ...] = ()
    compare: str = ""
    task: str = "none"
    method: dict[str, Any] = Field(default_factory=lambda: {"kind": "constant"})


class RecordedQuestion(ManifestPart):
    """A question: what its answer is stored as, how it is answered, and the values that there are."""

    kind: str
    stores: str
    values: tuple[int | float | str, ...] = ()


class AnsweredManifest(ManifestPart):
    """What was asked in an experiment made of trials."""

    protocol: str
    title: str
    participants: int = Field(ge=1)
    slots: tuple[str, ...]
    design: RecordedDesign
    answers: tuple[str, ...] = ()
    criteria: ManifestCriteria = ManifestCriteria()
    stimuli: tuple[dict[str, Any], ...] = ()
    questions: dict[str, RecordedQuestion] = Field(default_factory=dict)
    words: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()
    levels: tuple[float, float] | None = None

    @property
    def choices(self) -> tuple[str, ...]:
        """What may be answered; empty where answers are the numbers of a scale."""
        asked = [one for one in self.questions.values() if one.stores == "response" and one.kind != "participant"]
        if any(one.kind == "slider" for one in asked):
            return ()
        found = [str(value) for one in asked for value in one.values]
        found += self.words if any(one.kind == "words" for one in asked) else ()
        # Keys that rate one stimulus are a scale as well.
        is_scale = not self.answers and self.design.compare == "each" and all(map(str.isdigit, found))
        return () if is_scale else tuple(dict.fromkeys(found))


def read_study(directory: str | Path) -> Study:
    """Read what an exported experiment tests.

    Raises:
        InputError: the folder is no exported experiment, or one in which nothing is answered, or it is damaged.

    Example:
        >>> read_study("words").names
        ('natural', 'conv1')
    """
    root = Path(directory)
    named = read_manifest(root, Asking)
    if named.protocol == LISTENING:
        return _listening(root)
    if not named.asks:
        raise _nothing(root, named.protocol)
    asked = read_manifest(root, AnsweredManifest)
    plan = read_plan(root, asked)
    main = plan[~plan["phase"].isin(["headphone", "practice"])]
    if main.empty:
        raise _nothing(root, named.protocol)
    planned = main.groupby("participant").size()
    return Study(
        conditions=_conditions(main[main["phase"] != CATCH], asked),
        answers=asked.answers or asked.choices,
        accepted=tuple(dict.fromkeys([*asked.answers, *asked.choices])) if asked.choices else (),
        participants=asked.participants,
        catch_trials=int((main["phase"] == CATCH).groupby(main["participant"]).sum().max()),
        criteria=_criteria(asked.criteria),
        title=asked.title,
        planned=tuple((int(str(number)), int(count)) for number, count in planned.items()),
        protocol=named.protocol,
        task=asked.design.task,
        columns=asked.design.conditions,
        slots=tuple(slot for slot in asked.slots if slot not in (*asked.masks, TONES)),
        method=asked.design.method,
        span=asked.levels,
        stimuli={str(one.get("stimulus_id")): one | dict(one.get("columns", {})) for one in asked.stimuli},
    )


def _nothing(root: Path, protocol: str) -> InputError:
    return InputError(
        f"{root} holds the experiment {protocol!r}, in which nothing is answered that could be analysed; expected a listening "
        "test or another experiment made of trials",
        code="mismatch",
        value=protocol,
    )


def read_plan(root: Path, asked: AnsweredManifest) -> pd.DataFrame:
    """The planned trials of all participants, as text; participants as numbers.

    Raises:
        InputError: plan.tsv is missing or damaged.
    """
    wanted = {"participant", "trial", "phase", "condition", "right", *asked.design.conditions, *asked.slots}
    try:
        plan = pd.read_csv(root / PLAN, sep="\t", dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE)
        if (lacking := sorted(wanted - set(plan.columns))) or not len(plan):
            raise ValueError(f"it has no {f'column {lacking[0]}' if lacking else 'trial'}")
        return plan.assign(participant=plan["participant"].astype("int64"))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error).partition("\n")[0]
        raise InputError(
            f"{root / PLAN} is not the plan of an experiment ({why})", "restore it from a copy", code="unreadable"
        ) from None


def _criteria(asked: ManifestCriteria) -> ListenerCriteria:
    return ListenerCriteria(asked.headphone_trials or 0, asked.headphone_pass or 0, asked.catch_pass or 0.0)


def _conditions(main: pd.DataFrame, asked: AnsweredManifest) -> tuple[ColumnCondition, ...]:
    """In the model's order: each column's values as the set has them, numbers ascending, natural stimuli first."""
    columns = asked.design.conditions
    rows = main[["condition", *columns]].drop_duplicates("condition").to_dict("records")
    ranks = {column: _ranks((row[column] for row in rows), _of_set(column, asked)) for column in columns}
    found = sorted(rows, key=lambda row: [ranks[column][row[column]] for column in columns])
    return tuple(
        ColumnCondition(
            row["condition"], row.get("observer"), row.get("layer"), tuple((name, row[name]) for name in columns)
        )
        for row in found
    )


def _of_set(column: str, asked: AnsweredManifest) -> list[str]:
    return list(dict.fromkeys(str(one.get(column)) for one in asked.stimuli))


def _ranks(values: Iterable[str], known: Sequence[str]) -> Mapping[str, tuple[float, ...]]:
    """The place of each value; of values such as ``conv1 vs conv2``, those of both."""
    found = list(dict.fromkeys(values))
    place = {value: float(at) for at, value in enumerate([*known, *(value for value in found if value not in known)])}
    with suppress(ValueError):  # they are not numbers
        place |= {value: float(value) for value in found if value not in (NATURAL, _MISSING)}
    place |= {NATURAL: -(2.0**62), _MISSING: -(2.0**62)}
    return {value: tuple(place.get(part, place[value]) for part in value.split(" vs ")) for value in found}


def _listening(root: Path) -> Study:
    asked = read_manifest(root, manifest.ListeningManifest)
    # The sort is stable: the stages stay in the model's order.
    conditions = sorted(asked.conditions, key=lambda one: one.condition != NATURAL)
    # Answers that are right, on average over the sources.
    right = [1 + len(one.also) for one in asked.stimuli if one.kind == NATURAL] or [1]
    return Study(
        conditions=tuple(conditions),
        answers=asked.words,
        participants=asked.participants,
        catch_trials=asked.n_catch,
        criteria=_criteria(asked.criteria),
        title=asked.title,
        left_out=tuple((one.source, one.condition, one.reason) for one in asked.left_out),
        planned=tuple(_planned(root)),
        right_answers=sum(right) / len(right),
    )


def _planned(directory: Path) -> list[tuple[int, int]]:
    """Trials of the main part by participant."""
    found = []
    for path in sorted((directory / "conditions").glob("participant_*.csv")):
        number = path.stem.rpartition("_")[2]
        with open(path, encoding="utf-8", newline="") as stream:
            main = sum(row.get("part_number") == str(PARTS.index("main")) for row in csv.DictReader(stream))
        if number.isdigit():
            found.append((int(number), main))
    return found
