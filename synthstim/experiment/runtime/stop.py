"""Ending a run with one sentence, which ``synthstim run`` finds among all that PsychoPy prints."""

from __future__ import annotations

MARK = "stopped: "


def stopped(sentence: str) -> SystemExit:
    """What to raise so that the script ends and its last words are the sentence."""
    return SystemExit(f"{MARK}{sentence}")
