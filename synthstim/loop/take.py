"""Taking responses in: a private copy is read and checked against the generation, all or nothing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from synthstim.errors import InputError
from synthstim.loop.generation import Generation
from synthstim.loop.inbox import Inbox, copy_checked, recordings
from synthstim.loop.session import Session
from synthstim.loop.settings import Settings
from synthstim.loop.whole import appearing, full, remove, write_frame
from synthstim.responses import (
    Responses,
    join_responses,
    read_experiment,
    read_responses,
    reliability,
    require_match,
    require_variance,
    select_sites,
)
from synthstim.responses.files import listed

_ADVICE = {
    "leave them out with without(sites=...)": "name them under leave_out in loop.yaml",
    "record more or do without ceilings": "show each stimulus again and deliver all together",
    "give the set that was shown, or correct the ids (in Python, with renamed or without)": (
        "deliver what answers this generation's set, under its ids"
    ),
}
_ARRAYS = (".npy", ".npz", ".h5", ".hdf5", ".mat", ".nc")


def take_responses(session: Session, generation: Generation, inbox: Inbox) -> Responses:
    """Read what arrived, check it, and write ``responses.tsv``; nothing is taken if anything is wrong.

    Args:
        session: of the generation.
        generation: the newest, whose experiment was exported.
        inbox: a complete one.

    Returns:
        The trials, under the generation's name as session.

    Raises:
        InputError: a file changed or cannot be read, or the responses are not of this generation, say one thing twice, have
            one repeat of each stimulus, or sites that cannot be fitted.
    """
    copies, files = generation.root / ".taking", {}
    try:
        remove(copies)
        (copies / "data").mkdir(parents=True)
        # Where an experiment's log expects it: it says which file of the set each image that was shown is made of.
        shutil.copyfile(generation.experiment / "manifest.json", copies / "manifest.json")
        found = list(recordings(inbox.arrived))
        records = [name for name in inbox.arrived if name.endswith("_session.json")]
        for name in dict.fromkeys([*(name for recording in found for name in recording), *records]):
            files[name] = copy_checked(generation.inbox / name, copies / "data" / name, inbox.arrived[name])
        parts = [_read(copies / "data", recording, session.settings) for recording in found]
        responses = check_responses(_named(parts, generation.name), session, generation)
        facts = {"files": files, **_facts(responses)}
        with appearing(generation.root / "taken.json") as hidden:
            hidden.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        write_frame(generation.root / "responses.tsv", responses.trials)
    except OSError as error:
        raise full(copies, error) from error
    finally:
        shutil.rmtree(copies, ignore_errors=True)
    return responses


def check_responses(responses: Responses, session: Session, generation: Generation) -> Responses:
    """The trials that are taken: of the window and the sites of the settings, after all checks.

    Raises:
        InputError: as ``take_responses``.
    """
    settings = session.settings
    responses = responses.only(window=settings.window_s)
    # Windows that differ in their last digit would be several.
    start, end = settings.window_s
    responses = replace(responses, trials=responses.trials.assign(window_start_s=start, window_end_s=end))
    responses = _of_sites(responses, session, generation)
    stimuli = generation.stimuli.table
    try:
        require_match(responses, stimuli)
        require_variance(responses)
        # One splitting refuses what cannot be split at all.
        reliability(responses, splits=1, seed=settings.seed)
    except InputError as error:
        raise InputError(_in_the_settings(str(error))) from None
    _require_coverage(responses, stimuli, settings)
    if generation.number == 0 and settings.sites == "selected":
        table = reliability(responses, seed=settings.seed)
        responses = responses.only(sites=select_sites(table, at_least=settings.min_reliability).sites)
    return responses


def _read(folder: Path, recording: tuple[str, ...], settings: Settings) -> Responses:
    how = settings.reading
    if len(recording) == 3:
        log, spikes, markers = (folder / name for name in recording)
        read = read_experiment(
            log, spikes, markers, window_s=settings.window_s, incomplete=how.incomplete,
            missing_markers=how.missing_markers, display_delay_s=how.display_delay_s,
        )  # fmt: skip
        return replace(read, source=recording[0])
    path = folder / recording[0]
    options: dict[str, Any] = {}
    if path.suffix.lower() in (".tsv", ".csv", ".nwb"):
        options["window_s"] = settings.window_s
    if path.suffix.lower() in _ARRAYS:
        options["nan"] = how.nan
    return read_responses(path, **options)


def _named(parts: list[Responses], name: str) -> Responses:
    """All trials with the generation as session; sessions within it stay apart."""
    joined = join_responses(parts)
    several = len(joined.sessions) > 1
    renamed = joined.trials["session"].astype(str).map(lambda own: f"{name} {own}" if several else name)
    return replace(joined, trials=joined.trials.assign(session=renamed))


def _of_sites(responses: Responses, session: Session, generation: Generation) -> Responses:
    settings, found = session.settings, list(responses.sites)
    if leave := [site for site in settings.leave_out or () if site in found]:
        responses = responses.without(sites=leave)
    if not isinstance(settings.sites, str):
        return responses.only(sites=settings.sites)
    if generation.number == 0:
        return responses
    # Sites are chosen once: later generations bring more trials of the same ones.
    fitted = session.generations[0].responses.sites
    if not (known := [site for site in responses.sites if site in fitted]):
        raise InputError(
            f"{responses.source} holds none of the sites of generation 0 ({listed(fitted)}), but {listed(responses.sites)}:"
            " call the sites by the same names"
        )
    return responses.only(sites=known)


def _require_coverage(responses: Responses, table: pd.DataFrame, settings: Settings) -> None:
    counts = responses.trials.groupby(["stimulus_id", "site"], observed=True).size()
    often = counts[counts >= settings.min_repeats].reset_index()["stimulus_id"].nunique()
    if often < settings.min_share * len(table):
        raise InputError(
            f"{responses.source}: {often} of {len(table)} stimuli of the generation have {settings.min_repeats} trials or"
            f" more, {settings.min_share:.0%} is wanted: deliver the rest as well, or lower min_share in loop.yaml"
        )


def _in_the_settings(sentence: str) -> str:
    """What a sentence for Python advises, as one for a session."""
    for said, instead in _ADVICE.items():
        sentence = sentence.replace(said, instead)
    return sentence


def _facts(responses: Responses) -> dict[str, Any]:
    counts = responses.trials.groupby(["stimulus_id", "site"], observed=True).size()
    return {
        "trials": len(responses),
        "stimuli": len(responses.stimulus_ids),
        "sites": list(responses.sites),
        "repeats": [int(counts.min()), int(counts.max())],
        "window_s": list(responses.window),
        "notes": list(responses.notes),
    }
