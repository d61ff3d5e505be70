"""What the command fit prints: the sites that are fitted, how well, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from synthstim.cli.app import as_table, console, say
from synthstim.errors import share

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from synthstim.encoding import Fit
    from synthstim.responses.screen import Screened

_SHOWN = 30


def tell_screened(screened: Screened, at_least: float) -> None:
    """Which sites are fitted, and why the others are not."""
    kept = len(screened.responses.sites)
    fitted = f"{share(kept, screened.sites, 'site', 'is', 'are')} fitted"
    if screened.selection is None:
        say(f"{fitted}; no stimulus was repeated: there is no reliability and no ceiling")
    else:
        say(f"{fitted}: those of a reliability of {at_least:g} or more")
    if len(screened.left_out):
        console.print(_rows(screened.left_out.rename(columns={"why": "left out: why"}).head(_SHOWN), ["reliability"]))
    if len(screened.left_out) > _SHOWN:
        say(f"and {len(screened.left_out) - _SHOWN} more left out")


def tell_fit(made: Fit) -> None:
    """The table of sites, and those that are hardly predicted."""
    columns = ["r", "ceiling", "score", "r_shuffled"]
    rows = made.table[["site", "layer", *columns]].astype(dict.fromkeys(columns, float))
    rows.loc[len(rows)] = ["median", "", *rows[columns].median()]
    console.print(_rows(rows, columns))
    _tell_fields(made)
    if "trust" in made.table:
        low, middle, high = made.table["trust"].quantile([0.25, 0.5, 0.75])
        say(
            f"of what is predicted above the mean, {middle:.0%} is to be expected (half of the sites: {low:.0%} to {high:.0%})"
        )
    from synthstim.encoding.doubts import POOR, doubt_of

    r = made.table.set_index("site")["r"]
    if poor := list(r.index[~(r >= POOR)]):
        say(f"hardly predicted (r below {POOR:g}): {', '.join(poor)}; images made for them would say little")
    if doubt := doubt_of(made.table):
        say(doubt)


def _tell_fields(made: Fit) -> None:
    """Where each site sees, in pixels."""
    if not made.observer.fields:
        return
    from synthstim.encoding.receptive_fields import in_pixels

    say(
        "receptive fields, in pixels right of and above the image's centre (constraints: {aperture: site} shows no more)"
    )
    console.print(
        _rows(in_pixels(made.observer.fields, made.observer.input.shape), ["right", "up", "diameter"], "{:.1f}")
    )


def _rows(table: pd.DataFrame, numbers: Sequence[str], style: str = "{:.3f}") -> Table:
    """A table with three digits, and n/a where there is no number."""
    shown = {name: table[name].map(style.format).replace("nan", "n/a") for name in numbers}
    return as_table(table.assign(**shown))


def tell_next(made: Fit, out: Path) -> None:
    """What to do with the fit."""
    say(f"{made!r}, saved in {out}")
    if any(
        facts["weights"] not in ("default", "random")
        for facts in made.provenance.get("networks", [made.provenance["observer"]])
    ):
        say(
            "it stands on a network that no recipe can name: make stimuli in Python, make(recipe, out, observer=load_fit(folder, observer))"
        )
        return
    say("next: save these lines as controllers.yaml, then: synthstim make controllers.yaml --out controllers")
    say(f"observer: fit:{out}")
    say("stimuli:")
    say("  - {name: stretch, kind: controller, goal: drive, unit: {sites: all}, copies: 5}")
