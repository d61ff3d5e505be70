"""Folders to begin from: an evening before a session, a listening test, an experiment, a plug-in; each with its comments."""

from __future__ import annotations

import re
from pathlib import Path

from synthstim.errors import InputError, nearest
from synthstim.files import Staging

HERE = Path(__file__).parent
KINDS = {
    "session": "stimuli for an evening: controllers and metamers, the rig, a page of commands",
    "listening": "a listening test: metamers of recorded words, the words that may be answered",
    "experiment": "trials of images: a set, a design, the rig, the words to the participant",
    "plugin": "a package with a goal and a model of your own, and its test",
}
# What stands for the name in files and their names.
_NAME = "NAME"
# What is shown needs photographs to begin with, and a rig.
_SHOWN = ("session", "experiment")


def begin(kind: str, folder: str | Path) -> Path:
    """Write a folder to begin from.

    Args:
        kind: one of ``KINDS``.
        folder: that is made; its name is a letter, then small letters, digits or _, which a package's must be.

    Returns:
        The new folder.

    Raises:
        InputError: there is no such kind, the name is none, or something is there already.

    Example:
        >>> sorted(path.name for path in begin("listening", "my_words").iterdir())
        ['README.md', 'answers.txt', 'recipe.yaml', 'recordings']
    """
    if kind not in KINDS:
        raise InputError(
            f"no folder to begin from is called {kind!r}", nearest(kind, KINDS, len(KINDS)), code="unknown", value=kind
        )
    made = Path(folder)
    name = made.name
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        raise InputError(
            f"the name {name!r} given; expected a small letter, then small letters, digits or _, 40 at most", value=name
        )
    with Staging(made, f"new {kind}") as staging:
        place = staging.path
        for path in sorted((HERE / kind).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                _copy(path, place / str(path.relative_to(HERE / kind)).replace(_NAME, name).removesuffix(".txt_"), name)
        if kind in _SHOWN:
            _copy(HERE / "rig.yaml", place / "rig.yaml", name)
            from synthstim.modalities.image.demonstration import write_references

            (place / "photographs").mkdir()
            write_references(place / "photographs")
        if kind == "listening":
            (place / "recordings").mkdir()
        return staging.commit()


def _copy(source: Path, target: Path, name: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(source.read_text(encoding="utf-8").replace(_NAME, name), encoding="utf-8", newline="\n")
