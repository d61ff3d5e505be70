"""Command that lets a simulated animal answer: what a lab rehearses an evening with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from synthstim.cli.app import app, say
from synthstim.errors import InputError


@app.command()
def simulate(
    shown: Annotated[Path, typer.Argument(metavar="SET|EXPERIMENT", help="A set, or an experiment that was run")],
    out: Annotated[
        Path, typer.Option(help="Of a set: a table of trials, .tsv. Of an experiment: folder of its spikes")
    ],
    seed: Annotated[int, typer.Option(min=0, help="Which animal")] = 0,
    sites: Annotated[int, typer.Option(min=1, help="How many it has")] = 8,
    noise: Annotated[str, typer.Option(help="poisson, or fano2: with a gain that sites share")] = "poisson",
    day: Annotated[int, typer.Option(min=0, help="Another day has other noise")] = 0,
    repeats: Annotated[int, typer.Option(min=1, help="Of each stimulus of a set")] = 10,
    session: Annotated[str, typer.Option(help="Name of the session in the table")] = "1",
) -> None:
    """Answer as a simulated animal does: a table of trials of a set, or spikes and markers of an experiment."""
    from synthstim.experiment.runtime.simulate import DATA, REHEARSAL
    from synthstim.files import require_absent
    from synthstim.modalities.image.encoding import common_size
    from synthstim.presented import find_log
    from synthstim.responses import write_table
    from synthstim.simulate import simulated_animal
    from synthstim.stimulus_set import StimulusSet

    if (shown / "manifest.json").is_file():
        log = find_log(shown, folders=(DATA, REHEARSAL))
        animal = simulated_animal(seed, sites, size=_size_of_experiment(shown), noise=noise)
        say(repr(animal))
        animal.record(log, out, seed=day)
        say(f"written {out / 'spikes.tsv'} and {out / 'markers.tsv'}")
        start, end = animal.window_s
        say(
            f"next: synthstim fit {log} --spikes {out / 'spikes.tsv'} --markers {out / 'markers.tsv'}"
            f" --window {start:g},{end:g} --stimuli SET --out fit   # SET: what was exported"
        )
        return
    stimuli = StimulusSet.read(shown)
    if out.suffix != ".tsv":
        raise InputError(f"--out {out}; expected a table, whose name ends with .tsv")
    require_absent(out)
    size = common_size([stimuli], list(stimuli.table["stimulus_id"]))
    if size is None:
        raise InputError(f"{shown} holds sounds or images of several sizes: the animal sees images of one size")
    animal = simulated_animal(seed, sites, size=size, noise=noise)
    say(repr(animal))
    answered = animal.answer(stimuli, repeats, session=session, seed=day)
    say(f"written {write_table(answered, out)}: {answered!r}")
    say(f"next: synthstim fit {out} --stimuli {shown} --out fit")


def _size_of_experiment(experiment: Path) -> tuple[int, int]:
    """(height, width) of an exported experiment's images."""
    from PIL import Image

    try:
        files = [
            one["file"] for one in json.loads((experiment / "manifest.json").read_text(encoding="utf-8"))["stimuli"]
        ]
        sizes = set()
        for file in files:
            with Image.open(experiment / file) as image:
                sizes.add((image.height, image.width))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"the images of {experiment} cannot be read ({error}): does it show images?", code="unreadable"
        ) from None
    if len(sizes) != 1:
        raise InputError(f"{experiment} shows images of {len(sizes)} sizes: the animal sees images of one size")
    return sizes.pop()
