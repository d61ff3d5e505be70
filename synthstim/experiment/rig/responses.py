"""What a participant answers with: keys, or the buttons of a response box."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from synthstim.recipe.fields import Section


class KeysOnly(Section):
    """Keys of the keyboard."""

    kind: Literal["keys"]


class ResponseBox(Section):
    """A box whose buttons stand for keys, in the order of its channels; an empty name leaves a button out.

    ``device_class`` is one of PsychoPy's, or of a plug-in of PsychoPy's, with its whole name; ``parameters`` are what it is opened with.

    Example:
        >>> ResponseBox(kind="box", device_class="psychopy.hardware.button.KeyboardButtonBox", keys=("left", "right")).keys
        ('left', 'right')
    """

    kind: Literal["box"]
    # Whatever is named here is imported at the rig: PsychoPy's own and its plug-ins, nothing else.
    device_class: str = Field(pattern=r"^psychopy(_[a-z0-9_]+)?(\.[A-Za-z_]\w*)*\.[A-Z]\w*$", max_length=200)
    parameters: dict[str, str | int | float | bool | list[str] | list[int]] = Field(default_factory=dict)
    keys: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[a-z0-9_]{0,40}$")], ...],
        Field(strict=False, min_length=1, max_length=64),
    ]


Responses = Annotated[KeysOnly | ResponseBox, Field(discriminator="kind")]
