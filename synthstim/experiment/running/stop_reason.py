"""Why an experiment stopped, by what it printed."""

from __future__ import annotations

import re
from pathlib import Path

from synthstim.experiment.runtime.stop import MARK

# How PsychoPy begins a message: the time, a tab, and how grave it is.
_PSYCHOPY = re.compile(r"\d+\.\d+\s+(DEBUG|INFO|EXP|DATA|WARNING|ERROR|CRITICAL)\s")


def reason_of(log: Path, code: int) -> str:
    """The sentence with which a run ended, or else its last error, or else its last words."""
    lines = [line.rstrip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    if said := [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]:
        return said[-1]
    if begins := [number for number, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]:
        # The error stands after the indented lines that say where it was.
        after = [line for line in lines[begins[-1] + 1 :] if not line[0].isspace()]
        return after[0] if after else lines[-1]
    if code < 0 or code > 128:
        return f"it was killed by signal {-code if code < 0 else code - 128}"
    own = [line for line in lines if not _PSYCHOPY.match(line) and not line[0].isspace()]
    return own[-1] if own else f"it wrote nothing and ended with status {code}"
