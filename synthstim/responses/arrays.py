"""Responses as numpy arrays, (repeat, image, site), in memory and in npy and npz files."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthstim.errors import InputError, share
from synthstim.responses.files import MAX_BYTES, Reader, require_file, unreadable
from synthstim.responses.labels import required_labels
from synthstim.responses.seconds import Window, require_window
from synthstim.responses.trial_table import MAX_TRIALS, coded
from synthstim.responses.trials import Responses

NAN = ("refuse", "absent")


def from_array(
    values: np.ndarray,
    *,
    stimulus_ids: Sequence[Any],
    sites: Sequence[Any],
    window_s: Window,
    session: str = "1",
    nan: str = "refuse",
    sha256: Sequence[str] | None = None,
    source: str = "the array",
) -> Responses:
    """A table of trials from an array.

    Args:
        values: (repeat, image, site) responses.
        stimulus_ids: id of each image.
        sites: name of each site.
        window_s: (start, end) from stimulus onset, in seconds.
        nan: ``refuse``, or ``absent`` where NaN pads the repeats that were not recorded.
        sha256: checksum of each image's file, where it is known.

    Raises:
        InputError: the axes and the names do not go together, or the array holds NaN.

    Example:
        >>> from_array(np.ones((2, 3, 1)), stimulus_ids=["a", "b", "c"], sites=["v4_1"], window_s=(0.07, 0.17))
        Responses(6 trials: 3 stimuli x 1 site, 1 session, window 0.07 to 0.17 s)
    """
    values = np.ma.filled(values.astype(np.float64), np.nan) if np.ma.isMaskedArray(values) else np.asarray(values)
    if nan not in NAN:
        raise InputError(f"missing values cannot be handled by {nan!r}", f"choose {' or '.join(NAN)}")
    _require_numbers(values, source)
    if sha256 is not None and len(sha256) != values.shape[1]:
        raise InputError(
            f"{source} has {values.shape[1]} images, but {len(sha256)} checksums given: one each", code="changed"
        )
    start, end = require_window(window_s, source)
    images = _names(stimulus_ids, values.shape[1], "image", source)
    named = _names(sites, values.shape[2], "site", source)
    repeat, image, site = (axis.ravel() for axis in np.indices(values.shape, dtype=np.int32))
    frame = pd.DataFrame(
        {
            "stimulus_id": coded(image, images),
            "repeat": repeat,
            "session": coded(np.zeros_like(site), [session]),
            "site": coded(site, named),
            "response": values.ravel().astype(np.float64),
            "window_start_s": start,
            "window_end_s": end,
        }
    )
    if sha256 is not None:
        frame["sha256"] = np.asarray(sha256, dtype=object)[image]
    return _recorded(frame, nan, source)


def _require_numbers(values: np.ndarray, source: str) -> None:
    if values.ndim != 3 or values.dtype.kind not in "fiu":
        raise InputError(
            f"{source} has shape {values.shape} and holds {values.dtype}; expected numbers, (repeat, image, site)"
        )
    if values.size > MAX_TRIALS:
        raise InputError(
            f"{source} holds {values.size:,} values, more than {MAX_TRIALS:,}", "split it into parts", code="too-large"
        )


def _names(names: Sequence[Any], count: int, word: str, source: str) -> list[str]:
    """The names along one axis: one each, none twice."""
    if len(names) != count:
        raise InputError(f"{source} has {count} {word}s, but {len(names)} names given: one each")
    named = required_labels(names, word, source)
    if len(set(named)) != len(names):
        raise InputError(f"{source}: two of the names of its {word}s are the same")
    return named


def _recorded(frame: pd.DataFrame, nan: str, source: str) -> Responses:
    """The trials that hold a response; the others are refused, or left out and noted."""
    absent = frame["response"].isna()
    if not absent.any():
        return Responses(frame, source)
    if nan == "refuse":
        raise InputError(
            f"{source}: {share(int(absent.sum()), len(frame), 'trial', 'is', 'are')} NaN",
            "say nan='absent' if they pad what was not recorded",
            code="padded",
        )
    note = f"{source}: {share(int(absent.sum()), len(frame), 'trial', 'is', 'are')} NaN: not recorded"
    return Responses(frame[~absent], source, (note,))


def read_numpy(
    path: str | Path,
    *,
    stimulus_ids: Sequence[Any] | None = None,
    sites: Sequence[Any] | None = None,
    window_s: Window | None = None,
    session: str | None = None,
    nan: str = "refuse",
) -> Responses:
    """Read (repeat, image, site) responses from an npy or npz file; one that holds objects is never unpickled.

    Args:
        path: an npy file of the array alone, or an npz file with ``responses`` and perhaps ``stimulus_ids``, ``sites``,
            ``window_s`` and ``session``; what is given here goes before what the file says.

    Raises:
        InputError: the file is missing, damaged or holds objects, or something is said nowhere.

    Example:
        >>> np.save("counts.npy", np.random.default_rng(0).poisson(5.0, (4, 2, 3)))
        >>> read_numpy("counts.npy", stimulus_ids=["cat", "dog"], sites=["a", "b", "c"], window_s=(0.07, 0.17))
        Responses(24 trials: 2 stimuli x 3 sites, 1 session, window 0.07 to 0.17 s)
    """
    path = require_file(path)
    held = _held(path)
    if "responses" not in held:
        raise InputError(f"{path.name} has no array 'responses': it has {', '.join(held) or 'none'}", code="unknown")
    given = {"stimulus_ids": stimulus_ids, "sites": sites, "window_s": window_s, "session": session}
    facts = array_facts(given, held, path.name)
    return from_array(held["responses"], **facts, nan=nan, source=path.name)


READER = Reader((".npy", ".npz"), read_numpy)


def array_facts(given: Mapping[str, Any], held: Mapping[str, Any], source: str) -> dict[str, Any]:
    """What ``from_array`` needs beside the array: from the call, or else from the file.

    Raises:
        InputError: names or the window are said nowhere.
    """
    facts = {name: held.get(name) if value is None else value for name, value in given.items()}
    for name in ("stimulus_ids", "sites", "window_s"):
        if facts[name] is None:
            code = "no-window" if name == "window_s" else "ambiguous-ids"
            raise InputError(f"{source} does not say {name}", f"give {name}=...", code=code)
    for name in ("stimulus_ids", "sites"):
        facts[name] = list(np.ma.ravel(facts[name]))
    sessions = ["1"] if facts["session"] is None else list(np.ma.ravel(facts["session"]))[:1]
    return facts | {"session": required_labels(sessions, "session", source)[0]}


def _held(path: Path) -> dict[str, np.ndarray]:
    try:
        if path.suffix == ".npy":
            # Mapped: a header that declares more than the file holds is then an error before memory is taken.
            return {"responses": np.array(np.load(path, mmap_mode="r", allow_pickle=False))}
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
                raise InputError(
                    f"{path.name} unpacks to more than {MAX_BYTES // 2**30} GiB",
                    "split it into parts",
                    code="too-large",
                )
        with np.load(path, allow_pickle=False) as opened:
            return {name: opened[name] for name in opened.files}
    except InputError:
        raise
    except Exception as error:  # a damaged archive makes its reader raise anything
        if "allow_pickle" in str(error) or "Object arrays" in str(error) or "Python objects" in str(error):
            raise InputError(
                f"{path.name} holds Python objects, which could run code", "save plain numbers and text"
            ) from None
        raise unreadable(path, error, "an npy or npz file of numbers") from None
