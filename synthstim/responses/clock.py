"""Two clocks of one session: the experiment's and the recording's, brought together by the markers both have seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthstim.errors import InputError
from synthstim.responses.files import listed

# Crystals differ by tens of parts per million; ten times that is a wrong rate or the wrong file.
MAX_DRIFT = 5e-4
# A marker leaves right after its flip; serial lines over USB add some milliseconds.
TOLERANCE_S = 0.005
# A run of so many lost markers is bridged when pairs are sought.
_REACH = 8
_IN_PARTS = "split the recording at its jumps"
Times = NDArray[np.float64]
Positions = NDArray[np.int64]
# Codes and times, of one length.
Markers = tuple[NDArray[np.int64], Times]


@dataclass(frozen=True)
class Clock:
    """The recording's time of an event: offset_s + (1 + drift) x the experiment's time.

    Attributes:
        offset_s, drift: of the line, fitted by least squares to the markers.
        residual_rms_s, residual_max_s: how far markers lie from it.
        markers: how many were fitted.
    """

    offset_s: float
    drift: float
    residual_rms_s: float
    residual_max_s: float
    markers: int

    def recorded(self, times_s: Times) -> Times:
        """The recording's time of each time of the experiment, in seconds."""
        return self.offset_s + (1 + self.drift) * np.asarray(times_s, dtype=np.float64)

    def __str__(self) -> str:
        return (
            f"clock fitted to {self.markers} markers: offset {self.offset_s:.4f} s, drift {1e6 * self.drift:.1f} ppm,"
            f" residuals {1e3 * self.residual_rms_s:.3f} ms RMS, {1e3 * self.residual_max_s:.3f} ms at most"
        )


def fit_clock(
    sent_s: Times,
    seen_s: Times,
    *,
    max_drift: float = MAX_DRIFT,
    tolerance_s: float = TOLERANCE_S,
    source: str = "the recording",
) -> Clock:
    """Fit a line through pairs of times of the same markers.

    Args:
        sent_s: when each marker was sent, in the experiment's seconds, in order.
        seen_s: when the recording saw it, in the recording's seconds.
        max_drift: the most by which the two rates may differ, relative.
        tolerance_s: the most by which a marker may lie off the line.

    Raises:
        InputError: there are fewer than three markers, time runs backwards, the clock jumps or drifts too much, or a
            marker lies off the line.

    Example:
        >>> sent = np.arange(100.0)
        >>> clock = fit_clock(sent, 12.5 + 1.0001 * sent)
        >>> round(clock.offset_s, 6), round(clock.drift, 8)
        (12.5, 0.0001)
    """
    sent, seen = np.asarray(sent_s, dtype=np.float64), np.asarray(seen_s, dtype=np.float64)
    if sent.shape != seen.shape or sent.ndim != 1 or len(sent) < 3:
        raise InputError(
            f"{len(sent)} markers sent and {len(seen)} seen do not fix {source}'s clock; expected 3 or more"
        )
    if not (np.isfinite(sent).all() and np.isfinite(seen).all()):
        raise InputError(f"a marker of {source} has no time")
    for name, times in (("the experiment", sent), (source, seen)):
        if (back := np.diff(times) <= 0).any():
            raise InputError(f"the clock of {name} runs backwards after marker {int(back.argmax()) + 1}", _IN_PARTS)
    clock, residuals = _line(sent, seen)
    if clock.residual_max_s > tolerance_s:
        raise _off_the_line(sent, seen, residuals, tolerance_s, source)
    if abs(clock.drift) > max_drift:
        raise InputError(
            f"the clock of {source} drifts by {1e6 * clock.drift:.0f} ppm, more than {1e6 * max_drift:.0f}: are its times in"
            " seconds, and is it this session's?",
            code="too-large",
        )
    return clock


def _line(sent: Times, seen: Times) -> tuple[Clock, Times]:
    centre = sent.mean()
    slope = ((sent - centre) @ (seen - seen.mean())) / ((sent - centre) @ (sent - centre))
    residuals = seen - seen.mean() - slope * (sent - centre)
    offset = seen.mean() - slope * centre
    rms = float(np.sqrt(np.mean(residuals**2)))
    return Clock(float(offset), float(slope - 1), rms, float(np.abs(residuals).max()), len(sent)), residuals


def _off_the_line(sent: Times, seen: Times, residuals: Times, tolerance_s: float, source: str) -> InputError:
    # A jump: the two sides of the largest step each lie on a line of their own.
    steps = np.diff(seen - sent)
    at = int(np.abs(steps - np.median(steps)).argmax()) + 1
    sides = [_line(sent[part], seen[part])[0] for part in (slice(None, at), slice(at, None)) if len(sent[part]) >= 3]
    if sides and all(side.residual_max_s <= tolerance_s for side in sides) and abs(steps[at - 1]) > tolerance_s:
        return InputError(
            f"the clock of {source} jumps by {steps[at - 1]:+.4f} s between markers {at} and {at + 1} of {len(sent)}",
            _IN_PARTS,
        )
    worst = int(np.abs(residuals).argmax())
    return InputError(
        f"marker {worst + 1} of {len(sent)} lies {1e3 * residuals[worst]:+.1f} ms off the line between the two clocks, more than"
        f" {1e3 * tolerance_s:g} ms",
        f"check the markers of {source}, or raise tolerance_s=... if they are that late",
        code="late",
    )


def pair_markers(
    sent: Markers,
    seen: Markers,
    *,
    missing: int = 0,
    max_drift: float = MAX_DRIFT,
    tolerance_s: float = TOLERANCE_S,
    source: str = "the recording",
) -> tuple[Positions, Positions]:
    """Which marker sent is which marker seen: by their codes in order, and by the time between them if some are lost.

    Args:
        sent: codes and times in the order in which the experiment sent them.
        seen: codes and times in the order in which the recording saw them.
        missing: how many may lack a partner, on either side.
        max_drift, tolerance_s: as for ``fit_clock``.

    Returns:
        Positions in ``sent`` and in ``seen`` of each pair.

    Raises:
        InputError: more lack a partner; they are listed.
    """
    if np.array_equal(sent[0], seen[0]):
        return np.arange(len(sent[0])), np.arange(len(seen[0]))
    reach = max(missing, _REACH)
    starts = sorted(np.ndindex(reach + 1, reach + 1), key=sum)
    chain: list[tuple[int, int]] = []
    for ours, theirs in starts:
        found = _chain(sent, seen, ours, theirs, reach, max_drift, 2 * tolerance_s)
        chain = max(chain, found, key=len)
        if len(chain) == min(len(sent[0]), len(seen[0])):
            break
    pairs = np.array(chain, dtype=np.int64).reshape(-1, 2).T
    lost = np.setdiff1d(np.arange(len(sent[0])), pairs[0])
    strange = np.setdiff1d(np.arange(len(seen[0])), pairs[1])
    if max(len(lost), len(strange)) > missing:
        parts = [
            f"{len(lost)} of {len(sent[0])} markers sent were not seen ({listed(lost)} from 0)" if len(lost) else "",
            f"{len(strange)} of {len(seen[0])} seen were not sent ({listed(strange)} from 0)" if len(strange) else "",
        ]
        raise InputError(
            f"{source}: {' and '.join(filter(None, parts))}",
            "give this session's markers, or allow some with missing_markers=...",
            code="lost-markers",
        )
    return pairs[0], pairs[1]


def _chain(
    sent: Markers, seen: Markers, ours: int, theirs: int, reach: int, max_drift: float, slack_s: float
) -> list[tuple[int, int]]:
    """Pairs from a first one on, each as long after the one before on both clocks, over as few that are lost as will do."""
    codes, times = [part.tolist() for part in sent], [part.tolist() for part in seen]
    if ours >= len(codes[0]) or theirs >= len(times[0]) or codes[0][ours] != times[0][theirs]:
        return []
    steps = sorted(((a, b) for a in range(1, reach + 2) for b in range(1, reach + 2)), key=sum)
    pairs = [(ours, theirs)]
    while True:
        for a, b in steps:
            i, j = ours + a, theirs + b
            if i < len(codes[0]) and j < len(times[0]) and codes[0][i] == times[0][j]:
                passed, there = codes[1][i] - codes[1][ours], times[1][j] - times[1][theirs]
                if abs(there - passed) <= slack_s + max_drift * passed:
                    break
        else:
            return pairs
        ours, theirs = i, j
        pairs.append((i, j))
