"""Commands that list what has a name, of this package and of plug-ins: models, parametrisations, readers and the rest."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from synthstim.cli.app import app, complaints, console, say
from synthstim.errors import InputError
from synthstim.registry import Registry, said_of

# What each is for, and where its list is.
LISTS = {
    "goals": ("what stimuli can be made to do", "synthstim.goals:GOALS"),
    "modalities": ("the kinds of stimuli", "synthstim.modalities:MODALITIES"),
    "parametrisations": ("what can be optimised", "synthstim.kinds:PARAMETRISATIONS"),
    "decoders": ("what makes images of latents", "synthstim.kinds:DECODERS"),
    "constraints": ("what stimuli can be held to", "synthstim.kinds:CONSTRAINTS"),
    "controls": ("what controllers can be compared with", "synthstim.kinds:CONTROLS"),
    "readouts": ("how recorded sites are fitted", "synthstim.kinds:READOUTS"),
    "policies": ("what chooses the next trial", "synthstim.kinds:POLICIES"),
    "readers": ("the files of responses that can be read", "synthstim.kinds:READERS"),
}


def _command(noun: str) -> Callable[[], None]:
    def command() -> None:
        module, _, name = LISTS[noun][1].partition(":")
        tell(getattr(importlib.import_module(module), name))

    return command


for _noun, (_what, _) in LISTS.items():
    app.command(_noun, help=f"List {_what}, and where each comes from.")(_command(_noun))


def tell(registry: Registry[Any], search: str = "") -> int:
    """Print the names of a registry that contain a text, what each is, and where it comes from; return how many.

    Entries of plug-ins are imported, so that one that is broken is found here.
    """
    table = Table(Column(registry.noun, no_wrap=True), "what it is", "from")
    for name, entry in registry.entries.items():
        if search.lower() not in name.lower():
            continue
        about = entry.about
        if registry.plugged(name):
            try:
                registry[name]
                about = said_of(sys.modules[entry.module].__doc__) or about
            except InputError as error:
                about = str(error)
        table.add_row(escape(name), escape(about), escape(entry.source))
    if table.rows:
        console.print(table)
    for sentence in registry.left_out:
        complaints.print(f"[yellow]warning[/] {escape(sentence)}", highlight=False)
    return len(table.rows)


@app.command()
def models(
    search: Annotated[str | None, typer.Option(help="Names that contain this, of libraries too")] = None,
    every: Annotated[bool, typer.Option("--all", help="The networks of torchvision and timm too")] = False,
) -> None:
    """List the observers that have a name."""
    from synthstim.kinds import MODELS

    tell(MODELS, search or "")
    if every or search:
        _list_libraries((search or "").lower())
    else:
        say("and the networks of torchvision and timm: --all lists them, --search TEXT some of them")


def _list_libraries(wanted: str) -> None:
    from synthstim.models import LIBRARIES, model_names

    for place, names in model_names().items():
        found = [name for name in names if wanted in name.lower()] if place in LIBRARIES else []
        if found:
            console.print(f"[bold]{place}[/], of images, trained weights with --allow-download: {len(found)}")
            console.print("  " + "  ".join(map(escape, found)), highlight=False)


protocols = typer.Typer(help="List protocols, show one, or begin a new one.", invoke_without_command=True)
app.add_typer(protocols, name="protocols")


@protocols.callback()
def list_them(context: typer.Context) -> None:
    """List the protocols; show one, or begin a new one."""
    if context.invoked_subcommand is None:
        from synthstim.experiment.protocol_folders import Protocols

        tell(Protocols())
        say("settings of one: synthstim protocols show NAME")


@protocols.command()
def show(protocol: Annotated[str, typer.Argument(help="A name, or a folder such as ./mine")]) -> None:
    """Show what can be set of a protocol."""
    from synthstim.experiment import read_protocol

    chosen = read_protocol(protocol)
    table = Table("setting", "default", "units", "meaning", title=escape(f"{chosen.name}: {chosen.summary.strip()}"))
    table.title_justify = "left"
    for key, setting in chosen.settings.items():
        table.add_row(escape(key), escape(str(setting.default)), escape(setting.units or ""), escape(setting.help))
    console.print(table)


@protocols.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the protocol: small letters, digits and _")],
    folder: Annotated[Path, typer.Option("--in", help="Where its folder is made")] = Path("."),
    like: Annotated[str, typer.Option(help="A protocol whose files are copied; by default a short one")] = "",
) -> None:
    """Write the folder of a new protocol, which can be exported as it is."""
    from synthstim.experiment import new_protocol

    made = new_protocol(name, folder, like=like)
    say(f"edit {made / 'protocol.yaml'}, then: synthstim export SET --protocol {_as_path(made)} --out FOLDER")


def _as_path(folder: Path) -> str:
    return str(folder) if len(folder.parts) > 1 else f"./{folder}"
