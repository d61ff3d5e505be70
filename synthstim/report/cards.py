"""What the page says of each stimulus: its picture or sound, its figures, its verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from synthstim.goals.card import CardLine
from synthstim.goals.shown import goal_shown
from synthstim.modalities.base import Modality
from synthstim.report.media import Media, Medium
from synthstim.report.numbers import dbfs, known, number, percent, text, yes_no
from synthstim.report.profiles import MatchProfile
from synthstim.report.strips import Strip
from synthstim.stimulus_set import StimulusSet
from synthstim.stimulus_set.columns import COLUMNS, SET

NO_LAYER = "no layer"
NOT_JUDGED = "not judged"


@dataclass(frozen=True)
class Fact:
    """One line under a picture or sound; ``hint`` says what it means."""

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
    medium: Medium
    alt: str
    facts: tuple[Fact, ...]
    note: str = ""
    reason: str = ""
    strip: Strip | None = None
    profile: MatchProfile | None = None


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


def make_card(row: Row, media: Media, strip: Strip | None = None, profile: MatchProfile | None = None) -> Card:
    """The card of one row of the table."""
    goal = text(row["goal"])
    return Card(
        id=row["stimulus_id"],
        kind=text(row["kind"], "unknown"),
        layer=layer_of(row),
        status=status_of(row),
        goal=goal,
        badge=goal_shown(goal).label if row["kind"] in ("controller", "distortion") else "",
        medium=media[row["file"]],
        alt=_alt(row, media.stimuli.modality),
        facts=tuple(_facts(row, media.stimuli.modality, profile)),
        note=_note(row),
        reason=text(row["reason"]),
        strip=strip,
        profile=profile,
    )


def _alt(row: Row, modality: Modality) -> str:
    kind, name = text(row["kind"], modality.name), row["stimulus_id"]
    if kind == "metamer":
        return f"{name}: metamer of {stem(text(row['reference'], 'an unnamed reference'))} at {layer_of(row)}"
    if kind == "distortion":
        return f"{name}: {stem(text(row['reference'], 'an unnamed reference'))} distorted, {text(row['direction'])} by {layer_of(row)}"
    if kind == "controller":
        return f"{name}: controller {modality.name}, {text(row['goal'])} unit {text(row['unit'])} of {layer_of(row)}"
    return f"{name}: {kind} {modality.name}"


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


def _facts(row: Row, modality: Modality, profile: MatchProfile | None) -> Iterator[Fact]:
    yield from _labels(row, modality)
    if row["kind"] in ("metamer", "controller", "distortion"):
        yield from _goal_facts(row, modality, profile)
    else:
        yield from _physical_facts(row)
    if known(row["mix"]):
        yield Fact("mix", number(row["mix"]), "How much of the second stimulus is in it; 0 is the reference")
    if known(row["duration_s"]):
        yield Fact("duration", f"{number(row['duration_s'], '.3g')} s")
    if known(row["level_dbfs"]):
        yield Fact("level", dbfs(row["level_dbfs"]), "Root mean square, relative to full scale")
    if known(row["peak_dbfs"]):
        yield Fact("peak", dbfs(row["peak_dbfs"]), "Relative to full scale")
    if known(row["evaluations"]):
        ended = {"yes": ", converged", "no": ", budget spent"}.get(yes_no(row["converged"]), "")
        yield Fact(
            "evaluations", f"{text(row['evaluations'])}{ended}", "Forward and backward passes, and what ended them"
        )


def _labels(row: Row, modality: Modality) -> Iterator[Fact]:
    """What the set's own columns say of how its stimuli differ."""
    for name, value in row.items():
        if known(value) and name not in COLUMNS and name not in modality.columns and name != SET:
            yield Fact(name.replace("_", " "), text(value) if isinstance(value, str) else number(value))


def _goal_facts(row: Row, modality: Modality, profile: MatchProfile | None) -> Iterator[Fact]:
    for line in goal_shown(text(row["goal"]), row["kind"]).lines:
        label, hint = line.label, line.hint.format(stimulus=modality.name)
        if line.column == "distance":
            label, hint = modality.distance_label, modality.distance_hint
        if (value := _value(line, row, modality, profile)) or not line.optional:
            yield Fact(label, value, hint)


def _value(line: CardLine, row: Row, modality: Modality, profile: MatchProfile | None) -> str:
    if line.column == "ratio":
        return _ratio(row)
    if line.column == "least matched":
        least = profile.least if profile else None
        return f"{decibels(least.match_db)} at {least.layer}" if least else ""
    value = row.get(modality.distance if line.column == "distance" else line.column)
    if line.optional and not known(value):
        return ""
    if line.style in _STYLES:
        return _STYLES[line.style](value)
    return number(value, line.style)


def _ratio(row: Row) -> str:
    # A ratio says something only where both are positive.
    if not known(row["activation"]) or not known(row["best_natural"]):
        return ""
    ours, natural = float(row["activation"]), float(row["best_natural"])
    return f"{ours / natural:.2f} ×" if ours > 0 and natural > 0 else ""


def _physical_facts(row: Row) -> Iterator[Fact]:
    if known(row["activation"]):
        yield Fact("activation", number(row["activation"]))
    if known(row["mean_luminance"]):
        yield Fact("mean luminance", number(row["mean_luminance"], ".3f"), "Linear light, 0 to 1")
    if known(row["rms_contrast"]):
        yield Fact("RMS contrast", number(row["rms_contrast"], ".3f"), "Of linear light")


def decibels(value: Any) -> str:
    """A match in dB with one decimal."""
    return f"{number(value, '.1f')} dB" if known(value) else number(value)


_STYLES = {"dB": decibels, "percent": percent, "text": text, "yes or no": yes_no}
