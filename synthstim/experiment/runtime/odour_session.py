"""Experiments made of trials whose stimuli an olfactometer presents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .clock import clock_s
from .flows import flow_problem
from .olfactometer import Presenter
from .simulate import simulated
from .sound_session import SoundSession
from .stop import stopped


class OdourSession(SoundSession):
    """A session of one participant, who is given odours.

    The olfactometer stands where the speaker does: it is loaded, due, started at a flip, over.
    """

    def _checked_device(self) -> tuple[dict[str, Any], list[str]]:
        """That every flow is one that the olfactometer can give; nothing is opened yet."""
        for stimulus in self.stimuli:
            if said := flow_problem(stimulus, self.settings["olfactometer"]):
                raise stopped(f"{stimulus['stimulus_id']}: {said}: export again")
        return {}, []

    def _presenter(self, stem: str) -> tuple[Any, dict[str, Any]]:
        settings = self.settings["olfactometer"]
        table = Path(f"{stem}_olfactometer.tsv")
        opens = not simulated()
        presenter = Presenter(settings, self._by_file, table, clock_s, opens=opens)
        return presenter, {"olfactometer": settings["kind"] if opens else "simulated"}

    def _close_presenting(self) -> dict[str, Any]:
        facts = super()._close_presenting()
        self._hearing.close()
        return facts
