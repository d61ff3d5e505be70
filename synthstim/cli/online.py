"""Commands for a running session: images that evolve from responses, and the endpoint that gives one trial at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from synthstim.cli.app import app, as_table, console, say
from synthstim.errors import InputError

evolve = typer.Typer(no_args_is_help=True, help="Evolve images from measured responses alone, without a model.")
app.add_typer(evolve, name="evolve")

EvolutionPath = Annotated[Path, typer.Argument(metavar="DIR", help="The evolution's folder")]


@evolve.command()
def init(
    folder: EvolutionPath,
    site: Annotated[list[str], typer.Option(help="A site as the responses name it; once for each")],
    size: Annotated[int, typer.Option(help="Side of the images in pixels")] = 224,
    grey: Annotated[bool, typer.Option("--grey", help="One channel instead of three")] = False,
    goal: Annotated[str, typer.Option(help="drive, suppress or level")] = "drive",
    level: Annotated[float | None, typer.Option(help="The response that level asks for")] = None,
    population: Annotated[int, typer.Option(help="New images of a generation, for each site")] = 20,
    again: Annotated[int, typer.Option(help="Best images so far that are shown again")] = 1,
    cutoff: Annotated[int, typer.Option(help="Highest spatial frequency, cycles per image")] = 8,
    spread: Annotated[float, typer.Option(help="Contrast at the start; 1 is a photograph's")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the random numbers")] = 0,
    mean_luminance: Annotated[float | None, typer.Option(help="Relative luminance that all images have")] = None,
    rms_contrast: Annotated[float | None, typer.Option(help="RMS contrast that all images have")] = None,
) -> None:
    """Begin an evolution and write the stimulus set of its first generation."""
    from synthstim.evolve import EvolutionFolder

    limits = {"mean_luminance": mean_luminance, "rms_contrast": rms_contrast}
    settings: dict[str, Any] = {
        "sites": site, "size": [size, size], "channels": 1 if grey else 3, "goal": goal, "level": level,
        "population": population, "again": again, "cutoff": cutoff, "spread": spread, "seed": seed,
        "constraints": {name: value for name, value in limits.items() if value is not None},
    }  # fmt: skip
    _show(EvolutionFolder.begin(folder, settings))


@evolve.command("next")
def next_generation(
    folder: EvolutionPath,
    responses: Annotated[
        Optional[Path],  # noqa: UP045 - typer on 3.10
        typer.Argument(
            metavar="[RESPONSES]", help="Trials of the waiting generation, or an experiment's presentations"
        ),
    ] = None,
    window: Annotated[
        Optional[tuple[float, float]],  # noqa: UP045
        typer.Option(metavar="START END", help="Seconds from onset, where the file does not say them"),
    ] = None,
    spikes: Annotated[Path | None, typer.Option(help="Spikes of the recording, if RESPONSES are presentations")] = None,
    markers: Annotated[
        Path | None, typer.Option(help="Markers of the recording, if RESPONSES are presentations")
    ] = None,
) -> None:
    """Take the responses to the generation that waits, and write the next one's set."""
    from synthstim.evolve import EvolutionFolder
    from synthstim.responses import read_experiment, read_responses

    evolution = EvolutionFolder(folder)
    if responses is None:
        return _show(evolution)
    if (spikes is None) != (markers is None):
        raise InputError("--spikes and --markers go together: give both, and the experiment's presentations.tsv")
    if spikes is not None and markers is not None:
        if window is None:
            raise InputError("spikes are counted in a window: give it, such as --window 0.07 0.17")
        read = read_experiment(responses, spikes, markers, window_s=window)
    else:
        read = read_responses(responses, **({} if window is None else {"window_s": window}))
    for note in read.notes:
        say(note)
    evolution.tell(read)
    _show(evolution)


@evolve.command()
def status(folder: EvolutionPath) -> None:
    """Show what each generation did."""
    from synthstim.evolve import EvolutionFolder

    evolution = EvolutionFolder(folder)
    if len(progress := evolution.progress()):
        console.print(as_table(progress))
    _show(evolution)


def _show(evolution: Any) -> None:
    stimuli = evolution.stimuli
    say(f"generation {evolution.generation} waits for responses: show {stimuli.root} ({len(stimuli)} images)")
