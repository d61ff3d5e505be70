"""A protocol as a PsychoPy Builder experiment: settings, routines, flow; then the .psyexp file and the script."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.experiment.builder.piece_code import code_of
from synthstim.experiment.builder.pieces import Setup, add_piece, claim_name, code_component
from synthstim.experiment.builder.routine import SHOWN, SKIPS, Routine, Step
from synthstim.experiment.protocol import Protocol

_BEFORE = """\
import os
import sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from runtime.{module} import {session}
session = {session}(os.path.dirname(os.path.abspath(__file__)))
"""
# The session of presentations in blocks; of trials, by what is presented.
_OF_BLOCKS = {"images": ("viewing", "Viewing"), "movies": ("movies", "MovieViewing")}
_OF_TRIALS = {
    "images": ("image_session", "ImageSession"),
    "movies": ("movie_session", "MovieSession"),
    "odours": ("odour_session", "OdourSession"),
}
_OF_SOUNDS = "sound_session", "SoundSession"
_BEGIN = """\
session.begin(win, thisExp, expInfo)
runAtExit.append(session.finish)
"""
# What the component says that begins a trial; where a rule chooses its level, why that is not a loop of Builder's.
_PLANNED = "Takes the trial that begins from the plan"
_CHOSEN = f"{_PLANNED}, its level from the staircase: Builder's own loop of staircases begins them anew in every run"
_UNLOGGED = ("key", "response", "choice", "slider", "entry", "sound", "odour", "blank", "look", "hold", "reward")


def build_experiment(protocol: Protocol, setup: Setup, *, background: int, blocks: int = 1) -> Any:
    """Assemble the experiment.

    Args:
        setup: the rig, the settings' values and the durations in frames.
        background: level of the grey screen, 0 to 255.

    Returns:
        A ``psychopy.experiment.Experiment``.

    Raises:
        InputError: PsychoPy keeps a name of the protocol for itself, or there is no such piece.
    """
    with _quiet():
        from psychopy import experiment as builder

        experiment = builder.Experiment()
        _set_up(experiment, protocol, setup, background)
        of_blocks = protocol.plan == "randomised_blocks"
        module, session = _OF_BLOCKS[protocol.stimuli] if of_blocks else _OF_TRIALS.get(protocol.stimuli, _OF_SOUNDS)
        before = _BEFORE.format(module=module, session=session)
        first, last = trial_edges(protocol.flow, setup)
        for slot in protocol.slots:
            claim_name(experiment, slot)
        for number, name in enumerate(used_routines(protocol.flow, setup)):
            begins = "session.trial(part_number, trial_number)\n" if name in first and not of_blocks else ""
            ends = "session.end_trial()\n" if name in last and not of_blocks else ""
            main = name in used_routines(protocol.flow, setup, "main_trials")
            _add_routine(
                experiment, name, protocol.routines[name], setup, before="" if number else before, begins=begins, ends=ends,
                may_end=main and bool(protocol.adaptive or protocol.aborts), says=_CHOSEN if main and protocol.adaptive else _PLANNED,
            )  # fmt: skip
        _add_steps(experiment, protocol.flow, 0, setup, blocks)
        return experiment


def write_experiment(experiment: Any, directory: Path, name: str) -> None:
    """Write NAME.psyexp, read it back as Builder would, and compile what was read to NAME.py.

    Raises:
        InputError: the compiled script is not valid Python.
    """
    path = directory / f"{name}.psyexp"
    with _quiet():
        from psychopy import experiment as builder

        experiment.saveToXML(str(path))
        # A relative path: the script would carry the folder of the computer that exported it.
        script = builder.Experiment.fromFile(str(path)).writeScript(expPath=f"{name}.py", target="PsychoPy")
    try:
        compile(script, f"{name}.py", "exec")
    except SyntaxError as error:
        raise InputError(
            f"PsychoPy compiled {name} to a script that is not valid ({error})", "update PsychoPy", code="unreadable"
        ) from None
    (directory / f"{name}.py").write_text(script, encoding="utf-8", newline="\n")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    # PsychoPy leaves files open for Python to close, and uses what other packages have deprecated.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _set_up(experiment: Any, protocol: Protocol, setup: Setup, background: int) -> None:
    monitor = setup.rig.monitor
    values: dict[str, Any] = {
        "expName": protocol.name,
        "runMode": 1,
        "Show info dlg": False,
        "Experiment info": "{}",
        "Full-screen window": monitor.fullscreen,
        "Window size (pixels)": f"[{monitor.width_px}, {monitor.height_px}]",
        "Screen": monitor.screen,
        # A name that Monitor Center does not know: a calibration stored there would bring its own gamma correction.
        "Monitor": "synthstim_without_gamma",
        "color": f"#{background:02x}{background:02x}{background:02x}",
        "colorSpace": "hex",
        "Units": "pix",
        "Data filename": "session.data + '/' + expName + '_' + expInfo['date']",
        "Save psydat file": False,
        "frameRateMsg": "Measuring the refresh rate",
    }
    for name, value in values.items():
        experiment.settings.params[name].val = value


def used_routines(flow: tuple[Step, ...], setup: Setup, loop: str = "") -> list[str]:
    """The routines that take part, in order, each once; with ``loop``, only those inside the loop of that name."""
    names: list[str] = []
    for step in flow:
        if not step.when or setup.settings[step.when]:
            inner = "" if step.loop == loop else loop
            names += used_routines(step.each, setup, inner) if step.loop else [step.routine] * (not loop)
    return list(dict.fromkeys(names))


def trial_edges(flow: tuple[Step, ...], setup: Setup) -> tuple[set[str], set[str]]:
    """The routines with which trials begin, and those with which they end."""
    first: set[str] = set()
    last: set[str] = set()
    for step in flow:
        inner = trial_edges(step.each, setup)
        first, last = first | inner[0], last | inner[1]
        if step.loop.endswith("_trials") and (inside := used_routines(step.each, setup)):
            first.add(inside[0])
            last.add(inside[-1])
    return first, last


def duration(routine: Routine, setup: Setup) -> int:
    """How many frames a routine lasts; 0 where it waits for a key."""
    spans = [setup.span(piece) for piece in routine.pieces]
    return 0 if any(frames is None for _, frames in spans) else max(start + (frames or 0) for start, frames in spans)


def _add_routine(
    experiment: Any, name: str, routine: Routine, setup: Setup, *, before: str, begins: str, ends: str, may_end: bool, says: str
) -> None:  # fmt: skip
    made = experiment.addRoutine(name)
    claim_name(experiment, name)
    made.settings.params["saveStartStop"].val = False
    over = "trial_over" * (may_end and routine.skip != "no_time_out")
    if skips := [SKIPS[skip] for skip in (routine.skip, over) if skip]:
        made.settings.params["skipIf"].val = " or ".join(skips)
    if before:
        checks = "Checks stimuli and screen before anything is shown, and keeps the record of the run"
        _add_code(experiment, name, "set_up", {"Before Experiment": before, "Begin Experiment": _BEGIN}, checks)
    if begins:
        # First in its routine: fields of the others ask for what stands in the trial's slots.
        _add_code(experiment, name, f"begin_{name}", {"Begin Routine": begins}, says)
    logged = []
    code = {"Begin Routine": f'session.enter("{name}", "{routine.marker}")\n', "Each Frame": "", "End Routine": ""}
    for piece in routine.pieces:
        if piece.when and not setup.settings[piece.when]:
            continue
        if add_piece(experiment, name, piece, setup) is None:
            continue
        for field, text in code_of(piece, setup).items():
            code[field] += text
        if piece.piece not in _UNLOGGED:
            called = "image" if piece.piece in SHOWN and not piece.slot else piece.name
            logged.append(f"{called}={'session.movie' if piece.piece == 'movie' else piece.name}")
    code["Each Frame"] += f"session.frame({', '.join(logged)})\n"
    code["End Routine"] += f"session.leave()\n{ends}"
    # Last in its routine: it runs when every other component has settled what the coming flip draws.
    _add_code(experiment, name, f"log_{name}", code, "Logs each flip, sends markers, takes answers")


def _add_code(experiment: Any, routine: str, name: str, code: dict[str, str], says: str) -> None:
    experiment.routines[routine].addComponent(code_component(experiment, routine, name, says, code))
    claim_name(experiment, name)


def _add_steps(experiment: Any, flow: tuple[Step, ...], position: int, setup: Setup, blocks: int) -> int:
    from psychopy.experiment.loops import TrialHandler

    for step in flow:
        if step.when and not setup.settings[step.when]:
            continue
        if not step.loop:
            experiment.flow.addRoutine(experiment.routines[step.routine], position)
            position += 1
            continue
        end = _add_steps(experiment, step.each, position, setup, blocks)
        trials = step.loop not in ("blocks", "word_pages", "rounds")
        loop = TrialHandler(experiment, step.loop, loopType="sequential", nReps=1, isTrials=trials)
        for field, value in _loop_fields(step.loop, blocks).items():
            loop.params[field].val = value
        experiment.flow.addLoop(loop, position, end)
        claim_name(experiment, step.loop)
        position = end + 2
    return position


def _loop_fields(loop: str, blocks: int) -> dict[str, Any]:
    """What a loop repeats. With a $ where it is code: read back from the file, Builder takes these fields for text."""
    if loop == "blocks":
        return {"nReps": blocks}
    if loop == "rounds":
        return {"nReps": "$session.rounds()"}
    if loop == "word_pages":
        return {"nReps": "$session.pages()"}
    if loop == "trials":
        return {"conditionsFile": "conditions.csv", "Selected rows": "$session.rows_of_block(blocks.thisN)"}
    part = loop.removesuffix("_trials")
    return {
        "conditionsFile": "$session.conditions()",
        "Selected rows": f'$session.rows("{part}")',
        "nReps": f'$session.repeats("{part}")',
    }
