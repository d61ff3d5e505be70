"""Command that fits recorded sites."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthstim.cli import fit_options as options
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
    recordings: options.Recordings,
    stimuli: options.Stimuli,
    out: options.Out,
    observer: options.Observers = None,
    size: options.Size = None,
    layers: options.Layers = None,
    method: options.Method = None,
    folds: options.Folds = 5,
    groups: options.Groups = None,
    ensemble: options.Ensemble = None,
    min_reliability: options.MinReliability = 0.3,
    window: options.Window = None,
    spikes: options.Spikes = None,
    markers: options.Markers = None,
    missing_markers: options.MissingMarkers = 0,
    incomplete: options.Incomplete = "refuse",
    display_delay: options.DisplayDelay = 0.0,
    ids: options.Ids = None,
    sites: options.Sites = None,
    session: options.Session = None,
    nan: options.Nan = None,
    table: options.Presentations = None,
    variable: options.Variable = None,
    time_unit: options.TimeUnit = None,
    column: options.IdColumn = None,
    site_column: options.SiteColumn = None,
    invalid_times: options.InvalidTimes = None,
    leave_out: options.LeaveOut = None,
    site_table: options.SiteTable = None,
    where: options.Where = None,
    max_drift: options.MaxDrift = 3.0,
    weights: options.Weights = "default",
    cache: options.Cache = None,
    seed: options.Seed = 0,
    fields: options.Fields = None,
    expect: options.Expect = False,
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
    screened = _screened(_chosen(responses, leave_out, site_table, where), min_reliability, seed)
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


def _chosen(
    responses: Responses, leave_out: str | None, site_table: Path | None, where: Sequence[str] | None
) -> Responses:
    """The responses of the sites that the options name."""
    from synthstim.responses.site_table import read_where, sites_where

    if leave_out is not None:
        responses = responses.without(sites=read_names(leave_out) or ())
    if site_table is None and not where:
        return responses
    if site_table is None or not where:
        raise InputError("one of --site-table and --where given", "give both, such as --where region=V4")
    return responses.only(sites=sites_where(site_table, read_where(where), responses.sites))


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
    log_options: dict[str, Any],
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
            find_log(log), spike, marker, window_s=window_s, sites=tuple(sites) if sites else None, **log_options
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
