"""The examples in docstrings give what they say; few are not executed, and each of those says why."""

import doctest
import re
import shutil
from importlib import import_module
from pathlib import Path

import pytest
from example_desk import lay_examples, names

import synthstim

ROOT = Path(synthstim.__file__).parent
WITH_EXAMPLES = [path for path in sorted(ROOT.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]
MOST_SKIPPED = 15


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return lay_examples(tmp_path_factory.mktemp("examples") / "desk")


@pytest.fixture(scope="module")
def known(desk):
    return names(desk)


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples_give_what_they_say(path, desk, known, monkeypatch, tmp_path):
    monkeypatch.chdir(shutil.copytree(desk, tmp_path / "desk"))
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = import_module(".".join(("synthstim", *(part for part in parts if part != "__init__"))))
    rooms = [getattr(synthstim, room) for room in synthstim.ROOMS]
    everything = {name: getattr(room, name) for room in [*rooms, synthstim] for name in getattr(room, "__all__", ())}
    ran = doctest.testmod(module, globs=everything | known | vars(module), optionflags=doctest.ELLIPSIS)
    assert ran.failed == 0


def test_what_is_not_executed_is_little_and_says_why():
    lines = [
        line for path in WITH_EXAMPLES for line in path.read_text(encoding="utf-8").splitlines() if "+SKIP" in line
    ]
    assert len(lines) <= MOST_SKIPPED
    for line in lines:
        assert re.search(r"# \S.*\S +# doctest: \+SKIP", line), f"{line.strip()}: say why it is not executed"
