"""The texts of a protocol, with the figures of an export in their braces."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from string import Formatter
from typing import Any

from synthstim.errors import InputError, nearest
from synthstim.experiment.protocol import Protocol
from synthstim.experiment.runtime.pages import FIGURES
from synthstim.recipe import read_yaml

# What only a page in a browser says, where a file of texts has it.
OF_PAGES = ("consent", "consent_button", "card", "distance", "again", "again_yes", "again_no")


def fill_texts(protocol: Protocol, facts: Mapping[str, Any]) -> dict[str, str]:
    """Every text with the export's figures in it; figures of the run, in double braces, keep one pair.

    Raises:
        InputError: a text names a figure that there is not, or has a brace too few or too many.
    """
    texts = {}
    for name, text in protocol.texts.items():
        what = f"the text {name!r} of {protocol.name}"
        texts[name] = filled(text, facts, what)
        if protocol.plan != "randomised_blocks":
            _require_known(texts[name], FIGURES, what)
    return texts


def with_texts(protocol: Protocol, path: str | Path | None) -> Protocol:
    """The protocol with the texts of a YAML file, in any language, in the place of its own.

    Raises:
        InputError: the file cannot be read, or names a text that the protocol lacks.
    """
    if path is None:
        return protocol
    content = read_yaml(path).data
    for name, text in content.items():
        if name not in protocol.texts and name not in OF_PAGES:
            raise InputError(
                f"{Path(path).name} has a text {name!r}, {nearest(str(name), protocol.texts)}",
                "name a text of the protocol",
                code="unknown",
            )
        if not isinstance(text, str):
            raise InputError(f"{Path(path).name}: {name} is {str(text)[:60]!r}; expected a text", "put it in quotes")
    changed = protocol.model_copy(update={"texts": {**protocol.texts, **content}})
    changed._home = protocol.home
    return changed


def filled(text: str, facts: Mapping[str, Any], what: str) -> str:
    """A text with figures in its braces; they are names alone, since a format or an attribute could ask for anything.

    Raises:
        InputError: it names a figure that there is not, or has a brace too few or too many.
    """
    _require_known(text, facts, what)
    return text.format_map(facts)


def _require_known(text: str, known: Collection[str], what: str) -> None:
    try:
        parts = [part for part in Formatter().parse(text) if part[1] is not None]
    except ValueError:
        raise InputError(
            f"{what} has a brace too few or too many", "write each that is to be read twice", code="too-few"
        ) from None
    if formatted := [name for _, name, how, conversion in parts if how or conversion]:
        raise InputError(f"{what} formats the figure {formatted[0]!r}", "write its name alone in the braces")
    if unknown := [str(name) for _, name, _, _ in parts if name not in known]:
        raise InputError(f"{what} names the figure {unknown[0]!r}: {nearest(unknown[0], known)}")
