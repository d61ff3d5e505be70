"""The pieces of routines: each adds a Builder component whose fields hold fixed text and numbers, nothing a user wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from synthstim.errors import InputError, nearest
from synthstim.experiment.builder.routine import Piece
from synthstim.experiment.placement import photodiode_box
from synthstim.experiment.rig import Rig

# Variables of the scripts that Builder compiles, which it does not know as names of its own.
_OF_SCRIPTS = ("x", "y", "buttons", "key")
FIXATION_COLOUR = "#ff0000"


@dataclass(frozen=True)
class Setup:
    """What pieces need to know: the rig, the settings' values, and each duration in frames."""

    rig: Rig
    settings: Mapping[str, Any]
    frames: Mapping[str, int]

    def span(self, piece: Piece) -> tuple[int, int | None]:
        """The frame at which a piece starts and how many it lasts; None for until the routine ends."""
        start = sum(self.frames[name] for name in piece.start)
        return start, sum(self.frames[name] for name in piece.frames) if piece.frames else None


def add_piece(experiment: Any, routine: str, piece: Piece, setup: Setup) -> Any:
    """Add a piece to a routine; return its component, or None where it would last no frame or the rig has no such thing.

    Raises:
        InputError: there is no such kind of piece, or PsychoPy keeps its name for itself.
    """
    if piece.piece not in PIECES:
        raise InputError(
            f"the piece {piece.piece!r} of {routine} is unknown, {nearest(piece.piece, PIECES)}", code="unknown"
        )
    if setup.span(piece)[1] == 0:
        return None
    component = PIECES[piece.piece](experiment, routine, piece, setup)
    if component is not None:
        experiment.routines[routine].addComponent(component)
        claim_name(experiment, piece.name)
    return component


def claim_name(experiment: Any, name: str) -> None:
    """Make a name the experiment's own.

    Raises:
        InputError: it is taken, or PsychoPy keeps it for itself: Builder would call the thing otherwise when it reads it.
    """
    if experiment.namespace.makeValid(name) != name or name in _OF_SCRIPTS:
        raise InputError(f"PsychoPy keeps the name {name!r} for itself", "rename it in the protocol")
    experiment.namespace.add(name)


def code_component(experiment: Any, routine: str, name: str, says: str, code: Mapping[str, str]) -> Any:
    """A component of code of ours, by field; a comment says what it is for."""
    from psychopy.experiment.components.code import CodeComponent

    component = CodeComponent(experiment, routine, name, codeType="Py")
    for field, text in code.items():
        component.params[field].val = f"# {says}\n{text}" if text else ""
    return component


def _timing(piece: Piece, setup: Setup) -> dict[str, Any]:
    start, frames = setup.span(piece)
    stop = "" if frames is None else frames
    return {"startType": "frame N", "startVal": start, "stopType": "duration (frames)", "stopVal": stop}


def _text(experiment: Any, routine: str, piece: Piece, setup: Setup) -> Any:
    from psychopy.experiment.components.text import TextComponent

    height, width = setup.rig.monitor.height_px, setup.rig.monitor.width_px
    # The protocol's own name for the text, an identifier; the words themselves are read at the rig. Without a name,
    # code of the routine fills it.
    component = TextComponent(
        experiment, routine, piece.name, text=f'$session.text("{piece.text}")' if piece.text else "", units="height",
        letterHeight=round(max(1 / 32, 12 / height), 4), color="white", pos=(piece.x, piece.y), **_timing(piece, setup),
    )  # fmt: skip
    component.params["wrapWidth"].val = round(0.9 * width / height, 3)
    return _plain(_every_repeat(component, "text") if piece.text else component)


def _sound(experiment: Any, routine: str, piece: Piece, setup: Setup) -> Any:
    # Not Builder's sound component: it has no block size, opens a stream of its own, and loses last samples.
    load = f'session.load_fixed("{piece.plays}")' if piece.plays else f'session.load("{piece.slot}", {piece.slot})'
    due = f"t >= {float(setup.settings[piece.after]) if piece.after else 0.0}"
    frame = f"session.repeating({due})" if piece.repeat else f"if session.sounding({due}):\n    continueRoutine = False"
    code = {"Begin Routine": f"{load}\n", "Each Frame": f"{frame}\n", "End Routine": "session.silence()\n"}
    return code_component(experiment, routine, piece.name, _SAYS[piece.piece], code)


_SAYS = {
    "sound": "Plays the file as it is, every sample, without a window or a gain",
    "odour": "Has the olfactometer present the mixture, once the tubes are clean, and blow it away afterwards",
    "movie": "Draws the frame that is due, and ends after the last",
    "look": "Awaits the gaze at the point: Builder's region of interest can abort no trial, and has its tracker in this file, not in the rig's",
    "hold": "Aborts the trial when the gaze leaves the point: Builder's region of interest can only end the routine",
    "reward": "Opens the reward's valve where the trial was right",
}


def _movie(experiment: Any, routine: str, piece: Piece, setup: Setup) -> Any:
    # Not Builder's movie component, which decodes by a clock of its own: here a frame is as many flips as it should be.
    start, _ = setup.span(piece)
    flip = f"frameN - {start}" if start else "frameN"
    frame = f"if not session.draws({flip}):\n    continueRoutine = False\n"
    return code_component(experiment, routine, piece.name, _SAYS["movie"], {"Each Frame": frame})


def _key(store: str) -> Callable[[Any, str, Piece, Setup], Any]:
    def add(experiment: Any, routine: str, piece: Piece, setup: Setup) -> Any:
        from psychopy.experiment.components.keyboard import KeyboardComponent

        # Names of keys from the protocol, letters and digits only.
        allowed = ", ".join(f"'{key}'" for key in piece.keys)
        component = KeyboardComponent(
            experiment, routine, piece.name, allowedKeys=allowed, store=store, **_timing(piece, setup)
        )
        # Without names of keys, any may be pressed: code of the routine says when it ends.
        component.params["forceEndRoutine"].val = bool(piece.keys)
        return component if store != "nothing" else _plain(component)

    return add


def _blank(experiment: Any, routine: str, piece: Piece, setup: Setup) -> Any:
    from psychopy.experiment.components.text import TextComponent

    return _plain(TextComponent(experiment, routine, piece.name, text="", units="pix", **_timing(piece, setup)))


def _image(experiment: Any, routine: str, piece: Piece, setup: Setup) -> Any:
    from psychopy.experiment.components.image import ImageComponent

    image, pos, size = "item", "$(x_px, y_px)", "$(width_px, height_px)"
    if piece.slot:
        image, size = piece.slot, f"$session.size({piece.slot})"
        pos = f'$session.place("{piece.name}", {piece.slot})'
    component = ImageComponent(
        experiment, routine, piece.name, image=f"$session.image({image})", pos=pos, size=size, units="pix",
        interpolate="nearest", **_timing(piece, setup),
    )  # fmt: skip
    return _plain(_every_repeat(component, "image", "pos", "size"))


def _choice(experiment: Any, routine: str, piece: Piece, setup: Setup) -> Any:
    from psychopy.experiment.components.mouse import MouseComponent

    keys = tuple(key for keys in piece.options.values() for key in keys)
    component = _key("last key")(experiment, routine, piece.model_copy(update={"keys": keys}), setup)
    if piece.click:
        mouse = MouseComponent(
            experiment, routine, f"{piece.name}_mouse", save="final", forceEndRoutineOnPress="valid click", **_timing(piece, setup)
        )  # fmt: skip
        mouse.params["clickable"].val = ", ".join(piece.click)
        experiment.routines[routine].addComponent(_plain(mouse))
        claim_name(experiment, f"{piece.name}_mouse")
    return component


def _slider(experiment: Any, routine: str, piece: Piece, setup: Setup) -> Any:
    from psychopy.experiment.components.slider import SliderComponent

    height = setup.rig.monitor.height_px
    component = SliderComponent(
        experiment, routine, piece.name, ticks=str(piece.ticks), labels=str(piece.labels) if piece.labels else "",
        size=(1.0, 0.06), pos=(piece.x, piece.y), granularity=1, letterHeight=round(max(1 / 32, 12 / height), 4), **_timing(piece, setup),
    )  # fmt: skip
    component.params["units"].val = "height"
    return component


def _fixation(experiment: Any, routine: str, piece: Piece, setup: Setup) -> Any:
    diameter = round(max(2.0, setup.rig.pixels(setup.settings["fixation_deg"])))
    return _polygon(experiment, routine, piece, setup, "circle", (0, 0), diameter, FIXATION_COLOUR)


def _photodiode(colour: str) -> Callable[[Any, str, Piece, Setup], Any]:
    def add(experiment: Any, routine: str, piece: Piece, setup: Setup) -> Any:
        box = photodiode_box(setup.rig)
        if box is None:
            return None
        return _polygon(experiment, routine, piece, setup, "rectangle", box.centre(setup.rig), box.width, colour)

    return add


def _polygon(
    experiment: Any, routine: str, piece: Piece, setup: Setup, shape: str, centre: tuple[float, float], size: int, colour: str
) -> Any:  # fmt: skip
    from psychopy.experiment.components.polygon import PolygonComponent

    component = PolygonComponent(
        experiment, routine, piece.name, shape=shape, pos=centre, size=(size, size), units="pix", fillColor=colour,
        interpolate="nearest", **_timing(piece, setup),
    )  # fmt: skip
    component.params["lineColor"].val = ""
    return _plain(component)


def _gaze(experiment: Any, routine: str, piece: Piece, setup: Setup) -> Any:
    start, frames = setup.span(piece)
    until = "True" if frames is None else f"frameN < {start + frames}"
    radius = setup.rig.pixels(2 * float(setup.settings[piece.radius])) / 2
    asked = "looks" if piece.piece == "look" else "holds"
    call = f"session.{asked}({radius:.3f}, {start} <= frameN and {until}, {until})"
    frame = f"if {call}:\n    continueRoutine = False\n"
    return code_component(experiment, routine, piece.name, _SAYS[piece.piece], {"Each Frame": frame})


def _reward(experiment: Any, routine: str, piece: Piece, setup: Setup) -> Any:
    code = {"Begin Routine": "session.reward_if_right()\n"}
    return code_component(experiment, routine, piece.name, _SAYS["reward"], code)


def _every_repeat(component: Any, *names: str) -> Any:
    for name in names:
        component.params[name].updates = "set every repeat"
    return component


def _plain(component: Any) -> Any:
    # Our own tables log these, flip by flip; PsychoPy's start and stop columns would only cost time between flips.
    component.params["saveStartStop"].val = False
    return component


PIECES: dict[str, Callable[[Any, str, Piece, Setup], Any]] = {
    "text": _text,
    "key": _key("nothing"),
    "response": _key("last key"),
    "choice": _choice,
    "slider": _slider,
    "entry": _key("nothing"),
    "sound": _sound,
    "odour": _sound,
    "blank": _blank,
    "image": _image,
    "movie": _movie,
    "look": _gaze,
    "hold": _gaze,
    "reward": _reward,
    "fixation": _fixation,
    "photodiode_on": _photodiode("#ffffff"),
    "photodiode_off": _photodiode("#000000"),
}
