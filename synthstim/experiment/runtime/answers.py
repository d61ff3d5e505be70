"""What a participant answers: which key, click or mark means what, and whether it is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .completion import NumberEntry, WordEntry
from .question import Question


@dataclass(frozen=True)
class Given:
    """An answer, when it was given and begun (experiment's clock, s), and how often return was pressed in vain before."""

    value: Any
    time_s: float
    first_s: float
    refused: int = 0


def question_of(
    piece: str, asked: Mapping[str, Any], manifest: Mapping[str, Any], problem: Callable[[int], str]
) -> Question:
    """The question of a piece of the protocol.

    Args:
        asked: what the manifest says of it: ``kind``, ``stores``, ``keys``, ``clicks``.
        problem: why a participant's number may not take part, or nothing.
    """
    entry: WordEntry | NumberEntry | None = None
    if asked["kind"] == "words":
        entry = WordEntry(manifest["words"])
    elif asked["kind"] == "participant":
        entry = NumberEntry(problem)
    return Question(
        entry, name=piece, stores=asked["stores"], keys=dict(asked["keys"]), clicks=dict(asked["clicks"]), values=list(asked["values"])
    )  # fmt: skip


def is_right(answer: object, right: str, manifest: Mapping[str, Any]) -> bool:
    """Whether an answer is the right one, or one of those that count for it, such as a homophone."""
    return str(answer) == right or answer in manifest.get("also", {}).get(right, ())
