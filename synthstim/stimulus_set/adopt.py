"""Adopting one's own images as a stimulus set: pixels unchanged, ids made safe, sources recorded."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

from synthstim.errors import InputError
from synthstim.ids import safe_id
from synthstim.images import SUFFIXES, bit_depth, luminance_statistics, read_image, sha256_of
from synthstim.stimulus_set.read import StimulusSet
from synthstim.stimulus_set.write import SetWriter

KINDS = ("natural", "control")


def adopt(folder: str | Path, out: str | Path, *, kind: str = "natural") -> tuple[StimulusSet, list[str]]:
    """Make a stimulus set of the images of a folder, at their own sizes and bit depths.

    Args:
        folder: its PNG, JPEG, TIFF, BMP and WebP files are taken, in the order of their names.
        out: directory of the set; it must not exist yet.
        kind: ``natural`` or ``control``.

    Returns:
        The set, and the names of the files of the folder that were left out because they are no images.

    Raises:
        InputError: the folder holds no image, or one of them cannot be read; nothing is written then.

    Example:
        >>> stimuli, left_out = adopt("my_gratings", "gratings_set", kind="control")  # doctest: +SKIP
    """
    if kind not in KINDS:
        raise InputError(f"kind {kind!r} is unknown: choose {' or '.join(KINDS)}")
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give the folder of your images")
    files = sorted(path for path in folder.iterdir() if path.is_file())
    images = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not images:
        raise InputError(f"{folder} holds no image: wanted {', '.join(SUFFIXES)} files")
    writer = SetWriter(out)
    try:
        taken: set[str] = set()
        sources = {}
        for path in images:
            stimulus_id = _free_id(path, taken)
            image = read_image(path)
            mean, contrast = luminance_statistics(image)
            writer.add(
                stimulus_id,
                image,
                bits=bit_depth(path),
                name=stimulus_id,
                kind=kind,
                mean_luminance=mean,
                rms_contrast=contrast,
            )
            sources[stimulus_id] = {"file": path.name, "sha256": sha256_of(path)}
        versions = {"python": platform.python_version(), "synthstim": version("synthstim")}
        root = writer.commit({"adopted_from": folder.name, "sources": sources, "coding": "sRGB", "versions": versions})
    except BaseException:
        writer.discard()
        raise
    return StimulusSet.read(root), [path.name for path in files if path not in images]


def _free_id(path: Path, taken: set[str]) -> str:
    stimulus_id = safe_id(path.stem)
    if stimulus_id.lower() in taken:
        stimulus_id = f"{stimulus_id[:55]}_{sha256_of(path)[:8]}"
    if stimulus_id.lower() in taken:
        raise InputError(
            f"{path.name} is in the folder twice under names that differ only in what an id cannot hold: rename one"
        )
    taken.add(stimulus_id.lower())
    return stimulus_id
