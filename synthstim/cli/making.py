"""Commands that make stimulus sets, and look at them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from synthstim.cli.app import AllowCode, AllowDownload, Device, Quiet, SetPath, app, as_table, complaints, console, say
from synthstim.errors import InputError, counted


@app.command()
def layers(
    model: Annotated[str, typer.Argument(help="An observer's name")] = "efficientnet-lite0",
    weights: Annotated[str, typer.Option(help="default, random, or a weights file")] = "default",
    allow_code: AllowCode = False,
    allow_download: AllowDownload = False,
) -> None:
    """List a model's layers in the order of computation, with their shapes and what their axes stand for."""
    from synthstim.models import weights_elsewhere
    from synthstim.observers import open_observer

    with warnings.catch_warnings():
        if weights == "default" and not allow_download and weights_elsewhere(model):
            say(f"the trained weights of {model} are not here: its layers are the same with random ones")
            warnings.filterwarnings("ignore", ".*RANDOM weights")
            weights = "random"
        observer = open_observer(model, weights=weights, allow_code=allow_code, allow_download=allow_download)
    known = observer.axes.all()
    table = Table("layer", "shape", "axes", title=escape(repr(observer)), title_justify="left")
    for layer, shape in observer.layers.items():
        named = f"[bold]{escape(layer)}[/]" if layer in observer.stages else escape(layer)
        table.add_row(named, " x ".join(map(str, shape)), str(known[layer] or "in doubt"))
    console.print(table)
    if None in known.values():
        say(
            "a channel of a layer whose axes are in doubt can be read once they are declared, in a recipe's observer: axes"
        )
    for group, members in observer.groups.items():
        say(f"{group} stands for {', '.join(members)}")


@app.command()
def make(
    recipe: Annotated[Path, typer.Argument(help="A recipe, YAML")],
    out: Annotated[Path, typer.Option(help="Directory of the set; it must not exist yet")],
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run")] = False,
    device: Device = None,
    budget: Annotated[int | None, typer.Option(min=1, help="Cap on the evaluations of each stimulus")] = None,
    at_once: Annotated[int | None, typer.Option(min=1, help="Stimuli in a batch")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that share the work; with --cluster slurm.yaml, SLURM jobs")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Where they are: a Dask scheduler, tcp://HOST:PORT, or a slurm.yaml"),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="PART/PARTS", help="Make this part of the stimuli alone, such as 3/64; then synthstim join"
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if a stimulus is marked failed")] = False,
    quiet: Quiet = False,
    log: Annotated[Path | None, typer.Option(help="Write the progress to this file, a line each")] = None,
    allow_code: AllowCode = False,
    allow_download: AllowDownload = False,
) -> None:
    """Make the stimulus set that a recipe describes."""
    from synthstim.production import make as make_set
    from synthstim.progress import ProgressDisplay
    from synthstim.recipe import read_recipe

    with ProgressDisplay(console, quiet=quiet, log=log) as display:
        made = make_set(
            read_recipe(recipe),
            out,
            device=device,
            budget=budget,
            at_once=at_once,
            resume=resume,
            shard=shard,
            workers=workers,
            cluster=cluster,
            allow_code=allow_code,
            allow_download=allow_download,
            watch=display.making,
        )
    _tell(made)
    code = " --allow-code" if allow_code else ""
    console.print(
        f"next: synthstim check {escape(str(out))}{code}; synthstim report {escape(str(out))}", highlight=False
    )
    _end_if_failed(made, strict)


@app.command()
def check(
    stimuli: SetPath,
    observer: Annotated[
        str | None,
        typer.Option(help="What opens the observer, package.module:function, of a set that was made in Python"),
    ] = None,
    weights: Annotated[str | None, typer.Option(help="The weights file the set was made with")] = None,
    pool: Annotated[
        Path | None, typer.Option(help="The folder of natural images or sounds the set was made with")
    ] = None,
    also: Annotated[
        str | None, typer.Option(help="Measure metamers on a second observer, MODEL or MODEL@LAYER")
    ] = None,
    resampler: Annotated[
        str | None,
        typer.Option(help="Measure metamers of sounds after another program's resampler: soxr, soxr-vhq or scipy"),
    ] = None,
    device: Device = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if a stimulus is marked failed")] = False,
    quiet: Quiet = False,
    allow_code: AllowCode = False,
    allow_download: AllowDownload = False,
) -> None:
    """Verify a set's checksums and measure every saved file again."""
    from synthstim.production import open_second
    from synthstim.progress import ProgressDisplay
    from synthstim.stimulus_set import StimulusSet
    from synthstim.verify import check_joined, check_set

    read = StimulusSet.read(stimuli)
    allowed: dict[str, Any] = {"device": device, "allow_code": allow_code, "allow_download": allow_download}
    joined = "parts" in read.provenance
    if joined and (observer or weights or pool or resampler):
        raise InputError(
            f"{stimuli} was joined of several sets, each with its own observer",
            "check those sets where --observer, --weights, --pool or --resampler is needed",
        )
    opened = {
        name: _opened(part, complain=joined, observer=observer, weights=weights, folder=pool, **allowed)
        for name, part in read.parts.items()
    }
    second, _, layer = (also or "").partition("@")
    made = next((part for part in read.parts.values() if "observer" in part.provenance), read)
    options: dict[str, Any] = {"second_layer": layer or "output"}
    if second:
        options["second"] = open_second(second, made, **allowed)
        options["second"].require([options["second_layer"]])
    with ProgressDisplay(console, quiet=quiet) as display:
        if joined:
            observers = {name: one[0] for name, one in opened.items()}
            pools = {name: one[1] for name, one in opened.items() if one[1] is not None}
            found = check_joined(read, observers, pools=pools, watch=display.checking, **options)
        else:
            mine, natural = opened[""]
            found = check_set(read, mine, pool=natural, resampler=resampler, watch=display.checking, **options)
    _tell_checked(read, found)
    if found.problems or (strict and found.failed):
        raise typer.Exit(1)


@app.command()
def adopt(
    folder: Annotated[Path, typer.Argument(help="A folder of images or of sounds")],
    out: Annotated[Path, typer.Option(help="Directory of the set; it must not exist yet")],
    kind: Annotated[str, typer.Option(help="natural or control")] = "natural",
    channel: Annotated[str | None, typer.Option(help="Of sounds with several: left, right or mean")] = None,
) -> None:
    """Make a stimulus set of your own images or sounds, unchanged."""
    from synthstim.stimulus_set import adopt as adopt_images

    adopted, left_out = adopt_images(folder, out, kind=kind, channel=channel)
    if left_out:
        console.print(f"left out, no stimuli: {escape(', '.join(left_out))}", highlight=False)
    _tell(adopted)


@app.command()
def join(
    sets: Annotated[list[Path], typer.Argument(metavar="SET...", help="Stimulus sets, two or more")],
    out: Annotated[Path, typer.Option(help="Directory of the new set; it must not exist yet")],
) -> None:
    """Make one stimulus set of several: of two observers, of made and of adopted stimuli; the column set says which is whose."""
    from synthstim.stimulus_set import join_sets

    joined, renamed = join_sets(sets, out)
    for new, old in renamed.items():
        say(f"{old} is in several sets, it is {new} here")
    say(repr(joined))


@app.command()
def report(
    stimuli: SetPath,
    out: Annotated[Path | None, typer.Option(help="The page; by default SET/report.html")] = None,
    drawing: Annotated[str | None, typer.Option(help="How sounds are drawn: cochleagram, mel or constant-q")] = None,
    methods: Annotated[
        Path | None, typer.Option(help="Write a methods paragraph and its BibTeX to this file, too")
    ] = None,
) -> None:
    """Write the page that shows a set: one file, opens offline."""
    from synthstim.report import write_methods, write_report

    if methods is not None:
        say(f"wrote {write_methods(stimuli, methods)}")
    console.print(f"open {escape(str(write_report(stimuli, out, drawing=drawing)))}", highlight=False, soft_wrap=True)


def _opened(part: Any, *, complain: bool, folder: Path | None, **how: Any) -> tuple[Any, Any]:
    """The observer and the natural pool of a set; where it is one of a joined set and cannot be opened, none, which is told."""
    from synthstim.production import observer_of_set, pool_of_set

    try:
        observer = observer_of_set(part, **how)
        return observer, pool_of_set(part, observer, folder) if observer is not None else None
    except InputError as error:
        if not complain:
            raise
        complaints.print(
            f"[yellow]not measured again[/] {escape(part.part)}, but its files: {escape(str(error))}", highlight=False
        )
        return None, None


def _tell_checked(read: Any, found: Any) -> None:
    """What a check found: measures of other observers, stimuli that failed, differences."""
    from synthstim.verify.transfer import transfer_table

    if len(transfer := transfer_table(read)):
        console.print(as_table(transfer.fillna("")))
    if len(found.elsewhere):
        console.print(as_table(found.elsewhere))
    _tell_failed(found.failed)
    for problem in found.problems:
        complaints.print(f"[red]differs[/] {escape(problem)}", highlight=False)
    console.print(
        f"{found.measured} of {len(read)} files measured again, {counted(len(found.problems), 'difference')}, {len(found.failed)} marked failed"
    )


def _tell_failed(reasons: Iterable[tuple[str, Any]]) -> None:
    for stimulus_id, reason in reasons:
        console.print(f"[yellow]marked failed[/] {escape(stimulus_id)}: {escape(str(reason))}", highlight=False)


def _tell(made: Any) -> None:
    failed = made.table[made.table["status"] == "failed"]
    _tell_failed(zip(failed["stimulus_id"], failed["reason"], strict=True))
    console.print(escape(repr(made)), highlight=False, soft_wrap=True)


def _end_if_failed(made: Any, strict: bool) -> None:
    if strict and (made.table["status"] == "failed").any():
        raise typer.Exit(1)
