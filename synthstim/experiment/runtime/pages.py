"""What the texts of a listening experiment may name while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Of a page of words.
COLUMNS, ROWS = 4, 12
# What texts may name, in double braces in the protocol.
FIGURES = frozenset(
    [
        "participant",
        "resumed",
        "done",
        "page",
        "pages",
        "number",
        "count",
        "word",
        "answer",
        "verdict",
        "headphone_result",
    ]
    + [f"column_{number}" for number in range(1, COLUMNS + 1)]
)


class Figures(dict[str, Any]):
    """Values by name, for ``str.format_map``; what is not known yet is left out of a text."""

    def __missing__(self, name: str) -> str:
        return ""


def pages_of(manifest: Mapping[str, Any]) -> int:
    """How many pages the list of words fills."""
    return -(-len(manifest["words"]) // (COLUMNS * ROWS))


def figures_of_page(manifest: Mapping[str, Any], page: int) -> dict[str, Any]:
    """The columns of words of a page, counted from 0."""
    words = manifest["words"]
    starts = [(page * COLUMNS + column) * ROWS for column in range(COLUMNS)]
    columns = {f"column_{number}": "\n".join(words[start : start + ROWS]) for number, start in enumerate(starts, 1)}
    return columns | {"page": page + 1, "pages": pages_of(manifest)}


def is_right(answer: object, stimulus: Mapping[str, Any]) -> bool:
    """Whether an answer is the stimulus's word, or one of those that count for it."""
    return answer in (stimulus["word"], *stimulus.get("also", ()))


def figures_of_trial(
    manifest: Mapping[str, Any], plan: list[dict[str, Any]], planned: Mapping[str, Any], answer: str
) -> dict[str, Any]:
    """Where a trial stands in its part, its word, and whether the last answer is that."""
    stimulus = manifest["stimuli"][planned["item"]]
    return {
        "number": planned["trial_number"] + 1,
        "count": sum(row["part_number"] == planned["part_number"] for row in plan),
        "word": stimulus["word"],
        "answer": answer,
        "verdict": manifest["texts"].get("right" if is_right(answer, stimulus) else "wrong"),
    }
