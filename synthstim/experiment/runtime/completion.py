"""Typing an answer that must be a word of a list: what was typed is completed, and nothing else is accepted."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

SHOWN = 8
# What the participant is told; pages say the same.
SAID = {
    "again": "press return again to answer this word",
    "first": "type the word first, or how it may begin",
    "choose": "type on, or choose a word with the arrows",
    "back": "take letters back with backspace",
    "none": "no word of the list begins like this",
    "more": "and {count} more",
}
_NAMED = {"num_enter": "return", "kp_enter": "return", "enter": "return"}


def fold(word: str) -> str:
    """A word as it is typed: small letters and digits of any script, no spaces or hyphens, Latin letters without accents.

    >>> fold("Crème brûlée"), fold("T-shirt"), fold("ガラス 窓")
    ('cremebrulee', 'tshirt', 'ガラス窓')
    """
    folded = []
    for letter in unicodedata.normalize("NFKC", word.casefold()):
        base = unicodedata.normalize("NFKD", letter)[0]
        # Accents are what a keyboard may lack; the marks of other scripts tell words apart.
        kept = base if base.isascii() else letter
        if kept.isalnum() or unicodedata.category(kept) in ("Mn", "Mc"):
            folded.append(kept)
    return "".join(folded)


class WordEntry:
    """What has been typed so far, and the words that begin like it.

    Letters and digits of any script type, backspace takes back, tab completes as far as the words agree, up and down choose among
    the words. Return answers with the word chosen or the word typed in full; the only word left is chosen first, so
    that whoever answers has seen the answer. Where return cannot answer, ``said`` says why.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = sorted((fold(word), word) for word in words)
        self.typed = ""
        self.said = ""
        self.chosen = -1
        self.refused = 0

    @property
    def matches(self) -> list[str]:
        """The words that begin like what was typed, in the order of the alphabet; none before the first letter."""
        return [word for folded, word in self._words if self.typed and folded.startswith(self.typed)]

    def key(self, name: str) -> str | None:
        """Take one key by PsychoPy's name of it; returns the answer once one is given."""
        name = _NAMED.get(name, name.removeprefix("num_"))
        if name == "return":
            return self._answer()
        self.said = ""
        if len(name) == 1 and (letters := fold(name)):
            self.typed, self.chosen = self.typed + letters, -1
        elif name == "backspace":
            self.typed, self.chosen = self.typed[:-1], -1
        elif name == "tab" and self.matches:
            self.typed, self.chosen = _common([fold(word) for word in self.matches]), -1
        elif name in ("down", "up") and self.matches:
            last = min(SHOWN, len(self.matches)) - 1
            self.chosen = min(last, self.chosen + 1) if name == "down" else max(0, self.chosen - 1)
        return None

    def _answer(self) -> str | None:
        matches = self.matches
        if self.chosen >= 0:
            return matches[self.chosen]
        if whole := [word for word in matches if fold(word) == self.typed]:
            return whole[0]
        if len(matches) == 1:
            self.chosen, self.said = 0, SAID["again"]
            return None
        self.refused += bool(self.typed)
        if not self.typed:
            self.said = SAID["first"]
        else:
            self.said = SAID["choose" if matches else "back"]
        return None

    def lines(self) -> list[str]:
        """What the participant sees: what was typed, the words that begin like it, the chosen one marked, what is said."""
        matches = self.matches
        shown = [f"> {word} <" if i == self.chosen else word for i, word in enumerate(matches[:SHOWN])]
        if len(matches) > SHOWN:
            shown.append(SAID["more"].format(count=len(matches) - SHOWN))
        if self.typed and not matches:
            shown.append(SAID["none"])
        return [f"{self.typed}_", "", *shown, *(["", self.said] if self.said else [])]


class NumberEntry:
    """Typing a whole number: digits, backspace, return.

    Args:
        problem: what is wrong with a number, in a sentence, or nothing.
    """

    def __init__(self, problem: Callable[[int], str]) -> None:
        self._problem = problem
        self.typed = ""
        self.said = ""

    def key(self, name: str) -> int | None:
        """Take one key by PsychoPy's name of it; returns the number once it is accepted."""
        name = _NAMED.get(name, name.removeprefix("num_"))
        if len(name) == 1 and name in "0123456789" and len(self.typed) < 6:
            self.typed, self.said = self.typed + name, ""
        elif name == "backspace":
            self.typed, self.said = self.typed[:-1], ""
        elif name == "return":
            self.said = self._problem(int(self.typed)) if self.typed else "type the number first"
            return None if self.said else int(self.typed)
        return None

    def lines(self) -> list[str]:
        """What is shown: the digits, and what is wrong with the number."""
        return [f"{self.typed}_", "", self.said]


def _common(words: Sequence[str]) -> str:
    first, last = min(words), max(words)
    agreed = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:agreed]
