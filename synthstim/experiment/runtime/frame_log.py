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

    def __init__(self, stem: str, refresh_hz: float) -> None:
        self._frames = StreamedTable(Path(f"{stem}_frames.tsv"), FRAME_COLUMNS)
        self._presentations = StreamedTable(Path(f"{stem}_presentations.tsv"), PRESENTATION_COLUMNS)
        self._refresh_hz = refresh_hz
        self._last_time: float | None = None
        self._shown: Presentation | None = None
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
        shown: Presentation | None,
        send: Callable[[], int | None],
    ) -> None:
        """Log one flip.

        Args:
            time_s: when the flip returned, in seconds of the experiment's clock.
            routine: the routine that drew it.
            drawn: names of the components that were drawn.
            shown: the presentation whose stimulus was drawn, or None.
            send: sends the marker due at this flip, if any, and returns its code.
        """
        marker = send()
        frame = self._frames.count
        late = 0 if self._last_time is None else round((time_s - self._last_time) * self._refresh_hz) - 1
        missed = max(0, late)
        self._last_time = time_s
        self.missed += missed
        if self._shown is not None:
            self._shown.missed += missed
        onset = shown is not None and shown is not self._shown
        if shown is not self._shown:
            self._end(frame, time_s)
            self._shown = shown
        if shown is not None:
            if onset:
                shown.onset_frame, shown.onset_time_s = frame, time_s
            shown.frames_shown += 1
        self._frames.add(
            {
                "frame": frame,
                "time_s": time_s,
                "missed": missed,
                "routine": routine,
                "drawn": "+".join(drawn) or None,
                "presentation": shown.presentation if shown else None,
                "stimulus_id": shown.stimulus_id if shown else None,
                "onset": int(onset),
                "marker": marker,
            }
        )

    def starts(self, shown: Presentation | None) -> bool:
        """Whether showing this now would be an onset."""
        return shown is not None and shown is not self._shown

    def _end(self, frame: int | None, time_s: float | None) -> None:
        if self._shown is not None:
            self._shown.offset_frame, self._shown.offset_time_s = frame, time_s
            self._presentations.add({**vars(self._shown), "complete": self._shown.complete})
            self._shown = None

    def flush(self, *, to_disk: bool = False) -> None:
        """Write the rows that wait."""
        self._frames.flush(to_disk=to_disk)
        self._presentations.flush(to_disk=to_disk)

    def close(self) -> None:
        """End the presentation that is still on the screen and close both tables."""
        self._end(None, None)
        self._frames.close()
        self._presentations.close()
