"""The README of an exported experiment, for the person at the rig."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from synthstim.errors import InputError, said_by
from synthstim.experiment.builder.pieces import Setup
from synthstim.experiment.marker_codes import CODES, FIRST_STIMULUS
from synthstim.experiment.protocol import Protocol
from synthstim.experiment.protocol_reading import README, protocols_folder
from synthstim.experiment.texts import filled

_SHARED = {"images": "rig_readme.md.j2", "movies": "rig_readme.md.j2", "files": "device_readme.md.j2"}
_OF_TRIALS = "trials_readme.md.j2"
# What markers need beside PsychoPy, by their kind.
_NEEDS = {"serial": "`pyserial`", "lsl": "`pylsl`", "parallel": "`pyparallel` (Linux) or the driver inpout32 (Windows)"}


def write_readme(
    path: Path, protocol: Protocol, setup: Setup, page: Mapping[str, Any], *, set_name: str, default_rig: bool
) -> None:
    """Fill the protocol's README.md.j2, or the one that protocols of its kind share where it has none.

    Args:
        page: what the template may name beside the protocol, the settings and the rig.
        default_rig: whether no rig was given.
    """
    # A template is data, wherever its protocol comes from: it reads what it is given, and calls nothing.
    environment = ImmutableSandboxedEnvironment(
        loader=jinja2.FileSystemLoader([protocol.home, protocols_folder()]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # The template escapes by itself, with the filter below: the page is Markdown, not HTML.
        autoescape=False,
    )
    environment.filters["plain"] = plain
    rig = setup.rig
    shared = _OF_TRIALS if protocol.plan == "trials" else _SHARED.get(protocol.stimuli, "listening_readme.md.j2")
    try:
        text = environment.select_template([README, shared]).render(
            page,
            protocol=protocol,
            warnings=[filled(warning, page, f"a warning of {protocol.name}") for warning in protocol.warnings],
            settings=setup.settings,
            durations={name: (frames, rig.milliseconds(frames)) for name, frames in setup.frames.items()},
            rig=rig,
            default_rig=default_rig,
            set_name=set_name,
            codes=CODES,
            first_code=FIRST_STIMULUS,
            needs=_NEEDS,
        )
    except Exception as error:  # a template may fail in any way
        raise InputError(f"{README} of {protocol.name} cannot be filled ({said_by(error)})", "correct it") from None
    path.write_text(text, encoding="utf-8", newline="\n")


def plain(value: object) -> str:
    """A value from a set or a rig as harmless Markdown text: one line, with every mark of Markdown escaped.

    >>> plain("a*b <script>")
    'a\\\\*b \\\\<script\\\\>'
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~$&])", r"\\\1", line)
