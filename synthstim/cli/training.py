"""Training the small networks that the package carries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthstim.cli.app import Quiet, app, as_table, console, say


@app.command()
def train(
    name: Annotated[str, typer.Argument(help="The network, such as olfaction")],
    out: Annotated[Path, typer.Option(help="The weights file, .safetensors; it must not exist yet")],
    seed: Annotated[int, typer.Option(min=0, help="Of the first weights and of all that is drawn")] = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="Fewer give another network, sooner")] = None,
    quiet: Quiet = False,
) -> None:
    """Train a small network anew, as the package carries it, and write its weights and a table of the training."""
    import pandas as pd

    from synthstim.progress import ProgressDisplay
    from synthstim.training import train as train_network

    with ProgressDisplay(console, quiet=quiet) as display:
        made = train_network(name, out, seed=seed, epochs=epochs, watch=display.training)
    console.print(as_table(pd.DataFrame(made.curve)))
    say(f"{made.path}: {made.seconds / 60:.0f} min, sha256 {made.sha256[:12]}; give it as weights in a recipe")
