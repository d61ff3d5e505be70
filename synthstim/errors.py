"""The one error that users see: what was given, what is expected, and what to do; and what kind of mistake it is."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

# What a mistake is, for programs and tests, which never read its sentence. Plug-ins may have codes of their own.
CODES = {
    "value": "a value is outside its range, or of another type",
    "unknown": "a name is not among those that are known",
    "missing": "a file, folder, column or value is not there",
    "unreadable": "a file is damaged, or of another format",
    "changed": "a file is not the one that was recorded",
    "in-the-way": "something is where an output is to go",
    "in-use": "another process holds it",
    "interrupted": "an unfinished run is there to be resumed",
    "mismatch": "two things that were given do not go together",
    "too-few": "there are fewer of them than are needed",
    "too-large": "it does not fit into memory, a file or a screen",
    "does-not-run": "a network fails on its input",
    "no-gradient": "no gradient reaches the stimulus",
    "in-doubt": "something cannot be told without being declared",
    "not-allowed": "it needs a permission that was not given: code, a download, a rehearsal",
    "not-installed": "a package or program is absent",
    "no-space": "nothing more can be written",
    "unattainable": "constraints or goals that no stimulus meets",
    # What other faces than Python advise on in their own words, by these codes.
    "ambiguous-column": "no column, or several, could be meant",
    "ambiguous-ids": "a file does not say which stimuli, sites or session it holds",
    "ambiguous-table": "no table, or several, could be meant",
    "ambiguous-variable": "no variable, or several, could be meant",
    "damaged-work": "a part of an unfinished run is damaged, and can be made again",
    "cut-short": "presentations were cut short, or missed a refresh",
    "drifted": "responses of sessions differ as only another unit makes them",
    "late": "markers are later than the tolerance",
    "lost-markers": "markers that were sent were not seen, or the reverse",
    "missing-option": "a reader needs an option that was not given",
    "many-windows": "responses of one window are needed, several are there",
    "no-time-unit": "a file does not say its unit of time",
    "no-window": "a file of spikes needs a window",
    "none-passed": "no stimulus of a set passed its check",
    "not-the-set": "responses are of other stimuli than the set's",
    "one-fold-short": "sites answered too few stimuli outside one fold",
    "one-repeat": "sites have one repeat of each stimulus",
    "padded": "some trials are not a number",
    "unfit-sites": "sites cannot be fitted",
}


class InputError(ValueError):
    """Something the user gave cannot be used.

    Args:
        message: what was given and what is expected.
        advice: what to do; "" where the message says it.
        code: what kind of mistake it is, one of ``CODES``.
        value: the name or value that is wrong, where there is one.

    Example:
        >>> error = InputError("no model is called 'resnet5'", "did you mean 'resnet50'?", code="unknown")
        >>> str(error), error.code
        ("no model is called 'resnet5': did you mean 'resnet50'?", 'unknown')
    """

    def __init__(self, message: str, advice: str = "", *, code: str = "value", value: object = None) -> None:
        super().__init__(message, advice)
        self.message, self.advice, self.code, self.value = message, advice, code, value

    def __str__(self) -> str:
        return f"{self.message}: {self.advice}" if self.advice else self.message

    def within(self, place: str) -> InputError:
        """The same mistake, with where it was found in front: a file and line, or the name of an entry."""
        return InputError(f"{place}: {self.message}", self.advice, code=self.code, value=self.value)

    def advised(self, advice: Mapping[str, str]) -> InputError:
        """The same mistake, with the advice that a face other than Python's has for its code, if it has some."""
        return InputError(self.message, advice.get(self.code, self.advice), code=self.code, value=self.value)


@contextmanager
def advised(advice: Mapping[str, str]) -> Iterator[None]:
    """Mistakes of the block are answered as another face than Python answers them.

    Args:
        advice: what to do by the code of the mistake; codes that are not there keep their own.

    Example:
        >>> with advised({"no-window": "give --window START,END"}):
        ...     raise InputError("tonight.nwb holds spikes", "give window_s=...", code="no-window")
        Traceback (most recent call last):
        synthstim.errors.InputError: tonight.nwb holds spikes: give --window START,END
    """
    try:
        yield
    except InputError as error:
        raise error.advised(advice) from error.__cause__


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
    """Return a clause that names the known words nearest to a misspelt one, or the first of them where none is near.

    >>> nearest("block.0", ["blocks.0", "blocks.1", "stem"], 1), nearest("zzz", ["blocks.0", "blocks.1", "stem"], 2)
    ("did you mean 'blocks.0'?", "known are 'blocks.0', 'blocks.1' and 1 more")
    """
    known = list(known)
    if found := difflib.get_close_matches(word, known, n=count, cutoff=0.4):
        return "did you mean " + " or ".join(repr(name) for name in found) + "?"
    if not known:
        return "none is known"
    more = f" and {len(known) - count} more" if known[count:] else ""
    return f"known {'is' if len(known) == 1 else 'are'} {', '.join(map(repr, known[:count]))}{more}"


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "site"), counted(1200, "stimulus", "stimuli")
    ('1 site', '1,200 stimuli')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def share(some: int, whole: int, one: str, does: str, do: str, many: str = "") -> str:
    """Some of a number of things, with what they do.

    >>> share(1, 1, "site", "is", "are"), share(2, 5, "site", "has", "have"), share(0, 2, "stimulus", "is", "are", "stimuli")
    ('1 of 1 site is', '2 of 5 sites have', '0 of 2 stimuli are')
    """
    return f"{some:,} of {counted(whole, one, many)} {does if some == 1 else do}"


def printable(text: object) -> str:
    """Text with whatever would move a terminal's cursor or change its colours written out; line breaks stay.

    >>> printable("set \x1b[31mred")
    'set \\\\x1b[31mred'
    """
    return "".join(
        character if character.isprintable() or character == "\n" else ascii(character)[1:-1] for character in str(text)
    )
