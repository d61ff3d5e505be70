"""Commands of the closed loop: begin a session, go on with it, watch it, see where it stands, hand responses over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from synthstim.cli.app import AllowCode, AllowDownload, Device, Quiet, app, as_table, complaints, console, say
from synthstim.cli.fitting import read_layers
from synthstim.cli.options import read_settings_of
from synthstim.errors import InputError

loop = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Closed loop: generations of stimuli made from responses."
)
app.add_typer(loop, name="loop")

SessionPath = Annotated[Path, typer.Argument(metavar="SESSION", help="A session: the directory that loop init made")]


@loop.command()
def init(
    directory: Annotated[
        Path, typer.Argument(metavar="SESSION", help="Directory of the session; it must not exist yet")
    ],
    settings: Annotated[Path | None, typer.Option("--from", help="A loop.yaml whose settings are taken")] = None,
    observer: Annotated[str | None, typer.Option(help="The network that sites are fitted to")] = None,
    size: Annotated[int | None, typer.Option(min=8, help="Pixels a side at which it is shown images")] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            help="Candidate layers, with commas: blocks.1,blocks.2; by default those that synthstim fit tries"
        ),
    ] = None,
    naturals: Annotated[
        Path | None, typer.Option(help="A stimulus set, shown as it is, or a folder of photographs")
    ] = None,
    count: Annotated[int | None, typer.Option(min=10, help="Natural images that are cut, by default 640")] = None,
    probes: Annotated[
        int | None,
        typer.Option(
            min=0, help="Images of random read-outs of the layers beside them, by default 3 for 8 that are cut"
        ),
    ] = None,
    rig: Annotated[Path | None, typer.Option(help="rig.yaml: the monitor, the photodiode, the markers")] = None,
    places: Annotated[
        Path | None, typer.Option(help="A table of sites with x_deg, y_deg, size_deg: where images of each are shown")
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help="That shows every generation; by default passive_fixation, of sounds sound_fixation_reward"),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the protocol, kept for every generation"),
    ] = None,
    device: Device = None,
    allow_code: AllowCode = False,
    allow_download: AllowDownload = False,
) -> None:
    """Begin a session: loop.yaml with comments, and generation 0 of natural images and probes, exported."""
    from synthstim.loop import start_loop
    from synthstim.progress import ProgressDisplay

    files = {"rig": rig, "places": places}
    shown = {
        # Given from the folder that the command is typed in, which may lie below them.
        **{name: path and str(path.absolute()) for name, path in files.items()},
        "protocol": protocol,
        "settings": read_settings_of(setting),
    }
    opening: dict[str, Any] = {"device": device, "allow_code": allow_code, "allow_download": allow_download}
    given = _given(settings, observer, size, layers, {key: value for key, value in shown.items() if value}, opening)
    with ProgressDisplay(console) as display:
        made = start_loop(
            directory, given, naturals=naturals, count=count, probes=probes, tell=say, making=display.making, **opening
        )
    say(f"settings: {made.root / 'loop.yaml'}")
    say(
        f"show {made.newest.experiment}, then: synthstim loop deliver {made.root} FILES; synthstim loop next {made.root}"
    )


@loop.command(name="next")
def next_(
    directory: SessionPath,
    last: Annotated[bool, typer.Option("--last", help="End with the report of the newest generation")] = False,
    device: Device = None,
    quiet: Quiet = False,
    allow_code: AllowCode = False,
    allow_download: AllowDownload = False,
) -> None:
    """Take in responses, fit, report, and make and export the next generation; or say what is awaited."""
    from synthstim.loop import next_step
    from synthstim.progress import ProgressDisplay

    opening: dict[str, Any] = {"device": device, "allow_code": allow_code, "allow_download": allow_download}
    with ProgressDisplay(console, quiet=quiet) as display:
        came = next_step(directory, last=last, tell=say, making=display.making, **opening)
    say(came.words)


@loop.command()
def watch(
    directory: SessionPath,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between looks into the inbox")] = 5.0,
    until: Annotated[int | None, typer.Option(min=0, help="End with the report of this generation")] = None,
    device: Device = None,
    quiet: Quiet = False,
    allow_code: AllowCode = False,
    allow_download: AllowDownload = False,
) -> None:
    """Go on whenever responses arrive, unattended; Ctrl-C and SIGTERM end it, and nothing is lost."""
    from synthstim.loop import watch as watch_session
    from synthstim.progress import ProgressDisplay

    opening: dict[str, Any] = {"device": device, "allow_code": allow_code, "allow_download": allow_download}
    with ProgressDisplay(console, quiet=True) as display:
        tell = (lambda text: None) if quiet else say
        came = watch_session(directory, every=every, until=until, tell=tell, making=display.making, **opening)
    say(came.words)


@loop.command()
def status(
    directory: SessionPath,
    events: Annotated[int, typer.Option(min=0, help="Last events of the log that are shown")] = 8,
) -> None:
    """Where a session stands, and what it waits for; also while it is watched."""
    from synthstim.loop import LoopSession, read_status

    found = read_status(LoopSession.read(directory), events=events)
    console.print(as_table(found.table), crop=False)
    if len(found.log):
        console.print(as_table(found.log), crop=False)
    if found.worker:
        say(f"in work: {found.worker}")
    for sentence in found.late:
        complaints.print(f"[yellow]not read[/] {escape(sentence)}", highlight=False, soft_wrap=True)
    if found.error:
        complaints.print(f"[red]last error[/] {escape(found.error)}", highlight=False, soft_wrap=True)
    say(found.awaited)


@loop.command()
def deliver(
    directory: SessionPath,
    files: Annotated[list[Path], typer.Argument(help="Responses of one generation, all together")],
    generation: Annotated[int | None, typer.Option(min=0, help="By default the newest")] = None,
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="Take logs of rehearsals, which nobody watched")
    ] = False,
) -> None:
    """Copy responses into the inbox as a watcher wants them: whole, with checksums last."""
    from synthstim.loop import LoopSession
    from synthstim.loop import deliver as hand_over

    for path in hand_over(LoopSession.read(directory), files, generation=generation, rehearsal=rehearsal):
        say(f"delivered {path}")


def _given(
    settings: Path | None,
    observer: str | None,
    size: int | None,
    layers: str | None,
    shown: dict[str, Any],
    opening: dict[str, Any],
) -> dict[str, Any] | Path:
    """The settings of a new session: a file's, or those of the options with goals to begin with."""
    if settings is not None:
        options = {"--observer": observer, "--size": size, "--layers": layers}
        options |= {{"settings": "--set"}.get(key, f"--{key}"): value for key, value in shown.items()}
        if named := [name for name, value in options.items() if value is not None]:
            raise InputError(f"{named[0]} given with --from", f"change it in {settings.name}")
        return settings
    name = observer or "efficientnet-lite0"
    if layers is None:
        from synthstim.observers import open_observer

        layers = ",".join(
            read_layers(open_observer(name, size=None if size is None else (size, size), **opening), None)
        )
    return {
        "observer": {"name": name} | ({"size": size} if size is not None else {}),
        "layers": [name for name in layers.split(",") if name],
        "goals": [{"name": "stretch", "goal": "drive"}, {"name": "alone", "goal": "one_hot", "copies": 3}],
        "experiment": shown,
    }
