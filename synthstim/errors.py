"""The one error that users see: a sentence that says what came, what was wanted and what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager


class InputError(ValueError):
    """Something the user gave cannot be used; its message is one sentence that can be acted on."""


# What libraries advise to switch on, or off, so that a file may run code.
_UNSAFE = re.compile(r"weights_only|pickle|trust_remote_code|safe_globals|unsafe", re.I)


def said_by(error: BaseException, most: int = 200) -> str:
    """What another library's error says, in a line; its kind alone where it speaks of loading what may run code.

    >>> said_by(ValueError("Cannot load file containing pickled data when allow_pickle=False"))
    'ValueError'
    """
    line = str(error).strip().partition("\n")[0][:most]
    return type(error).__name__ if not line or _UNSAFE.search(line) else line


def nearest(word: str, known: Iterable[str], count: int = 3) -> str:
    """Return a clause that names the known words nearest to a misspelt one.

    >>> nearest("block.0", ["blocks.0", "blocks.1", "stem"], 1)
    "did you mean 'blocks.0'?"
    """
    known = list(known)
    found = difflib.get_close_matches(word, known, n=count, cutoff=0.4) or known[:count]
    return "did you mean " + " or ".join(repr(name) for name in found) + "?" if found else "none is known"


def reworded(sentence: str, words: Mapping[str, str]) -> str:
    """A sentence for Python as another face says it: its settings are written ``name=...`` or ``name='value'`` in messages.

    >>> reworded("give window_s=...", {"window_s=...": "--window START,END"})
    'give --window START,END'
    """
    # The longest first: one may be the end of another.
    for said in sorted(words, key=len, reverse=True):
        sentence = sentence.replace(said, words[said])
    return sentence


@contextmanager
def worded(words: Mapping[str, str]) -> Iterator[None]:
    """Messages of the block are reworded."""
    try:
        yield
    except InputError as error:
        raise InputError(reworded(str(error), words)) from None


def printable(text: object) -> str:
    """Text with whatever would move a terminal's cursor or change its colours written out; line breaks stay.

    >>> printable("set \x1b[31mred")
    'set \\\\x1b[31mred'
    """
    return "".join(
        character if character.isprintable() or character == "\n" else ascii(character)[1:-1] for character in str(text)
    )
