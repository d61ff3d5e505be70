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
        "right",
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
