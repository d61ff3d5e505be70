"""Names say one thing: no two classes of the package share one."""

import ast
from collections import defaultdict
from pathlib import Path

import synthstim

ROOT = Path(synthstim.__file__).parent


def test_every_class_name_is_used_once():
    places = defaultdict(list)
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path.relative_to(ROOT).as_posix()}:{node.lineno}")
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
