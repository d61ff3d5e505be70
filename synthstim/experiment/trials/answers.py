"""Answers that the set decides of: categories, each with a number key."""

from __future__ import annotations

from collections.abc import Sequence

from synthstim.errors import InputError
from synthstim.experiment.builder.routine import Piece
from synthstim.experiment.protocol import Protocol

MOST = 9


def with_numbered(protocol: Protocol, answers: Sequence[str]) -> Protocol:
    """The protocol with the keys 1 to 9 for its design's answers, where a choice is numbered.

    Raises:
        InputError: there are no answers, or more than number keys.
    """
    numbered = [piece for routine in protocol.routines.values() for piece in routine.pieces if piece.numbered]
    if not numbered:
        return protocol
    if not 1 <= len(answers) <= MOST:
        raise InputError(
            f"{len(answers)} answers are possible; expected 1 to {MOST}, one a number key",
            "choose a column of fewer values for what is right",
        )
    options = {answer: (str(number), f"num_{number}") for number, answer in enumerate(answers, 1)}

    def filled(piece: Piece) -> Piece:
        return piece.model_copy(update={"options": options}) if piece.numbered else piece

    routines = {
        name: routine.model_copy(update={"pieces": tuple(map(filled, routine.pieces))})
        for name, routine in protocol.routines.items()
    }
    changed = protocol.model_copy(update={"routines": routines})
    changed._home = protocol.home
    return changed
