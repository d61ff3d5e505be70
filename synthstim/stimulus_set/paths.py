"""Paths that may stand in a set: inside it, written one way, never through a link."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from synthstim.errors import InputError


def inside(root: Path, relative: str) -> Path:
    """Return root/relative after checking that it is a relative POSIX path to a real file inside root.

    Raises:
        InputError: the path is absolute, climbs out, is written the Windows way, passes a link, or has no file.
    """
    path = PurePosixPath(relative)
    windows = PureWindowsPath(relative)
    if not relative or path.is_absolute() or ".." in path.parts or "\\" in relative or windows.drive:
        raise InputError(
            f"the path {relative!r} is not a relative path inside {root.name}: sets hold their own files only"
        )
    try:
        return _real_file(root, path)
    except OSError:  # a name that no file system takes
        raise InputError(
            f"{relative[:60]!r} is missing from {root.name}: the set is incomplete", code="missing"
        ) from None


def _real_file(root: Path, path: PurePosixPath) -> Path:
    current = root
    for part in path.parts:
        current = current / part
        if current.is_symlink():
            raise InputError(f"{path} in {root.name} passes through a link: sets hold real files only")
    if not current.is_file():
        raise InputError(f"{path} is missing from {root.name}: the set is incomplete", code="missing")
    return current
