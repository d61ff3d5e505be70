"""The demonstrations: the whole way from photographs or recordings to a rehearsed experiment, in minutes on two cores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from synthstim.analysis import analyse_experiment
from synthstim.errors import InputError
from synthstim.experiment import export_experiment, rehearsal_lacks, run_experiment
from synthstim.experiment.runtime.simulate import REHEARSAL
from synthstim.files import is_there, require_absent, require_folder
from synthstim.modalities import DEFAULT, MODALITIES, own_names
from synthstim.production import make, observer_of_set, pool_of_set
from synthstim.progress import ProgressDisplay
from synthstim.recipe import Recipe, read_recipe
from synthstim.report import write_report
from synthstim.stimulus_set import StimulusSet
from synthstim.verify import check_set

# Demonstrations beside those of modalities, and where the part of the default modality has them.
FURTHER = {"experiment": "EXPERIMENT", "faces": "FACES"}


@dataclass(frozen=True)
class Demonstration:
    """What a demonstration makes.

    Attributes:
        out: where it goes by default.
        recipes: by the name of the set; the first set is exported.
        write_references: puts the files that the recipes name into a folder.
        protocol, settings: of the experiment.
        design: of its trials, in the place of the protocol's; "" leaves that.
        rig: that it is exported for; "" takes the default.
        participants: how many rehearse it, after which the answers are analysed; 0 rehearses it once.
        vary: makes a further set of those in a folder, which is exported in the place of the first, and where it goes.
    """

    out: str
    recipes: Mapping[str, str]
    write_references: Callable[[Path], None]
    protocol: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    design: str = ""
    rig: str = ""
    participants: int = 0
    vary: tuple[str, Callable[[Path, Path], StimulusSet]] | None = None


def demonstrate(
    kind: str, out: Path | None, console: Console, *, budget: int | None = None, quiet: bool = False
) -> None:
    """Make, check, report, export and rehearse; what is there already and unchanged is kept.

    Args:
        kind: name of a modality; or ``experiment``, whose images participants tell apart, or ``faces``, images of a decoder.
        out: gets the recipes, the sets and ``experiment``; None takes the demonstration's own name.
        budget: cap on the evaluations of each stimulus.

    Raises:
        InputError: what is at ``out`` is not this demonstration's, or the recordings are not installed.
    """
    of = DEFAULT if kind in FURTHER else kind
    part = MODALITIES[of].part("demonstration") if of in MODALITIES else None
    if part is None:
        known = [name for name in own_names() if MODALITIES[name].part("demonstration") is not None]
        raise InputError(
            f"the demonstration {kind!r} is unknown",
            f"choose {' or '.join((*known, *FURTHER))}",
            code="unknown",
            value=kind,
        )
    shown: Demonstration = getattr(part, FURTHER.get(kind, "DEMONSTRATION"))
    out = Path(shown.out) if out is None else out
    _check_place(out, shown)
    require_folder(out)
    shown.write_references(out)
    first: StimulusSet | None = None
    for name, text in shown.recipes.items():
        _recipe_path(out, name).write_text(text, encoding="utf-8")
        stimuli = _make(out, name, console, budget, quiet)
        first = first or stimuli
    assert first is not None
    if shown.vary is not None:
        first = _varied(out, *shown.vary, console)
    experiment = out / "experiment"
    given = {name: _written(out / f"{name}.yaml", getattr(shown, name)) for name in ("design", "rig")}
    if not experiment.exists():
        export_experiment(first, shown.protocol, out=experiment, settings=shown.settings, **given)
    _say(console, f"experiment    {experiment}: its README.md is for the person at the rig")
    if shown.participants:
        _study(experiment, shown.participants, console)
    else:
        _rehearse(experiment, console)


def _written(path: Path, text: str) -> Path | None:
    if not text:
        return None
    path.write_text(text, encoding="utf-8")
    return path


def _recipe_path(out: Path, name: str) -> Path:
    return out / ("recipe.yaml" if name == "set" else f"{name}.yaml")


def _check_place(out: Path, shown: Demonstration) -> None:
    if not is_there(out):
        require_absent(out)
        return
    for name, text in shown.recipes.items():
        path = _recipe_path(out, name)
        if not path.is_file() or path.read_text("utf-8") != text:
            raise InputError(
                f"{out} is there and not this demonstration's",
                "choose another --out, nothing was changed",
                code="in-the-way",
            )
        if (out / "experiment").exists() and not (out / name).exists():
            raise InputError(
                f"{out}/experiment is there without its set", "move it away, it may hold data", code="missing"
            )


def _make(out: Path, name: str, console: Console, budget: int | None, quiet: bool) -> StimulusSet:
    recipe = read_recipe(_recipe_path(out, name))
    stimuli = _made(out / name, recipe.text)
    if stimuli is None:
        with ProgressDisplay(console, quiet=quiet) as display:
            stimuli = make(recipe, out / name, budget=budget, resume=True, watch=display.making)
    _say(console, f"stimulus set  {out / name}: {len(stimuli)} stimuli")
    page = stimuli.root / "report.html"
    if page.exists():
        stimuli.require_intact()
        _say(console, "check         done before, files unchanged (synthstim check measures them again)")
    else:
        _check(stimuli, recipe, console, quiet)
        write_report(stimuli)
    _say(console, f"report        {page}: open it in a browser")
    return stimuli


def _varied(out: Path, name: str, vary: Callable[[Path, Path], StimulusSet], console: Console) -> StimulusSet:
    stimuli = StimulusSet.read(out / name) if (out / name).exists() else vary(out, out / name)
    _say(console, f"stimulus set  {out / name}: {len(stimuli)} stimuli")
    _say(console, f"report        {write_report(stimuli)}: open it in a browser")
    return stimuli


def _check(stimuli: StimulusSet, recipe: Recipe, console: Console, quiet: bool) -> None:
    observer = observer_of_set(stimuli)
    with ProgressDisplay(console, quiet=quiet) as display:
        folder = recipe.resolve(recipe.pool) if recipe.pool else None
        pool = pool_of_set(stimuli, observer, folder) if observer else None
        found = check_set(stimuli, observer, pool=pool, watch=display.checking)
    if found.problems:
        count, first = len(found.problems), found.problems[0]
        raise InputError(
            f"the check found {count} differences, first: {first}; remove {stimuli.root} and start again",
            code="mismatch",
        )
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
            f"{directory} is of another recipe than the demonstration's", "remove it or choose another --out"
        )
    return stimuli


def _rehearse(experiment: Path, console: Console) -> None:
    if before := sorted((experiment / REHEARSAL).glob("*_session.json")):
        _say(console, f"rehearsal     done before: {before[-1]}")
    elif lacks := rehearsal_lacks(experiment):
        _say(console, f"rehearsal     skipped: {lacks}")
    else:
        ran = run_experiment(experiment, simulate=True)
        _say(console, f"rehearsal     {ran.status}: what was presented is in {ran.presentations}")


def _study(experiment: Path, participants: int, console: Console) -> None:
    """Let simulated participants do it one after the other, and analyse what they answered."""
    if lacks := rehearsal_lacks(experiment):
        _say(console, f"participants  skipped: {lacks}")
        return
    done = len(list((experiment / REHEARSAL).glob("*_session.json")))
    for number in range(done + 1, participants + 1):
        ran = run_experiment(experiment, simulate=True)
        _say(console, f"participant   {number} of {participants}, simulated: {ran.status}")
    found = analyse_experiment(experiment, rehearsal=True)
    _say(console, found.summary)
    page = next(path for path in found.files if path.suffix == ".html")
    _say(console, f"analysis      {page}: open it in a browser")


def _say(console: Console, line: str) -> None:
    console.print(escape(line), highlight=False, soft_wrap=True)
