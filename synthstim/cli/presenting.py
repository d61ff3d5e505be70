"""Command that writes what an experiment showed into the files that recordings are kept with."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from synthstim.cli.advice import FIT
from synthstim.cli.app import app, say
from synthstim.errors import InputError, advised


@app.command()
@advised(FIT)
def presented(
    experiment: Annotated[
        Path, typer.Argument(help="An exported experiment that was run, or one run's ..._presentations.tsv")
    ],
    nwb: Annotated[Path | None, typer.Option(help="NWB file to write; it must not exist yet")] = None,
    bids: Annotated[Path | None, typer.Option(help="Folder for ..._events.tsv and ..._events.json")] = None,
    markers: Annotated[
        Path | None,
        typer.Option(help="The markers that the recording saw, code and time_s: times are then on its clock"),
    ] = None,
    missing_markers: Annotated[int, typer.Option(min=0, help="How many markers may be lost")] = 0,
    session_start: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%S%z"],
            help="The moment that is 0 in the NWB file, such as 2026-11-26T20:15:00+0100",
        ),
    ] = None,
    display_delay: Annotated[float, typer.Option(help="Seconds from flip to light, by a photodiode")] = 0.0,
    entity: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=LABEL", help="Of the BIDS name, such as sub=01; several times for more"),
    ] = None,
    rehearsal: Annotated[bool, typer.Option("--rehearsal", help="Take a rehearsal, which nobody watched")] = False,
) -> None:
    """Write what was shown, by the flips that were made, as NWB and as BIDS events; of trials, with their answers."""
    from synthstim.presented import read_presented, write_bids_events, write_bids_trials, write_nwb
    from synthstim.responses import align_clock, read_sent_markers

    if nwb is None and bids is None:
        raise InputError("nothing to write was named", "say --nwb FILE, --bids FOLDER, or both")
    if experiment.is_dir() and (experiment / "plan.tsv").is_file() and nwb is None and bids is not None:
        for made in write_bids_trials(experiment, bids, rehearsal=rehearsal, entities=dict(map(_pair, entity or ()))):
            say(f"written {made}")
        return
    run = read_presented(experiment, rehearsal=rehearsal)
    say(repr(run))
    if run.simulated:
        say("this run was simulated: nobody watched")
    clock = None
    if markers is not None:
        sent = run.table.rename(columns={"onset_s": "onset_time_s"})
        clock = align_clock(
            sent, read_sent_markers(markers, sent, run.record), missing_markers=missing_markers, source=markers.name
        )
        say(str(clock))
    if nwb is not None:
        made = write_nwb(run, nwb, clock=clock, session_start=session_start, display_delay_s=display_delay)
        say(f"written {made}")
    if bids is not None:
        entities = dict(_pair(text) for text in entity) if entity else None
        say(f"written {write_bids_events(run, bids, clock=clock, display_delay_s=display_delay, entities=entities)}")


def _pair(text: str) -> tuple[str, str]:
    key, equals, label = text.partition("=")
    if not (key and equals and label):
        raise InputError(f"--entity {text!r} given; expected KEY=LABEL, such as sub=01")
    return key, label
