"""Reading YAML: what is refused, on which line, and how scalars are read."""

import os

import pytest
from pydantic import BaseModel, ConfigDict

from synthstim.errors import InputError
from synthstim.recipe import parse_yaml, read_yaml, validate
from synthstim.recipe.yaml_source import MAX_BYTES

LAUGHS = "a: &a [lol, lol]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


REFUSED = [
    (LAUGHS, 1, "the anchor &a is not allowed"),
    ("a: 1\nb: *a", 2, "the alias *a is not allowed"),
    ("a: !!python/object/apply:os.system [ls]", 1, "the tag !!python/object/apply:os.system is not allowed"),
    ("a:\n  - !foo x", 2, "the tag !foo is not allowed"),
    ("a: !!str 5", 1, "the tag !!str is not allowed"),
    ("a: ! 5", 1, "the tag ! is not allowed"),
    ("!!map {a: 1}", 1, "the tag !!map is not allowed"),
    ("%TAG ! tag:evil,2000:\n---\na: !x 5", 3, "the tag tag:evil,2000:x is not allowed"),
    ("a: !e!x 5", 1, "undefined tag handle"),
    ("a: 1\nb: 2\na: 3", 3, "a is given twice, first on line 1"),
    ("a:\n  b: 1\n  c: 2\n  b: 3", 4, "a.b is given twice, first on line 2"),
    ("'a': 1\na: 3", 2, "a is given twice"),
    ("a: " + "[" * 21 + "]" * 21, 1, "nested deeper than 20"),
    ("a:\n" + "".join(" " * n + "a:\n" for n in range(1, 30)), 21, "nested deeper than 20"),
    ("[" * 100_000, 1, "nested deeper than 20"),
    ("? [a]\n: 1", 1, "a key given as a list or mapping"),
    ("", 1, "an empty file given; expected a mapping"),
    ("# nothing\n\n", 1, "an empty file given"),
    ("- a\n- b", 1, "a list given; expected a mapping"),
    ("\n\nhello", 3, "a single value given"),
    ("a: 1\n---\nb: 2", 2, "another document"),
    ("a: 1\n\tb: 2", 2, "indent with spaces"),
    ("a: 1\nb: [1, 2", 2, "not valid YAML"),
    ("a: 'x", 1, "not valid YAML"),
    ("a: b: c", 1, "mapping values are not allowed here"),
    ("%YAML 3.0\n---\na: 1", 1, "not valid YAML"),
    ("a: 1\nb: \x00", 2, "U+0000"),
    ("a: 1\n\nb: \x07", 3, "U+0007"),
    ("a: " + "9" * 5000, 1, "5000 digits"),
]


@pytest.mark.parametrize(("text", "line", "fragment"), REFUSED, ids=[f"{n}" for n, _ in enumerate(REFUSED)])
def test_refused(tmp_path, text, line, fragment):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_yaml(path)
    assert str(error.value).startswith(f"recipe.yaml, line {line}: ")
    assert fragment in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("raw", "fragment"),
    [
        (b"a: 1\nb: \xff\xfe", "line 2: the bytes are not UTF-8"),
        ("a: 1".encode("utf-16"), "line 1: the bytes are not UTF-8"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "line 1: the bytes are not UTF-8"),
        (b"PK\x03\x04" + bytes(100), "line 1: the character U+0003"),
        (b"a: " + b"x" * MAX_BYTES, "more than 1,000,000 bytes"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path, raw, fragment):
    (tmp_path / "recipe.yaml").write_bytes(raw)
    with pytest.raises(InputError, match=fragment.replace("+", r"\+")):
        read_yaml(tmp_path / "recipe.yaml")


def test_a_path_must_be_a_file(tmp_path):
    with pytest.raises(InputError, match="no file at"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="is a folder"):
        read_yaml(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        read_yaml(tmp_path / ("x" * 5000))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "recipe.yaml")
    with pytest.raises(InputError, match="no file at"):
        read_yaml(tmp_path / "recipe.yaml")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("5", 5),
        ("-5", -5),
        ("1_000", 1000),
        ("0.5", 0.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        (".inf", float("inf")),
        ("-.inf", -float("inf")),
        ("yes", True),
        ("Off", False),
        ("true", True),
        ("~", None),
        ("", None),
        ("null", None),
        ("'5'", "5"),
        ('"yes"', "yes"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("blocks.0", "blocks.0"),
        ("1.2.3", "1.2.3"),
        ("y", "y"),
        ("<<", "<<"),
        ("[1, a]", [1, "a"]),
        ("|\n  5\n", "5\n"),
    ],
)
def test_scalars(written, read):
    value = parse_yaml(f"a: {written}").data["a"]
    assert value == read
    assert type(value) is type(read)


def test_keys_are_text():
    assert parse_yaml("on: 1\n5: 2\n~: 3").data == {"on": 1, "5": 2, "~": 3}


def test_lines():
    source = parse_yaml("# first\na: 1\nb:\n  - x\n  - c: 1\n    d:\n      2\n")
    lines = {("a",): 2, ("b",): 3, ("b", 0): 4, ("b", 1): 5, ("b", 1, "d"): 6, ("b", 1, "none"): 5, ("none",): 2, (): 2}
    assert {location: source.line(location) for location in lines} == lines


def test_windows_files_read_alike(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb:\r\n  - c\r\n")
    source = read_yaml(tmp_path / "a.yaml")
    assert source.data == {"a": 1, "b": ["c"]}
    assert source.line(("b", 0)) == 3


def test_any_model_can_be_validated(tmp_path):
    class Rig(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True)
        distance_cm: float
        screens: list[int] = []

    (tmp_path / "rig.yaml").write_text("distance: 57\nscreens: [0, one]\n")
    with pytest.raises(InputError) as error:
        validate(read_yaml(tmp_path / "rig.yaml"), Rig)
    assert str(error.value).splitlines() == [
        "rig.yaml, line 1: distance_cm is missing; expected a number",
        "rig.yaml, line 1: distance is unknown: did you mean 'distance_cm'?",
        "rig.yaml, line 2: screens[1]: 'one' (text) given; expected a whole number",
    ]
    (tmp_path / "rig.yaml").write_text("distance_cm: 57\n")
    assert validate(read_yaml(tmp_path / "rig.yaml"), Rig).distance_cm == 57
