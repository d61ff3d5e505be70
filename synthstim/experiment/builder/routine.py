"""Routines of protocols and the order in which they run, as protocol.yaml and parts.yaml describe them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, RootModel, model_validator

from synthstim.experiment.setting import NAME_PATTERN, Identifier, ProtocolPart, Setting
from synthstim.recipe.problems import problem

# Conditions under which a routine is left out, as the script asks for them.
SKIPS = {
    "first_block": "blocks.thisN == 0",
    "no_rest": "not rest_before",
    "participant_known": "session.participant is not None",
    "headphone_known": "session.headphone_known",
    "trial_over": "session.skips",
    "no_time_out": "not session.times_out",
    "practice_known": "session.practice_known",
}


Key = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
Answer = Annotated[str, Field(pattern=r"^[A-Za-z0-9_ -]{1,60}$")]
# Degrees, or the name of a setting in degrees, perhaps after a minus.
Coordinate = float | Annotated[str, Field(pattern=r"^-?[a-z][a-z0-9_]{0,39}$")]


# The kinds of pieces that show a stimulus.
SHOWN = ("image", "movie")


class Piece(ProtocolPart):
    """A reusable component of a routine; see ``synthstim.experiment.builder.pieces`` for the kinds.

    ``start`` and ``frames`` name durations among the settings; a list is their sum. Without ``frames`` it stays until
    the routine ends. ``when`` names a flag among the settings: the piece is left out where that is false. ``x`` and
    ``y`` move a text, in heights of the screen. A sound ``plays`` what is fixed under that name, or the trial's sound,
    so many seconds ``after`` the routine's start as a setting says. An entry takes ``answers`` and is ``shown_in`` a text.

    In an experiment made of trials an image, a movie or a sound holds what stands in a ``slot``; ``at`` moves an image, in degrees right of
    and above the place of the images. A choice has ``options``, the keys of each answer, or those of the design, ``numbered``
    from 1; it may be made by a ``click`` on pieces. A slider has ``ticks`` and ``labels``. The gaze is awaited
    (look) or must stay (hold) within a ``radius`` of the centre. ``stores`` says which column the answer goes into.
    """

    piece: str
    name: str = Field(pattern=NAME_PATTERN)
    start: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    text: str = ""
    keys: tuple[Key, ...] = ()
    when: str = ""
    x: float = Field(default=0, ge=-2, le=2)
    y: float = Field(default=0, ge=-0.5, le=0.5)
    slot: str = ""
    at: tuple[Coordinate, Coordinate] = (0.0, 0.0)
    options: dict[Answer, tuple[Key, ...]] = Field(default_factory=dict)
    numbered: bool = False
    click: dict[Identifier, Answer] = Field(default_factory=dict)
    ticks: tuple[float, ...] = Field(default=(), max_length=101)
    labels: tuple[str, ...] = Field(default=(), max_length=101)
    stores: Literal["response", "confidence"] = "response"
    radius: str = ""
    plays: Literal["", "level"] = ""
    repeat: bool = False
    after: str = ""
    answers: Literal["", "words", "participant"] = ""
    shown_in: str = ""


class Routine(ProtocolPart):
    """One routine: its pieces in the order of drawing, the marker sent at its first flip, and when it is left out."""

    pieces: tuple[Piece, ...]
    marker: str = ""
    skip: str = ""


class Step(ProtocolPart):
    """A routine, a loop over further steps, or a part that protocols share.

    What a part is given under ``each`` stands where its own flow says ``inner``.
    """

    routine: str = ""
    loop: Literal[
        "", "blocks", "trials", "headphone_trials", "practice_trials", "main_trials", "word_pages", "rounds"
    ] = ""
    part: str = ""
    inner: bool = False
    each: tuple[Step, ...] = ()
    when: str = ""

    @model_validator(mode="after")
    def _one_of(self) -> Step:
        one = sum(map(bool, (self.routine, self.loop, self.part, self.inner))) == 1
        if not one or (self.loop and not self.each) or (self.each and not (self.loop or self.part)):
            raise problem("is no step; expected routine, part, inner, or loop with each")
        return self


class SharedPart(ProtocolPart):
    """What protocols share: steps, with the routines, texts and settings that they need."""

    settings: dict[Identifier, Setting] = Field(default_factory=dict)
    texts: dict[Identifier, str] = Field(default_factory=dict)
    routines: dict[Identifier, Routine]
    flow: tuple[Step, ...]


class Parts(RootModel[dict[Identifier, SharedPart]]):
    """The parts that protocols share: protocols/parts.yaml."""
