"""Command that fits recorded sites."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from synthstim.cli.app import AllowCode, AllowDownload, Device, Quiet, app, as_table, console, say
from synthstim.errors import InputError

if TYPE_CHECKING:
    from synthstim.encoding import Fit
    from synthstim.models import Observer
    from synthstim.responses import Responses
    from synthstim.responses.screen import Screened
    from synthstim.stimulus_set import StimulusSet

_SHOWN = 30


@app.command()
def fit(
    recordings: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESPONSES...",
            help="Files of responses (tsv, csv, npy, npz, h5, mat, nc, nwb), or the logs of experiments with --spikes and --markers",
        ),
    ],
    stimuli: Annotated[
        list[Path], typer.Option(metavar="SET", help="The set that was shown; several times for several")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the fit; it must not exist yet")],
    observer: Annotated[
        list[str] | None, typer.Option(help="A model's name; several times for an ensemble over models")
    ] = None,
    size: Annotated[
        Optional[str],  # noqa: UP045 - typer on 3.10
        typer.Option(metavar="PIXELS", help="112 or 112x96 (height x width); by default that of the stimuli"),
    ] = None,
    layers: Annotated[Optional[str], typer.Option(help="Candidates, with commas; by default some are chosen")] = None,  # noqa: UP045
    method: Annotated[str, typer.Option(help="ridge, pls, factorised or gaussian")] = "ridge",
    folds: Annotated[int, typer.Option(min=2, help="Parts that are held out in turn")] = 5,
    groups: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="COLUMN", help="Column of stimuli.tsv: what shares its value shares a fold"),
    ] = None,
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="One read-out for each fold: their spread is kept")
    ] = False,
    min_reliability: Annotated[
        float, typer.Option(help="Of the sites that are fitted, where stimuli were repeated")
    ] = 0.3,
    window: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="START,END", help="Seconds from onset in which spikes are counted, such as 0.07,0.17"),
    ] = None,
    spikes: Annotated[list[Path] | None, typer.Option(help="Of each log: a table with site and time_s")] = None,
    markers: Annotated[list[Path] | None, typer.Option(help="Of each log: a table with code and time_s")] = None,
    missing_markers: Annotated[int, typer.Option(min=0, help="How many markers of a log may be lost")] = 0,
    incomplete: Annotated[
        str, typer.Option(help="Presentations that missed a refresh: refuse, keep or 'leave out'")
    ] = "refuse",
    display_delay: Annotated[float, typer.Option(help="Seconds from flip to light, by a photodiode")] = 0.0,
    ids: Annotated[Optional[Path], typer.Option(help="Of an npy: a file with a stimulus id a line")] = None,  # noqa: UP045
    sites: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="Names with commas, or a file with one a line: of an npy, or all that were recorded beside spikes"
        ),
    ] = None,
    session: Annotated[Optional[str], typer.Option(help="Name of the session, for files that have none")] = None,  # noqa: UP045
    nan: Annotated[Optional[str], typer.Option(help="absent: NaN pads trials that were not recorded")] = None,  # noqa: UP045
    table: Annotated[Optional[str], typer.Option(help="Of an nwb: where the presentations stand")] = None,  # noqa: UP045
    column: Annotated[Optional[str], typer.Option(help="Of an nwb: the column with the stimulus's id")] = None,  # noqa: UP045
    site_column: Annotated[Optional[str], typer.Option(help="Of an nwb: the column with the site's name")] = None,  # noqa: UP045
    weights: Annotated[str, typer.Option(help="Of the observer: default, random, or a weights file")] = "default",
    cache: Annotated[Path | None, typer.Option(help="Folder that keeps activations for the next fit")] = None,
    seed: Annotated[int, typer.Option(help="Of folds, shuffling and the splits of reliability")] = 0,
    device: Device = None,
    quiet: Quiet = False,
    allow_code: AllowCode = False,
    allow_download: AllowDownload = False,
) -> None:
    """Fit recorded sites to a model: tomorrow's stimuli are made on the fit."""
    from synthstim.encoding import ensemble as joined
    from synthstim.encoding import fit_sites, save_fit
    from synthstim.encoding.fit import MIN_STIMULI
    from synthstim.responses import read_all, screen_sites, write_reliability
    from synthstim.stimulus_set import StimulusSet, require_absent

    require_absent(out)
    sets = [StimulusSet.read(path) for path in stimuli]
    window_s, named = _window(window), _names(sites)
    if spikes or markers:
        log_options = {"missing_markers": missing_markers, "incomplete": incomplete, "display_delay_s": display_delay}
        responses = _logged(recordings, spikes or [], markers or [], window_s, named, log_options)
    else:
        responses = read_all(
            recordings, window_s=window_s, stimulus_ids=_lines(ids), sites=named, session=session, nan=nan, table=table,
            column=column, site_column=site_column,
        )  # fmt: skip
    for note in responses.notes:
        say(note)
    screened = screen_sites(responses, at_least=min_reliability, fewest=MIN_STIMULI, seed=seed)
    _tell_screened(screened, min_reliability)
    opened = [
        _observer(name, sets, screened.responses, size, weights=weights, device=device, allow_code=allow_code,
                  allow_download=allow_download)
        for name in observer or ["efficientnet-lite0"]
    ]  # fmt: skip
    fits = [
        fit_sites(
            one, screened.responses, sets, _layers(one, layers), method=method, folds=folds, groups=groups,
            ceilings=screened.selection is not None, members="folds" if ensemble else None, seed=seed, cache=cache,
            progress=(lambda step: None) if quiet else say,
        )
        for one in opened
    ]  # fmt: skip
    made = joined(fits) if len(fits) > 1 else fits[0]
    save_fit(made, out)
    _tell_fit(made)
    if screened.selection is not None:
        say(f"reliability of every site: {write_reliability(screened.selection, out / 'reliability.html')}")
    _tell_next(made, out)


def _logged(
    logs: Sequence[Path],
    spikes: Sequence[Path],
    markers: Sequence[Path],
    window_s: tuple[float, float] | None,
    sites: list[str] | None,
    options: dict[str, Any],
) -> Responses:
    from synthstim.presented import find_log
    from synthstim.responses import join_responses, read_experiment

    if not len(logs) == len(spikes) == len(markers):
        raise InputError(
            f"{len(logs)} logs came with {len(spikes)} --spikes and {len(markers)} --markers: wanted one of each for every log"
        )
    if window_s is None:
        raise InputError("spikes are counted in a window: say it, such as --window 0.07,0.17")
    parts = [
        read_experiment(
            find_log(log), spike, marker, window_s=window_s, sites=tuple(sites) if sites else None, **options
        )
        for log, spike, marker in zip(logs, spikes, markers, strict=True)
    ]
    return join_responses(parts)


def _observer(
    name: str, sets: Sequence[StimulusSet], responses: Responses, size: str | None, **options: Any
) -> Observer:
    """The observer, shown the stimuli at the size wanted, or at theirs if it can be; says which."""
    from synthstim.encoding.defaults import common_duration, common_size
    from synthstim.production import open_observer

    if sets[0].modality == "sound":
        opened = open_observer(name, seconds=common_duration(sets, responses.stimulus_ids), **options)
        say(f"{opened.name} is played {opened.input.words}")
        return opened
    wanted = _size(size)
    shown = wanted or common_size(sets, responses.stimulus_ids)
    # A function of the user's, or a fit, has its own size.
    opened = _at_size(name, None if ":" in name and wanted is None else shown, asked=wanted is not None, **options)
    own = getattr(opened.input, "size", None)
    why = (
        "as asked"
        if wanted
        else "as the stimuli are"
        if own == shown
        else "its own size: the stimuli are brought to it"
    )
    say(f"{opened.name} is shown {opened.input.words}, {why}")
    return opened


def _at_size(name: str, size: tuple[int, int] | None, *, asked: bool, **options: Any) -> Observer:
    from synthstim.production import open_observer

    if size is not None:
        try:
            opened = open_observer(name, size=size, **options)
            opened.require([])
            return opened
        except InputError as error:
            # Transformers take one size only.
            if asked or "does not run on" not in str(error):
                raise
    return open_observer(name, **options)


def _layers(observer: Observer, layers: str | None) -> Sequence[str]:
    from synthstim.encoding.defaults import suggest_layers

    if layers is not None:
        return [layer.strip() for layer in layers.split(",") if layer.strip()]
    chosen = suggest_layers(observer)
    say(f"layers of {observer.name}, none was named: {', '.join(chosen)} (--layers chooses others)")
    return chosen


def _tell_screened(screened: Screened, at_least: float) -> None:
    kept = len(screened.responses.sites)
    if screened.selection is None:
        say(
            f"{kept} of {screened.sites} sites are fitted; no stimulus was repeated: there is no reliability and no ceiling"
        )
    else:
        say(f"{kept} of {screened.sites} sites are fitted: those of a reliability of {at_least:g} or more")
    if len(screened.left_out):
        console.print(as_table(screened.left_out.rename(columns={"why": "left out: why"}).head(_SHOWN)))
    if len(screened.left_out) > _SHOWN:
        say(f"and {len(screened.left_out) - _SHOWN} more left out")


def _tell_fit(made: Fit) -> None:
    columns = ["r", "ceiling", "score", "r_shuffled"]
    rows = made.table[["site", "layer", *columns]].astype(dict.fromkeys(columns, float))
    rows.loc[len(rows)] = ["median", "", *rows[columns].median()]
    # To three digits, and no nan where there is no ceiling.
    console.print(as_table(rows.astype(object).where(rows.notna(), "n/a")))


def _tell_next(made: Fit, out: Path) -> None:
    say(f"{made!r}, saved in {out}")
    say("next: save these lines as tonight.yaml, then: synthstim make tonight.yaml --out tonight")
    say(f"observer: fit:{out}")
    say("stimuli:")
    say("  - {name: stretch, kind: controller, goal: drive, unit: {sites: all}, copies: 5}")


def _window(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        start, end = (float(part) for part in text.split(","))
    except ValueError:
        start = end = 0.0
    if not start < end:
        raise InputError(f"--window {text} came: wanted the start and the end in seconds, such as 0.07,0.17")
    return start, end


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    sides = text.lower().split("x")
    if not 1 <= len(sides) <= 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise InputError(f"--size {text} came: wanted pixels such as 112, or height x width such as 112x96")
    return int(sides[0]), int(sides[-1])


def _names(text: str | None) -> list[str] | None:
    if text is None:
        return None
    return _lines(Path(text)) if Path(text).is_file() else [name.strip() for name in text.split(",") if name.strip()]


def _lines(path: Path | None) -> list[str] | None:
    if path is None:
        return None
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as names, one a line ({error})") from None
