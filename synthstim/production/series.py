"""Series of a set: each mixture is mixed of the saved files, written, read back and compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from synthstim.controls.cases import control_id
from synthstim.models import Observer
from synthstim.production.phases import read_given
from synthstim.recipe import Metamer, Recipe
from synthstim.recipe.series import PREFIXES, Steps, share_of
from synthstim.recipe.stimuli import Item
from synthstim.stimulus_set import SetWriter
from synthstim.verify import TOLERANCE, away
from synthstim.verify.judging import cut_off

OF_METAMER, OF_FILES = PREFIXES


@dataclass(frozen=True)
class Series:
    """A series between two files of the set that is being written.

    Attributes:
        prefix, head: of the ids.
        asked: its steps.
        first, second: the files.
        bits: of the mixtures' files.
        columns: what the rows have of what is mixed.
        reasons: why none of it passes.
    """

    prefix: str
    head: str
    asked: Steps
    first: str
    second: str
    bits: int | None
    columns: dict[str, Any]
    reasons: tuple[str, ...] = ()


def write_series(writer: SetWriter, recipe: Recipe, observer: Observer, items: Sequence[Item]) -> dict[str, Any]:
    """Write every mixture that a recipe asks for; returns what the provenance keeps of each.

    Args:
        writer: has the items, and their references.

    Raises:
        InputError: a mixture would be cut off at its peak, or a file of the recipe cannot be read.
    """
    facts: dict[str, Any] = {}
    for series in [*_of_metamers(writer, items), *_of_files(writer, recipe, observer)]:
        for number, mix in enumerate(series.asked.values):
            name = control_id(series.prefix, series.head, number)
            _add(writer, series, name, mix)
            facts[name] = {"from": series.first, "to": series.second, "mix": mix, "scale": series.asked.scale}
    return facts


def _of_metamers(writer: SetWriter, items: Sequence[Item]) -> Iterator[Series]:
    rows = {str(row["stimulus_id"]): row for row in writer.rows}
    for item in items:
        if isinstance(item.entry, Metamer) and (asked := item.entry.series) is not None:
            row = rows[item.stimulus_id]
            columns = {
                name: row[name] for name in ("name", "observer", "layer", "reference", "reference_sha256", "copy")
            }
            first, second = str(row["reference"]), str(row["file"])
            reasons = (f"{item.stimulus_id}, which is in it, failed",) if row["status"] == "failed" else ()
            yield Series(OF_METAMER, item.stimulus_id, asked, first, second, item.entry.bits, columns, reasons)


def _of_files(writer: SetWriter, recipe: Recipe, observer: Observer) -> Iterator[Series]:
    for entry in recipe.series:
        bits = writer.modality.reference_bits(entry.bits)
        saved = [
            writer.add_reference(read_given(path, recipe, observer.input), PurePath(path).stem, bits=bits)
            for path in entry.between
        ]
        (first, digest), (second, _) = saved
        columns = {"name": entry.name, "reference": first, "reference_sha256": digest}
        yield Series(OF_FILES, entry.name, entry, first, second, entry.bits, columns)


def _add(writer: SetWriter, series: Series, name: str, mix: float) -> None:
    modality = writer.modality
    first, second = (modality.read(writer.path(file)) for file in (series.first, series.second))
    share = share_of(mix, series.asked.scale)
    path = writer.add(
        name, modality.mixed(first, second, share), bits=series.bits, kind="mixture", mix=mix, **series.columns
    )
    filed = modality.read(path)
    measured = modality.statistics(path) | modality.between(filed, first)
    reasons = [*series.reasons, *cut_off(measured)]
    if (off := away(modality, filed, first, second, share)) > TOLERANCE:
        reasons.append(f"the file is {off:.3g} away from the mixture")
    verdict = {"status": "failed" if reasons else "passed", "reason": "; ".join(reasons) or None}
    writer.rows[-1].update({key: value for key, value in measured.items() if key in writer.columns} | verdict)
