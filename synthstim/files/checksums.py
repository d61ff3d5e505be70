"""Checksums of files, one by one, and of folders as ``sha256sum --check`` reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Container
from pathlib import Path

SUMS = "SHA256SUMS"


def sha256_of(path: str | Path) -> str:
    """The sha256 of a file's bytes, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def write_sums(folder: Path, leave_out: Container[str] = ()) -> None:
    """Write SHA256SUMS into a folder: every file below it but those that are named, relative to the folder."""
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in files_below(folder) if name not in leave_out]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")


def read_sums(folder: Path) -> dict[str, str]:
    """What SHA256SUMS says of a folder's files: path relative to the folder -> sha256.

    Raises:
        ValueError: it is not what ``write_sums`` writes.
    """
    found = {}
    for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
        digest, gap, name = line.partition("  ")
        if len(digest) != 64 or not gap or not name:
            raise ValueError(f"the line {line[:40]!r} is no checksum")
        found[name] = digest
    return found


def files_below(folder: Path) -> list[str]:
    """Paths of all files below a folder but SHA256SUMS itself, relative to it and sorted."""
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [name for name in files if name != SUMS]
