"""The site: it is built without a warning, what it links to is there, and its schemas are what the commands check."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import schemas
import yaml
from patience import PATIENCE_S

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
PAGES = [page for page in PAGES if "made" not in page.parts]
PROTOCOLS = [*sorted((ROOT / "protocols").glob("*/protocol.yaml")), *sorted(DOCS.glob("protocols/own/*/protocol.yaml"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_links_to_is_there(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert re.match("https?://", target) or "made/" in target or (page.parent / target).is_file(), target


def test_every_page_stands_in_a_section():
    listed = {"index"}
    for page in DOCS.glob("*.md"):
        for tree in re.findall(r"```{toctree}\n(.*?)```", page.read_text(encoding="utf-8"), re.S):
            listed |= {name for name in tree.split() if not name.startswith(":")}
    pages = {page.relative_to(DOCS).with_suffix("").as_posix() for page in PAGES if DOCS in page.parents}
    assert {page for page in pages if page not in listed and f"{page.rpartition('/')[0]}/*" not in listed} == set()


@pytest.mark.slow
def test_it_is_built_without_a_warning(tmp_path):
    words = [
        sys.executable,
        "-m",
        "sphinx",
        "-b",
        "html",
        "-W",
        "--keep-going",
        "-q",
        str(DOCS),
        str(tmp_path / "site"),
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "synthstim make" in (tmp_path / "site" / "made" / "commands.html").read_text(encoding="utf-8")
    assert "synthstim.metamer" in (tmp_path / "site" / "python.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", schemas.MODELS)
def test_schemas_are_those_of_the_models(name):
    jsonschema.Draft202012Validator.check_schema(schemas.schema_of(name))
    written = (schemas.FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert written == schemas.text_of(name), "python tests/schemas.py writes them anew"


def problems(name, content):
    return [error.message for error in jsonschema.Draft202012Validator(schemas.schema_of(name)).iter_errors(content)]


@pytest.mark.parametrize("path", PROTOCOLS, ids=lambda path: path.parent.name)
def test_protocols_follow_their_schema(path):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert problems("protocol", content) == []
    assert problems("protocol", content | {"plann": "trials"})
    if "design" in content:
        assert problems("design", content["design"]) == []


def test_recipes_and_rigs_of_the_pages_follow_their_schemas():
    found = {"recipe": 0, "rig": 0}
    for page in PAGES:
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.S):
            content = yaml.safe_load(block)
            # What shows a single key is no whole recipe.
            name = "recipe" if {"observer", "stimuli"} <= {*content} else "rig" if "monitor" in content else None
            if name is not None:
                assert problems(name, content) == [], (page, block)
                found[name] += 1
    assert found["recipe"] > 3
    assert found["rig"] > 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("recipe", {"observer": "efficientnet-lite0", "stimuli": [], "sed": 1}),
        ("recipe", {"observer": "efficientnet-lite0"}),
        ("rig", {"monitor": {"width_cm": "wide"}}),
        ("design", {"compare": "nothing", "arrangements": []}),
    ],
)
def test_a_mistake_is_found_by_the_schema(name, content):
    assert problems(name, content)
