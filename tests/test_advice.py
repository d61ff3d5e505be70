"""Messages of the readers advise what each face can do: settings in Python, options on the command line, keys of loop.yaml."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

import synthstim.encoding
import synthstim.responses
from synthstim.cli import app
from synthstim.cli.advice import FIT
from synthstim.errors import reworded
from synthstim.loop.delivery import WORDS

# A setting with its value, as messages write it.
SETTING = re.compile(r"\b[a-z_]+=(?:\.\.\.|'[^']*')|\b[a-z]+\([a-z_]+=\.\.\.\)")


def sentences() -> Iterator[str]:
    """The parts of all messages of errors in the readers and the fit."""
    for package in (synthstim.responses, synthstim.encoding):
        for path in sorted(Path(str(package.__file__)).parent.glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "InputError":
                    yield from (part.value for part in ast.walk(node) if isinstance(getattr(part, "value", None), str))


@pytest.mark.parametrize("words", [FIT, WORDS], ids=["fit", "loop"])
def test_every_setting_that_a_message_names_is_said_otherwise_on_the_command_line(words: Mapping[str, str]) -> None:
    said = [sentence for sentence in sentences() if SETTING.search(sentence)]
    assert len(said) > 20
    assert not [sentence for sentence in said if SETTING.search(reworded(sentence, words))]


def test_options_that_messages_advise_exist() -> None:
    help_text = CliRunner().invoke(app, ["fit", "--help"], env={"COLUMNS": "200"}).output
    advised = {option for phrase in FIT.values() for option in re.findall(r"--[a-z-]+", phrase)}
    assert len(advised) > 10
    assert not {option for option in advised if option not in help_text}
