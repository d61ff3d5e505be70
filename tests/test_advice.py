"""Mistakes have codes, by which each face advises what it can do: settings in Python, options, keys of loop.yaml."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

import synthstim
import synthstim.encoding
import synthstim.production
import synthstim.responses
from synthstim.cli import app
from synthstim.cli.advice import EVOLVE, FIT, OF_COMMANDS
from synthstim.errors import CODES, InputError
from synthstim.loop.delivery import ADVICE

# A setting with its value, as messages write it.
SETTING = re.compile(r"\b[a-z_]+=(?:\.\.\.|'[^']*')|\b[a-z]+\([a-z_]+=\.\.\.\)")
FACES = {
    "fit": FIT,
    "evolve": EVOLVE,
    "loop": ADVICE,
    **{f"command {name}": words for name, words in OF_COMMANDS.items()},
}


def errors(*packages: object) -> Iterator[ast.Call]:
    """Where the packages make errors."""
    for package in packages:
        for path in sorted(Path(str(package.__file__)).parent.rglob("*.py")):  # type: ignore[attr-defined]
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "InputError":
                    yield node


def code_of(call: ast.Call) -> str:
    return next((ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg == "code"), "value")


def texts(*nodes: ast.AST) -> list[str]:
    return [part.value for node in nodes for part in ast.walk(node) if isinstance(getattr(part, "value", None), str)]


def literal_codes() -> Iterator[str]:
    for call in errors(synthstim):
        for keyword in call.keywords:
            if keyword.arg == "code":
                yield from (text for text in texts(keyword.value) if re.fullmatch(r"[a-z-]+", text))


def test_every_code_of_the_package_is_listed_and_every_listed_one_is_used() -> None:
    used = {"value", *literal_codes()}
    assert used == CODES.keys()
    assert {code for words in FACES.values() for code in words} <= CODES.keys()


@pytest.mark.parametrize("face", [FIT, ADVICE], ids=["fit", "loop"])
def test_what_names_a_setting_of_python_is_advice_that_other_faces_give_by_its_code(face: Mapping[str, str]) -> None:
    found = list(errors(synthstim.responses, synthstim.encoding))
    assert not [text for call in found for text in texts(*call.args[:1]) if SETTING.search(text)]
    named = [call for call in found if SETTING.search(" ".join(texts(*call.args[1:])))]
    assert len(named) > 15
    codes = {code for call in named if any(word.arg == "code" for word in call.keywords) for code in codes_in(call)}
    assert codes - {"too-few"} <= face.keys()


def codes_in(call: ast.Call) -> list[str]:
    return [text for word in call.keywords if word.arg == "code" for text in texts(word.value)] or ["no-window"]


@pytest.mark.parametrize("face", FACES)
def test_no_face_but_pythons_names_arguments(face: str) -> None:
    assert not [
        words for words in FACES[face].values() if SETTING.search(words.replace("read_nwb(..., labels=...)", ""))
    ]


@pytest.mark.parametrize("command", OF_COMMANDS)
def test_no_command_that_makes_stimuli_advises_to_resume_in_python(command: str) -> None:
    found = [call for call in errors(synthstim.production) if "resume=True" in " ".join(texts(*call.args[1:]))]
    assert found
    assert {code_of(call) for call in found} | {"damaged-work"} <= OF_COMMANDS[command].keys()


def test_options_that_messages_advise_exist() -> None:
    help_text = CliRunner().invoke(app, ["fit", "--help"], env={"COLUMNS": "200"}).output
    advised = {option for phrase in FIT.values() for option in re.findall(r"--[a-z-]+", phrase)}
    assert len(advised) > 10
    assert not {option for option in advised if option not in help_text}


def test_a_mistake_keeps_what_it_is_through_places_and_faces() -> None:
    error = InputError("no layer 'blok.1'", "did you mean 'block.1'?", code="unknown", value="blok.1")
    placed = error.within("recipe.yaml, line 3").advised({"unknown": "look it up"})
    assert (str(placed), placed.code, placed.value) == (
        "recipe.yaml, line 3: no layer 'blok.1': look it up",
        "unknown",
        "blok.1",
    )
    assert str(error.advised({"other": "look it up"})) == str(error)
