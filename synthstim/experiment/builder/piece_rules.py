"""What pieces need of the place where they stand: a trial has one stimulus, and the session asks one thing at a time."""

from __future__ import annotations

from collections.abc import Iterator

from synthstim.errors import InputError, nearest
from synthstim.experiment.builder.routine import SHOWN, Piece, Routine, Step

# The loops whose rows name stimuli, by how a protocol's presentations are planned.
_TRIALS = ("headphone_trials", "practice_trials", "main_trials")
LOOPS = {"randomised_blocks": ("trials",)}
_ASKING = ("choice", "entry", "slider")
_OF_IMAGES = ("image", "photodiode_on", "photodiode_off")
# What experiments with each kind of stimuli have not.
_FOREIGN = {
    "images": ("sound", "odour", "movie"),
    "movies": ("image", "sound", "odour"),
    "odours": (*_OF_IMAGES, "sound", "movie"),
}


def check_pieces(
    name: str, stimuli: str, plan: str, routines: dict[str, Routine], flow: tuple[Step, ...], slots: tuple[str, ...] = ()
) -> None:  # fmt: skip
    """Check the pieces of a protocol, which would otherwise show, play or ask something else than they say.

    Args:
        stimuli: what it shows or plays: ``images``, ``movies``, ``sounds``, ``tones`` or ``odours``.
        slots: of a trial; none where a trial shows one stimulus.

    Raises:
        InputError: a piece of the trial's stimuli stands outside a loop of trials, or is the second of its slot in it; a piece is of
            another kind of experiment; a routine plays or asks two things; a piece waits for no key.
    """
    loops = LOOPS.get(plan, _TRIALS)
    for routine, content in routines.items():
        for piece in content.pieces:
            _check_alone(f"the piece {piece.name!r} of {routine} in {name}", stimuli, piece, slots)
        for what, kinds in (
            ("plays two sounds", ("sound",)),
            ("presents two odours", ("odour",)),
            ("shows two movies", ("movie",)),
            ("asks two things", _ASKING),
        ):
            if len(several := [piece.name for piece in content.pieces if piece.piece in kinds]) > 1:
                raise InputError(
                    f"the routine {routine} of {name} {what}, {_listed(several)}", "leave one to another routine"
                )
    for loop, inside in _stretches(flow, ""):
        found = [piece for step in inside for piece in routines[step.routine].pieces if _of_trial(piece)]
        if found and loop not in loops:
            raise InputError(
                f"the piece {found[0].name!r} of {name} takes its stimulus from a trial, but stands outside the loop of trials:"
                f" move its routine into {' or '.join(loops)}"
            )
        for slot in {piece.slot for piece in found}:
            if len(several := [piece.name for piece in found if piece.slot == slot]) > 1 and not slot:
                raise InputError(
                    f"the loop {loop} of {name} has {len(several)} pieces that take the trial's stimulus, {_listed(several)}: a trial"
                    " has one item, so that all would be the same one; leave one, or give it a design with slots (plan: trials)"
                )


def _check_alone(what: str, stimuli: str, piece: Piece, slots: tuple[str, ...]) -> None:
    theirs = _FOREIGN.get(stimuli, (*_OF_IMAGES, "odour", "movie"))
    theirs = (*theirs, *_ASKING) if stimuli in ("images", "movies") and not slots else theirs
    if piece.piece in theirs:
        raise InputError(f"{what} is {piece.piece!r}, which experiments with {stimuli} do not have", "leave it out")
    if _of_trial(piece) and slots and piece.slot not in slots:
        given = f"is for the slot {piece.slot!r}, {nearest(piece.slot, slots)}" if piece.slot else "names no slot"
        raise InputError(f"{what} {given}", f"give it one of a trial's: {', '.join(slots)}")
    if piece.piece == "choice" and not piece.options and not piece.numbered and not piece.click:
        raise InputError(
            f"{what} has no options", "give each answer its keys, such as options: {left: [left], right: [right]}"
        )
    if piece.piece in ("look", "hold") and not piece.radius:
        raise InputError(f"{what} has no radius", "name a setting in deg, how far from the centre the gaze may be")
    if piece.piece == "slider" and len(piece.ticks) < 2:
        raise InputError(f"{what} has {len(piece.ticks)} ticks; expected two or more, such as [1, 2, 3, 4, 5, 6, 7]")
    if piece.piece in ("key", "response") and not piece.keys:
        raise InputError(f"{what} waits for no key", "give keys, such as [space]")
    if piece.piece == "entry" and not (piece.answers and piece.shown_in):
        raise InputError(
            f"{what} lacks {'shown_in' if piece.answers else 'answers'}: an entry has both", code="missing"
        )


def _of_trial(piece: Piece) -> bool:
    return piece.piece in (*SHOWN, "odour") or (piece.piece == "sound" and not piece.plays)


def _stretches(flow: tuple[Step, ...], loop: str) -> Iterator[tuple[str, list[Step]]]:
    """Each loop's own routines, and those of no loop; inner loops apart."""
    yield loop, [step for step in flow if step.routine]
    for step in flow:
        if step.loop:
            yield from _stretches(step.each, step.loop)


def _listed(names: list[str]) -> str:
    return " and ".join(repr(name) for name in names)
