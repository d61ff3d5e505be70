"""loop.yaml as ``init`` writes it: every setting with its value and a comment."""

from __future__ import annotations

from typing import Any

import yaml

from synthstim.loop.settings import LoopSettings

_HEAD = """\
# The settings of this closed loop. They are read again by every command: goals, anchors, explore and what is asked of
# responses may change between generations, and so may layers, which is logged. Observer and window_s stay as they are.
schema_version: 1
"""
# Key of the settings -> what stands above it.
_COMMENTS = {
    "observer": "The network; size: in pixels, at which it is shown images; duration_s, rate_hz: of the sounds that it is played.",
    "layers": "Candidates: each site takes the layer that predicts it best.",
    "pool": "A folder of photographs that natural images are cut from; nothing takes those that packages carry.",
    "groups": "A table with the columns stimulus_id and group: natural stimuli of one group share a fold.",
    "fields": "A table of receptive fields (site, x_px, y_px, diameter_px, or in degrees); nothing takes what read-outs say.",
    "level_dbfs": "Of sounds: the root mean square at which all of them are played, natural ones and those that are made, in dB re full scale.",
    "window_s": "Spikes are counted from the first to the second, in seconds from the onset of the stimulus.",
    "sites": "all, a list of names, or selected: those that reach min_reliability in generation 0.",
    "site_table": "A table with site and columns such as region and animal; where, such as {region: V4}, says which are read.",
    "where": "",
    "leave_out": "Sites that are not read at all, such as [dead_07].",
    "renamed": "Sites that are called otherwise in files from now on, such as {ch12b: ch12}: name in the file, name here.",
    "new_sites": "leave or fit: sites that generation 0 did not have.",
    "min_reliability": "",
    "min_score": "Nothing is made for sites whose held-out score is lower.",
    "max_drift": "Responses to stimuli shown again that differ by more, from one generation to another, are refused.",
    "correct_drift": "true divides later responses by their site's drift, where it is more than noise, before they are fitted.",
    "min_repeats": "A generation is complete when min_share of its stimuli were shown min_repeats times or more.",
    "min_share": "",
    "reading": (
        "incomplete: presentations that missed a refresh: refuse, keep, leave out. nan: refuse or absent (arrays).\n"
        "  NWB: table, column, site_column, invalid_times. netCDF: variable, time_unit (s or ms)."
    ),
    "fitting": "method: ridge, pls, factorised, gaussian. ensemble: folds, layers or none.",
    "goals": (
        "What the new stimuli of every generation are to do; each goal makes copies stimuli for each of its sites.\n"
        "  goal: drive, suppress, one_hot (drive one site and hold the others down), level (levels: [..], in the units of\n"
        "    the recording, or scale: z), pattern (pattern: {site: z-score, ..}); of several sites by one stimulus drive_all,\n"
        "    drive_mean, drive_contrast (sites over others), drive_axis (weights: {site: weight, ..})\n"
        "  sites: all, or a list; warm: copies that start from the best stimuli up to now instead of from noise\n"
        "  constraints: {aperture: site} shows each site only its receptive field; others as recipes have them\n"
        "  evaluations: passes that a stimulus may spend; first, last: generations in which the goal is pursued"
    ),
    "controls": "Images to compare with, for each controlled site: {noise: 2, gabor: 1, best_natural: 2, other_site: 2}.",
    "anchors": (
        "Shown again for each goal and site: best natural stimuli, and best controllers of earlier generations; and random\n"
        "  stimuli of generation 0, which say how far the recording drifted."
    ),
    "explore": "Share of the new stimuli that are shown because they teach the model most: natural, pattern or both.",
    "level_tolerance": "A level is reached within this many standard deviations of the site's responses.",
    "experiment": "How a generation is shown: see synthstim protocols; rig, and places (where stimuli of each site stand), are files beside this one.",
    "seed": "",
}


def render_settings(settings: LoopSettings) -> str:
    """The text of loop.yaml: it reads back to the same settings."""
    data = settings.model_dump(mode="json", exclude_none=True)
    # Of an observer's keys most are for one modality: those stand there that were chosen.
    data["observer"] = {"name": None, "weights": "default"} | settings.observer.model_dump(
        mode="json", exclude_defaults=True
    )
    data["goals"] = [goal.model_dump(mode="json", exclude_unset=True) for goal in settings.goals]
    parts = [_HEAD]
    for key, comment in _COMMENTS.items():
        lines = [f"# {line}" for line in comment.split("\n") if line]
        if key not in data:
            parts.append("\n".join([*lines, f"# {key}:"]))
        elif key == "goals" and data[key]:
            parts.append("\n".join([*lines, "goals:", *(f"  - {_flow(goal)}" for goal in data[key])]))
        else:
            parts.append("\n".join([*lines, f"{key}: {_flow(data[key])}"]))
    return "\n".join(parts) + "\n"


def _flow(value: Any) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**9, line_break="\n"
    )
    return text.removesuffix("...\n").strip()
