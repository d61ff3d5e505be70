"""Labels, the list of answers, and typing with completion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from synthstim.errors import InputError
from synthstim.experiment.runtime.completion import SHOWN, NumberEntry, WordEntry, fold
from synthstim.experiment.sounds.labels import Label, answer_words, labels_of

LIST = ("car", "carpet", "cart", "dog", "Crème brûlée", "T-shirt", "naïve", "42nd")


def typed(entry: WordEntry, *keys: str) -> str | None:
    answers = [entry.key(name) for name in keys]
    assert not any(answers[:-1])
    return answers[-1]


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        ([*"dog", "return"], "dog"),
        (["d", "return", "return"], "dog"),
        ([*"car", "return"], "car"),
        ([*"carp", "return", "num_enter"], "carpet"),
        ([*"carp", "tab", "num_enter"], "carpet"),
        (["c", "a", "down", "down", "return"], "carpet"),
        (["c", "a", "down", "down", "down", "up", "up", "return"], "car"),
        ([*"cremeb", "tab", "return"], "Crème brûlée"),
        ([*"tshirt", "return"], "T-shirt"),
        (["t", "minus", *"shirt", "return"], "T-shirt"),
        ([*"naive", "return"], "naïve"),
        (["num_4", "2", "n", "return", "return"], "42nd"),
        (["x", "backspace", "d", "lshift", "o", "g", "return"], "dog"),
    ],
)
def test_keys_become_a_word_of_the_list(keys: Sequence[str], answer: str) -> None:
    assert typed(WordEntry(LIST), *keys) == answer


@pytest.mark.parametrize("keys", ["", "c", "ca", "xyz", "dogs", "carpets"])
def test_nothing_else_is_accepted(keys: str) -> None:
    entry = WordEntry(LIST)
    assert typed(entry, *keys, "return") is None
    assert entry.refused == bool(keys)
    assert entry.typed == keys


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["return"], "type the word first"),
        (["d", "backspace", "return"], "type the word first"),
        (["c", "return"], "choose a word with the arrows"),
        (["x", "return"], "take letters back with backspace"),
        (["d", "return"], "press return again to answer this word"),
        ([*"crem", "return"], "press return again to answer this word"),
    ],
)
def test_return_is_answered_where_it_is_no_answer(keys: list[str], said: str) -> None:
    entry = WordEntry(LIST)
    assert typed(entry, *keys) is None
    assert said in entry.lines()[-1]
    entry.key("lshift")
    assert entry.said == ""


def test_the_only_word_left_is_shown_as_the_answer_before_it_counts() -> None:
    entry = WordEntry(LIST)
    typed(entry, "d", "return")
    assert "> dog <" in entry.lines()
    assert entry.refused == 0
    typed(entry, "backspace", "d")
    assert "> dog <" not in entry.lines()
    assert typed(entry, "return", "return") == "dog"


def test_words_appear_as_they_are_typed() -> None:
    entry = WordEntry(LIST)
    assert entry.lines()[0] == "_"
    assert entry.matches == []
    typed(entry, "c", "a")
    assert entry.matches == ["car", "carpet", "cart"]
    typed(entry, "down")
    assert "> car <" in entry.lines()
    typed(entry, "q")
    assert any("no word of the list" in line for line in entry.lines())


def test_tab_completes_as_far_as_the_words_agree() -> None:
    entry = WordEntry(LIST)
    typed(entry, "c", "a", "tab")
    assert entry.typed == "car"
    typed(entry, "t", "tab")
    assert entry.typed == "cart"


def test_a_long_list_is_shown_in_part() -> None:
    entry = WordEntry([f"word{number:03d}" for number in range(793)])
    typed(entry, "w")
    assert len(entry.matches) == 793
    assert entry.lines()[-1] == f"and {793 - SHOWN} more"
    typed(entry, *["down"] * 20)
    assert entry.key("return") == f"word{SHOWN - 1:03d}"


def test_numbers_are_checked_before_they_are_taken() -> None:
    entry = NumberEntry(lambda number: "" if number < 20 else f"{number} is none of them")
    assert entry.key("return") is None
    assert "type the number first" in entry.lines()
    assert [entry.key(name) for name in ("a", "2", "1", "return")] == [None] * 4
    assert "21 is none of them" in entry.lines()
    assert [entry.key(name) for name in ("backspace", "return")] == [None, 2]


def test_without_labels_names_say_the_word() -> None:
    labels = labels_of(["garden_2", "Window", "bottle7b", "café-x"], None)
    assert [label.word for label in labels.values()] == ["garden", "window", "bottle", "café"]


@pytest.mark.parametrize(
    ("sources", "given", "said"),
    [
        (["2nd_word"], None, "the source '2nd_word' has no word"),
        (["a", "b"], {"a": "one"}, "no word for the source 'b'"),
        (["garden_1", "garden_2"], None, "both labelled 'garden'"),
        (["a", "b"], {"a": "naive", "b": "naïve"}, "both labelled 'naïve'"),
        (["a", "b"], {"a": "one", "b": "two\nlines"}, "a word of letters or digits"),
        (["a", "b"], {"a": "one", "b": "?!"}, "a word of letters or digits"),
        (["a", "b"], {"a": "one", "b": "x" * 41}, "40 at most"),
    ],
)
def test_sources_without_a_word_of_their_own_are_refused(
    sources: list[str], given: dict[str, str] | None, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        labels_of(sources, given)


@pytest.mark.parametrize("separator", ["\t", ","])
def test_labels_come_from_a_table(separator: str, tmp_path: Path) -> None:
    rows = [
        ["source", "word", "role", "also"],
        ["s1", "ice cream", "", ""],
        ["s2", "flour", "catch", "flower; flowr"],
        ["unused", "cat", "", ""],
    ]
    (tmp_path / "words.tsv").write_text("\n".join(separator.join(row) for row in rows), encoding="utf-8-sig")
    labels = labels_of(["s1", "s2"], tmp_path / "words.tsv")
    assert labels == {"s1": Label("ice cream"), "s2": Label("flour", "catch", ("flower", "flowr"))}
    assert labels_of(["s1", "s2"], labels) == labels
    assert answer_words(labels.values(), None) == ["flour", "flower", "flowr", "ice cream"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"source\ttext\ns1\tdog\n", "lacks the column 'word'"),
        (b"", "lacks the column 'source'"),
        (b"source\tword\ns1\tdog\ns1\tcat\n", "names the source 's1' twice"),
        (b"source\tword\trole\ns1\tdog\tfiller\n", "role of 's1' is 'filler'"),
        (b"source\tword\ns1\n", "has no word"),
        (b"source\tword\talso\ns1\tdog\t?!\n", "a word of letters or digits"),
        (b"source\tword\ns1\t\xff\xfe\n", "not UTF-8 text"),
        (b"x" * 1_000_001, "longer than a megabyte"),
    ],
)
def test_tables_that_do_not_serve_are_refused(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "words.tsv").write_bytes(content)
    with pytest.raises(InputError, match=said):
        labels_of(["s1"], tmp_path / "words.tsv")
    with pytest.raises(InputError, match="cannot be read"):
        labels_of(["s1"], tmp_path / "nowhere.tsv")


def test_answers_are_the_labels_and_the_list(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("zebra\n\ndog\n dog \nApple\n", encoding="utf-8")
    assert answer_words([Label("dog"), Label("cat")], tmp_path / "list.txt") == ["Apple", "cat", "dog", "zebra"]
    assert answer_words([Label("dog"), Label("cat")], None) == ["cat", "dog"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("dog\nDog\n", "typed alike"),
        ("resume\nrésumé\n", "typed alike"),
        ("\n \n", "holds no word"),
        ("ok\n?!\n", "a word of letters or digits"),
        ("\n".join(f"w{number}" for number in range(5001)), "more than 5000"),
    ],
)
def test_lists_that_do_not_serve_are_refused(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        answer_words([Label("one")], tmp_path / "list.txt")


def test_words_are_folded_as_they_are_typed() -> None:
    assert [fold(word) for word in LIST] == ["car", "carpet", "cart", "dog", "cremebrulee", "tshirt", "naive", "42nd"]
    assert fold("Straße") == "strasse"
