"""Places where something may be written: free, or held by an earlier file of the same kind; asked before long work."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from synthstim.errors import InputError
from synthstim.files.checksums import SUMS
from synthstim.ids import RESERVED

# What is written beside a name bears a longer one for a while; file systems take 255 bytes.
LONGEST_NAME = 200
# What makes a folder a stimulus set, to which nothing may be added but its report: made of the set, and no part of it.
OF_SETS = (SUMS, "stimuli.tsv")
REPORT = "report.html"


def require_absent(path: str | Path) -> Path:
    """Return the path after checking that nothing is there yet and that it can be written.

    Raises:
        InputError: something is there, the name does not go with every system, or the parent cannot be made or written.
    """
    root = _named_well(Path(path))
    require_outside_sets(root)
    if is_there(root):
        raise InputError(f"{root} exists already", "choose another name or remove it", code="in-the-way")
    require_parent(root)
    return root


def require_replaceable(path: str | Path, ours: Callable[[Path], bool], kind: str) -> Path:
    """Return the path of a file after checking that it is free, or holds an earlier one of its own kind.

    Args:
        ours: whether a file that is there is of this kind, so that it may be replaced.
        kind: what is written, with its article, as in "a report".

    Raises:
        InputError: something else is there, or the place cannot be written.
    """
    file = _named_well(Path(path))
    require_outside_sets(file)
    taken = is_there(file)
    if taken and file.is_dir():
        raise InputError(f"{file} is a directory", f"give the name of a file, such as {file / file.name}")
    if taken and (file.is_symlink() or not (file.is_file() and _is_ours(file, ours))):
        raise InputError(
            f"{file} exists already and is not {kind}", "choose another name or remove it", code="in-the-way"
        )
    require_parent(file)
    return file


def require_outside_sets(path: Path) -> None:
    """Raise InputError if a path lies in a stimulus set, whose checksums tell what belongs to it, and is not its report."""
    whole = Path(os.path.realpath(path))  # unlike Path.resolve, it takes any path
    for folder in whole.parents:
        if all(os.path.isfile(folder / name) for name in OF_SETS) and whole != folder / REPORT:
            raise InputError(
                f"{path} lies inside the set {folder.name}, to which nothing can be added",
                "choose a place outside it",
                code="in-the-way",
            )


def require_folder(path: str | Path) -> Path:
    """Return the path of a folder that files can be written into, made if it is not there.

    Raises:
        InputError: something else is there, or it cannot be made or written.
    """
    folder = Path(path)
    if not (is_there(folder) and folder.is_dir()):
        require_absent(folder)
    require_parent(folder / "file")
    return folder


def require_parent(path: Path) -> None:
    """Make the folder that a path lies in.

    Raises:
        InputError: it cannot be made, or cannot be written.
    """
    parent = path.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{parent} cannot be made ({_reason(error)})", "choose another place") from None
    if not os.access(parent, os.W_OK):
        raise InputError(f"{parent} cannot be written", "choose another place")


def _named_well(path: Path) -> Path:
    name = path.name
    if not name or name == "..":
        raise InputError(f"{str(path)!r} names no file or folder of its own", "add a name to it")
    if not name.isprintable() or len(os.fsencode(name)) > LONGEST_NAME:
        raise InputError(
            f"the name {name[:40]!a} cannot be used: {LONGEST_NAME} bytes at most, all of them printable characters"
        )
    if name.partition(".")[0].strip().lower() in RESERVED or name[-1] in ". ":
        raise InputError(f"the name {name!r} is none that Windows takes for a file", "choose another")
    return path


def is_there(path: Path) -> bool:
    """Whether anything is there, a link to nothing included.

    Raises:
        InputError: it cannot be looked up.
    """
    try:
        return path.exists() or path.is_symlink()
    except OSError as error:  # a parent that may not be looked into, or a path that is too long
        raise InputError(f"{str(path)[:80]} cannot be looked up ({_reason(error)})", "choose another place") from None


def _is_ours(path: Path, ours: Callable[[Path], bool]) -> bool:
    try:
        return ours(path)
    except (OSError, ValueError):
        return False


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
