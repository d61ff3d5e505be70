"""What the documentation says to type works as it stands there."""

import inspect
import itertools
import re
import sys
from pathlib import Path

import pytest
import yaml
from experiment_fixture import photograph
from typer.testing import CliRunner

import synthstim
from synthstim.cli import app
from synthstim.errors import InputError
from synthstim.experiment.builder.pieces import PIECES
from synthstim.experiment.design.schema import Design
from synthstim.modalities.image import write_png
from synthstim.modalities.odour import read_odour
from synthstim.modalities.sound.demonstration import write_references as write_recordings
from synthstim.responses import read_responses
from synthstim.stimulus_set import SetWriter

DOCS = Path(__file__).parents[1] / "docs"


def public_functions():
    """Every function and method that a user may call with three arguments or more, by its name."""
    for name in (one for places in synthstim.GROUPS.values() for names in places.values() for one in names):
        made = getattr(synthstim, name)
        own = {} if not inspect.isclass(made) else {key: value for key, value in vars(made).items() if key[0] != "_"}
        for key, member in {"": made, **own}.items():
            function = getattr(member, "__func__", member)
            if inspect.isclass(function) or inspect.isfunction(function):
                arguments = [one for one in inspect.signature(function).parameters if one not in ("self", "cls")]
                if len(arguments) >= 3:
                    yield f"{name}.{key}".rstrip("."), inspect.getdoc(function) or ""


@pytest.mark.parametrize(("name", "said"), [pytest.param(*found, id=found[0]) for found in public_functions()])
def test_what_a_public_function_takes_is_said(name, said):
    assert "Args:" in said or "Attributes:" in said, name


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


def test_receptors_of_ones_own_go_the_documented_way(tmp_path, monkeypatch):
    text = (DOCS / "own_networks.md").read_text(encoding="utf-8").split("## Receptors and odorants of your own")[1]
    code, recipe = (re.search(rf"```{kind}\n(.*?)```", text, re.S)[1] for kind in ("python", "yaml"))
    (tmp_path / "my_nose.py").write_text(code)
    (tmp_path / "recipe.yaml").write_text(recipe)
    rates = "linalool,5,60,20,130\ngeraniol,30,-12,95,60\n1-hexanol,80,5,190,10\nacetic acid,5,20,0,8\n"
    (tmp_path / "receptors.csv").write_text("odorant,Or1a,Or7a,Or22a,Or47b\n" + rates)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for words in (["make", "recipe.yaml", "--out", "set", "--allow-code"], ["check", "set", "--allow-code"]):
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert "0 differences" in done.output
    assert read_odour(tmp_path / "set" / "stimuli" / "alone_0.odour")[0][0] == "linalool"
    sys.modules.pop("my_nose", None)


def test_the_table_of_trials_of_the_documentation_is_read(tmp_path):
    text = (DOCS / "recordings.md").read_text(encoding="utf-8")
    (tmp_path / "monday.csv").write_text(re.search(r"```text\n(.*?)```", text, re.S)[1], encoding="utf-8")
    assert repr(read_responses(tmp_path / "monday.csv")).startswith(
        "Responses(4 trials: 1 stimulus x 2 sites, 1 session"
    )


@pytest.mark.parametrize("option", ["--allow-code", "--observer", "--weights"])
def test_options_that_it_names_exist(option):
    assert option in CliRunner().invoke(app, ["check", "--help"], env={"COLUMNS": "200"}).output


def test_the_rig_of_the_documentation_is_shown_and_exported_for(tmp_path, monkeypatch):
    text = (DOCS / "rig.md").read_text(encoding="utf-8")
    luminance, sites = re.findall(r"```tsv\n(.*?)```", text, re.S)
    (tmp_path / "rig.yaml").write_text(re.search(r"```yaml\n(.*?)```", text, re.S)[1], encoding="utf-8")
    (tmp_path / "luminance.tsv").write_text(luminance, encoding="utf-8")
    (tmp_path / "sites.tsv").write_text(sites, encoding="utf-8")
    writer = SetWriter(tmp_path / "my_set")
    for site in ("v4_a", "v4_b"):
        writer.add(f"{site}_up", photograph("coffee", (64, 64)), kind="controller", unit=site, status="passed")
    writer.commit({"versions": {"synthstim": "0.1.0"}})
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(app, ["rig", "show"], catch_exceptions=False)
    assert shown.exit_code == 0, shown.output
    assert "measured at 9 levels" in shown.output
    words = next(line.split()[1:] for line in text.splitlines() if line.startswith("    synthstim export"))
    done = CliRunner().invoke(app, [*words, "--table", "sites.tsv"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    page = (tmp_path / "tonight" / "README.md").read_text(encoding="utf-8")
    for needed in ("measured at 9 levels, from 0.31 to 110.5 cd/m2", "2 places of their own", "Parallel port 0x378"):
        assert needed in page


def test_the_protocol_that_is_explained_is_one_that_runs():
    text = (DOCS / "protocols" / "writing.md").read_text(encoding="utf-8")
    own = (DOCS / "protocols" / "own" / "masked_2afc" / "protocol.yaml").read_text(encoding="utf-8")
    assert re.search(r"```yaml\n(.*?)```", text, re.S)[1] == own


def test_every_piece_and_key_of_a_design_is_explained():
    text = (DOCS / "protocols" / "writing.md").read_text(encoding="utf-8")
    explained = re.findall(
        r"`(\w+)`", "".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    )
    assert sorted(explained) == sorted((*PIECES, *Design.model_fields))


def test_from_set_to_rig_goes_the_documented_way(tmp_path, monkeypatch):
    text = (DOCS / "set_to_rig.md").read_text(encoding="utf-8")
    recipe = yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.S)[1])
    # As documented, and small.
    recipe["observer"]["size"] = 64
    (tmp_path / "set.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    for name, photo in (("cat", "chelsea"), ("coffee", "coffee")):
        write_png(tmp_path / f"{name}.png", photograph(photo, (64, 64)))
    monkeypatch.chdir(tmp_path)
    typed = [line.split()[1:] for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines()]
    assert [words[0] for words in typed] == ["make", "check", "report", "rig", "rig", "export", "run", "analyse"]
    for words in typed[:6]:
        # As documented, and short.
        words = [{"60": "10"}.get(word, word) for word in words[: words.index("#") if "#" in words else None]]
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0, (words, done.output)
    assert (tmp_path / "study" / "oddity.psyexp").is_file()


# Pages of papers that go from a recipe to an experiment in commands.
PAPERS = [path for path in sorted((DOCS / "papers").glob("*.md")) if "```sh\n" in path.read_text(encoding="utf-8")]
# What makes each of their commands quick, beside what the page says; so quick, hardly any stimulus passes.
QUICK = {
    "make": ["--budget", "4"],
    "simulate": ["--sites", "2"],
    "init": ["--count", "24", "--size", "64"],
    "export": ["--set", "include=all"],
}


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.stem)
def test_a_paper_goes_the_documented_way(path, tmp_path, monkeypatch):
    text = path.read_text(encoding="utf-8")
    recipes = re.findall(r"```yaml\n# (\S+)\n(.*?)```", text, re.S)
    for name, recipe in recipes:
        small = yaml.safe_load(recipe)
        for entry in small.get("stimuli", []):
            entry |= {"layers": entry["layers"][-1:]} if "layers" in entry else {"copies": 1}
        (tmp_path / name).write_text(yaml.safe_dump(small), encoding="utf-8")
    (tmp_path / "photographs").mkdir()
    for name in ("chelsea", "coffee", "astronaut", "rocket"):
        whole = photograph(name, (192, 128))
        for number, (top, left) in enumerate(itertools.product((0, 64, 128), (0, 64))):
            write_png(
                tmp_path / "photographs" / f"{name}_{number}.png", whole[:, top : top + 64, left : left + 64].copy()
            )
    if any(".wav" in recipe for _, recipe in recipes):
        try:
            write_recordings(tmp_path)
        except InputError as error:
            pytest.skip(f"the recordings are not installed: {error}")
    monkeypatch.chdir(tmp_path)
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines()]
    typed = [line.partition(" #")[0].split()[1:] for line in lines]
    assert typed[0][0] in ("make", "loop", "adopt")
    assert typed[-1][0] == "export"
    for words in typed:
        quick = QUICK.get(words[1] if words[0] == "loop" else words[0], [])
        done = CliRunner().invoke(app, [*words, *quick], catch_exceptions=False)
        assert done.exit_code == 0, (words, done.output)
