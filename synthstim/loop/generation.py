"""A generation: a folder whose finished artefacts say where it stands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from synthstim.errors import InputError
from synthstim.files import sha256_of
from synthstim.loop.inbox import data_files, signature
from synthstim.loop.tables import read_frame
from synthstim.responses import Responses, read_table
from synthstim.stimulus_set import StimulusSet

# What a generation still lacks, in the order in which it comes to be; each appears whole.
STEPS = ("set", "experiment", "responses.tsv", "fit", "predicted.tsv", "report.html")
PLAN = ("stimulus_id", "role", "goal", "kind", "target", "level", "group", "start")
ROLES = {
    "natural": "natural stimuli of generation 0",
    "exploit": "made for a goal",
    "explore": "shown to teach the model",
    "anchor": "shown again",
    "control": "to compare with",
}


def plan_table(rows: Sequence[Sequence[object]]) -> pd.DataFrame:
    """Rows of a plan (``PLAN``) with the types that a plan has when it is read, so that plans can be joined."""
    return pd.DataFrame(rows, columns=list(PLAN)).astype(
        {name: "float64" if name == "level" else "string" for name in PLAN}
    )


@dataclass(frozen=True)
class Generation:
    """One generation of a session.

    Attributes:
        root: its folder, ``generation-003``.
        number: from 0.
    """

    root: Path
    number: int

    @property
    def lacks(self) -> str | None:
        """The first of ``STEPS`` that is not there; None when the generation is finished."""
        return next((name for name in STEPS if not (self.root / name).exists()), None)

    @property
    def name(self) -> str:
        """What its session is called in tables of responses."""
        return self.root.name

    @property
    def inbox(self) -> Path:
        """Where its responses arrive."""
        return self.root / "inbox"

    @property
    def experiment(self) -> Path:
        """The experiment that shows it."""
        return self.root / "experiment"

    @property
    def stimuli(self) -> StimulusSet:
        """Its stimulus set."""
        return StimulusSet.read(self.root / "set")

    @property
    def plan(self) -> pd.DataFrame:
        """Why each image is shown: a row for each image and what it is shown for (``PLAN``)."""
        return read_frame(self.root / "plan.tsv", text=[name for name in PLAN if name != "level"])

    @property
    def responses(self) -> Responses:
        """The trials that were taken in."""
        return read_table(self.root / "responses.tsv")

    @property
    def late(self) -> list[str]:
        """Files of the inbox that were put there, or changed, after the responses were taken in: nobody reads them."""
        if not (self.root / "responses.tsv").exists():
            return []
        files = self.taken["files"]
        found = {name: (size, changed) for name, size, changed in signature(self.inbox)}
        return [name for name in data_files(found) if not self._as_taken(name, *found[name], files.get(name, {}))]

    def _as_taken(self, name: str, size: int, changed: int, facts: dict[str, Any]) -> bool:
        """Whether a file is the one that was taken in; a copy of it has a time of its own."""
        if size != facts.get("bytes"):
            return False
        return changed == facts.get("mtime_ns") or _checksum(self.inbox / name, changed) == facts.get("sha256")

    @property
    def taken(self) -> dict[str, Any]:
        """Which files were taken in, with their checksums, and what they held."""
        return read_json(self.root / "taken.json")

    def table(self, name: str) -> pd.DataFrame:
        """One of the tables that come with ``predicted.tsv``; empty where there is none."""
        path = self.root / name
        text = ("stimulus_id", "role", "goal", "kind", "target", "site", "status", "predicted_by")
        return read_frame(path, text=text) if path.exists() else pd.DataFrame()


@lru_cache(maxsize=1024)
def _checksum(path: Path, changed: int) -> str:
    """That of a file as it was at a time; who looks again and again reads it once."""
    return sha256_of(path)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of the session's own.

    Raises:
        InputError: it is not there or damaged.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} cannot be read ({error})", "restore it from a copy", code="unreadable") from None
