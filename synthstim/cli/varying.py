"""Commands that draw sets along the latents of a decoder: sweeps of stimuli that were made, pairs equally far apart in pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthstim.cli.app import AllowCode, AllowDownload, Device, SetPath, app, say
from synthstim.cli.options import read_settings_of, read_size
from synthstim.errors import InputError, counted

_SHAPE = "Size of the images, 128 or 128x96"


@app.command()
def sweep(
    stimuli: SetPath,
    over: Annotated[
        list[str],
        typer.Option(metavar="LATENT=VALUES", help="A latent and its values, such as yaw=-45,0,45; once for each"),
    ],
    out: Annotated[Path, typer.Option(help="Directory of the set; it must not exist yet")],
    only: Annotated[list[str] | None, typer.Option(metavar="ID", help="A stimulus to take; once for each")] = None,
    observer: Annotated[
        str | None,
        typer.Option(help="What opens the observer, package.module:function, of a set that was made in Python"),
    ] = None,
    weights: Annotated[str | None, typer.Option(help="The weights file the set was made with")] = None,
    device: Device = None,
    allow_code: AllowCode = False,
    allow_download: AllowDownload = False,
) -> None:
    """Draw stimuli that a decoder made again, some latents swept and the rest held: every combination, labelled, with what its unit does."""
    from synthstim.production import observer_of_set
    from synthstim.stimulus_set import StimulusSet
    from synthstim.variations import make_sweep

    read = StimulusSet.read(stimuli)
    opened = observer_of_set(
        read, observer=observer, weights=weights, device=device, allow_code=allow_code, allow_download=allow_download
    )
    made = make_sweep(read, _values(over), out, only=only, observer=opened)
    say(
        f"{counted(len(made), made.modality.name, made.modality.plural)} of {counted(made.table['identity'].nunique(), 'stimulus', 'stimuli')} in {out}"
    )


@app.command()
def pairs(
    out: Annotated[Path, typer.Option(help="Directory of the set; it must not exist yet")],
    decoder: Annotated[str, typer.Option(help="A name that synthstim decoders lists")] = "head",
    size: Annotated[str, typer.Option(metavar="HEIGHTxWIDTH", help=_SHAPE)] = "128",
    references: Annotated[int, typer.Option(min=1, help="How many, each drawn from the prior")] = 8,
    distance: Annotated[
        list[float] | None, typer.Option(help="From the reference in pixels, relative to it; once for each")
    ] = None,
    hold: Annotated[
        list[str] | None,
        typer.Option(metavar="LATENT=VALUE", help="What is the same in all, such as yaw=0; once for each"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn")] = 0,
) -> None:
    """Draw pairs of images that are equally far apart in pixels, one near its reference in latents and one far."""
    from synthstim.decoders import open_decoder
    from synthstim.files import require_new_folder
    from synthstim.parametrise import Decoded
    from synthstim.variations import make_pairs

    require_new_folder(out)
    height, width = read_size(size) or (0, 0)
    held = {name: _number(name, value) for name, value in read_settings_of(hold, "--hold").items()}
    decoded = Decoded(open_decoder(decoder, (3, height, width)), hold=held)
    made = make_pairs(decoded, out, references=references, distances=distance or [0.1], seed=seed)
    say(
        f"{counted(len(made), made.modality.name, made.modality.plural)} of {counted(references, 'reference')} in {out}"
    )


def _values(over: list[str]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for name, values in read_settings_of(over, "--over").items():
        parts = str(values).split(",")
        found[name] = [_number(name, part) for part in parts]
    return found


def _number(name: str, value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise InputError(f"{name}={value} given; expected numbers, such as {name}=-45,0,45") from None
