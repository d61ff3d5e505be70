"""What a user calls stands at the top, grouped by what it is for, and docs/python.md shows it."""

import inspect
import re
from pathlib import Path

import pytest

import synthstim

PAGE = Path(__file__).parents[1] / "docs" / "python.md"


def table_of(group):
    """A group as the page shows it: each name with the first sentence of its docstring."""
    lines = []
    for names in synthstim.GROUPS[group].values():
        for name in names:
            said = (inspect.getdoc(getattr(synthstim, name)) or "").partition("\n\n")[0].replace("\n", " ")
            lines.append(f"| `{name}` | {said.replace('``', '`').replace('|', chr(92) + '|')} |")
    return "\n".join(["| name | what it is |", "|---|---|", *sorted(lines)])


@pytest.mark.parametrize("group", synthstim.GROUPS)
def test_the_page_shows_every_name_of_a_group_with_its_first_sentence(group):
    found = re.search(rf"## {re.escape(group)}\n(.*?)(?=\n## |\Z)", PAGE.read_text(encoding="utf-8"), re.S)
    assert found, f"docs/python.md lacks the section {group!r}"
    assert table_of(group) in found[1], f"write into docs/python.md, under {group!r}:\n{table_of(group)}"


def test_every_name_and_room_is_there():
    for name in synthstim.__all__:
        assert getattr(synthstim, name).__doc__, name


@pytest.mark.parametrize(
    "name", ["Fourier", "Stopping", "drive", "read_units", "Luminance", "write_wav", "NaturalPool"]
)
def test_names_of_release_0_1_are_reached_and_not_listed(name):
    assert getattr(synthstim, name).__name__ == name
    assert name not in dir(synthstim)


def test_modalities_have_short_names():
    assert synthstim.images.read_image is synthstim.read_image
    assert synthstim.sounds.read_sound is synthstim.read_sound
    assert synthstim.odours.read_odour is synthstim.read_odour


def test_a_name_that_is_not_there_says_so():
    with pytest.raises(AttributeError, match="synthstim has no 'metamr'"):
        synthstim.metamr
