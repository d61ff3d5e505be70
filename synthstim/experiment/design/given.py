"""A design.yaml of one's own in the place of a protocol's design."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from synthstim.errors import InputError
from synthstim.experiment.design.schema import Design
from synthstim.experiment.protocol import Protocol
from synthstim.experiment.setting import value_of
from synthstim.recipe import read_yaml, validate


def with_design(protocol: Protocol, path: str | Path | None) -> Protocol:
    """The protocol with what a design.yaml says; a key that it lacks stays as the protocol has it.

    Raises:
        InputError: the protocol has no design, the file is wrong, or it has other slots than the protocol shows.
    """
    if path is None:
        return protocol
    own = protocol.design
    if own is None:
        raise InputError(
            f"{protocol.name} has no design to be changed", "leave --design out, or choose a protocol made of trials"
        )
    source = read_yaml(path)
    merged = {**own.model_dump(mode="json", exclude_unset=True), **source.data}
    design = validate(dataclasses.replace(source, data=merged), Design)
    if set(design.slots) != set(own.slots):
        raise InputError(
            f"{Path(path).name} has the slots {', '.join(design.slots)}, {protocol.name} shows {', '.join(own.slots)}",
            "name the same in each arrangement",
        )
    settings = dict(protocol.settings)
    for name, value in design.settings.items():
        if name not in settings:
            raise InputError(
                f"{Path(path).name} sets {name!r}, which {protocol.name} lacks", "leave it out", code="unknown"
            )
        settings[name] = settings[name].model_copy(update={"default": value_of(name, settings[name], value)})
    changed = protocol.model_copy(update={"design": design, "settings": settings})
    changed._home = protocol.home
    return changed
