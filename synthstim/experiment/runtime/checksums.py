"""Checksums of the stimuli, compared before a window opens."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def damaged(directory: Path, stimuli: Iterable[Mapping[str, Any]]) -> list[str]:
    """One sentence for each stimulus whose file is missing or differs from its recorded sha256.

    Args:
        stimuli: mappings with ``file``, relative to the folder, and ``sha256``.
    """
    problems = []
    for stimulus in stimuli:
        path = directory / stimulus["file"]
        if not path.is_file():
            problems.append(f"{stimulus['file']} is missing")
        elif sha256_of(path) != stimulus["sha256"]:
            problems.append(f"{stimulus['file']} has changed since the export")
    return problems
