"""Writing the page: one HTML file with its images or sounds, figures, styles and scripts inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from synthstim.errors import InputError
from synthstim.files import REPORT
from synthstim.report import figures, groups
from synthstim.report.cards import layer_of, rows_of, status_of
from synthstim.report.inline import HERE, as_script, asset, plain, policy, require_page, templates, write_text
from synthstim.report.media import Media, media_of
from synthstim.report.methods import methods_of
from synthstim.report.numbers import text
from synthstim.report.stages import stages_figure
from synthstim.report.summary import summarise
from synthstim.report.table import make_table
from synthstim.report.transfer import transfer_shown
from synthstim.stimulus_set import StimulusSet
from synthstim.stimulus_set.read import opened_set


def write_report(
    stimulus_set: StimulusSet | str | Path, out: str | Path | None = None, *, drawing: str | None = None
) -> Path:
    """Write the page of a stimulus set: one HTML file that opens offline.

    Args:
        stimulus_set: the set, or its directory.
        out: where the page goes, outside the set; by default ``report.html`` in it. An earlier report is replaced at
            once, and nothing else is.
        drawing: of sounds: ``cochleagram`` (the default), ``mel`` or ``constant-q``.

    Returns:
        The page's path.

    Raises:
        InputError: the set cannot be read, a path in it leaves it, passes a link or has no file, something else than a
            report is in the page's place, the page cannot be written, or the stimuli have no such drawing.

    Example:
        >>> write_report("my_set").name
        'report.html'
    """
    stimuli = opened_set(stimulus_set)
    path = require_page(stimuli.root / REPORT if out is None else out, "stimulus set")
    return write_text(path, render(stimuli, drawing, beside=path.resolve().parent == stimuli.root.resolve()))


def render(stimuli: StimulusSet, drawing: str | None = None, *, beside: bool = False) -> str:
    """The page's HTML; ``beside`` says that it will lie in the set's folder."""
    media = media_of(stimuli, groups.files_shown(stimuli), drawing, beside=beside)
    plotly, script = as_script(get_plotlyjs()), as_script(asset("plots.js") + asset("report.js"))
    return (
        templates(media.home, HERE)
        .get_template("report.html.j2")
        .render(
            summary=summarise(stimuli),
            kinds=_kinds(stimuli),
            references=[group for part in stimuli.parts.values() for group in groups.reference_groups(part, media)],
            units=[group for part in stimuli.parts.values() for group in groups.unit_groups(part, media)],
            galleries=groups.galleries(stimuli, media),
            transfer=transfer_shown(stimuli),
            **_methods(stimuli),
            table=make_table(stimuli),
            filters=_filters(stimuli),
            modality=stimuli.modality,
            previews=media.previews,
            depths=_depths(media, stimuli),
            figures=plain(_figures(stimuli)),
            measures=figures.MEASURES,
            css=asset("report.css"),
            scripts=(plotly, script),
            policy=policy(plotly, script, linked=media.linked),
        )
    )


def _methods(stimuli: StimulusSet) -> dict[str, Any]:
    """The methods paragraph, or why there is none."""
    try:
        return {"methods": methods_of(stimuli), "no_methods": ""}
    except InputError as error:
        return {"methods": None, "no_methods": str(error)}


def _kinds(stimuli: StimulusSet) -> str:
    """What has a reference, as a heading."""
    there = [kind for kind in groups.OF_REFERENCE if (stimuli.table["kind"] == kind).any()]
    return " and ".join(f"{kind}s" for kind in there).capitalize()


def _figures(stimuli: StimulusSet) -> dict[str, figures.Figure]:
    drawn = {f"null-{measure}": figure for measure, figure in figures.null_figures(stimuli).items()}
    for name, figure in {
        "controllers": figures.controller_figure(stimuli),
        "curves": figures.curves_figure(stimuli),
        "stages": stages_figure(stimuli),
    }.items():
        if figure is not None:
            drawn[name] = figure
    return drawn


def _depths(media: Media, stimuli: StimulusSet) -> str:
    """How the stimuli are coded: 8-bit, or 8-bit or 16-bit."""
    depths = {media[file].depth for file in stimuli.table["file"]} - {""}
    return " or ".join(sorted(depths, key=lambda depth: (len(depth), depth)))


def _filters(stimuli: StimulusSet) -> dict[str, list[str]]:
    rows = list(rows_of(stimuli))
    return {
        "kind": list(dict.fromkeys(text(row["kind"], "unknown") for row in rows)),
        "layer": list(dict.fromkeys(map(layer_of, rows))),
        "status": list(dict.fromkeys(map(status_of, rows))),
    }
