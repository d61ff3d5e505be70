"""Command that draws random sites, for images to show before anything is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthstim.cli.app import AllowCode, AllowDownload, Device, app, say
from synthstim.cli.fitting import open_alike, read_layers
from synthstim.cli.options import read_size


@app.command()
def probes(
    stimuli: Annotated[
        Path, typer.Argument(metavar="SET", help="The natural stimuli that will be shown beside the probes")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the random sites; it must not exist yet")],
    count: Annotated[
        int | None, typer.Option(min=1, help="How many: one image each, by default 3 for 8 natural stimuli")
    ] = None,
    observer: Annotated[str, typer.Option(help="The model that sites will be fitted to")] = "efficientnet-lite0",
    layers: Annotated[str | None, typer.Option(help="Its layers, with commas, as fit will be given them")] = None,
    size: Annotated[
        str | None, typer.Option(metavar="HEIGHTxWIDTH", help="Size that stimuli are shown to it at, if not their own")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what is drawn")] = 0,
    device: Device = None,
    allow_code: AllowCode = False,
    allow_download: AllowDownload = False,
) -> None:
    """Draw random read-outs of a model: what drives them, shown beside natural stimuli, makes a fit right where controllers lie."""
    from synthstim.encoding import random_sites, save_fit
    from synthstim.encoding.random_sites import EVALUATIONS, suggest_count
    from synthstim.files import require_new_folder
    from synthstim.stimulus_set import StimulusSet

    require_new_folder(out)
    shown = StimulusSet.read(stimuli)
    allowed = {"device": device, "allow_code": allow_code, "allow_download": allow_download}
    ids = [str(name) for name in shown.table["stimulus_id"]]
    (opened,) = open_alike([observer], [shown], ids, read_size(size), allowed)
    chosen = read_layers(opened, layers)
    made = random_sites(opened, shown, chosen, count or suggest_count(len(ids), chosen), seed=seed)
    save_fit(made, out)
    say(f"{len(made.sites)} random sites of {', '.join(chosen)}, saved in {out}")
    say("next: save these lines as probes.yaml, with the constraints that tomorrow's stimuli will have, then:")
    say("synthstim make probes.yaml --out probes; show them beside the natural ones, and fit to both")
    say(f"observer: fit:{out}")
    say("stimuli:")
    say(f"  - {{name: probe, kind: controller, goal: drive, unit: {{sites: all}}, evaluations: {EVALUATIONS}}}")
