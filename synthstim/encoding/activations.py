"""Activations of layers for many stimuli: computed once, kept on disk, and mapped into memory as they are read."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.lib import format as npy

from synthstim.encoding.stimuli import Stimuli
from synthstim.errors import InputError
from synthstim.files import written_whole
from synthstim.models import Observer

_BATCH_BYTES = 128 * 2**20
_MAX_BATCH = 64


@contextmanager
def layer_activations(
    observer: Observer, stimuli: Stimuli, layers: Sequence[str], *, cache: str | Path | None = None
) -> Iterator[dict[str, np.ndarray]]:
    """Layer -> (stimulus, *layer) float32, mapped from files.

    A file is named by the checksums of the observer's weights and of the stimuli, by the input, and by the layer: what was
    computed once is found again, and a file that was not finished is never seen.

    Args:
        observer: whose layers are read.
        stimuli: in the order wanted.
        layers: names of ``observer.layers``.
        cache: a folder that is kept; without one, files are removed at the end.

    Raises:
        InputError: a layer is unknown, the disk is too small, or a stimulus cannot be read.

    Example:
        >>> shown = Stimuli.of_sets(stimuli, observer.input)
        >>> with layer_activations(observer, shown, ["blocks.2"], cache="cache") as found:
        ...     found["blocks.2"].shape
        (24, 40, 8, 8)
    """
    observer.require(layers)
    with ExitStack() as stack:
        folder = (
            Path(cache)
            if cache is not None
            else Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        )
        folder.mkdir(parents=True, exist_ok=True)
        files = {layer: folder / f"{_key(observer, stimuli, layer)}.npy" for layer in dict.fromkeys(layers)}
        shapes = {layer: (len(stimuli), *observer.layers[layer]) for layer in files}
        missing = [layer for layer, path in files.items() if not _is_whole(path, shapes[layer])]
        if missing:
            _compute(observer, stimuli, {layer: files[layer] for layer in missing})
        found = {layer: np.load(path, mmap_mode="r", allow_pickle=False) for layer, path in files.items()}
        yield found
        found.clear()


def _key(observer: Observer, stimuli: Stimuli, layer: str) -> str:
    facts = {
        "weights": observer.weights_sha256,
        "network": type(observer.module).__name__,
        "dtype": str(observer.network_dtype),
        "input": repr(observer.input),
        "how": stimuli.how,
        "layer": layer,
        "stimuli": list(stimuli.table["sha256"].astype(str)),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _is_whole(path: Path, shape: tuple[int, ...]) -> bool:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False).shape == shape
    except (OSError, ValueError):
        return False


def _compute(observer: Observer, stimuli: Stimuli, files: dict[str, Path]) -> None:
    folder = next(iter(files.values())).parent
    sizes = {layer: 4 * int(np.prod(observer.layers[layer])) for layer in files}
    _require_space(folder, len(stimuli) * sum(sizes.values()))
    batch = max(1, min(_MAX_BATCH, _BATCH_BYTES // sum(sizes.values())))
    try:
        with ExitStack() as stack:
            parts = {layer: stack.enter_context(written_whole(path)) for layer, path in files.items()}
            streams = {layer: stack.enter_context(open(part, "wb")) for layer, part in parts.items()}
            for layer, stream in streams.items():
                shape = (len(stimuli), *observer.layers[layer])
                npy.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": shape})
            for start in range(0, len(stimuli), batch):
                _append(observer, stimuli, range(start, min(start + batch, len(stimuli))), streams)
    except OSError as error:
        raise InputError(
            f"activations could not be kept in {folder} ({error.strerror or error})",
            "free space there or give another folder",
        ) from None


def _append(observer: Observer, stimuli: Stimuli, rows: range, streams: Mapping[str, BinaryIO]) -> None:
    shown = stimuli.batch(rows).to(observer.device, observer.dtype)
    with torch.no_grad():
        read = observer.activations(shown, list(streams))
    for layer, stream in streams.items():
        values = read[layer].float().cpu().numpy()
        if not np.isfinite(values).all():
            raise InputError(f"{layer} of {observer.name} outputs NaN or infinite values", "choose another layer")
        # Written, not mapped: a full disk is then an error and not the end of the process.
        stream.write(np.ascontiguousarray(values, dtype="<f4").tobytes())


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"the activations take {needed / 2**30:.2f} GiB, {folder} has {free / 2**30:.2f} free",
            "choose fewer or later layers, or another folder",
            code="too-large",
        )
