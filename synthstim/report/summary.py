"""The head of the page: how many of what, what failed and why, and where the set comes from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from synthstim.files import sha256_of
from synthstim.modalities.base import Modality
from synthstim.report.cards import Row, layer_of, rows_of, status_of, stem
from synthstim.report.numbers import known, number, text
from synthstim.stimulus_set import StimulusSet

# Shown in this order, under these words; what else provenance.json holds follows under its own.
_LABELS = {
    "observer": "Observer",
    "observers": "Observers",
    "device": "Made on",
    "host": "Machine",
    "created": "Made at",
    "seed": "Seed",
    "versions": "Versions",
    "pool": "Natural pool",
    "null": "Null distribution",
    "criteria": "Criteria to pass",
    "coding": "Coding",
}
# Of a longer list only so many: provenance.json has all.
_LISTED = 8
_APART = ("recipe", "schema_version", "table", "fingerprint", "parts")
# What the page says of each of the sets that a joined one was made of; the null distributions have figures of their own.
_OF_PARTS = ("adopted_from", *(key for key in _LABELS if key not in ("null", "versions", "coding")))
_MEASURED = (
    "match_db",
    "pearson",
    "spearman",
    "activation",
    "pixel_distance",
    "mean_luminance",
    "waveform_distance",
    "level_dbfs",
)


@dataclass(frozen=True)
class Tally:
    """One kind's count, and its statuses with theirs."""

    noun: str
    count: int
    statuses: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Failure:
    """One stimulus that failed its criteria."""

    id: str
    what: str
    figures: str
    reason: str


@dataclass(frozen=True)
class Summary:
    """What the head of the page says; raw text, the template escapes it."""

    title: str
    line: str
    tallies: tuple[Tally, ...]
    statuses: tuple[tuple[str, int], ...]
    failures: tuple[Failure, ...]
    damaged: tuple[str, ...]
    facts: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    recipe: str
    measured: bool
    unfinished: int


def summarise(stimuli: StimulusSet) -> Summary:
    """Read the head of the page off the table and the provenance."""
    rows, modality = list(rows_of(stimuli)), stimuli.modality
    kinds = Counter(text(row["kind"], "unknown") for row in rows)
    recipe = "\n".join(
        f"# {name}\n{_recipe(part)}" if name else _recipe(part) for name, part in stimuli.parts.items() if _recipe(part)
    )
    return Summary(
        title=stimuli.root.resolve().name,
        line=", ".join(f"{count} {modality.noun(count, kind)}" for kind, count in kinds.items()) or "no stimuli",
        tallies=tuple(_tally(kind, rows, modality) for kind in kinds),
        statuses=tuple(Counter(map(status_of, rows)).most_common()),
        failures=tuple(_failure(row) for row in rows if status_of(row) == "failed"),
        damaged=tuple(damage(stimuli)),
        facts=tuple(_facts(stimuli.provenance)),
        recipe=recipe,
        measured=bool(stimuli.table[[*_MEASURED]].notna().to_numpy().any()),
        unfinished=sum(known(row["converged"]) and not row["converged"] for row in rows),
    )


def _recipe(stimuli: StimulusSet) -> str:
    recipe = stimuli.provenance.get("recipe", "")
    return recipe if isinstance(recipe, str) else json.dumps(recipe, indent=2, ensure_ascii=False)


def damage(stimuli: StimulusSet) -> Iterator[str]:
    """One sentence for each file of the set, best natural ones included, whose bytes differ from its checksum."""
    yield from stimuli.damaged()
    best = stimuli.companion("best_natural.tsv")
    for relative, wanted in dict(zip(best["file"].astype(str), best["sha256"].astype(str), strict=True)).items():
        if (found := sha256_of(stimuli.path(relative))) != wanted:
            yield f"{relative} has changed since it was made (sha256 {found[:12]}..., recorded {wanted[:12]}...)"


def _tally(kind: str, rows: list[Row], modality: Modality) -> Tally:
    statuses = Counter(status_of(row) for row in rows if text(row["kind"], "unknown") == kind)
    count = sum(statuses.values())
    return Tally(modality.noun(count, kind), count, tuple(statuses.most_common()))


def _failure(row: Row) -> Failure:
    what = [text(row["kind"]), text(row["goal"]) if row["kind"] == "controller" else ""]
    if known(row["unit"]):
        what.append(f"unit {text(row['unit'])}")
    if known(row["reference"]):
        what.append(f"of {stem(row['reference'])}")
    if known(row["layer"]):
        what.append(f"at {layer_of(row)}")
    figures = []
    if known(row["match_db"]):
        figures.append(f"{number(row['match_db'], '.1f')} dB")
    if known(row["activation"]):
        figures.append(f"activation {number(row['activation'])}")
    reason = text(row["reason"], "no reason recorded")
    return Failure(row["stimulus_id"], " ".join(part for part in what if part), ", ".join(figures), reason)


def _facts(provenance: dict[str, Any]) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """The provenance as boxes (heading, entries): what has a single value shares the first box."""
    keys = [key for key in _LABELS if key in provenance]
    keys += [key for key in provenance if key not in _LABELS and key not in _APART]
    boxes = [(_LABELS.get(key, key.replace("_", " ")), tuple(_entries(provenance[key]))) for key in keys]
    single = tuple((label, entries[0][1]) for label, entries in boxes if len(entries) == 1 and not entries[0][0])
    if single:
        yield "Run", single
    yield from ((label, entries) for label, entries in boxes if entries and (len(entries) > 1 or entries[0][0]))
    for name, part in provenance.get("parts", {}).items():
        yield f"Set {name}", tuple(_entries({key: part[key] for key in _OF_PARTS if key in part}))


def _entries(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of a nested value as (name, text); names of nested ones are joined by a space."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _entries(inner, f"{name} {key}".strip().replace("_", " "))
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for index, inner in enumerate(value):
            yield from _entries(inner, f"{name} {index + 1}".strip())
    elif isinstance(value, list):
        more = f" and {len(value) - _LISTED} more" if len(value) > _LISTED + 1 else ""
        yield name, ", ".join(map(str, value[:_LISTED] if more else value)) + more
    elif value is not None:
        yield name, f"{value:.6g}" if isinstance(value, float) else str(value)
