"""The command line: a thin face over the public functions."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated, Any, NoReturn, Optional

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from synthstim.errors import InputError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Stimuli by gradient, for closed-loop neuroscience.",
)
console = Console()
complaints = Console(stderr=True)

Device = Annotated[Optional[str], typer.Option(help="cpu, cuda or mps; by default cpu")]  # noqa: UP045 - typer on 3.10
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar")]
AllowCode = Annotated[
    bool, typer.Option("--allow-code", help="Let the observer be a function of yours, package.module:function")
]
AllowDownload = Annotated[bool, typer.Option("--allow-download", help="Let weights be downloaded from a hub")]
SetPath = Annotated[Path, typer.Argument(metavar="SET", help="A stimulus set: the directory that make wrote")]


@app.command()
def models(contains: Annotated[str, typer.Argument(help="Show the names that contain this")] = "") -> None:
    """List the observers that have a name."""
    from synthstim.models import model_names

    for place, names in model_names().items():
        found = [name for name in names if contains.lower() in name.lower()]
        note = "" if place == "embedded" else " (trained weights are downloaded: --allow-download)"
        console.print(f"[bold]{place}[/]{note}: {len(found)}")
        console.print("  " + "  ".join(map(escape, found)), highlight=False)


@app.command()
def layers(
    model: Annotated[str, typer.Argument(help="An observer's name")] = "efficientnet-lite0",
    weights: Annotated[str, typer.Option(help="default, random, or a weights file")] = "default",
    allow_code: AllowCode = False,
    allow_download: AllowDownload = False,
) -> None:
    """List a model's layers in the order of computation, with their shapes."""
    from synthstim.production import open_observer

    observer = open_observer(model, weights=weights, allow_code=allow_code, allow_download=allow_download)
    table = Table("layer", "shape (channel, y, x)", title=escape(repr(observer)), title_justify="left")
    for layer, shape in observer.layers.items():
        table.add_row(escape(layer), " x ".join(map(str, shape)))
    console.print(table)


@app.command()
def make(
    recipe: Annotated[Path, typer.Argument(help="A recipe, YAML")],
    out: Annotated[Path, typer.Option(help="Directory of the set; it must not exist yet")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run")] = False,
    device: Device = None,
    budget: Annotated[Optional[int], typer.Option(min=1, help="Cap on the evaluations of each stimulus")] = None,  # noqa: UP045
    at_once: Annotated[Optional[int], typer.Option(min=1, help="Stimuli in a batch")] = None,  # noqa: UP045
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if a stimulus is marked failed")] = False,
    quiet: Quiet = False,
    log: Annotated[Optional[Path], typer.Option(help="Write the progress to this file, a line each")] = None,  # noqa: UP045
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
            allow_code=allow_code,
            allow_download=allow_download,
            watch=display.making,
        )
    _tell(made)
    console.print(f"next: synthstim check {escape(str(out))}; synthstim report {escape(str(out))}", highlight=False)
    _end_if_failed(made, strict)


@app.command()
def check(
    stimuli: SetPath,
    weights: Annotated[Optional[str], typer.Option(help="The weights file the set was made with")] = None,  # noqa: UP045
    pool: Annotated[Optional[Path], typer.Option(help="The folder of natural images the set was made with")] = None,  # noqa: UP045
    also: Annotated[
        str | None, typer.Option(help="Measure metamers on a second observer, MODEL or MODEL@LAYER")
    ] = None,
    device: Device = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if a stimulus is marked failed")] = False,
    quiet: Quiet = False,
    allow_code: AllowCode = False,
    allow_download: AllowDownload = False,
) -> None:
    """Verify a set's checksums and measure every saved file again."""
    from synthstim.production import observer_of_set, open_observer, pool_of_set
    from synthstim.progress import ProgressDisplay
    from synthstim.stimulus_set import StimulusSet
    from synthstim.verify import check_set

    read = StimulusSet.read(stimuli)
    allowed: dict[str, Any] = {"device": device, "allow_code": allow_code, "allow_download": allow_download}
    observer = observer_of_set(read, weights=weights, **allowed)
    second, _, layer = (also or "").partition("@")
    other = open_observer(second, **allowed) if second else None
    if other is not None:
        other.require([layer or "output"])
    with ProgressDisplay(console, quiet=quiet) as display:
        natural = pool_of_set(read, observer, pool) if observer else None
        found = check_set(
            read, observer, pool=natural, second=other, second_layer=layer or "output", watch=display.checking
        )
    if len(found.elsewhere):
        console.print(_as_table(found.elsewhere))
    for stimulus_id, reason in found.failed:
        console.print(f"[yellow]marked failed[/] {escape(stimulus_id)}: {escape(str(reason))}", highlight=False)
    for problem in found.problems:
        complaints.print(f"[red]differs[/] {escape(problem)}", highlight=False)
    console.print(
        f"{found.measured} of {len(read)} files measured again, {len(found.problems)} differences, {len(found.failed)} marked failed"
    )
    if found.problems or (strict and found.failed):
        raise typer.Exit(1)


@app.command()
def adopt(
    folder: Annotated[Path, typer.Argument(help="A folder of images")],
    out: Annotated[Path, typer.Option(help="Directory of the set; it must not exist yet")],
    kind: Annotated[str, typer.Option(help="natural or control")] = "natural",
) -> None:
    """Make a stimulus set of your own images, pixels unchanged."""
    from synthstim.stimulus_set import adopt as adopt_images

    adopted, left_out = adopt_images(folder, out, kind=kind)
    if left_out:
        console.print(f"left out, no images: {escape(', '.join(left_out))}", highlight=False)
    _tell(adopted)


@app.command()
def report(
    stimuli: SetPath,
    out: Annotated[Optional[Path], typer.Option(help="The page; by default SET/report.html")] = None,  # noqa: UP045
) -> None:
    """Write the page that shows a set: one file, opens offline."""
    from synthstim.report import write_report

    console.print(f"open {escape(str(write_report(stimuli, out)))}", highlight=False, soft_wrap=True)


@app.command()
def protocols() -> None:
    """List the protocols and their settings."""
    from synthstim.experiment import list_protocols, read_protocol

    for name in list_protocols():
        protocol = read_protocol(name)
        table = Table(
            "setting",
            "default",
            "units",
            "meaning",
            title=escape(f"{name}: {protocol.summary.strip()}"),
            title_justify="left",
        )
        for key, setting in protocol.settings.items():
            table.add_row(escape(key), escape(str(setting.default)), escape(setting.units or ""), escape(setting.help))
        console.print(table)


@app.command()
def export(
    stimuli: SetPath,
    out: Annotated[Path, typer.Option(help="Folder of the experiment; it must not exist yet")],
    protocol: Annotated[str, typer.Option(help="One of: synthstim protocols")] = "passive_fixation",
    rig: Annotated[Optional[Path], typer.Option(help="rig.yaml: the monitor, the photodiode, the markers")] = None,  # noqa: UP045
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the protocol")
    ] = None,
) -> None:
    """Export a set as a PsychoPy experiment that runs without synthstim."""
    from synthstim.experiment import export_experiment

    made = export_experiment(stimuli, protocol, out=out, rig=rig, settings=_settings(setting or []))
    console.print(
        f"read {escape(str(made / 'README.md'))}, then: synthstim run {escape(str(made))}",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def run(
    experiment: Annotated[Path, typer.Argument(help="An exported experiment")],
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Press the keys; use Xvfb where there is no display")
    ] = False,
) -> None:
    """Run an exported experiment with this Python's PsychoPy."""
    from synthstim.experiment import run_experiment

    ran = run_experiment(experiment, simulate)
    console.print(f"{ran.status}: {escape(str(ran.presentations))}", highlight=False, soft_wrap=True)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where the demonstration goes")] = Path("demo"),
    budget: Annotated[Optional[int], typer.Option(min=1, help="Cap on the evaluations of each stimulus")] = None,  # noqa: UP045
    quiet: Quiet = False,
) -> None:
    """Run the whole way once: photographs to metamers and controllers, checks, report, experiment, rehearsal."""
    from synthstim.demonstration import demonstrate

    demonstrate(out, console, budget=budget, quiet=quiet)


def _settings(pairs: list[str]) -> dict[str, Any]:
    import yaml

    out = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise InputError(f"--set {pair!r} came, KEY=VALUE was wanted, such as on_ms=100")
        try:
            out[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            out[key] = value
    return out


def _tell(made: Any) -> None:
    failed = made.table[made.table["status"] == "failed"]
    for row in failed.itertuples():
        console.print(f"[yellow]marked failed[/] {escape(row.stimulus_id)}: {escape(str(row.reason))}", highlight=False)
    console.print(escape(repr(made)), highlight=False, soft_wrap=True)


def _end_if_failed(made: Any, strict: bool) -> None:
    if strict and (made.table["status"] == "failed").any():
        raise typer.Exit(1)


def _as_table(frame: Any) -> Table:
    table = Table(*map(str, frame.columns))
    for row in frame.itertuples(index=False):
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else escape(str(value)) for value in row))
    return table


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    complaints.print(f"[yellow]warning[/] {escape(str(message))}", highlight=False)


def main() -> NoReturn:
    """Entry point: a user's mistake becomes one sentence and exit status 2."""
    warnings.showwarning = _warn
    try:
        app()
    except InputError as error:
        complaints.print(f"[red]error[/] {escape(str(error))}", highlight=False, soft_wrap=True)
    except KeyboardInterrupt:
        complaints.print("stopped; make --resume goes on where it was")
        sys.exit(130)
    except MemoryError:
        complaints.print("[red]error[/] memory ran out: try fewer stimuli at once (--at-once)")
    sys.exit(2)
