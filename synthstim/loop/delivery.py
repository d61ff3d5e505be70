"""Reading what was delivered, as the settings of a session say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from synthstim.loop.settings import LoopSettings
from synthstim.responses import Responses, join_responses, read_experiment, read_responses
from synthstim.responses.read import options_for

# What messages for Python advise -> what to do in a session.
WORDS = {
    "column=...": "column under reading in loop.yaml",
    "fit without members=...": "set ensemble: none under fitting in loop.yaml",
    "give the set that was shown, or correct the ids with renamed(stimulus_ids=...)": (
        "deliver what answers this generation's set, under its ids"
    ),
    "incomplete='keep'": "incomplete: keep",
    "incomplete='leave out'": "incomplete: leave out, under reading in loop.yaml,",
    "labels=...": "a table of trials",
    "leave them out with without(sites=...)": "name them under leave_out in loop.yaml",
    "max_drift=...": "max_drift in loop.yaml",
    "members=...": "ensemble under fitting in loop.yaml",
    "missing_markers=...": "missing_markers under reading in loop.yaml",
    "nan='absent'": "nan: absent under reading in loop.yaml",
    "only(window=...)": "window_s in loop.yaml",
    ", or raise tolerance_s=... if they are that late": "",
    "record more or do without ceilings": "show each stimulus again and deliver all together",
    "renamed(stimulus_ids=...)": "the ids of the generation's set",
    "session=...": "a file that says it",
    "site_column=...": "site_column under reading in loop.yaml",
    "sites=...": "a file that says them",
    "stimulus_ids=...": "a file that says them",
    "table=...": "table under reading in loop.yaml",
    "time_unit=...": "time_unit under reading in loop.yaml",
    "variable=...": "variable under reading in loop.yaml",
    "window_s=...": "window_s in loop.yaml",
}


def read_delivery(folder: Path, found: Sequence[tuple[str, ...]], settings: LoopSettings, session: str) -> Responses:
    """The trials of some recordings, under one session's name; sessions within it stay apart.

    Args:
        folder: that holds them.
        found: (presentations, spikes, markers), or (table,) of each.
        session: the name.

    Raises:
        InputError: one cannot be read, a trial stands twice, or they are not in one unit.
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
