"""Several stimulus sets as one: every file byte for byte, ids and references kept apart, what is known of each under its name."""

from __future__ import annotations

import platform
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from synthstim.errors import InputError
from synthstim.files import sha256_of
from synthstim.ids import free_id
from synthstim.stimulus_set.columns import COMPANIONS, LATENTS, SET, columns_of
from synthstim.stimulus_set.read import StimulusSet
from synthstim.stimulus_set.seal import altered
from synthstim.stimulus_set.write import SetWriter

# Facts of a set that speak of its ids, or of its files, by key.
_BY_ID, _FILES_OF = ("stimuli", "sources", "series"), ("from", "to")


def join_sets(directories: Sequence[str | Path], out: str | Path) -> tuple[StimulusSet, dict[str, str]]:
    """Make one stimulus set of several of one modality.

    The column ``set`` says where each stimulus comes from. Ids that are in several sets get the name of theirs in front; references
    with the same bytes are kept once. Each set's provenance stands under its name in ``parts``, and ``check`` measures each by its own.

    Args:
        directories: of two sets or more; joined ones count as the sets that they were made of.
        out: directory of the new set; it must not exist yet.

    Returns:
        The set, and new id -> the id before, of those that have changed.

    Raises:
        InputError: there are fewer than two sets, one is damaged or given twice, or they differ in modality or, sounds, in their rate.

    Example:
        >>> stimuli, renamed = join_sets(["metamers_of_a", "metamers_of_b"], "both")  # of two sets  # doctest: +SKIP
    """
    if len(directories) < 2:
        raise InputError(f"{len(directories) or 'no'} set given; expected two or more", "name them all", code="too-few")
    sets = [StimulusSet.read(directory) for directory in directories]
    _check(sets)
    parts = _named(sets)
    with SetWriter(out, description="Stimulus sets joined", modality=sets[0].modality.name) as writer:
        names = _new_ids(parts)
        facts: dict[str, Any] = {}
        files = _Files(writer)
        for name, part in parts.items():
            facts[name] = _add(writer, files, name, part, names[name])
        versions = {"python": platform.python_version(), "synthstim": version("synthstim")}
        writer.columns = columns_of({"modality": writer.modality.name, "parts": facts})
        root = writer.commit({"coding": writer.modality.coding, "versions": versions, "parts": facts})
    changed = {new: old for renamed in names.values() for old, new in renamed.items() if new != old}
    return StimulusSet.read(root), changed


@dataclass
class _Files:
    """The files of a set that is being written that may stand for several of the sets it is made of, each once."""

    writer: SetWriter
    by_digest: dict[tuple[str, str], str] = field(default_factory=dict)
    taken: dict[str, set[str]] = field(default_factory=dict)

    def add(self, part: StimulusSet, relative: str, name: str) -> str:
        """Copy a file into the folder that it lies in; returns where it is now."""
        path = PurePosixPath(relative)
        folder = str(path.parent)
        digest = sha256_of(part.path(relative))
        if (folder, digest) not in self.by_digest:
            taken = self.taken.setdefault(folder, set())
            free = path.stem.lower() not in taken
            stem = free_id(path.stem if free else f"{name}_{path.stem}", taken)
            self.by_digest[folder, digest] = f"{folder}/{stem}{path.suffix}"
            copy_file(part.path(relative), self.writer.staging / folder / f"{stem}{path.suffix}")
        return self.by_digest[folder, digest]


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's bytes, into a folder that is made if it is not there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _check(sets: Sequence[StimulusSet]) -> None:
    first = sets[0]
    seen: dict[str, StimulusSet] = {}
    for one in sets:
        for part in one.parts.values():
            other = seen.setdefault(_sums(part).get("stimuli.tsv", part.part), one)
            if other is not one:
                twice = (
                    "is given twice" if other.root.resolve() == one.root.resolve() else f"holds stimuli of {other.root}"
                )
                raise InputError(f"{one.root} {twice}", "leave one out")
        if one.modality is not first.modality:
            raise InputError(
                f"{first.root} holds {first.modality.plural}, {one.root} {one.modality.plural}",
                "join sets of one kind",
                code="mismatch",
            )
        if problems := [*one.damaged(), *altered(one)]:
            raise InputError(f"{one.root}: {problems[0]}", "restore it from a copy, or make it again", code="changed")
    for one in sets[1:]:
        if len(first) and len(one):
            try:
                first.modality.writing_of(
                    [first.path(first.table["file"].iloc[0]), one.path(one.table["file"].iloc[0])]
                )
            except InputError as error:
                raise error.within(f"{first.root.name} and {one.root.name}") from None


def _named(sets: Sequence[StimulusSet]) -> dict[str, StimulusSet]:
    """The sets, and those that joined ones were made of, by a name that is an id."""
    taken: set[str] = set()
    found = {}
    for one in sets:
        for name, part in one.parts.items():
            found[free_id(name or one.root.resolve().name, taken)] = part
    return found


def _new_ids(parts: Mapping[str, StimulusSet]) -> dict[str, dict[str, str]]:
    """Old id -> new id of each set: the set's name stands before those that several have, whatever the case."""
    counts = Counter(str(name).lower() for part in parts.values() for name in part.table["stimulus_id"])
    taken = {name for name, count in counts.items() if count == 1}
    return {
        name: {
            str(old): str(old) if counts[str(old).lower()] == 1 else free_id(f"{name}_{old}", taken)
            for old in part.table["stimulus_id"]
        }
        for name, part in parts.items()
    }


def _add(writer: SetWriter, files: _Files, name: str, part: StimulusSet, new: Mapping[str, str]) -> dict[str, Any]:
    """Take over a set's files, rows and further tables; returns what is known of it, in the words of the new set."""
    moved: dict[str, str] = {}
    for relative in dict.fromkeys(_shared(part)):
        moved[relative] = files.add(part, relative, name)
    for row in part.table.to_dict("records"):
        old, file = str(row["stimulus_id"]), str(row["file"])
        moved[file] = f"stimuli/{new[old]}{PurePosixPath(file).suffix}"
        copy_file(part.path(file), writer.staging / moved[file])
        if (part.root / LATENTS / f"{old}.npy").exists():
            copy_file(part.path(f"{LATENTS}/{old}.npy"), writer.staging / LATENTS / f"{new[old]}.npy")
        reference = moved.get(str(row["reference"]))
        told = {str(column): value for column, value in row.items()}
        writer.rows.append({**told, "stimulus_id": new[old], "file": moved[file], "reference": reference, SET: name})
    for companion in COMPANIONS:
        table = _companion(part, companion)
        for column, known in (("stimulus_id", new), ("reference", moved), ("file", moved)):
            if column in table:
                table[column] = [known.get(cell, cell) for cell in table[column]]
        if len(table):
            writer.companions.setdefault(companion, []).append(table.assign(**{SET: name}))
    return _facts(part, new, moved)


def _shared(part: StimulusSet) -> Iterator[str]:
    """The files of a set that other sets may have, too: references, what mixtures are mixed of, and best natural stimuli."""
    yield from part.table["reference"].dropna().astype(str)
    own = set(part.table["file"])
    for told in part.provenance.get("series", {}).values():
        yield from (str(told[end]) for end in _FILES_OF if end in told and told[end] not in own)
    yield from part.companion("best_natural.tsv")["file"]


def _companion(part: StimulusSet, name: str) -> pd.DataFrame:
    """A further table of a set as text, cell by cell."""
    if not (part.root / name).exists():
        return pd.DataFrame()
    table = pd.read_csv(part.path(name), sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    return (table[table[SET] == part.part] if part.part else table).copy()


def _facts(part: StimulusSet, new: Mapping[str, str], moved: Mapping[str, str]) -> dict[str, Any]:
    facts = {key: value for key, value in part.provenance.items() if key not in ("table", "schema_version")}
    for key in set(_BY_ID) & facts.keys():
        facts[key] = {new.get(old, old): _told(told, moved) for old, told in facts[key].items()}
    if "null" in facts:
        # Its keys are a reference and its layers.
        split = {key: key.partition(" ") for key in facts["null"]}
        facts["null"] = {
            f"{moved.get(file, file)}{space}{layer}": facts["null"][key] for key, (file, space, layer) in split.items()
        }
    before = facts.get("ids", {})
    facts["ids"] = {name: before.get(old, old) for old, name in new.items() if before.get(old, old) != name}
    return facts | {"tables": _sums(part)}


def _told(told: Any, moved: Mapping[str, str]) -> Any:
    if not isinstance(told, dict):
        return told
    return {key: moved.get(value, value) if key in _FILES_OF else value for key, value in told.items()}


def _sums(part: StimulusSet) -> dict[str, str]:
    """The checksums of a set's tables, as they were before it was joined with others."""
    if part.part:
        return {str(name): str(digest) for name, digest in part.provenance.get("tables", {}).items()}
    there = (name for name in ("stimuli.tsv", "provenance.json", *COMPANIONS) if (part.root / name).is_file())
    return {name: sha256_of(part.root / name) for name in there}
