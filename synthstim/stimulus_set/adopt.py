"""Adopting one's own images or sounds as a stimulus set: values unchanged, ids made safe, sources recorded."""

from __future__ import annotations

import platform
import warnings
from importlib.metadata import version
from pathlib import Path

from synthstim.errors import InputError
from synthstim.files import sha256_of
from synthstim.files.telling import told_once
from synthstim.ids import safe_id
from synthstim.modalities import MODALITIES, modality_of_file
from synthstim.modalities.base import Modality
from synthstim.stimulus_set.read import StimulusSet
from synthstim.stimulus_set.write import SetWriter

KINDS = ("natural", "control")


def adopt(
    folder: str | Path, out: str | Path, *, kind: str = "natural", channel: str | None = None
) -> tuple[StimulusSet, list[str]]:
    """Make a stimulus set of the images or of the sounds of a folder, at their own sizes, rates and bit depths.

    Args:
        folder: its PNG, JPEG, TIFF, BMP and WebP files are taken, or its WAV, FLAC, OGG, AIFF and MP3 files, in the
            order of their names. Sounds become WAV files that hold the very samples: 16 or 24 bits where the file has
            no more than those, floating point for any other coding.
        out: directory of the set; it must not exist yet.
        kind: ``natural`` or ``control``.
        channel: of sounds with several: ``left``, ``right`` or their ``mean``, which is kept in floating point; None wants mono files.

    Returns:
        The set, and the names of the files of the folder that were left out because they are neither.

    Raises:
        InputError: the folder holds no stimulus of any modality, or of several, one cannot be read, sounds differ in their
            rate, or a channel is chosen of what has none; nothing is written then.

    Example:
        >>> stimuli, left_out = adopt("my_gratings", "gratings_set", kind="control")
    """
    if kind not in KINDS:
        raise InputError(f"kind {kind!r} is unknown", f"choose {' or '.join(KINDS)}", code="unknown")
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder", "give the folder of your images or sounds", code="missing")
    files = sorted(path for path in folder.iterdir() if path.is_file())
    modality, chosen = _of_one_modality(folder, files)
    if channel is not None and "channel" not in modality.reading:
        raise InputError(
            f"channel {channel} given, and {folder} holds {modality.plural}", "leave it out", code="mismatch"
        )
    how = {} if channel is None else {"channel": channel}
    with (
        told_once(chosen, folder),
        SetWriter(out, modality=modality.name, **modality.writing_of(chosen)) as writer,
    ):
        taken: set[str] = set()
        sources = {}
        for path in chosen:
            stimulus_id = _free_id(path, taken)
            values, bits = modality.copied(path, **how)
            written = writer.add(stimulus_id, values, bits=bits, name=stimulus_id, kind=kind)
            with warnings.catch_warnings():
                # What there is to say of the file was said when it was read.
                warnings.simplefilter("ignore")
                writer.rows[-1].update(modality.statistics(written))
            sources[stimulus_id] = {"file": path.name, "sha256": sha256_of(path)}
        versions = {"python": platform.python_version(), "synthstim": version("synthstim")}
        facts = {
            "adopted_from": folder.name,
            **how,
            "sources": sources,
            "coding": modality.coding,
            "versions": versions,
        }
        root = writer.commit(facts)
    return StimulusSet.read(root), [path.name for path in files if path not in chosen]


def _of_one_modality(folder: Path, files: list[Path]) -> tuple[Modality, list[Path]]:
    found: dict[Modality, list[Path]] = {}
    for path in files:
        if (modality := modality_of_file(path)) is not None:
            found.setdefault(modality, []).append(path)
    if not found:
        known = [modality for _, modality in MODALITIES.usable()]
        wanted = ", ".join(suffix for modality in known for suffix in modality.suffixes)
        *others, last = (modality.name for modality in known)
        raise InputError(f"{folder} holds no {', '.join(others)} or {last}; expected {wanted} files")
    if len(found) > 1:
        names = " and ".join(paths[0].name for paths in found.values())
        raise InputError(
            f"{folder} holds {' and '.join(sorted(modality.plural for modality in found))} ({names}): a set has one of them,"
            " split them into two folders"
        )
    return found.popitem()


def _free_id(path: Path, taken: set[str]) -> str:
    stimulus_id = safe_id(path.stem)
    if stimulus_id.lower() in taken:
        stimulus_id = f"{stimulus_id[:55]}_{sha256_of(path)[:8]}"
    if stimulus_id.lower() in taken:
        raise InputError(
            f"{path.name} is in the folder twice under names that differ only in what an id cannot hold",
            "rename one",
            code="mismatch",
        )
    taken.add(stimulus_id.lower())
    return stimulus_id
