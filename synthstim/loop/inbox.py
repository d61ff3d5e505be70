"""The inbox of a generation: which files have arrived whole, by their checksums, and what is still awaited."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from synthstim.errors import InputError
from synthstim.files import SUMS, sha256_of
from synthstim.responses.files import listed
from synthstim.responses.read import reader_of

PARTIAL = (".part", ".partial", ".tmp", ".new", ".crdownload", ".filepart")
PRESENTATIONS, SESSION = "_presentations.tsv", "_session.json"
_LINE = re.compile(r"([0-9a-fA-F]{64})(?:[ \t]+\*?(.+))?")


@dataclass(frozen=True)
class Inbox:
    """What an inbox holds.

    Attributes:
        arrived: name -> sha256 of the files that are whole.
        awaited: one sentence part for each thing that is still to come.
        damaged: one for each file that is not what its checksum says; it is never read.
    """

    arrived: dict[str, str]
    awaited: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything that was announced is there."""
        return bool(self.arrived) and not self.awaited and not self.damaged


def read_inbox(folder: Path, known: dict[tuple[str, int, int], str] | None = None) -> Inbox:
    """Look into an inbox; only files with a checksum count.

    A file is announced by its own ``NAME.sha256`` or by a line of ``SHA256SUMS``. Names that start with a dot or end like
    ``.part`` are of files still being copied.

    Args:
        known: checksums by name, size and time of change, for who looks again and again; it is added to.
    """
    announced = dict(_announced(folder))
    arrived, awaited, damaged = {}, [], []
    files = _files(folder)
    beside = _beside(path.name for path in files)
    for path in files:
        if path.name not in announced and _wanted(path) and path.name not in beside:
            awaited.append(f"the checksum of {path.name} ({path.name}.sha256 or a line in {SUMS})")
    for name, digest in announced.items():
        path = folder / name
        if not path.is_file() or path.is_symlink():
            awaited.append(f"{name}, which a checksum announces")
            continue
        found = _digest(path, {} if known is None else known)
        if found == digest:
            arrived[name] = digest
        else:
            damaged.append(
                f"{name} differs from its checksum (sha256 {found[:12]}..., announced {digest[:12]}...): copy it again"
            )
    return Inbox(arrived, (*awaited, *_companions(arrived, announced)), tuple(damaged))


def data_files(names: Iterable[str]) -> list[str]:
    """The names of files of responses, and of what goes with them, that are not still being copied."""
    names = list(names)
    beside = _beside(names)
    return [name for name in names if not _partial(name) and _wanted(Path(name)) and name not in beside]


def signature(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes when anything in a folder does: names, sizes and times."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            stat = path.stat()
        except OSError:
            continue
        found.append((path.name, stat.st_size, stat.st_mtime_ns))
    return tuple(sorted(found))


def recordings(names: dict[str, str]) -> Iterator[tuple[str, ...]]:
    """The recordings among some files: (presentations, spikes, markers), or (table,)."""
    logs = sorted(name for name in names if name.endswith(PRESENTATIONS))
    beside = _beside(names)
    of_logs: set[str] = set()
    for name in logs:
        trio = (name, *(_companion(name, noun, names) for noun in ("spikes", "markers")))
        of_logs.update(part for part in trio if part)
        yield tuple(part or "" for part in trio)
    for name in sorted(names):
        if _wanted(Path(name)) and name not in of_logs | beside and not _of_the_log(name):
            yield (name,)


def copy_checked(source: Path, target: Path, digest: str) -> dict[str, str | int]:
    """Copy a file and check the copy: what is read cannot change any more.

    Returns:
        ``sha256``, ``bytes`` and ``mtime_ns`` of the file.

    Raises:
        InputError: the file changed since its checksum was compared.
    """
    found, stat = hashlib.sha256(), source.stat()
    with open(source, "rb") as read, open(target, "wb") as written:
        for block in iter(lambda: read.read(1 << 20), b""):
            found.update(block)
            written.write(block)
    if found.hexdigest() != digest:
        raise InputError(
            f"{source.name} changed while it was read", "leave delivered files as they are, and deliver it again"
        )
    return {"sha256": digest, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _files(folder: Path) -> list[Path]:
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in paths if path.is_file() and not _partial(path.name) and not _is_sum(path.name)]


def _announced(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not _is_sum(path.name) or _partial(path.name) or not path.is_file():
            continue
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if not (match := _LINE.fullmatch(line.strip())):
                continue
            own = path.name.removesuffix(".sha256") if path.name != SUMS else None
            # The name as written, without the folders of the other side.
            name = re.split(r"[/\\]", match[2])[-1] if match[2] else own
            if name and (own is None or name == own) and not _partial(name):
                yield name, match[1].lower()


def _companions(arrived: dict[str, str], announced: dict[str, str]) -> Iterator[str]:
    for recording in recordings(arrived):
        if len(recording) == 3 and (
            lacks := [noun for noun, name in zip(("spikes", "markers"), recording[1:], strict=True) if not name]
        ):
            stem = recording[0].removesuffix(PRESENTATIONS)
            wanted = " and ".join(f"{noun}.tsv (or {stem}_{noun}.tsv)" for noun in lacks)
            yield f"{wanted} to {recording[0]}"
    if arrived and not any(True for _ in recordings(arrived)) and set(arrived) == set(announced):
        yield f"responses: {listed(sorted(arrived))} holds none"


def _beside(names: Iterable[str]) -> set[str]:
    """Other tables that an experiment writes beside its presentations."""
    stems = [name.removesuffix(PRESENTATIONS) for name in names if name.endswith(PRESENTATIONS)]
    return {f"{stem}{end}" for stem in stems for end in (".csv", "_frames.tsv")}


def _companion(log: str, noun: str, names: dict[str, str]) -> str | None:
    stem = log.removesuffix(PRESENTATIONS)
    options = [f"{stem}_{noun}{suffix}" for suffix in (".tsv", ".csv")] + [f"{noun}.tsv", f"{noun}.csv"]
    return next((name for name in options if name in names), None)


def _wanted(path: Path) -> bool:
    return reader_of(path) is not None


def _of_the_log(name: str) -> bool:
    """Whether a table holds no trials, but what goes with an experiment's presentations."""
    stem = Path(name).stem
    return stem in ("spikes", "markers") or stem.endswith(("_spikes", "_markers"))


def _partial(name: str) -> bool:
    return name.startswith(".") or name.lower().endswith(PARTIAL)


def _is_sum(name: str) -> bool:
    return name == SUMS or name.endswith(".sha256")


def _digest(path: Path, known: dict[tuple[str, int, int], str]) -> str:
    stat = path.stat()
    key = (path.name, stat.st_size, stat.st_mtime_ns)
    if key not in known:
        known[key] = sha256_of(path)
    return known[key]
