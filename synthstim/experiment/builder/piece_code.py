"""What pieces add to the code of their routine, and what the manifest says of those that ask."""

from __future__ import annotations

from typing import Any

from synthstim.experiment.builder.pieces import Setup
from synthstim.experiment.builder.routine import SHOWN, Piece


def code_of(piece: Piece, setup: Setup) -> dict[str, str]:
    """What a piece adds to the code component of its routine, by field; numbers and the protocol's own names only."""
    if piece.piece in SHOWN:
        # 0 frames: until the routine ends.
        frames = setup.span(piece)[1] or 0
        shown = "presentation, block_number, trial_number, item"
        if piece.slot:
            shown = f'"{piece.name}", "{piece.slot}", {piece.slot}'
        return {"Begin Routine": f"session.present({shown}, {frames})\n"}
    later = bool(piece.start)
    ask = f'session.asking.ask("{piece.name}"{", later=True" if later else ""})\n'
    if piece.piece == "choice":
        end = f"session.asking.chose(_{piece.name}_allKeys)\n"
        frame = f"session.asking.asks_now({piece.name}.status == STARTED)\n" if later else ""
        if piece.click:
            end += f"session.asking.clicked({piece.name}_mouse.clicked_name)\n"
            frame += (
                f"session.asking.imagine({piece.name}_mouse, {', '.join(f'{name}={name}' for name in piece.click)})\n"
            )
        return {"Begin Routine": ask, "Each Frame": frame, "End Routine": end}
    if piece.piece == "slider":
        return {
            "Begin Routine": ask,
            "Each Frame": f"session.asking.imagine({piece.name})\n",
            "End Routine": f"session.asking.rated({piece.name}.getRating())\n",
        }
    if piece.piece == "entry":
        typed = f"session.asking.typed(_{piece.name}_allKeys, {piece.shown_in})"
        return {"Begin Routine": ask, "Each Frame": f"if {typed}:\n    continueRoutine = False\n"}
    return {}


def question_asked(piece: Piece) -> dict[str, Any] | None:
    """What the manifest says of a piece that asks; None of others."""
    if piece.piece not in ("choice", "slider", "entry"):
        return None
    keys = {key: answer for answer, keys in piece.options.items() for key in keys}
    values: list[Any] = list(piece.options) or [int(tick) if tick == int(tick) else tick for tick in piece.ticks]
    values = list(dict.fromkeys([*values, *piece.click.values()]))
    kind = piece.answers if piece.piece == "entry" else piece.piece
    return {"kind": kind, "stores": piece.stores, "keys": keys, "clicks": dict(piece.click), "values": values}


def questions_of(protocol: Any) -> dict[str, dict[str, Any]]:
    """What the manifest says of every piece of a protocol that asks, by name."""
    pieces = [piece for routine in protocol.routines.values() for piece in routine.pieces]
    return {piece.name: asked for piece in pieces if (asked := question_asked(piece)) is not None}
