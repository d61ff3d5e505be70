"""Command that silences what a task needs most, and tells what it and other tasks lose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthstim.cli.app import AllowCode, AllowDownload, Device, Quiet, SetPath, app, as_table, console, say


@app.command()
def lesions(
    stimuli: SetPath,
    labels: Annotated[
        Path,
        typer.Option(
            help="A table with the columns stimulus_id, label (the number of the right output, from 0) and, of several tasks, task"
        ),
    ],
    layers: Annotated[str, typer.Option(help="Layers of the observer, with commas")],
    out: Annotated[Path, typer.Option(help="Folder of the tables; it must not exist yet")],
    observer: Annotated[str, typer.Option(help="A model, or package.module:function")] = "efficientnet-lite0",
    weights: Annotated[str | None, typer.Option(help="A weights file, if not the model's own")] = None,
    output: Annotated[str, typer.Option(help="The layer whose values are the scores of the classes")] = "output",
    share: Annotated[float, typer.Option(help="Of each layer's channels, that are silenced together")] = 0.2,
    device: Device = None,
    quiet: Quiet = False,
    allow_code: AllowCode = False,
    allow_download: AllowDownload = False,
) -> None:
    """Rank the channels of layers by what a task loses without each, silence those that it needs most, and measure every task again."""
    from synthstim.cli.options import read_names
    from synthstim.files import require_new_folder
    from synthstim.lesions import lesion_table, read_tasks, write_lesions
    from synthstim.observers import open_observer
    from synthstim.progress import ProgressDisplay
    from synthstim.stimulus_set import StimulusSet

    require_new_folder(out)
    read = StimulusSet.read(stimuli)
    # Of images their height and width; sounds and odours have no size.
    size = tuple(read.stimulus(str(read.table["file"][0])).shape[1:])
    opened = open_observer(
        observer, weights=weights or "default", size=size or None, device=device,
        allow_code=allow_code, allow_download=allow_download,
    )  # fmt: skip
    tasks = read_tasks(read, labels, opened, output)
    with ProgressDisplay(console, quiet=quiet) as display:
        table, rankings = lesion_table(opened, read_names(layers) or [], tasks, share=share, watch=display.checking)
    write_lesions(out, table, rankings)
    console.print(as_table(table))
    say(f"the tables are in {out}: lesions.tsv, ranking.tsv")
