"""Experiments made of trials whose stimuli are sounds, or anything else that is loaded, due, started at a flip, and over."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from .hearing import Hearing
from .marker_bytes import onset_code
from .simulate import simulated
from .speaker import checked_device
from .trial_session import TrialSession

# How long a simulated participant listens to the noise that sets the volume.
_NOISE_HEARD_S = 1.0


class SoundSession(TrialSession):
    """A session of one participant, who is played sounds."""

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self._device, self._problems = self._checked_device()
        self._sounding, self._heard = "", 0

    def _checked_device(self) -> tuple[dict[str, Any], list[str]]:
        """What presents the stimuli, and what is wrong with it; nothing is opened yet."""
        return checked_device(self.directory, self.manifest, self.settings)

    # What code components call.

    def load(self, slot: str, cell: str) -> None:
        """Take the sound of a slot into memory."""
        if self._trial is not None and not self.skips:
            self._sounding = slot
            self._hearing.load(self._of_slot(self._trial, slot, cell)["file"])

    def load_fixed(self, name: str) -> None:
        """Take a sound that belongs to no trial into memory: ``level``."""
        self._sounding = ""
        self._hearing.load(self.manifest["fixed"][name])

    def sounding(self, due: bool) -> bool:
        """Play the sound at the flip after it is due; whether it is over."""
        if self._hearing.begins(due) and self._sounding:
            self._begin()
        return self._hearing.over

    def repeating(self, due: bool) -> None:
        """Play the sound at the flip after it is due, and again whenever it is over."""
        if self.sounding(due):
            self._hearing.again()

    def silence(self) -> None:
        """End what sounds still."""
        self._hearing.silence()

    def frame(self, **components: Any) -> None:
        """Ask to be told of the coming flip; called last in each frame."""
        super().frame()
        if simulated():
            # A virtual display has no refresh to wait for: the script would take the time that the sound needs.
            time.sleep(0.015)

    # What the base asks for.

    def _open_presenting(self, stem: str) -> dict[str, Any]:
        self._hearing, facts = self._presenter(stem)
        return facts

    def _presenter(self, stem: str) -> tuple[Any, dict[str, Any]]:
        """What presents stimuli that are not shown, and what the record says of it."""
        hearing = Hearing(self.directory, self._device["index"])
        # Opens the stream, long before the first sound.
        hearing.load(self.manifest["fixed"]["level"])
        return hearing, {"sound_device": self._device, "sound_problems": self._problems}

    def _presented(self) -> dict[str, Any]:
        return {"played": self._hearing.played, "underflows": self._hearing.underflows}

    def _close_presenting(self) -> dict[str, Any]:
        self._hearing.silence()
        return dict(self._hearing.facts)

    def _flip(self, time_s: float, ended: bool) -> None:
        super()._flip(time_s, ended)
        if not ended:
            self._hear()

    def _next_key(self) -> str | None:
        # Nobody sets the volume without having heard the noise.
        if self._routine == "set_level" and not self._hearing.heard_for(_NOISE_HEARD_S):
            return None
        return super()._next_key()

    # Inside.

    def _hear(self) -> None:
        if self._hearing.starts():
            if not self._sounding or self._trial is None:
                file = self.manifest["fixed"]["level"]
            else:
                told = self._trial.slots[self._sounding]
                told["onset_s"] = self._hearing.onset
                file = next(one["file"] for one in self.stimuli if one["stimulus_id"] == told[""])
            code = self._by_file[file]["marker_code"]
            self._send(onset_code(self.settings["markers"], code, self._heard))
            self._heard += 1
        elif self._marker_due is not None:
            self._send(self._marker_due)
            self._marker_due = None
