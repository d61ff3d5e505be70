"""What controls are made for: one unit's controllers for one goal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synthstim.constraints import Constraint, Luminance
from synthstim.goals.aim import Aim
from synthstim.modalities.base import Stimulus
from synthstim.modalities.image import luminance
from synthstim.models import Observer
from synthstim.objectives import Objective, Scorer
from synthstim.verify import NaturalPool

MAX_ID = 64
OFF = 0.02


@dataclass(frozen=True, eq=False)
class Case:
    """One unit, or one pattern, and what it was meant to do.

    Attributes:
        head: its controllers' ids without the number of the copy.
        entry: name of the recipe's entry.
        aim: of its controllers.
        settings: cases with the same settings may share a batch.
        objective: the objective for these aims, one a stimulus, as its controllers had it but without penalties.
        constraints: that its controllers meet, and so its controls.
        controllers: (id, stimulus as its file holds it) of each copy.
    """

    head: str
    entry: str
    aim: Aim
    settings: str
    objective: Callable[[Sequence[Aim]], Objective] = field(repr=False)
    constraints: tuple[Constraint, ...]
    controllers: tuple[tuple[str, Stimulus], ...] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Control:
    """A new stimulus that controllers are compared with.

    Attributes:
        stimulus_id: unique in the set.
        kind: ``natural`` or ``control``.
        stimulus: as its file will hold it.
        columns: of the stimulus table.
        facts: what the provenance keeps besides.
    """

    stimulus_id: str
    kind: str
    stimulus: Stimulus = field(repr=False)
    columns: dict[str, object]
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Use:
    """That a stimulus is a control of a case.

    Attributes:
        control: ``best_natural``, ``noise``, ``gabor`` or ``other_site``.
        stimulus_id: of the stimulus.
        of: what it comes from: the photograph, the controller whose spectrum it has, or the unit that it was made for.
    """

    case: Case
    control: str
    stimulus_id: str
    of: str | None


Keep = Callable[[str, Callable[[], dict[str, Tensor]]], dict[str, Tensor]]
Made = tuple[list[Control], list[Use]]


@dataclass(frozen=True)
class ControlRequest:
    """What controls are made of.

    Attributes:
        cases: units and goals with their controllers.
        observer, pool: as the controllers were made and measured with.
        count: how many each case gets.
        seed: the recipe's.
        keep: gives what an earlier, interrupted run made under a name, or makes it and keeps it.
    """

    cases: Sequence[Case]
    observer: Observer
    pool: NaturalPool
    count: int
    seed: int
    keep: Keep


def _nothing(aims: Sequence[Aim]) -> None:
    pass


@dataclass(frozen=True)
class Comparison:
    """A kind of controls that recipes may ask for.

    Attributes:
        make: the new stimuli, and for each case the stimuli that serve it.
        order: in which kinds are made.
        require: raises InputError unless the aims of a recipe's stimuli can have such controls.
    """

    make: Callable[[ControlRequest], Made]
    order: int = 100
    require: Callable[[Sequence[Aim]], None] = _nothing


def by_constraints(cases: Sequence[Case]) -> list[list[Case]]:
    """Cases that see the same stimuli: those whose controllers meet the same constraints."""
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(repr(case.constraints), []).append(case)
    return list(groups.values())


def met(stimuli: Tensor, constraints: Sequence[Constraint]) -> Tensor:
    """Whether stimuli (batch, *shape) are within 2 % of the luminance and contrast that the constraints ask for."""
    good = torch.ones(len(stimuli), dtype=torch.bool)
    for limit in constraints:
        if isinstance(limit, Luminance):
            seen = luminance(stimuli).flatten(1)
            mean, contrast = seen.mean(1), seen.std(1, unbiased=False) / seen.mean(1).clamp_min(1e-6)
            for came, wanted in ((mean, limit.mean), (contrast, limit.rms_contrast)):
                good &= torch.ones_like(good) if wanted is None else ((came - wanted).abs() <= OFF * wanted).cpu()
    return good


def as_filed(stimuli: Tensor, observer: Observer) -> list[Stimulus]:
    """Stimuli as their files of the default bits will hold them."""
    return [observer.input.modality.rounded(one) for one in stimuli.detach().cpu().float().numpy()]


def scores(cases: Sequence[Case], stimuli: Sequence[Stimulus], observer: Observer, *, at_once: int = 16) -> Tensor:
    """The score (case, stimulus) of each stimulus for each case's goal: layers are read once for all cases."""
    out = []
    bound: dict[int, list[Scorer]] = {}
    for start in range(0, len(stimuli), at_once):
        batch = torch.from_numpy(np.stack(stimuli[start : start + at_once])).to(observer.device, observer.dtype)
        items = len(batch)
        if items not in bound:
            bound[items] = [case.objective([case.aim] * items).bind(observer, items) for case in cases]
        layers = list(dict.fromkeys(layer for scorer in bound[items] for layer in scorer.layers))
        with torch.no_grad():
            read = observer.activations(batch, layers)
            out.append(torch.stack([scorer(batch, read) for scorer in bound[items]]).double().cpu())
    return torch.cat(out, 1)


def control_id(prefix: str, head: str, number: int) -> str:
    """The id of a control; long ones are cut and keep a part of their checksum."""
    start, end = f"{prefix}_{head}", f"_{number}"
    if len(start) + len(end) > MAX_ID:
        start = f"{start[: MAX_ID - len(end) - 9]}_{hashlib.sha256(start.encode()).hexdigest()[:8]}"
    return start + end


def seed_of(seed: int, *parts: object) -> int:
    """A seed of 48 bits from the recipe's and the names of what it is for."""
    return int.from_bytes(hashlib.sha256(json.dumps([seed, *map(str, parts)]).encode()).digest()[:6], "big")
