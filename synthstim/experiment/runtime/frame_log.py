"""What was on the screen after each flip, and a row for each presentation of a stimulus.

Times are software times, taken when the flip returned; light reaches the eye later, by the display's own delay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .tables import StreamedTable

FRAME_COLUMNS = (
    "frame", "time_s", "missed", "routine", "drawn", "presentation", "stimulus_id", "onset", "marker",
)  # fmt: skip
# Of experiments made of trials: which trial of which part, and in which of its slots.
SLOT = "slot"
PRESENTATION_COLUMNS = (
    "presentation", "block", "trial", "item", "stimulus_id", "file", "sha256", "marker_code", "onset_frame",
    "onset_time_s", "offset_frame", "offset_time_s", "frames_planned", "frames_shown", "missed", "complete",
)  # fmt: skip


@dataclass
class Presentation:
    """A stimulus of the plan, and what became of it on the screen."""

    presentation: int
    block: int
    trial: int
    item: int
    stimulus_id: str
    file: str
    sha256: str
    marker_code: int
    frames_planned: int
    slot: str = ""
    onset_frame: int | None = None
    onset_time_s: float | None = None
    offset_frame: int | None = None
    offset_time_s: float | None = None
    frames_shown: int = 0
    missed: int = 0

    @property
    def complete(self) -> bool:
        """Whether it was shown for as many flips as planned (0: for any number), with no refresh missed."""
        return self.frames_shown == (self.frames_planned or self.frames_shown) > 0 and self.missed == 0


class FrameLog:
    """Two streamed tables: one row a flip, one row a presentation.

    A flip later than 1.5 refresh periods after the one before counts the refreshes missed in between.
    """

    def __init__(self, stem: str, refresh_hz: float, *, slots: bool = False) -> None:
        columns = (*PRESENTATION_COLUMNS, *([SLOT] if slots else []))
        self._frames = StreamedTable(Path(f"{stem}_frames.tsv"), FRAME_COLUMNS)
        self._presentations = StreamedTable(Path(f"{stem}_presentations.tsv"), columns)
        self._refresh_hz = refresh_hz
        self._last_time: float | None = None
        self._shown: tuple[Presentation, ...] = ()
        self.missed = 0

    @property
    def frames(self) -> int:
        """The number of flips logged."""
        return self._frames.count

    @property
    def presentations(self) -> int:
        """The number of presentations logged."""
        return self._presentations.count

    def flip(
        self,
        time_s: float,
        routine: str,
        drawn: Sequence[str],
        shown: tuple[Presentation, ...],
        send: Callable[[], int | None],
    ) -> None:
        """Log one flip.

        Args:
            time_s: when the flip returned, in seconds of the experiment's clock.
            drawn: names of the components that were drawn.
            shown: the presentations whose stimuli were drawn.
            send: sends the marker due at this flip, if any, and returns its code.
        """
        marker = send()
        frame = self._frames.count
        late = 0 if self._last_time is None else round((time_s - self._last_time) * self._refresh_hz) - 1
        missed = max(0, late)
        self._last_time = time_s
        self.missed += missed
        for one in self._shown:
            one.missed += missed
        begun = self.starting(shown)
        self._end(frame, time_s, going_on=shown)
        self._shown = shown
        for one in begun:
            one.onset_frame, one.onset_time_s = frame, time_s
        for one in shown:
            one.frames_shown += 1
        self._frames.add(
            {
                "frame": frame,
                "time_s": time_s,
                "missed": missed,
                "routine": routine,
                "drawn": "+".join(drawn) or None,
                "presentation": "+".join(str(one.presentation) for one in shown) or None,
                "stimulus_id": "+".join(one.stimulus_id for one in shown) or None,
                "onset": int(bool(begun)),
                "marker": marker,
            }
        )

    def starting(self, shown: tuple[Presentation, ...]) -> list[Presentation]:
        """Which of these would have their onset if they were shown now."""
        return [one for one in shown if not any(one is other for other in self._shown)]

    def _end(self, frame: int | None, time_s: float | None, *, going_on: tuple[Presentation, ...] = ()) -> None:
        for one in self._shown:
            if not any(one is other for other in going_on):
                one.offset_frame, one.offset_time_s = frame, time_s
                self._presentations.add({**vars(one), "complete": one.complete})

    def flush(self, *, to_disk: bool = False) -> None:
        """Write the rows that wait."""
        self._frames.flush(to_disk=to_disk)
        self._presentations.flush(to_disk=to_disk)

    def close(self) -> None:
        """End the presentation that is still on the screen and close both tables."""
        self._end(None, None)
        self._shown = ()
        self._frames.close()
        self._presentations.close()
