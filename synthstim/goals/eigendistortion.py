"""Eigendistortions: a reference changed along the directions that an observer notices most, and least, by amplitudes.

Berardino, Ballé, Laparra & Simoncelli 2017. If the observer sees as people do, the threshold along the first direction is low
and that along the last is high, by the ratio of the square roots of their eigenvalues.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from synthstim.errors import InputError
from synthstim.goals.aim import Aim
from synthstim.goals.base import Goal, Measured, Measuring
from synthstim.goals.card import CardLine
from synthstim.goals.match import layers_axis, reference_axis
from synthstim.ids import id_part
from synthstim.recipe.expected import Expected
from synthstim.recipe.fields import check_different
from synthstim.recipe.stimuli import Distortion, Item, Layers, Variant
from synthstim.recipe.yaml_source import Location

if TYPE_CHECKING:
    from torch import Tensor

    from synthstim.models import Observer

# The change in the file may be off by so much of what was asked for.
TOLERANCE = 0.05
Amplitudes = Annotated[
    tuple[Annotated[float, Field(gt=0, le=1)], ...],
    Field(min_length=1, strict=False),
    AfterValidator(check_different),
    Expected("a list of root mean square changes, such as [0.005, 0.01, 0.02]"),
]


class EigendistortionEntry(Distortion):
    """A reference, changed along directions by amplitudes.

    Attributes:
        layers: by which changes are noticed: stimuli for each; the names of a list within the list notice jointly.
        amplitudes: root mean square changes, in display values or at full scale.
        most, least: how many of the directions that are noticed most, and least.
    """

    goal: Literal["eigendistortion"]
    layers: Layers
    amplitudes: Amplitudes
    most: Annotated[int, Field(ge=0, le=100)] = 1
    least: Annotated[int, Field(ge=0, le=100)] = 1

    def problems(self) -> Iterator[tuple[Location, str]]:
        """No direction, and what a search alone has."""
        if not self.most + self.least:
            yield ("most",), "and least are both 0: ask for one direction or more"
        searched = {"copies", "parametrisation", "start", "optimiser", "evaluations", "seconds", "plateau"}
        for key in sorted((searched | {"total_variation", "constraints"}) & self.model_fields_set):
            yield (key,), "goes with what is searched for, but these changes are computed: remove it"

    @property
    def layers_named(self) -> tuple[str, ...]:
        """The layers that notice."""
        return tuple(layer for joint in self.layers for layer in joint)

    @property
    def directions(self) -> tuple[str, ...]:
        """Their names."""
        return (*(f"most_{at}" for at in range(self.most)), *(f"least_{at}" for at in range(self.least)))


class EigendistortionGoal(Goal):
    """Changes of one length that are noticed most, and least."""

    name = "eigendistortion"
    section = EigendistortionEntry
    label = "eigendistortion"
    about = "to change along the directions that the layers notice most and least"
    papers = ("berardino2017",)
    symbol = "line-ns"
    solves = True
    lines = (
        CardLine("direction", "direction", "Noticed most, or least", "text"),
        CardLine("amplitude", "amplitude", "Root mean square change of the reference"),
        CardLine("match", "match_db", "20 log10(|reference features| / |difference|): what the layers notice", "dB"),
    )

    def axes(self, entry: Any, sites: Sequence[str]) -> tuple[Sequence[Variant], ...]:
        """The references, the layers of each, the directions of each, the amplitudes of each."""
        directions = [Variant({"direction": name}, name, {"direction": name}) for name in entry.directions]
        amplitudes = [
            Variant({"amplitude": value}, id_part(f"{value:g}".replace(".", "p")), {"amplitude": value})
            for value in entry.amplitudes
        ]
        return reference_axis(entry), layers_axis(entry), directions, amplitudes

    def shared_but(self, entry: Any) -> frozenset[str]:
        """All items of the same layers share the computation."""
        return frozenset({"reference", "layers", "amplitudes"})

    def aim(self, item: Item, observer: Observer) -> Aim:
        """The layers, the direction and the amplitude."""
        given = (("direction", item.given["direction"]), ("amplitude", float(item.given["amplitude"])))
        return Aim(goal=self.name, layers=observer.members_of(item.layers or ()), given=given)

    def solve(self, entry: Any, aims: Sequence[Aim], measurer: Measuring, references: Tensor) -> Tensor:
        """The reference of each item plus its change; directions are computed once for each reference."""
        import torch

        from synthstim.distortions import Eigendistortions, distorted, eigendistortions

        modality = measurer.observer.input.modality
        known: dict[bytes, Eigendistortions] = {}
        made = []
        for aim, reference in zip(aims, references.numpy(), strict=True):
            key, said = reference.tobytes(), dict(aim.given)
            if key not in known:
                shown = torch.from_numpy(reference)[None]
                known[key] = eigendistortions(measurer.observer, shown, aim.layers, most=entry.most, least=entry.least)
            found = known[key]
            direction = found.directions[found.names.index(said["direction"])].numpy()
            try:
                made.append(torch.from_numpy(distorted(reference, direction, said["amplitude"], modality.limits)))
            except InputError as error:
                raise error.within(f"{entry.name}, {said['direction']}") from None
        return torch.stack(made)

    def blamed(self, entry: Any, named: object) -> Location:
        """The layers of which it is one."""
        joints = [number for number, joint in enumerate(entry.layers) if named in joint]
        return ("layers", joints[0]) if joints else ()

    def require_whole(self, aim: Aim) -> None:
        """Raise ValueError unless the aim has a direction and an amplitude."""
        if not {"direction", "amplitude"} <= dict(aim.given).keys():
            raise ValueError(f"{self.name} of no direction")

    def measure(
        self, measurer: Measuring, stimulus: Any, aim: Aim, reference: Any = None, layers: Sequence[str] = ()
    ) -> Measured:
        """What the layers notice, and by how much the file differs from its reference."""
        import numpy as np

        changed = float(np.sqrt(np.square(stimulus.astype(np.float64) - reference).mean()))
        return measurer.matched(stimulus, reference, aim.layers) | {"changed": changed}

    def reasons(
        self, aim: Aim, measured: Measured, criteria: Mapping[str, Any], target_db: float | None = None
    ) -> Iterator[str]:
        """The file must hold the change."""
        changed, wanted = measured["changed"], dict(aim.given)["amplitude"]
        if abs(changed - wanted) > TOLERANCE * wanted:
            yield f"the file differs from its reference by {changed:.3g}, {wanted:g} was asked for, less than its bits hold"


GOAL = EigendistortionGoal()
