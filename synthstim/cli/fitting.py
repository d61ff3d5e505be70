"""Command that fits recorded sites."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from synthstim.cli.advice import FIT
from synthstim.cli.app import AllowCode, AllowDownload, Device, Quiet, app, console, say
from synthstim.cli.fit_summary import tell_fit, tell_next, tell_screened
from synthstim.cli.options import read_lines, read_names, read_size, read_window
from synthstim.errors import InputError, advised

if TYPE_CHECKING:
    from synthstim.encoding import Fit
    from synthstim.models import Observer
    from synthstim.responses import Responses
    from synthstim.responses.screen import Screened
    from synthstim.stimulus_set import StimulusSet


@app.command()
@advised(FIT)
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
    method: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="ridge, pls, factorised or gaussian; by default factorised, as in a closed loop, or ridge where a layer has no grid"
        ),
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="Parts that are held out in turn")] = 5,
    groups: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="COLUMN", help="Column of stimuli.tsv: what shares its value shares a fold"),
    ] = None,
    ensemble: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="folds or layers: a read-out for each, whose mean is the fit and whose spread is kept"),
    ] = None,
    min_reliability: Annotated[
        float, typer.Option(help="Of the sites that are fitted, where stimuli were repeated")
    ] = 0.3,
    window: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="START,END", help="Seconds from onset in which spikes are counted, such as 0.07,0.17"),
    ] = None,
    spikes: Annotated[list[Path] | None, typer.Option(help="Spikes of each log: a table with site and time_s")] = None,
    markers: Annotated[
        list[Path] | None, typer.Option(help="Markers of each log: a table with code and time_s")
    ] = None,
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
    variable: Annotated[Optional[str], typer.Option(help="Of an nc: the variable with the responses")] = None,  # noqa: UP045
    time_unit: Annotated[Optional[str], typer.Option(metavar="s|ms", help="Of an nc: unit of its time bins")] = None,  # noqa: UP045
    column: Annotated[Optional[str], typer.Option(help="Of an nwb: the column with the stimulus's id")] = None,  # noqa: UP045
    site_column: Annotated[Optional[str], typer.Option(help="Of an nwb: the column with the site's name")] = None,  # noqa: UP045
    invalid_times: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Of an nwb, presentations in its invalid times: 'leave out' or keep"),
    ] = None,
    leave_out: Annotated[Optional[str], typer.Option(help="Sites that are not fitted, with commas")] = None,  # noqa: UP045
    site_table: Annotated[
        Path | None,
        typer.Option(metavar="TABLE", help="A table of sites with columns such as region and animal, for --where"),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE", help="Of the table of sites: only those are fitted; several times for several"
        ),
    ] = None,
    max_drift: Annotated[
        float, typer.Option(min=1, help="Factor by which responses to the same stimuli may differ between sessions")
    ] = 3.0,
    weights: Annotated[str, typer.Option(help="Weights of the observer: default, random, or a file")] = "default",
    cache: Annotated[Path | None, typer.Option(help="Folder that keeps activations for the next fit")] = None,
    seed: Annotated[int, typer.Option(help="Seed of folds, shuffling and the splits of reliability")] = 0,
    fields: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE", help="Receptive fields of a mapping session, which stand above the estimated ones"
        ),
    ] = None,
    expect: Annotated[
        bool, typer.Option("--expect", help="Say what gain to expect at each site: a quick controller is made for each")
    ] = False,
    device: Device = None,
    quiet: Quiet = False,
    allow_code: AllowCode = False,
    allow_download: AllowDownload = False,
) -> None:
    """Fit recorded sites to a model: tomorrow's stimuli are made on the fit."""
    from synthstim.encoding import ensemble as joined
    from synthstim.encoding import fit_sites, save_fit
    from synthstim.encoding.fit import MEMBERS_OVER
    from synthstim.encoding.mapped_fields import mapped_fields, with_fields
    from synthstim.files import require_new_folder
    from synthstim.responses import join_responses, read_all, write_reliability
    from synthstim.responses.site_table import read_where, sites_where
    from synthstim.stimulus_set import StimulusSet

    require_new_folder(out)
    if ensemble not in (None, *MEMBERS_OVER):
        raise InputError(f"--ensemble {ensemble!r} given", f"say {' or '.join(MEMBERS_OVER)}, or leave it out")
    sets = [StimulusSet.read(path) for path in stimuli]
    window_s, named = read_window(window), read_names(sites)
    if spikes or markers:
        log_options = {"missing_markers": missing_markers, "incomplete": incomplete, "display_delay_s": display_delay}
        parts = _logged(recordings, spikes or [], markers or [], window_s, named, log_options)
        responses = join_responses(parts, max_drift=max_drift)
    else:
        responses = read_all(
            recordings, window_s=window_s, stimulus_ids=read_lines(ids), sites=named, session=session, nan=nan, table=table,
            column=column, site_column=site_column, variable=variable, time_unit=time_unit, invalid_times=invalid_times,
            max_drift=max_drift,
        )  # fmt: skip
    if leave_out is not None:
        responses = responses.without(sites=read_names(leave_out) or ())
    if site_table is not None or where:
        if site_table is None or not where:
            raise InputError("one of --site-table and --where given", "give both, such as --where region=V4")
        responses = responses.only(sites=sites_where(site_table, read_where(where), responses.sites))
    screened = _screened(responses, min_reliability, seed)
    allowed = {"weights": weights, "device": device, "allow_code": allow_code, "allow_download": allow_download}
    opened = open_alike(
        observer or ["efficientnet-lite0"], sets, screened.responses.stimulus_ids, read_size(size), allowed
    )
    mapped = None if fields is None else mapped_fields(fields, screened.responses.sites, opened[0].input.shape)
    fits = [
        fit_sites(
            one, screened.responses, sets, chosen, method=method or _method(one, chosen), folds=folds, groups=groups,
            ceilings=screened.selection is not None, members=ensemble, seed=seed, cache=cache,
            progress=(lambda step: None) if quiet else say,
        )
        for one, chosen in [(one, read_layers(one, layers)) for one in opened]
    ]  # fmt: skip
    made = joined(fits) if len(fits) > 1 else fits[0]
    if mapped is not None:
        made = with_fields(made, mapped)
    save_fit(made, out)
    tell_fit(made)
    if screened.selection is not None:
        say(f"reliability of every site: {write_reliability(screened.selection, out / 'reliability.html')}")
    if expect:
        _tell_expected(made, screened.responses, sets, out, quiet=quiet)
    tell_next(made, out)


def _tell_expected(fit: Fit, responses: Responses, sets: Sequence[StimulusSet], out: Path, *, quiet: bool) -> None:
    """What gain to expect, in a sentence and in a table beside the fit."""
    from synthstim.files import as_tsv, write_whole
    from synthstim.production import expected_gains
    from synthstim.production.expected_gain import said_of
    from synthstim.progress import ProgressDisplay

    with ProgressDisplay(console, quiet=quiet) as display:
        gains = expected_gains(fit, responses, sets, watch=display.making)
    write_whole(out / "expected.tsv", as_tsv(gains, float_format="%.5g"))
    say(f"{said_of(gains)}; each site's: {out / 'expected.tsv'}")


def _screened(responses: Responses, at_least: float, seed: int) -> Screened:
    """The sites that can be fitted, of responses in one window; says which they are."""
    from synthstim.encoding.fit import MIN_STIMULI
    from synthstim.responses import screen_sites

    if len(responses.windows) > 1:
        shown = ", ".join(f"{start:g},{end:g}" for start, end in responses.windows)
        raise InputError(
            f"{responses.source} has {len(responses.windows)} windows", f"choose one with --window, of {shown}"
        )
    for note in responses.notes:
        say(note)
    screened = screen_sites(responses, at_least=at_least, fewest=MIN_STIMULI, seed=seed)
    tell_screened(screened, at_least)
    return screened


def _logged(
    logs: Sequence[Path],
    spikes: Sequence[Path],
    markers: Sequence[Path],
    window_s: tuple[float, float] | None,
    sites: list[str] | None,
    options: dict[str, Any],
) -> list[Responses]:
    from synthstim.presented import find_log
    from synthstim.responses import read_experiment

    if not len(logs) == len(spikes) == len(markers):
        raise InputError(
            f"{len(logs)} logs given with {len(spikes)} --spikes and {len(markers)} --markers; expected one of each for every log"
        )
    if window_s is None:
        raise InputError("spikes are counted in a window", "say it, such as --window 0.07,0.17")
    return [
        read_experiment(
            find_log(log), spike, marker, window_s=window_s, sites=tuple(sites) if sites else None, **options
        )
        for log, spike, marker in zip(logs, spikes, markers, strict=True)
    ]


def open_alike(
    names: Sequence[str],
    sets: Sequence[StimulusSet],
    ids: Sequence[str],
    wanted: tuple[int, int] | None,
    allowed: dict[str, Any],
) -> list[Observer]:
    """The observers, shown the stimuli at the size wanted, or at theirs, or at that of the first of them; says which."""
    from synthstim.encoding.defaults import given_alike
    from synthstim.observers import open_observer

    openers = [partial(open_observer, name, **allowed) for name in names]
    made: list[Observer] = []
    for opened, why in given_alike(openers, sets, ids, wanted):
        say(f"{opened.name} is {opened.input.verb} {opened.input.words}, {why}")
        made.append(opened)
    return made


def _method(observer: Observer, layers: Sequence[str]) -> str:
    """What is taken where none was named; says so."""
    from synthstim.encoding.defaults import suggest_method

    chosen = suggest_method(observer, layers)
    say(f"read-outs of {observer.name}, as none was named: {chosen} (--method takes others)")
    return chosen


def read_layers(observer: Observer, layers: str | None) -> Sequence[str]:
    """The layers that were named, or those suggested; says which."""
    from synthstim.encoding.defaults import suggest_layers

    if layers is not None:
        named = [layer.strip() for layer in layers.split(",") if layer.strip()]
        observer.require(named)
        return named
    chosen = suggest_layers(observer)
    say(f"layers of {observer.name}, as none was named: {', '.join(chosen)} (--layers takes others)")
    return chosen
