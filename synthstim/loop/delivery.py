"""Reading what was delivered, as the settings of a session say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from synthstim.loop.settings import LoopSettings
from synthstim.responses import Responses, join_responses, read_experiment, read_responses
from synthstim.responses.read import options_for

# What to do in a session, by the code of a mistake.
ADVICE = {
    "ambiguous-column": "set column or site_column under reading in loop.yaml",
    "ambiguous-ids": "deliver a file that says it",
    "ambiguous-table": "set table under reading in loop.yaml",
    "ambiguous-variable": "set variable under reading in loop.yaml",
    "cut-short": "set incomplete: leave out (or keep) under reading in loop.yaml",
    "drifted": "deliver all in one unit, such as spikes in the window, or raise max_drift in loop.yaml",
    "late": "check the markers",
    "lost-markers": "deliver this session's markers, or allow some with missing_markers under reading in loop.yaml",
    "many-windows": "set window_s in loop.yaml",
    "missing-option": "deliver all files of the experiment",
    "no-time-unit": "set time_unit under reading in loop.yaml",
    "no-window": "set window_s in loop.yaml",
    "not-the-set": "deliver what answers this generation's set, under its ids",
    "one-fold-short": "set ensemble: none under fitting in loop.yaml, or name them under leave_out",
    "one-repeat": "show each stimulus again, and deliver all together",
    "padded": "set nan: absent under reading in loop.yaml if they pad what was not recorded",
    "unfit-sites": "name them under leave_out in loop.yaml",
}


def read_delivery(folder: Path, found: Sequence[tuple[str, ...]], settings: LoopSettings, session: str) -> Responses:
    """The trials of some recordings, under one session's name; sessions within it stay apart.

    Args:
        found: (presentations, spikes, markers), or (table,) of each.

    Raises:
        InputError: one cannot be read, a trial appears twice, or they are not in one unit.
    """
    parts = [_read(folder, recording, settings) for recording in found]
    joined = join_responses(parts, max_drift=settings.max_drift)
    several = len(joined.sessions) > 1
    renamed = joined.trials["session"].astype(str).map(lambda own: f"{session} {own}" if several else session)
    return replace(joined, trials=joined.trials.assign(session=renamed))


def _read(folder: Path, recording: tuple[str, ...], settings: LoopSettings) -> Responses:
    how = settings.reading
    if len(recording) == 3:
        log, spikes, markers = (folder / name for name in recording)
        read = read_experiment(
            log, spikes, markers, window_s=settings.window_s, incomplete=how.incomplete,
            missing_markers=how.missing_markers, display_delay_s=how.display_delay_s,
        )  # fmt: skip
        return replace(read, source=recording[0])
    path = folder / recording[0]
    asked: dict[str, Any] = {"window_s": settings.window_s, **how.of_files()}
    return read_responses(path, **options_for(path, asked))
