"""Commands beside the daily work: the demonstrations and the converter of checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthstim.cli.app import Quiet, app, console, say
from synthstim.errors import counted
from synthstim.modalities import DEFAULT


@app.command()
def demo(
    kind: Annotated[str, typer.Argument(help="image, sound, odour, experiment or faces")] = DEFAULT,
    out: Annotated[
        Path | None,
        typer.Option(help="Where it goes; by default demo, demo-sound, demo-smell, demo-experiment or demo-faces"),
    ] = None,
    budget: Annotated[int | None, typer.Option(min=1, help="Cap on the evaluations of each stimulus")] = None,
    quiet: Quiet = False,
) -> None:
    """Run the whole way once: photographs or recordings to stimuli, checks, report, experiment, rehearsal; or to answers, analysed."""
    from synthstim.demonstration import demonstrate

    demonstrate(kind, out, console, budget=budget, quiet=quiet)


@app.command()
def doctor() -> None:
    """Say what this computer has of what the toolkit uses, and what each missing thing stops; exit status 1 if something must be mended."""
    from synthstim.doctor import examine

    bad = 0
    for found in examine():
        bad += found.ok is False
        mark = {True: "ok", False: "problem", None: "absent"}[found.ok]
        say(f"{mark:<8}{found.what:<11}{found.said}")
    if bad:
        raise typer.Exit(1)


@app.command()
def new(
    kind: Annotated[str, typer.Argument(help="session, listening, experiment or plugin")],
    folder: Annotated[Path, typer.Argument(help="That is made; its name has small letters, digits and _")],
) -> None:
    """Write a folder to begin from: an evening before a session, a listening test, an experiment with people, or a plug-in."""
    from synthstim.starters import begin

    say(f"read {begin(kind, folder) / 'README.md'}")


@app.command()
def split(
    source: Annotated[Path, typer.Argument(help="A long recording, or a folder of them")],
    out: Annotated[Path, typer.Option(help="Folder of the clips; it must not exist yet")],
    seconds: Annotated[
        float | None, typer.Option(help="Duration of each clip, in s; by default, from one silence to the next")
    ] = None,
    quiet_db: Annotated[float, typer.Option(help="Silence is so many dB below the loudest")] = 40.0,
    channel: Annotated[str | None, typer.Option(help="Channel, where there are several: left, right or mean")] = None,
) -> None:
    """Cut recordings at their silences into clips, for a natural pool or to match."""
    from synthstim.modalities.sound import splitting

    count = splitting.split(source, out, seconds=seconds, quiet_db=quiet_db, channel=channel)
    say(f"{out}: {counted(count, 'clip')}, and clips.tsv, which says where each is from")


@app.command()
def convert(
    checkpoints: Annotated[
        list[Path], typer.Argument(help="A checkpoint of torch.save or numpy.save, or several parts of one")
    ],
    out: Annotated[Path, typer.Option(help="The weights file, .safetensors; it must not exist yet")],
) -> None:
    """Turn somebody's checkpoint into a plain weights file; nothing in it is executed."""
    from synthstim.models.checkpoints import convert_checkpoint

    made = convert_checkpoint(checkpoints, out)
    if made.left_out:
        shown = ", ".join(made.left_out[:20]) + (f" and {len(made.left_out) - 20} more" if made.left_out[20:] else "")
        say(f"left out, no weights: {shown}")
    say(f"{made.path}: {counted(len(made.kept), 'tensor')}; give it as weights in a recipe")
