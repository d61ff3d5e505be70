"""The user's cache: what is made once and can be made again."""

from __future__ import annotations

import os
from pathlib import Path

from synthstim.errors import InputError


def cache_folder(of: str = "recordings") -> Path:
    """Where decoded recordings, or what else is made once, are kept: ``$SYNTHSTIM_CACHE``, or the user's cache; only the user may read it."""
    given = os.environ.get("SYNTHSTIM_CACHE")
    try:
        if given:
            folder = Path(given)
        elif os.name == "nt":
            folder = Path(os.environ.get("LOCALAPPDATA", Path.home())) / "synthstim"
        else:
            folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "synthstim"
    except RuntimeError:  # a user without a home
        raise InputError("this user has no home to keep a cache in", "set SYNTHSTIM_CACHE to a folder") from None
    folder = folder / of
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"no cache can be kept at {folder} ({error.strerror})", "set SYNTHSTIM_CACHE to a folder"
        ) from None
    return folder
