"""The site of the documentation: ``make docs`` writes it to build/docs, with warnings as errors."""

from __future__ import annotations

import importlib.metadata
import inspect
import os
import re
import sys
from pathlib import Path
from typing import Any

import typer
from pygments.lexers.special import TextLexer

import synthstim
from synthstim.cli import app as commands

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "gallery"))
# Pages that are written anew by each build, of what the package says of itself.
MADE = HERE / "made"

project = "synthstim"
author = "the synthstim authors"
copyright = "the synthstim authors"
release = importlib.metadata.version("synthstim")
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
html_theme = "pydata_sphinx_theme"
html_title = f"synthstim {release}"
html_theme_options: dict[str, Any] = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
}
html_show_sourcelink = False
html_static_path = ["style"]
html_css_files = ["code.css"]
html_sidebars = {"made/gallery": []}
exclude_patterns = ["word_music"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
add_module_names = False
autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
# Names of attributes are not unique, and are not links.
suppress_warnings = ["ref.python"]


def write_pages() -> None:
    """Write the pages of Python and of the command line."""
    MADE.mkdir(exist_ok=True)
    index = ["# Python, by what you do", "", "```{toctree}", ":maxdepth: 1", ""]
    for group, places in synthstim.GROUPS.items():
        page = f"python_{'_'.join(group.lower().split())}"
        names = sorted(name for names in places.values() for name in names)
        blocks = [_documented(name) for name in names]
        _write(MADE / f"{page}.md", "\n".join([f"# {group}", "", *blocks]))
        index.append(page)
    _write(MADE / "python.md", "\n".join([*index, "```", ""]))
    _write(MADE / "commands.md", "\n".join(["# Commands", "", *_commands()]))
    _write(MADE / "gallery.md", "\n".join(_gallery()))


def _gallery() -> list[str]:
    """Every recipe of the gallery with the picture that it made."""
    from gallery import PARTS, entries

    lines = [
        "# Gallery", "", "Each picture is what the recipe below it made; `make gallery` makes them anew, from photographs, recordings and "
        "receptors that packages carry. Titles give the layer or unit, and how well the saved file matches or drives it.", "",
    ]  # fmt: skip
    part = ""
    for entry in entries():
        now, name = entry.name.split("/")
        if now != part:
            lines += [f"## {PARTS[now]}", ""]
            part = now
        language = "python" if entry.path.suffix == ".py" else "yaml"
        shown = "4-" if language == "python" else "3-"
        lines += [
            f"### {entry.title}", "", entry.said, "", f"![{entry.title}](../gallery/{now}/{entry.picture.name})", "",
            f"```{{literalinclude}} ../gallery/{now}/{entry.path.name}", f":language: {language}", f":lines: {shown}", f":caption: {name}", "```", "",
        ]  # fmt: skip
    return lines


def _documented(name: str) -> str:
    made = getattr(synthstim, name)
    kind, members = ("class", "\n:members:") if inspect.isclass(made) else ("function", "")
    return f"## {name}\n\n```{{eval-rst}}\n.. auto{kind}:: {made.__module__}.{made.__qualname__}{_indented(members)}\n```\n"


def _indented(text: str) -> str:
    return text.replace("\n", "\n   ")


def _commands() -> list[str]:
    """Every command as its own --help says it, at one width on any machine."""
    os.environ["COLUMNS"] = "100"
    root = typer.main.get_command(commands)
    lines: list[str] = []

    def add(command: Any, context: Any, words: list[str]) -> None:
        if hasattr(command, "list_commands"):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                add(inner, inner.make_context(name, [], parent=context, resilient_parsing=True), [*words, name])
            return
        lines.extend([f"## {' '.join(words[1:])}", "", "```text", command.get_help(context).rstrip(), "```", ""])

    add(root, root.make_context("synthstim", [], resilient_parsing=True), ["synthstim"])
    return lines


def escape(app: Any, what: str, name: str, made: Any, options: Any, lines: list[str]) -> None:
    """Stars and bars of shapes and formulas are no markup: (batch, *shape), |x|."""
    lines[:] = [re.sub(r"(?<![\\*`])([*|])(?=[\w(])|(?<=[\w)])(\|)(?!`)", r"\\\1\2", line) for line in lines]


def _write(path: Path, text: str) -> None:
    # Only what changed: Sphinx reads anew what is newer.
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("builder-inited", lambda _: write_pages())
    app.connect("autodoc-process-docstring", escape)
    app.add_lexer("tsv", TextLexer)
