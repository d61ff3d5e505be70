"""Commands for a running session: images that evolve from responses, and the endpoint that gives one trial at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from synthstim.cli.advice import EVOLVE
from synthstim.cli.app import app, as_table, complaints, console, say
from synthstim.errors import InputError, advised, counted

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
    again: Annotated[
        int | None, typer.Option(help="Best images so far that are shown again; 1, or 5 of those that are recombined")
    ] = None,
    cutoff: Annotated[
        int | None, typer.Option(help="Highest spatial frequency that evolves, cycles per image; 8")
    ] = None,
    start: Annotated[
        list[str] | None, typer.Option(metavar="SITE=IMAGE", help="Image that a site's evolution starts from")
    ] = None,
    shown: Annotated[
        Path | None, typer.Option(metavar="SET", help="Images that were shown, whose best are recombined")
    ] = None,
    responses: Annotated[Path | None, typer.Option(help="Trials of that set")] = None,
    window: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="START END", help="Seconds from onset, where the responses do not say them"),
    ] = None,
    spread: Annotated[float | None, typer.Option(help="Contrast of the first changes; 1 is a photograph's")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers")] = 0,
    mean_luminance: Annotated[float | None, typer.Option(help="Relative luminance that all images have")] = None,
    rms_contrast: Annotated[float | None, typer.Option(help="RMS contrast that all images have")] = None,
) -> None:
    """Begin an evolution and write the stimulus set of its first generation."""
    from synthstim.evolve import EvolutionFolder
    from synthstim.stimulus_set import StimulusSet

    limits = {"mean_luminance": mean_luminance, "rms_contrast": rms_contrast}
    settings: dict[str, Any] = {
        "sites": site, "size": [size, size], "channels": 1 if grey else 3, "goal": goal, "level": level,
        "population": population, "again": again, "seed": seed,
        "constraints": {name: value for name, value in limits.items() if value is not None},
    }  # fmt: skip
    settings |= {name: value for name, value in {"cutoff": cutoff, "spread": spread}.items() if value is not None}
    if window is not None and responses is None:
        raise InputError("--window is of --responses, which are not given", "give both")
    starts = dict(_pair(text) for text in start or [])
    read = None if responses is None else _read(responses, window)
    known = None if shown is None else StimulusSet.read(shown)
    _show(EvolutionFolder.begin(folder, settings, starts=starts, shown=known, responses=read))


@evolve.command("next")
@advised(EVOLVE)
def next_generation(
    folder: EvolutionPath,
    responses: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RESPONSES]", help="Trials of the waiting generation, or an experiment's presentations"
        ),
    ] = None,
    window: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="START END", help="Seconds from onset, where the file does not say them"),
    ] = None,
    spikes: Annotated[Path | None, typer.Option(help="Spikes of the recording, if RESPONSES are presentations")] = None,
    markers: Annotated[
        Path | None, typer.Option(help="Markers of the recording, if RESPONSES are presentations")
    ] = None,
) -> None:
    """Take the responses to the generation that waits, and write the next one's set."""
    from synthstim.evolve import EvolutionFolder
    from synthstim.responses import read_experiment

    evolution = EvolutionFolder(folder)
    if responses is None:
        return _show(evolution)
    if (spikes is None) != (markers is None):
        raise InputError("--spikes and --markers go together", "give both, and the experiment's presentations.tsv")
    if spikes is not None and markers is not None:
        if window is None:
            raise InputError("spikes are counted in a window", "give it, such as --window 0.07 0.17")
        read = _told(read_experiment(responses, spikes, markers, window_s=window))
    else:
        read = _read(responses, window)
    evolution.tell(read)
    _show(evolution)


@evolve.command()
def status(folder: EvolutionPath) -> None:
    """Show what each generation did."""
    from synthstim.evolve import EvolutionFolder

    evolution = EvolutionFolder(folder)
    if len(progress := evolution.progress().dropna(axis=1, how="all")):
        console.print(as_table(progress))
    _show(evolution)


def _pair(text: str) -> tuple[str, str]:
    site, equals, image = text.partition("=")
    if not equals:
        raise InputError(f"--start {text!r} given; expected SITE=IMAGE, such as v4_01=best.png")
    return site, image


def _read(responses: Path, window: tuple[float, float] | None) -> Any:
    """Trials of a file, with what there is to say of them."""
    from synthstim.responses import read_responses

    return _told(read_responses(responses, **({} if window is None else {"window_s": window})))


def _told(responses: Any) -> Any:
    for note in responses.notes:
        say(note)
    return responses


def _show(evolution: Any) -> None:
    stimuli = evolution.stimuli
    say(
        f"generation {evolution.generation} waits for responses: show {stimuli.root} ({counted(len(stimuli), stimuli.modality.name, stimuli.modality.plural)})"
    )


@app.command()
def serve(
    stimuli: Annotated[Path, typer.Argument(metavar="SET", help="A stimulus set, or an evolution's folder")],
    policy: Annotated[str, typer.Option(help="One of: synthstim policies")] = "shuffled",
    out: Annotated[Path | None, typer.Option(help="Folder of the session; by default SET_trials")] = None,
    site: Annotated[str | None, typer.Option(help="Site that a staircase or a bandit goes by")] = None,
    repeats: Annotated[int, typer.Option(help="Of each stimulus, in blocks and generations")] = 1,
    trials: Annotated[int, typer.Option(help="After which a staircase or a bandit ends")] = 500,
    criterion: Annotated[float | None, typer.Option(help="Response that a staircase goes for")] = None,
    goal: Annotated[str, typer.Option(help="Goal of a bandit: drive or suppress")] = "drive",
    generations: Annotated[int, typer.Option(help="After which an evolution ends")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of orders and draws")] = 0,
    session: Annotated[str, typer.Option(help="Name of the session")] = "1",
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one")] = 0,
    lsl: Annotated[
        str | None, typer.Option(metavar="NAME", help="Serve over LSL streams NAME-trials, NAME-responses")
    ] = None,
) -> None:
    """Give a rig one trial at a time, and write down what it answers; see docs/online.md."""
    from synthstim.kinds import POLICIES
    from synthstim.online import TrialServer

    settings = {
        "site": site, "repeats": repeats, "trials": trials, "criterion": criterion, "goal": goal, "generations": generations,
        "seed": seed,
    }  # fmt: skip
    shown, chosen = POLICIES[policy](stimuli, settings)
    out = out or stimuli.with_name(f"{stimuli.resolve().name}_trials")
    if lsl is not None:
        from synthstim.online.lsl import LslServer

        with LslServer(shown, chosen, out=out, session=session, name=lsl) as streams:
            say(f"{chosen!r} over the LSL streams {lsl}-trials and {lsl}-responses; trials go to {out}; Ctrl-C stops")
            return _serve(streams, chosen)
    with TrialServer(shown, chosen, out=out, session=session, host=host, port=port) as server:
        if host not in ("127.0.0.1", "localhost", "::1"):
            complaints.print(
                f"[yellow]warning[/] there is no password: whoever reaches {escape(host)} can read and answer trials",
                highlight=False,
            )
        say(f"listening at {server.host}:{server.port}; {chosen!r}; trials go to {out}; Ctrl-C stops")
        _serve(server, chosen)


def _serve(server: Any, policy: Any) -> None:
    try:
        server.serve()
    except KeyboardInterrupt:
        say(f"stopped before trial {server.session.sequence}; the same command continues from there")
        return
    found = getattr(policy, "best", None) or getattr(policy, "threshold", None)
    say(f"done: {server.session.sequence - 1} trials" + (f"; {found}" if found is not None else ""))
