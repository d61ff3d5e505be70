"""The one error that users see: a sentence that says what came, what was wanted and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave cannot be used; its message is one sentence that can be acted on."""


def nearest(word: str, known: Iterable[str], count: int = 3) -> str:
    """Return a clause that names the known words nearest to a misspelt one.

    >>> nearest("blocks.O", ["blocks.0", "blocks.1", "stem"], 1)
    "did you mean 'blocks.0'?"
    """
    known = list(known)
    found = difflib.get_close_matches(word, known, n=count, cutoff=0.4) or known[:count]
    return "did you mean " + " or ".join(repr(name) for name in found) + "?" if found else "none is known"
