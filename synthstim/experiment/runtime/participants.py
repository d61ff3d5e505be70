"""The participants that an experiment has orders for: which number may take part, and where its plan and tables are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from .lock import take_lock
from .plan import read_plan
from .simulate import REHEARSAL, data_folder, simulated
from .stop import stopped
from .trials import finished

NUMBER = "SYNTHSTIM_PARTICIPANT"


class Participants:
    """The participants 1 to N of an exported experiment."""

    def __init__(self, directory: Path, manifest: Mapping[str, Any]) -> None:
        self._directory, self._protocol = directory, manifest["protocol"]
        self.count: int = manifest["participants"]
        self.passes: int = manifest["criteria"]["headphone_pass"]
        self._plans = read_plan(directory / "plan.tsv")
        self._held: tuple[int, IO[bytes]] | None = None

    def problem(self, number: int) -> str:
        """Why a number may not take part, in a sentence, or nothing."""
        sentence, lock = self._try(number)
        if lock is not None:
            lock.close()
        return sentence

    def claim(self, number: int) -> str:
        """Take a number for this run, so that no other can; returns why not, in a sentence, or nothing."""
        if self._held is not None and self._held[0] == number:
            return ""
        sentence, lock = self._try(number)
        if lock is not None:
            self._held = number, lock
        return sentence

    def release(self) -> None:
        """Let other runs have the number again."""
        if self._held is not None:
            self._held[1].close()
        self._held = None

    def _try(self, number: int) -> tuple[str, IO[bytes] | None]:
        if not 1 <= number <= self.count:
            return f"participant {number} has no order, 1 to {self.count} have: give another number", None
        if not self.plan(number):
            return f"plan.tsv has no trial of participant {number}: restore it from a copy, or export again", None
        lock = take_lock(Path(f"{self.stem(number)}.lock"))
        if lock is None:
            return f"participant {number} is in another run now: end that one, or give another number", None
        if finished(self.stem(number), self.plan(number), passes=self.passes):
            lock.close()
            return f"participant {number} has finished: give another number", None
        return "", lock

    def given(self, settings: Mapping[str, Any]) -> int | None:
        """The number that the environment or settings.json gives, claimed; None where it is to be asked for.

        Raises:
            SystemExit: it may not take part, or nobody is left who may.
        """
        text = str(os.environ.get(NUMBER) or settings["participant"] or "")
        if text and not text.isdecimal():
            raise stopped(f"the participant {text[:40]!r} is not a number: give a whole one")
        if text and (problem := self.claim(int(text))):
            raise stopped(problem)
        # Before anybody took part there is no folder of data, and none is made: the sound device may yet be refused.
        if not text and self.stem(1).parent.is_dir() and self.first_free() is None:
            again = (
                f"remove {self._directory / REHEARSAL} to rehearse anew" if simulated() else "export it again for more"
            )
            raise stopped(f"all {self.count} participants have finished, or are in another run now: {again}")
        return int(text) if text else None

    def first_free(self) -> int | None:
        """The first number that may take part; None where everybody has."""
        return next((number for number in range(1, self.count + 1) if not self.problem(number)), None)

    def conditions(self, number: int) -> str:
        """The conditions file of a participant, relative to the folder."""
        return f"conditions/participant_{number:03d}.csv"

    def plan(self, number: int) -> list[dict[str, Any]]:
        """The trials of a participant."""
        return self._plans.get(number, [])

    def stem(self, number: int) -> Path:
        """The path of a participant's tables, without their last words."""
        return self._directory / data_folder() / f"{self._protocol}_participant_{number:03d}"
