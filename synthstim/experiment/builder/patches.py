"""The photodiode's patch in experiments made of trials: white while a stimulus is shown, black otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from synthstim.experiment.builder.routine import SHOWN, Piece, Routine

_KINDS = ("photodiode_on", "photodiode_off")


def with_patches(routines: Mapping[str, Routine], masks: Collection[str]) -> dict[str, Routine]:
    """Routines that show images or movies, each with its patch; those that have one of their own stay as they are.

    Args:
        masks: the slots that hold masks, under which the patch is black.

    Example:
        >>> show = Routine(pieces=(Piece(piece="image", name="picture", slot="sample", start=("gap_ms",), frames=("on_ms",)),))
        >>> [piece.name for piece in with_patches({"show": show}, ())["show"].pieces]
        ['picture_dark', 'picture', 'picture_patch']
    """
    return {name: _with_patch(routine, masks) for name, routine in routines.items()}


def _with_patch(routine: Routine, masks: Collection[str]) -> Routine:
    shown = [piece for piece in routine.pieces if piece.piece in SHOWN]
    if not shown or any(piece.piece in _KINDS for piece in routine.pieces):
        return routine
    # Images that are shown together have one patch.
    lit = {
        (piece.start, piece.frames, piece.when): Piece(
            piece="photodiode_on", name=f"{piece.name}_patch", start=piece.start, frames=piece.frames, when=piece.when
        )
        for piece in reversed(shown)
        if piece.slot not in masks
    }
    return routine.model_copy(update={"pieces": (*_dark(routine), *routine.pieces, *reversed(lit.values()))})


def _dark(routine: Routine) -> list[Piece]:
    """Black from the routine's start to its end, which none of them may put off."""
    found: list[tuple[Counter[str], Piece]] = []
    for piece in sorted(routine.pieces, key=lambda piece: (-len(piece.start + piece.frames), piece.when)):
        ends = Counter(piece.start + piece.frames) if piece.frames else Counter[str]()
        covered = any(_covers(other, dark, ends, piece) for other, dark in found)
        if not covered:
            dark = Piece(piece="photodiode_off", name=f"{piece.name}_dark", frames=(*ends.elements(),), when=piece.when)
            found.append((ends, dark))
    return [dark for _, dark in found]


def _covers(span: Counter[str], dark: Piece, ends: Counter[str], piece: Piece) -> bool:
    """Whether a black patch that there is lasts as long as a piece wherever that piece is there."""
    return (not span or (bool(ends) and ends <= span)) and dark.when in ("", piece.when)
