"""What the documentation says to type works as it stands there."""

import re
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from synthstim.cli import app

DOCS = Path(__file__).parents[1] / "docs"


def test_networks_of_ones_own_go_the_documented_way(tmp_path, monkeypatch):
    text = (DOCS / "own_networks.md").read_text(encoding="utf-8")
    code, recipe, commands = (re.search(rf"```{kind}\n(.*?)```", text, re.S)[1] for kind in ("python", "yaml", "sh"))
    (tmp_path / "my_models.py").write_text(code)
    # As documented, and short.
    quick = yaml.safe_load(recipe)
    quick["stimuli"][0] |= {"evaluations": 10}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(quick))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    typed = [line.split()[1:] for line in commands.splitlines() if line.startswith("synthstim")]
    assert [words[0] for words in typed] == ["layers", "make", "check"]
    for words in typed:
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert "0 differences" in done.output
    sys.modules.pop("my_models", None)


@pytest.mark.parametrize("option", ["--allow-code", "--observer", "--weights"])
def test_options_that_it_names_exist(option):
    assert option in CliRunner().invoke(app, ["check", "--help"], env={"COLUMNS": "200"}).output
