"""The texts of a protocol, with the figures of an export in their braces."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from string import Formatter
from typing import Any

from synthstim.errors import InputError, nearest
from synthstim.experiment.protocol import Protocol
from synthstim.experiment.runtime.pages import FIGURES


def fill_texts(protocol: Protocol, facts: Mapping[str, Any]) -> dict[str, str]:
    """Every text with the export's figures in it; figures of the run, in double braces, keep one pair.

    Raises:
        InputError: a text names a figure that there is not, or has a brace too few or too many.
    """
    filled = {}
    for name, text in protocol.texts.items():
        what = f"the text {name!r} of {protocol.name}"
        _require_known(text, facts, what)
        filled[name] = text.format_map(facts)
        if protocol.stimuli != "images":
            _require_known(filled[name], FIGURES, what)
    return filled


def _require_known(text: str, known: Collection[str], what: str) -> None:
    try:
        names = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError:
        raise InputError(f"{what} has a brace too few or too many: write each that is to be read twice") from None
    if unknown := [name for name in names if name not in known]:
        raise InputError(f"{what} names the figure {unknown[0]!r}: {nearest(unknown[0], known)}")
