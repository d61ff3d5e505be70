"""Match a reference: a layer, or several jointly, cannot tell the two apart; what comes out is a metamer."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from synthstim.goals.aim import Aim
from synthstim.goals.base import Goal, Measured, Measuring
from synthstim.goals.card import CardLine
from synthstim.ids import id_part
from synthstim.recipe.stimuli import Item, Metamer, Variant
from synthstim.recipe.yaml_source import Location

if TYPE_CHECKING:
    from torch import Tensor

    from synthstim.models import Observer
    from synthstim.objectives import Objective


class MatchGoal(Goal):
    """The least distance of activations from those to a reference."""

    name = "match"
    section = Metamer
    label = "match"
    about = "to match their reference"
    papers = ("feather2019", "feather2023")
    against_null = True
    lines = (
        CardLine("match", "match_db", "20 log10(|reference features| / |difference|): 20 dB is an error of 10 %", "dB"),
        CardLine("least matched", "least matched", "The lowest of the stages it matches", optional=True),
        CardLine("Pearson", "pearson", "Correlation of the features with the reference's", ".4f"),
        CardLine("Spearman", "spearman", "Rank correlation of the features with the reference's", ".4f"),
        CardLine("null percentile", "null_percentile", "Least of the three measures' percentiles", "percent"),
        CardLine("distance", "distance", style=".3f"),
        CardLine("same class", "same_class", "The observer's most active output is the reference's", "yes or no"),
    )

    def axes(self, entry: Any, sites: Sequence[str]) -> tuple[Sequence[Variant], ...]:
        """The references, and the layers of each."""
        return reference_axis(entry), layers_axis(entry)

    def shared_but(self, entry: Any) -> frozenset[str]:
        """Each item of a batch may be of a reference of its own; the layers of a batch are the same."""
        return frozenset({"reference", "layers"})

    def aim(self, item: Item, observer: Observer) -> Aim:
        """The layers; the name of a group of them stands for all of them."""
        return Aim(goal=self.name, layers=observer.members_of(item.layers or ()))

    def objective(
        self,
        entry: Any,
        aims: Sequence[Aim],
        measurer: Measuring,
        *,
        references: Tensor | None = None,
        layers: Sequence[str] = (),
    ) -> Objective:
        """The match, by the worst of the layers where each of them counts, as the statistics of a texture do."""
        from synthstim.objectives import match

        assert references is not None
        if not measurer.observer.names_groups(layers):
            return match(references, aims[0].layers, metric=entry.metric)
        weighted = entry.metric == "l2" and measurer.observer.input.modality.weighs_statistics
        return match(references, aims[0].layers, metric=entry.metric, joined="worst", weighted=weighted)

    def target(self, entry: Any) -> float | None:
        """The match in dB."""
        wanted: float | None = entry.target_db
        return wanted

    def blamed(self, entry: Any, named: object) -> Location:
        """The layers of which it is one."""
        joints = [number for number, joint in enumerate(entry.layers) if named in joint]
        return ("layers", joints[0]) if joints else ()

    def measure(
        self, measurer: Measuring, stimulus: Any, aim: Aim, reference: Any = None, layers: Sequence[str] = ()
    ) -> Measured:
        """The match, and its percentile in the null distribution."""
        return measurer.metamer(stimulus, reference, aim.layers, each=measurer.observer.names_groups(layers))

    def reasons(
        self, aim: Aim, measured: Measured, criteria: Mapping[str, Any], target_db: float | None = None
    ) -> Iterator[str]:
        """Beyond the null's percentile, of the same class (Feather et al. 2023), and as near as its own target.

        A texture must match by 20 dB in every class of statistics (McDermott & Simoncelli 2011).
        """
        if measured.get("itself"):
            yield "it is the reference itself"
        percentile, wanted = measured["null_percentile"], criteria["null_percentile"]
        if percentile < wanted:
            yield f"the match is at percentile {percentile:.2f} of the null, {wanted:g} was wanted"
        if criteria["same_class"] and measured["same_class"] is False:
            yield "the observer's most active output is another than the reference's"
        if target_db is not None and measured["match_db"] < target_db:
            yield f"the match is {measured['match_db']:.1f} dB, {target_db:g} was wanted"
        if below := measured.get("unmatched"):
            yield f"{', '.join(below)} matched at less than 20 dB"


def reference_axis(entry: Any) -> list[Variant]:
    """The references of an entry, each of which gets stimuli of its own."""
    stems = [unicodedata.normalize("NFC", PurePath(reference).stem) for reference in entry.reference]
    several = len(stems) > 1
    return [
        Variant({"reference": reference}, id_part(stem) if several else "", {"stem": stem})
        for reference, stem in zip(entry.reference, stems, strict=True)
    ]


def layers_axis(entry: Any) -> list[Variant]:
    """The layers of an entry, alone or jointly, each of which gets stimuli of its own."""
    return [Variant({"layers": joint}, "__".join(map(id_part, joint)), {"layers": joint}) for joint in entry.layers]


GOAL = MatchGoal()
