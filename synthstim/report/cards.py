"""What the page says of each stimulus: its picture, its figures, its verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from synthstim.report.numbers import known, number, percent, text, yes_no
from synthstim.report.pictures import Picture, Pictures
from synthstim.report.strips import Strip
from synthstim.stimulus_set import StimulusSet

NO_LAYER = "no layer"
NOT_JUDGED = "not judged"
GOALS = {"drive": "drive ↑", "suppress": "suppress ↓", "level": "level", "one_hot": "one hot", "match": "match"}


@dataclass(frozen=True)
class Fact:
    """One line under a picture; ``hint`` says what it means."""

    label: str
    value: str
    hint: str = ""


@dataclass(frozen=True)
class Card:
    """One stimulus as the page shows it; the texts are raw, the template escapes them."""

    id: str
    kind: str
    layer: str
    status: str
    goal: str
    badge: str
    picture: Picture
    alt: str
    facts: tuple[Fact, ...]
    note: str = ""
    reason: str = ""
    strip: Strip | None = None


Row = dict[str, Any]


def rows_of(stimuli: StimulusSet) -> Iterator[Row]:
    """The table's rows as dictionaries, in its order."""
    for values in stimuli.table.itertuples(index=False, name=None):
        yield dict(zip(stimuli.table.columns, values, strict=True))


def layer_of(row: Row) -> str:
    """The row's layer, or what stands for none."""
    return text(row["layer"], NO_LAYER)


def status_of(row: Row) -> str:
    """The row's status, or what stands for none."""
    return text(row["status"], NOT_JUDGED)


def make_card(row: Row, pictures: Pictures, strip: Strip | None = None) -> Card:
    """The card of one row of the table."""
    goal = text(row["goal"])
    return Card(
        id=row["stimulus_id"],
        kind=text(row["kind"], "unknown"),
        layer=layer_of(row),
        status=status_of(row),
        goal=goal,
        badge=GOALS.get(goal, goal) if row["kind"] == "controller" else "",
        picture=pictures[row["file"]],
        alt=_alt(row),
        facts=tuple(_facts(row)),
        note=_note(row),
        reason=text(row["reason"]),
        strip=strip,
    )


def _alt(row: Row) -> str:
    kind, name = text(row["kind"], "image"), row["stimulus_id"]
    if kind == "metamer":
        return f"{name}: metamer of {stem(text(row['reference'], 'an unnamed reference'))} at {layer_of(row)}"
    if kind == "controller":
        return f"{name}: controller image, {text(row['goal'])} unit {text(row['unit'])} of {layer_of(row)}"
    return f"{name}: {kind} image"


def stem(relative: str) -> str:
    """A file's name without folder and suffix."""
    return relative.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def _note(row: Row) -> str:
    parts = [text(row["name"])]
    if known(row["copy"]):
        parts.append(f"copy {text(row['copy'])}")
    if known(row["others"]):
        parts.append(f"held down: {text(row['others'])}")
    return " · ".join(part for part in parts if part)


def _facts(row: Row) -> Iterator[Fact]:
    if row["kind"] == "metamer":
        yield from _match_facts(row)
    elif row["kind"] == "controller":
        yield from _activation_facts(row)
    else:
        yield from _light_facts(row)
    if known(row["evaluations"]):
        ended = {"yes": ", converged", "no": ", budget spent"}.get(yes_no(row["converged"]), "")
        yield Fact(
            "evaluations", f"{text(row['evaluations'])}{ended}", "Forward and backward passes, and what ended them"
        )


def _match_facts(row: Row) -> Iterator[Fact]:
    yield Fact(
        "match", decibels(row["match_db"]), "20 log10(|reference features| / |difference|): 20 dB is an error of 10 %"
    )
    yield Fact("Pearson", number(row["pearson"], ".4f"), "Correlation of the features with the reference's")
    yield Fact("Spearman", number(row["spearman"], ".4f"), "Rank correlation of the features with the reference's")
    yield Fact("null percentile", percent(row["null_percentile"]), "Least of the three measures' percentiles")
    yield Fact(
        "pixel distance", number(row["pixel_distance"], ".3f"), "|image − reference| / |reference|, display values"
    )
    yield Fact("same class", yes_no(row["same_class"]), "The observer's most active output is the reference's")


def _activation_facts(row: Row) -> Iterator[Fact]:
    yield Fact("activation", number(row["activation"]), "Of the unit, in the saved file")
    if known(row["level"]):
        yield Fact("level asked", number(row["level"]))
    if row["goal"] == "level":
        yield Fact("nearest natural", number(row["best_natural"]), "Of the pool's, the one nearest to the level")
    else:
        yield Fact("best natural", number(row["best_natural"]), "Most extreme of the pool, in the goal's direction")
    if ratio := _ratio(row):
        yield Fact("ratio", ratio, "Activation over the best natural image's")


def _ratio(row: Row) -> str:
    # A ratio says something only where both are positive and more is wanted.
    if row["goal"] not in ("drive", "one_hot") or not known(row["activation"]) or not known(row["best_natural"]):
        return ""
    ours, natural = float(row["activation"]), float(row["best_natural"])
    return f"{ours / natural:.2f} ×" if ours > 0 and natural > 0 else ""


def _light_facts(row: Row) -> Iterator[Fact]:
    if known(row["activation"]):
        yield Fact("activation", number(row["activation"]))
    if known(row["mean_luminance"]):
        yield Fact("mean luminance", number(row["mean_luminance"], ".3f"), "Linear light, 0 to 1")
    if known(row["rms_contrast"]):
        yield Fact("RMS contrast", number(row["rms_contrast"], ".3f"), "Of linear light")


def decibels(value: Any) -> str:
    """A match in dB with one decimal."""
    return f"{number(value, '.1f')} dB" if known(value) else number(value)
