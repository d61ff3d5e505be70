"""A session: a directory with its settings, its log and one folder a generation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from synthstim.encoding import Fit, load_fit
from synthstim.errors import InputError
from synthstim.loop.generation import Generation, read_json
from synthstim.loop.log import Log
from synthstim.loop.settings import LOOP, LoopSettings, read_settings
from synthstim.models import Observer
from synthstim.observers import open_observer
from synthstim.recipe import ObserverSpec

# What the settings said when the session began, as far as it must stay so.
BEGUN = "generation-000/begun.json"
_NAME = re.compile(r"generation-(\d{3,})")


@dataclass(frozen=True)
class LoopSession:
    """A closed loop on disk; where it stands is read from what is there, each time anew.

    Attributes:
        root: the directory.
        settings: of loop.yaml, when the session was read.
        opening: how the observer is opened: ``device``, ``allow_code``, ``allow_download``.

    Example:
        >>> LoopSession.read("monkey_b").newest.lacks
        'responses.tsv'
    """

    root: Path
    settings: LoopSettings
    opening: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, directory: str | Path, **opening: Any) -> LoopSession:
        """Read a session.

        Raises:
            InputError: the directory is no session, or loop.yaml has problems or changed what stays as it was begun.
        """
        root = Path(directory)
        if not (root / LOOP).is_file():
            raise InputError(f"{root} is not a session: it has no {LOOP}; make one with: synthstim loop init {root}")
        settings = read_settings(root / LOOP)
        if (root / BEGUN).is_file():
            _require_as_begun(settings, read_json(root / BEGUN))
        return cls(root, settings, opening)

    @property
    def generations(self) -> list[Generation]:
        """The generations that were begun, from 0."""
        found = sorted(
            (int(match[1]), path)
            for path in self.root.iterdir()
            if path.is_dir() and (match := _NAME.fullmatch(path.name))
        )
        if [number for number, _ in found] != list(range(len(found))) or not found:
            raise InputError(
                f"{self.root} lacks a generation before the newest", "restore its folder from a copy", code="missing"
            )
        return [Generation(path, number) for number, path in found]

    @property
    def newest(self) -> Generation:
        """The generation in work."""
        return self.generations[-1]

    @property
    def log(self) -> Log:
        """The session's log."""
        return Log(self.root / "log.tsv")

    @property
    def lock(self) -> Path:
        """The file that keeps other processes out."""
        return self.root / "lock"

    def begin(self, number: int) -> Generation:
        """The folder of a generation, made if it is not there."""
        made = Generation(self.root / f"generation-{number:03d}", number)
        made.root.mkdir(exist_ok=True)
        return made

    @cached_property
    def observer(self) -> Observer:
        """The network that sites are fitted to, as it is shown images."""
        return open_settings_observer(self.settings, self.root, self.opening)

    def fit(self, generation: Generation) -> Fit:
        """The fit that stands in a generation's folder."""
        return load_fit(generation.root / "fit", self.observer)


def lasting(settings: LoopSettings) -> dict[str, Any]:
    """What stays as it is in a session: responses in other windows, or to a network shown other sizes, do not go together."""
    asked = settings.observer
    size = None if asked.size is None else list(asked.size)
    return {
        "observer.name": asked.name, "observer.size": size, "observer.duration_s": asked.duration_s,
        "window_s": list(settings.window_s), "level_dbfs": settings.level_dbfs,
    }  # fmt: skip


def _require_as_begun(settings: LoopSettings, begun: Mapping[str, Any]) -> None:
    for name, value in lasting(settings).items():
        if name in begun and begun[name] != value:
            raise InputError(
                f"{LOOP}: {name} is {value}, this session began with {begun[name]}",
                "put it back, or begin another session with: synthstim loop init --from",
            )


def open_settings_observer(settings: LoopSettings, folder: Path, opening: Mapping[str, Any]) -> Observer:
    """Open the observer of some settings whose paths start in a folder.

    Raises:
        InputError: it cannot be opened, or is given neither images nor sounds.
    """
    asked = settings.observer
    weights = asked.weights if asked.weights in ("default", "random") else folder / asked.weights
    # Images have no rate.
    rate = None if asked.rate_hz == ObserverSpec.model_fields["rate_hz"].default else asked.rate_hz
    observer = open_observer(
        asked.name, weights=weights, size=asked.size, seconds=asked.duration_s, rate=rate, axes=asked.axes, **opening
    )
    if not observer.input.modality.looped:
        raise InputError(
            f"{observer.name} {observer.input.modality.is_given}: the loop shows images or plays sounds, name an observer that"
            " sees or hears"
        )
    try:
        observer.require(settings.layers)
    except InputError as error:
        raise InputError(f"{LOOP}: layers: {error}") from None
    return observer
