"""Checkpoints that others trained, converted to plain weights once; nothing in them is executed.

What a training script saves with ``torch.save`` is a pickle, which may run anything when it is loaded the usual way.
Here it is read as data (``pickles``, ``torch_files``): tensors and plain containers are kept, all else is left out and
listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from synthstim.errors import InputError, said_by
from synthstim.files import require_absent, sha256_of, written_whole
from synthstim.models.pickles import Inert
from synthstim.models.torch_files import OpenFile
from synthstim.models.weights import is_copy, unwrap

# Wrappers put these before every name: DataParallel, torch.compile, and models that hold the network.
_PREFIXES = ("module.", "_orig_mod.", "model.")
_MAX_DEPTH, _MAX_NAME, _MAX_LEAVES = 16, 200, 200_000
# Weights may be tied, so that one storage is kept under several names, but not without limit.
_MAX_GROWTH = 4


@dataclass(frozen=True)
class Converted:
    """What ``convert_checkpoint`` did.

    Attributes:
        path: the .safetensors file it wrote.
        kept: shape of each tensor by its name, wrappers' prefixes off.
        left_out: what else the checkpoint holds: names, and in brackets what Python would have made of it.
    """

    path: Path
    kept: dict[str, tuple[int, ...]]
    left_out: tuple[str, ...]


def convert_checkpoint(checkpoint: str | Path | Sequence[str | Path], out: str | Path) -> Converted:
    """Write the weights of a checkpoint as a .safetensors file, executing nothing of what it holds.

    Read are the files of ``torch.save``, old and new, whatever wrote their pickle (dill too), and those of
    ``numpy.save`` that hold a dict of arrays. The weights may lie under ``state_dict``, ``model`` or
    ``model_state_dict``, may be nested, or be those of a whole saved module.

    Args:
        checkpoint: the file, or several whose weights belong together.
        out: what to write; must end with .safetensors and not exist yet.

    Raises:
        InputError: a file is missing, damaged or holds no weights; a tensor in it goes beyond the bytes that are there;
            ``out`` exists or cannot be written.

    Example:
        >>> done = convert_checkpoint("network.pt", "network.safetensors")
        >>> done.left_out[:2]
        ('epoch', 'optimizer')
    """
    paths = [Path(checkpoint)] if isinstance(checkpoint, str | Path) else [Path(path) for path in checkpoint]
    out = Path(out)
    _require(paths, out)
    weights: dict[str, Tensor] = {}
    left_out: list[str] = []
    for path in paths:
        found, left = _read(path)
        if twice := sorted(weights.keys() & found.keys()):
            raise InputError(
                f"{path.name} holds {_shown(twice[0])} as another file does", "give parts that differ", code="mismatch"
            )
        weights.update(found)
        left_out += left
    _write(weights, out, source=paths)
    return Converted(out, {name: tuple(value.shape) for name, value in weights.items()}, tuple(left_out))


def _require(paths: list[Path], out: Path) -> None:
    if not paths:
        raise InputError("no checkpoint given", "give at least one file", code="too-few")
    for path in paths:
        if not path.is_file():
            raise InputError(f"no checkpoint at {path}", "check the path")
    if out.suffix != ".safetensors":
        raise InputError(f"{out.name} is not a name for converted weights", "end it with .safetensors")
    require_absent(out)


def _read(path: Path) -> tuple[dict[str, Tensor], list[str]]:
    """The weights of one file by name, and what was left out."""
    try:
        file = OpenFile(path)
    except ValueError as error:
        raise _unusable(path, error) from None
    try:
        leaves, left_out = _leaves(file.content)
        weights = {}
        for name, value in _tensors(file, leaves):
            # What safetensors keeps for itself, and names that no file of it can hold.
            if value is None or not name.isprintable() or name.endswith("__metadata__"):
                left_out.append(_described(name, leaves[name]))
            else:
                weights[name] = value
    except ValueError as error:
        raise _unusable(path, error) from None
    finally:
        file.close()
    if not weights:
        inside = f"it holds {', '.join(left_out[:3])}" if left_out else "it is empty"
        raise InputError(f"{path.name} holds no weights ({inside})", "give a file with a state dict", code="missing")
    return _unwrapped_names(weights), left_out


def _leaves(content: Any) -> tuple[dict[str, Any], list[str]]:
    """What may be weights, and the names of what is not."""
    content = _opened(content)
    if not isinstance(content, dict):
        return {}, [_described(f"one {type(content).__name__}", content)]
    content = {key: _opened(value) for key, value in content.items()}
    inner = unwrap(content)
    # A key alone leads to the weights if it is one of the wrappers round them.
    aside = {} if inner is content else {k: v for k, v in content.items() if unwrap({k: v}) is not inner}
    return _flat(inner), [_described(str(key), value) for key, value in aside.items()]


def _tensors(file: OpenFile, leaves: dict[str, Any]) -> Iterator[tuple[str, Tensor | None]]:
    """Each leaf with its tensor, None if it is none or is held elsewhere too."""
    growth = 0
    for name, leaf in leaves.items():
        if is_copy(name, leaves):
            yield name, None
            continue
        try:
            value = file.tensor(leaf)
        except ValueError as error:
            raise ValueError(f"at {_shown(name)} {error}") from None
        growth += 0 if value is None else value.numel() * value.element_size()
        if growth > _MAX_GROWTH * file.size:
            raise ValueError(f"its weights would take far more than its {file.size} bytes")
        yield name, value


def _unwrapped_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights without the prefixes that all of their names share because of a wrapper."""
    while prefix := next((p for p in _PREFIXES if all(name.startswith(p) for name in weights)), ""):
        weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    return weights


def _flat(content: Any) -> dict[str, Any]:
    """The leaves of nested dicts and modules, names joined by dots; each container is entered once."""
    leaves: dict[str, Any] = {}
    entered: set[int] = set()
    waiting: list[tuple[str, Any, int]] = [("", content, 0)]
    while waiting:
        name, given, depth = waiting.pop()
        value = _opened(given)
        if isinstance(value, dict) and depth < _MAX_DEPTH and id(given) not in entered:
            entered.add(id(given))
            start = f"{name}." if name else ""
            waiting += [(f"{start}{str(key)[:_MAX_NAME]}", item, depth + 1) for key, item in value.items()][::-1]
            if len(waiting) + len(leaves) > _MAX_LEAVES:
                raise ValueError(f"it holds more than {_MAX_LEAVES} values")
        else:
            leaves[name] = value
    return leaves


def _opened(value: Any) -> Any:
    """A saved module as the dict of its parameters, buffers and modules; anything else as it is."""
    state = value.state if isinstance(value, Inert) else None
    if not (isinstance(state, dict) and isinstance(state.get("_modules"), dict)):
        return value
    parts = [state.get(part) for part in ("_parameters", "_buffers", "_modules")]
    return {key: item for part in parts if isinstance(part, dict) for key, item in part.items() if item is not None}


def _write(weights: dict[str, Tensor], out: Path, *, source: list[Path]) -> None:
    # Where the weights come from stays with them.
    metadata = {f"sha256 of {path.name}": sha256_of(path) for path in source}
    try:
        with written_whole(out) as part:
            safetensors.torch.save_file(weights, str(part), metadata=metadata)
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{out.name} cannot be written ({said_by(error)})", "choose another place") from None


def _unusable(path: Path, error: ValueError) -> InputError:
    return InputError(
        f"{path.name} is not a checkpoint that can be read: {error}; download it again, or save its state dict"
    )


def _described(name: str, value: Any) -> str:
    return f"{_shown(name)} ({value.name[:80]})" if isinstance(value, Inert) else _shown(name)


def _shown(name: str) -> str:
    """A name from a file that is not trusted, fit for one line."""
    short = name if len(name) <= 80 else f"{name[:80]}..."
    return short if short.isprintable() else ascii(short)
