"""Every command under every fault: one sentence, exit status 2, no traceback, and nothing on the desk is lost or left."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from faults_fixture import COMMANDS, contents, lay_desk

from synthstim.cli import app
from synthstim.cli.listing import LISTS

READERS = [name for name, command in COMMANDS.items() if command.takes]
WRITERS = [name for name, command in COMMANDS.items() if command.writes]
FOLDERS = [name for name in READERS if "." not in COMMANDS[name].takes]
# Whatever may tell a person what came and what to do; a sentence that ends there says nothing.
ADVICE = re.compile(
    r": |; |check|choose|give|wanted|make|remove|is not|cannot|did you mean|has no|no [a-z]+ (at|is)|exists already"
)


@pytest.fixture(scope="module")
def tidy(tmp_path_factory):
    """A desk that nobody works at, and what lies on it."""
    place = lay_desk(tmp_path_factory.mktemp("tidy") / "desk")
    return place, contents(place)


@pytest.fixture(scope="module")
def at_work(tidy, tmp_path_factory):
    return Path(shutil.copytree(tidy[0], tmp_path_factory.mktemp("work") / "desk", symlinks=True))


@pytest.fixture
def desk(tidy, at_work):
    """A desk to work at, tidy again after each test."""
    yield at_work
    if contents(at_work) != tidy[1]:
        shutil.rmtree(at_work)
        shutil.copytree(tidy[0], at_work, symlinks=True)


@pytest.fixture
def refused(synthstim, desk):
    """Run a command that must be refused; return what it said."""

    def run(name, source=None, out=None):
        command = COMMANDS[name]
        out = out or f"new{command.suffix}"
        before = contents(desk)
        said = synthstim(*command.line(source or command.takes, out), cwd=desk, status=2)
        after = contents(desk)
        changed = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
        assert not changed, f"{name} left, lost or changed {sorted(changed)[:5]}"
        assert "Traceback" not in said
        assert "\x1b" not in said
        assert ADVICE.search(said), said
        return said

    return run


# What commands read.

NOTHING = "nowhere_to_be_found"


@pytest.mark.parametrize("name", READERS)
def test_what_is_not_there_is_named(refused, name):
    assert NOTHING in refused(name, NOTHING)


@pytest.mark.parametrize("name", READERS)
def test_a_file_for_a_folder_and_a_folder_for_a_file(refused, name, desk):
    wrong = "photographs" if name not in FOLDERS else "cat.png"
    assert wrong in refused(name, wrong)


@pytest.mark.parametrize("name", [name for name in READERS if name != "loop deliver"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe\x80" * 64, b"[" * 5000], ids=["empty", "noise", "brackets"])
def test_files_that_hold_nothing_of_the_kind(refused, name, content, desk):
    path = desk / f"odd{Path(COMMANDS[name].takes).suffix}"
    path.write_bytes(content)
    assert "odd" in refused(name, path.name)


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_that_hold_nothing(refused, name, desk):
    (desk / "empty").mkdir()
    assert "empty" in refused(name, "empty")


@pytest.mark.parametrize("name", READERS)
def test_a_name_that_would_move_the_cursor_is_printed_as_text(refused, name):
    refused(name, "gone\x1b[31m\x1b]0;title\x07.tsv")


# The facts that each folder is opened by, and what commands open it.
FACTS = {
    "set/provenance.json": ["check", "join", "report", "export", "serve", "simulate", "fit"],
    "experiment/manifest.json": ["run", "presented"],
    "test/manifest.json": ["analyse"],
    "session/loop.yaml": ["loop status", "loop next", "loop watch", "loop deliver"],
    "evolution/evolution.json": ["evolve status", "evolve next"],
}
ODD_FACTS = {
    "list": "[]",
    "number": "17",
    "null": "null",
    "text": '"text"',
    "empty": "",
    "cut": '{"schema_version": 1, ',
    "deep": "[" * 5000,
    "bytes": "\udcff\udcfe",
}


@pytest.mark.parametrize(("fact", "name"), [(fact, name) for fact, names in FACTS.items() for name in names])
@pytest.mark.parametrize("kind", ODD_FACTS)
def test_damaged_facts(refused, desk, fact, name, kind):
    (desk / fact).write_bytes(ODD_FACTS[kind].encode("utf-8", "surrogateescape"))
    refused(name)


# What commands write.


def _file(place):
    place.write_text("what I measured all year")


def _folder(place):
    place.mkdir()
    (place / "notes.txt").write_text("what I measured all year")


IN_THE_WAY = {
    "a file of the user": _file,
    "a folder of the user": _folder,
    "a link to a file": lambda place: place.symlink_to(place.parent / "recipe.yaml"),
    "a link to nothing": lambda place: place.symlink_to(place.parent / "not_yet"),
}


@pytest.mark.parametrize("kind", IN_THE_WAY)
@pytest.mark.parametrize("name", [name for name in WRITERS if name != "analyse"])
def test_what_the_user_has_is_not_written_over(refused, name, kind, desk):
    place = f"mine{COMMANDS[name].suffix}"
    IN_THE_WAY[kind](desk / place)
    refused(name, out=place)


@pytest.mark.parametrize("taken", ["recipe.yaml", "set/stimuli.tsv", "set/stimuli/noise_0.png", "trials.tsv", "set"])
@pytest.mark.parametrize("name", [name for name in WRITERS if name != "analyse"])
def test_what_the_toolkit_has_written_is_not_written_over(refused, name, taken):
    refused(name, out=taken)


NAMES = {
    "below a file": "cat.png/new",
    "248 characters": "n" * 248,
    "a long path": "/".join(["n" * 190] * 24),
    "a device of Windows": "CON",
    "a device of Windows with a suffix": "aux.v2",
    "an escape": "new\x1b[31m",
    "a line break": "new\nline",
}


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("name", WRITERS)
def test_names_that_cannot_be_written(refused, name, kind):
    refused(name, out=NAMES[kind] + COMMANDS[name].suffix)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root to mount a small disk")
@pytest.mark.parametrize(
    "name",
    [
        name
        for name in WRITERS
        if name not in ("demo", "train", "loop init", "serve", "presented", "rig new", "rig measure")
    ],
)
def test_a_full_disk(synthstim, name, desk, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(disk)]
    mounted = subprocess.run(mount, check=False, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    try:
        command = COMMANDS[name]
        said = synthstim(*command.line(command.takes, disk / f"new{command.suffix}"), cwd=desk, status=2)
        assert "Traceback" not in said
        assert re.search(r"no space|make room", said, re.IGNORECASE), said
        if name != "analyse":  # which writes table after table, each of them whole
            assert not (disk / f"new{command.suffix}").exists()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# What commands run in.


def _run(words, desk, **environment):
    known = {name: value for name, value in os.environ.items() if name not in environment}
    wanted = {name: value for name, value in environment.items() if value is not None}
    command = [sys.executable, "-m", "synthstim", *words]
    return subprocess.run(command, cwd=desk, env=known | wanted, capture_output=True, text=True, check=False)


HOMES = {
    "no home": {"HOME": None, "XDG_CACHE_HOME": None, "SYNTHSTIM_CACHE": None},
    "a home that is a file": {"HOME": "/dev/null", "XDG_CACHE_HOME": None, "SYNTHSTIM_CACHE": None},
}


@pytest.mark.skipif(os.name != "posix", reason="HOME is a word of POSIX")
@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("name", ["check", "report", "protocols", "models"])
def test_a_home_is_not_needed(name, home, desk, tmp_path):
    command = COMMANDS.get(name)
    words = command.line(command.takes, tmp_path / f"new{command.suffix}") if command else [name]
    ran = _run(words, desk, **HOMES[home])
    assert ran.returncode == 0, ran.stderr[-500:]
    assert "Traceback" not in ran.stderr


@pytest.mark.skipif(os.name != "posix", reason="HOME is a word of POSIX")
@pytest.mark.parametrize("home", HOMES)
def test_psychopy_wants_a_home_and_export_says_so(home, desk):
    ran = _run(COMMANDS["export"].line("set", "new"), desk, **HOMES[home])
    assert ran.returncode == 2
    assert "set HOME to a folder that you may write to" in " ".join(ran.stderr.split())
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    "words", ["--help", "models", "protocols", "layers", "check set --quiet", "loop status session"]
)
def test_a_closed_standard_output_is_no_traceback(words, desk):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "synthstim", *words.split()]
    with os.fdopen(writer, "wb") as closed:
        ran = subprocess.run(command, cwd=desk, stdout=closed, stderr=subprocess.PIPE, text=True, check=False)
    assert "Traceback" not in ran.stderr
    assert "BrokenPipe" not in ran.stderr


def test_no_two_commands_share_a_name():
    # typer drops the first of two without a word.
    for commands in (app, *(group.typer_instance for group in app.registered_groups)):
        names = [each.name or each.callback.__name__ for each in commands.registered_commands]
        names += [group.name for group in commands.registered_groups]
        assert len(names) == len(set(names)), sorted(names)


def test_the_table_covers_every_command(synthstim, desk):
    known = {name.split()[0] for name in COMMANDS} | {"layers", "models", "protocols", "doctor", *LISTS}
    ran = _run(["--help"], desk)
    listed = re.findall(r"^  ([a-z]+) ", ran.stdout.partition("Commands:")[2], re.MULTILINE)
    assert set(listed) == known, json.dumps(listed)
