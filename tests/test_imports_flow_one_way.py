"""Data flows one way through the package: a module imports only from what stands before it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest
from flow import PLACE, contributing

import synthstim

ROOT = Path(synthstim.__file__).parent
# Copied into exported experiments, which run where synthstim is not installed.
STANDALONE = "synthstim.experiment.runtime"


def modules() -> dict[str, Path]:
    files = (path for path in sorted(ROOT.rglob("*.py")) if path.name != "__main__.py")
    return {".".join(["synthstim", *_parts(path)]): path for path in files}


def _parts(path: Path) -> list[str]:
    *folders, name = path.relative_to(ROOT).with_suffix("").parts
    return folders if name == "__init__" else [*folders, name]


def imported(name: str, known: dict[str, Path], *, types: bool = True) -> Iterator[str]:
    """Modules of the package that a module imports, anywhere in its file; a folder that names are taken from counts."""
    tree = ast.parse(known[name].read_text(encoding="utf-8"))
    for node in ast.walk(tree if types else _Running().visit(tree)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "synthstim")
        elif isinstance(node, ast.ImportFrom):
            base = name if known[name].name == "__init__.py" else name.rpartition(".")[0]
            source = resolve_name("." * node.level + (node.module or ""), base)
            if source.split(".")[0] == "synthstim":
                for alias in node.names:
                    yield f"{source}.{alias.name}" if f"{source}.{alias.name}" in known else source


class _Running(ast.NodeTransformer):
    """Leaves out what only type checkers read."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if ast.unparse(node.test).endswith("TYPE_CHECKING") else self.generic_visit(node)


def room(name: str) -> str | None:
    """The room that a module stands in: the longest of the flow's names that its own begins with."""
    parts = name.split(".")[1:]
    names = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    return next((one for one in names if one in PLACE), None)


def test_every_module_has_a_place_in_the_flow():
    assert not [name for name in modules() if "." in name and room(name) is None]


@pytest.mark.parametrize("name", [name for name in modules() if "." in name])
def test_a_module_imports_only_from_what_stands_before_it(name):
    own = room(name)
    for other in imported(name, modules()):
        noun = room(other)
        together = noun is not None and PLACE[noun] == PLACE[own] and noun.split(".")[0] == own.split(".")[0]
        assert together or (noun is not None and PLACE[noun] < PLACE[own]), f"{name} imports {other}"


def test_contributing_shows_the_rooms_in_their_order():
    there, wanted = contributing()
    assert there == wanted, "write it anew with: python tests/flow.py"


def test_nothing_imports_in_a_circle():
    known = modules()
    graph = {name: set(imported(name, known, types=False)) - {name} for name in known}
    list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("name", ["synthstim", "synthstim.errors", "synthstim.ids", "synthstim.recipe"])
def test_what_should_be_light_loads_nothing_heavy(name):
    heavy = ("torch", "timm", "torchvision", "numpy", "pandas", "PIL", "cv2", "psychopy")
    code = f"import sys, {name}; print([heavy for heavy in {heavy} if heavy in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_runtime_of_exported_experiments_imports_nothing_of_the_package():
    known = modules()
    for name in known:
        if name.startswith(STANDALONE):
            assert not [other for other in imported(name, known) if not other.startswith(STANDALONE)], name
