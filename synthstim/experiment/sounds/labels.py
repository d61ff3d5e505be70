"""What was said in each recording, and the words that may be answered."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from synthstim.errors import InputError
from synthstim.experiment.runtime.completion import fold

ROLES = ("main", "demo", "catch")
MAX_WORDS = 5000
_MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class Label:
    """What is said in a source.

    Attributes:
        word: the word.
        role: the part of the experiment that the source is kept for; without one the seed decides.
        also: other words that are right as well, such as homophones.
    """

    word: str
    role: str = ""
    also: tuple[str, ...] = ()


Labels = Mapping[str, str | Label] | str | Path | None


def labels_of(sources: Iterable[str], given: Labels) -> dict[str, Label]:
    """The label of each source.

    Args:
        given: words or labels by source; or a table (tab or comma separated) with the columns ``source`` and ``word``,
            and perhaps ``role`` (main, demo, catch) and ``also`` (words that are right as well, with semicolons between
            them); or None, for the letters with which each name begins.

    Raises:
        InputError: the table cannot be read, a source has no word, a word cannot be typed, or two sources share one.
    """
    sources = list(sources)
    known = _read_table(Path(given)) if isinstance(given, (str, Path)) else {
        source: said if isinstance(said, Label) else Label(said.strip()) for source, said in (given or {}).items()
    }  # fmt: skip
    labels = {}
    for source in sources:
        if given is None:
            # The name up to the first character that is no letter: garden_2 says garden.
            word = re.match(r"[^\W\d_]*", source)
            labels[source] = Label(word.group().lower() if word else "")
        elif source not in known:
            raise InputError(f"the labels have no word for the source {source!r}", "add a line with its word")
        else:
            labels[source] = known[source]
        if not labels[source].word:
            raise InputError(
                f"the source {source!r} has no word", "name its recording by the word that is said, or give labels"
            )
        for accepted in (labels[source].word, *labels[source].also):
            _check(accepted, f"the label of {source!r}")
    _check_unique({source: label.word for source, label in labels.items()})
    return labels


def answer_words(labels: Iterable[Label], given: str | Path | None) -> list[str]:
    """The words that may be answered, in the order of the alphabet: the labels' and those of a file, one a line.

    Raises:
        InputError: the file cannot be read, a word cannot be typed, or two words are typed alike.
    """
    words = {word for label in labels for word in (label.word, *label.also)}
    if given is not None:
        listed = [line.strip() for line in _text_of(Path(given)).splitlines() if line.strip()]
        if not listed:
            raise InputError(f"{Path(given).name} holds no word", "give one a line", code="missing")
        for word in listed:
            _check(word, Path(given).name)
        words |= set(listed)
    if len(words) > MAX_WORDS:
        raise InputError(
            f"{len(words)} words may be answered, more than {MAX_WORDS}", "give a shorter list", code="too-large"
        )
    typed: dict[str, str] = {}
    for word in sorted(words):
        if (other := typed.setdefault(fold(word), word)) != word:
            raise InputError(f"the words {other!r} and {word!r} are typed alike", "leave one out of the list")
    return sorted(words, key=fold)


def _read_table(path: Path) -> dict[str, Label]:
    text = _text_of(path)
    separator = "\t" if "\t" in text.partition("\n")[0] else ","
    rows = list(csv.DictReader(text.splitlines(), delimiter=separator))
    columns = list(rows[0]) if rows else []
    if missing := [name for name in ("source", "word") if name not in columns]:
        raise InputError(
            f"{path.name} lacks the column {missing[0]!r}; expected a table with the columns source and word",
            code="missing",
        )
    labels: dict[str, Label] = {}
    for row in rows:
        source, word, role = (str(row.get(name) or "").strip() for name in ("source", "word", "role"))
        if source in labels:
            raise InputError(f"{path.name} names the source {source!r} twice", "leave one line out")
        if role not in ("", *ROLES):
            raise InputError(f"{path.name}: the role of {source!r} is {role!r}; expected one of {', '.join(ROLES)}")
        also = tuple(other.strip() for other in str(row.get("also") or "").split(";") if other.strip())
        labels[source] = Label(word, role, also)
    return labels


def _text_of(path: Path) -> str:
    try:
        with open(path, "rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            raise InputError(f"{path.name} is longer than a megabyte", "give a list of words")
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})", "check the path", code="unreadable") from None
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not UTF-8 text", "save it as UTF-8") from None


def _check(word: str, where: str) -> None:
    if not fold(word) or not word.isprintable() or len(word) > 40:
        raise InputError(
            f"{where} is {word[:60]!r}; expected a word of letters or digits, 40 at most, that can be typed"
        )


def _check_unique(words: Mapping[str, str]) -> None:
    seen: dict[str, str] = {}
    for source, word in words.items():
        if (other := seen.setdefault(fold(word), source)) != source:
            raise InputError(
                f"the sources {other!r} and {source!r} are both labelled {word!r}, and each word is heard once",
                "give another label, or leave one of them out of the set",
            )
