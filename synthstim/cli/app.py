"""What all commands share: the application, its consoles, options, and how mistakes are told."""

from __future__ import annotations

import errno
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from synthstim.cli.advice import CONTINUES, OF_COMMANDS, SMALLER
from synthstim.errors import InputError, printable

# A disk that is full, or a share of it that is used up: whatever was written when it was.
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


class Commands(TyperGroup):
    """The commands; one that is stopped says how to go on."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except InputError as error:
            raise error.advised(OF_COMMANDS.get(ctx.invoked_subcommand or "", {})) from error.__cause__
        except MemoryError:
            smaller = SMALLER.get(ctx.invoked_subcommand or "")
            raise InputError("memory ran out", smaller or "close other programs, or use a machine with more") from None
        except KeyboardInterrupt:
            continues = CONTINUES.get(ctx.invoked_subcommand or "")
            complaints.print(f"stopped; {continues}" if continues else "stopped", highlight=False, soft_wrap=True)
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        say(f"synthstim {version('synthstim')}")
        raise typer.Exit


@app.callback(help="Stimuli by gradient, for closed-loop neuroscience.")
def _about(
    told: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is")
    ] = False,
) -> None:
    """What is given before any command."""


class _PlainConsole(Console):
    """A console for which names and paths of files are text: nothing in them moves the cursor or changes colours."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)


console = _PlainConsole()
complaints = _PlainConsole(stderr=True)
# Longer words, such as paths, are broken where a table would be too wide.
_WORD = 20

Device = Annotated[str | None, typer.Option(help="cpu, cuda or mps; by default cpu")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar")]
AllowCode = Annotated[
    bool, typer.Option("--allow-code", help="Let the observer be a function of yours, package.module:function")
]
AllowDownload = Annotated[bool, typer.Option("--allow-download", help="Let weights be downloaded from a hub")]
SetPath = Annotated[Path, typer.Argument(metavar="SET", help="A stimulus set: the directory that make wrote")]


def as_table(frame: Any) -> Table:
    """A data frame as a table of the terminal, of which nothing is cut: cells go on in the next line, between words."""
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    cells = [
        [f"{value:.4g}" if isinstance(value, float) else str(value) for value in row] for row in frame.to_numpy(object)
    ]
    for at, name in enumerate(map(str, frame.columns)):
        longest = max(len(word) for text in (name, *(row[at] for row in cells)) for word in text.split() or [""])
        table.add_column(escape(name), overflow="fold", min_width=min(longest, _WORD))
    for row in cells:
        table.add_row(*map(escape, row))
    return table


def say(text: str) -> None:
    """Print a line that may hold paths and names, as they are."""
    console.print(escape(text), highlight=False, soft_wrap=True)


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    complaints.print(f"[yellow]warning[/] {escape(str(message))}", highlight=False)


def main() -> NoReturn:
    """Entry point: a user's mistake becomes one sentence and exit status 2."""
    warnings.showwarning = _warn
    try:
        app()
    except InputError as error:
        complaints.print(f"[red]error[/] {escape(str(error))}", highlight=False, soft_wrap=True)
    except OSError as error:
        if error.errno not in FULL:
            raise
        complaints.print(f"[red]error[/] {error.strerror}: make room, then give the same command again")
    sys.exit(2)
