"""Whether PsychoPy finds a place for its preferences, without which it cannot even be imported."""

from __future__ import annotations

import os
from pathlib import Path

from synthstim.errors import InputError


def require_psychopy_home() -> None:
    """Make the folder that PsychoPy keeps its preferences in.

    Raises:
        InputError: no variable of the environment says where, or it cannot be written.
    """
    variable, name = ("APPDATA", "psychopy3") if os.name == "nt" else ("HOME", ".psychopy3")
    advice = f"set {variable} to a folder that you may write to"
    if not (home := os.environ.get(variable)):
        raise InputError(f"PsychoPy keeps its preferences under {variable}, which is not set: {advice}")
    folder = Path(home) / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"PsychoPy cannot make the folder {folder} ({error.strerror}): {advice}") from None
    if not os.access(folder, os.W_OK):
        raise InputError(f"PsychoPy cannot write the folder {folder}: {advice}")
