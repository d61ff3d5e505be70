"""What pieces need of the place where they stand: a trial has one stimulus, and the session asks one thing at a time."""

from __future__ import annotations

from collections.abc import Iterator

from synthstim.errors import InputError
from synthstim.experiment.builder.routine import Piece, Routine, Step

# The loops whose rows name a stimulus, by what a protocol's stimuli are.
TRIALS = {
    "images": ("trials",),
    "sounds": ("headphone_trials", "demo_trials", "main_trials"),
    "tones": ("headphone_trials",),
}
_WAITING = ("key", "response", "choice")
_ASKING = ("choice", "entry")


def check_pieces(name: str, stimuli: str, routines: dict[str, Routine], flow: tuple[Step, ...]) -> None:
    """Check the pieces of a protocol, which would otherwise show, play or ask something else than they say.

    Args:
        name: of the protocol.
        stimuli: what it shows or plays: ``images``, ``sounds`` or ``tones``.
        routines: by name.
        flow: what runs.

    Raises:
        InputError: a piece of the trial's stimulus stands outside a loop of trials, or is the second in it; a piece is of
            another kind of experiment; a routine plays or asks two things; a piece waits for no key.
    """
    for routine, content in routines.items():
        for piece in content.pieces:
            _check_alone(f"the piece {piece.name!r} of {routine} in {name}", stimuli, piece)
        for what, kinds in (("plays two sounds", ("sound",)), ("asks two things", _ASKING)):
            if len(several := [piece.name for piece in content.pieces if piece.piece in kinds]) > 1:
                raise InputError(
                    f"the routine {routine} of {name} {what}, {_listed(several)}", "leave one to another routine"
                )
    for loop, inside in _stretches(flow, ""):
        found = [piece.name for step in inside for piece in routines[step.routine].pieces if _of_trial(piece)]
        if found and loop not in TRIALS[stimuli]:
            raise InputError(
                f"the piece {found[0]!r} of {name} takes its stimulus from a trial, but stands outside the loop of trials:"
                f" move its routine into {' or '.join(TRIALS[stimuli])}"
            )
        if len(found) > 1:
            raise InputError(
                f"the loop {loop} of {name} has {len(found)} pieces that take the trial's stimulus, {_listed(found)}: a trial"
                " has one item, so that all would be the same one; leave one"
            )


def _check_alone(what: str, stimuli: str, piece: Piece) -> None:
    theirs = ("image", "photodiode_on", "photodiode_off") if stimuli != "images" else ("sound", "choice", "entry")
    if piece.piece in theirs:
        raise InputError(f"{what} is {piece.piece!r}, which experiments with {stimuli} have not", "leave it out")
    if piece.piece in _WAITING and not piece.keys:
        raise InputError(f"{what} waits for no key", "give keys, such as [space]")
    if piece.piece == "entry" and not (piece.answers and piece.shown_in):
        raise InputError(
            f"{what} lacks {'shown_in' if piece.answers else 'answers'}: an entry has both", code="missing"
        )


def _of_trial(piece: Piece) -> bool:
    return piece.piece == "image" or (piece.piece == "sound" and not piece.plays)


def _stretches(flow: tuple[Step, ...], loop: str) -> Iterator[tuple[str, list[Step]]]:
    """Each loop's own routines, and those of no loop; inner loops apart."""
    yield loop, [step for step in flow if step.routine]
    for step in flow:
        if step.loop:
            yield from _stretches(step.each, step.loop)


def _listed(names: list[str]) -> str:
    return " and ".join(repr(name) for name in names)
