"""The demonstration: the whole way from photographs to a rehearsed experiment, in a few minutes on two cores."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from synthstim.errors import InputError
from synthstim.experiment import export_experiment, run_experiment
from synthstim.production import make, observer_of_set, pool_of_set
from synthstim.production.demo import EXPERIMENT, RECIPE, write_recipe
from synthstim.progress import ProgressDisplay
from synthstim.recipe import read_recipe
from synthstim.report import write_report
from synthstim.stimulus_set import StimulusSet
from synthstim.verify import check_set


def demonstrate(out: Path, console: Console, *, budget: int | None = None, quiet: bool = False) -> None:
    """Make, check, report, export and rehearse; what is there already and unchanged is kept.

    Args:
        out: gets ``recipe.yaml``, ``set`` and ``experiment``.
        budget: cap on the evaluations of each stimulus.
    """
    if out.exists() and (not (out / "recipe.yaml").is_file() or (out / "recipe.yaml").read_text("utf-8") != RECIPE):
        raise InputError(f"{out} is there and not this demonstration's: choose another --out, nothing was changed")
    if (out / "experiment").exists() and not (out / "set").exists():
        raise InputError(f"{out}/experiment is there without its set: move it away, it may hold data")
    recipe = read_recipe(write_recipe(out))
    stimuli = _made(out / "set", recipe.text)
    if stimuli is None:
        with ProgressDisplay(console, quiet=quiet) as display:
            stimuli = make(recipe, out / "set", budget=budget, resume=True, watch=display.making)
    _say(console, f"stimulus set  {out / 'set'}: {len(stimuli)} stimuli")
    page = stimuli.root / "report.html"
    if page.exists():
        stimuli.require_intact()
        _say(console, "check         done before, files unchanged (synthstim check measures them again)")
    else:
        _check(stimuli, console, quiet)
        write_report(stimuli)
    _say(console, f"report        {page}: open it in a browser")
    if not (out / "experiment").exists():
        export_experiment(stimuli, "passive_fixation", out=out / "experiment", settings=EXPERIMENT)
    _say(console, f"experiment    {out / 'experiment'}: its README.md is for the person at the rig")
    _rehearse(out / "experiment", console)


def _check(stimuli: StimulusSet, console: Console, quiet: bool) -> None:
    observer = observer_of_set(stimuli)
    with ProgressDisplay(console, quiet=quiet) as display:
        pool = pool_of_set(stimuli, observer) if observer else None
        found = check_set(stimuli, observer, pool=pool, watch=display.checking)
    if found.problems:
        count, first = len(found.problems), found.problems[0]
        raise InputError(f"the check found {count} differences, first: {first}; remove {stimuli.root} and start again")
    _say(
        console,
        f"check         {found.measured} files measured again, no differences, {len(found.failed)} marked failed",
    )


def _made(directory: Path, recipe: str) -> StimulusSet | None:
    """The set that is there, if it is of this recipe."""
    if not directory.exists():
        return None
    stimuli = StimulusSet.read(directory)
    if stimuli.provenance.get("recipe") != recipe:
        raise InputError(
            f"{directory} is of another recipe than the demonstration's: remove it or choose another --out"
        )
    return stimuli


def _rehearse(experiment: Path, console: Console) -> None:
    if before := sorted((experiment / "data").glob("*_presentations.tsv")):
        _say(console, f"rehearsal     done before: {before[-1]}")
    elif not shutil.which("Xvfb") and not os.environ.get("DISPLAY"):
        _say(console, "rehearsal     skipped: there is no display and no Xvfb (Debian: apt-get install xvfb)")
    else:
        ran = run_experiment(experiment, simulate=True)
        _say(console, f"rehearsal     {ran.status}: every presentation is in {ran.presentations}")


def _say(console: Console, line: str) -> None:
    console.print(escape(line), highlight=False, soft_wrap=True)
