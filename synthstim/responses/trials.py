"""Recorded responses: one row a trial of a site, as ragged as the recording was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from synthstim.errors import InputError, counted, nearest
from synthstim.responses.files import listed
from synthstim.responses.seconds import Window
from synthstim.responses.trial_table import KEY, checked


@dataclass(frozen=True, repr=False)
class Responses:
    """A table of trials, checked when it is made.

    Attributes:
        trials: one row a trial of a site in a window, with the columns ``COLUMNS`` and perhaps ``sha256``. ``response`` is
            a spike count in the window, or whatever the recording holds; windows are seconds from stimulus onset. A trial
            that was not recorded has no row.
        source: where the table comes from, for messages and provenance.
        notes: what a reader did that a person should know.

    Raises:
        InputError: a column is missing, a trial is NaN or appears twice, or a window is empty.

    Example:
        >>> one = {"stimulus_id": "cat", "repeat": 0, "session": "1", "site": "a", "response": 3.0}
        >>> Responses(pd.DataFrame([one | {"window_start_s": 0.07, "window_end_s": 0.17}]))
        Responses(1 trial: 1 stimulus x 1 site, 1 session, window 0.07 to 0.17 s)
    """

    trials: pd.DataFrame
    source: str = "the table"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "trials", checked(self.trials, self.source))

    def __repr__(self) -> str:
        counts = [
            counted(len(self.trials), "trial"),
            f"{counted(len(self.stimulus_ids), 'stimulus', 'stimuli')} x {counted(len(self.sites), 'site')}",
        ]
        windows = self.windows
        shown = f"window {windows[0][0]:g} to {windows[0][1]:g} s" if len(windows) == 1 else f"{len(windows)} windows"
        return f"Responses({': '.join(counts)}, {counted(len(self.sessions), 'session')}, {shown})"

    def __len__(self) -> int:
        return len(self.trials)

    @property
    def sites(self) -> tuple[str, ...]:
        """Names of the sites, in the order in which they first appear."""
        return tuple(self.trials["site"].cat.categories)

    @property
    def stimulus_ids(self) -> tuple[str, ...]:
        """Ids of the stimuli, in the order in which they first appear."""
        return tuple(self.trials["stimulus_id"].cat.categories)

    @property
    def sessions(self) -> tuple[str, ...]:
        """Names of the sessions, in the order in which they first appear."""
        return tuple(self.trials["session"].cat.categories)

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows (start, end) in seconds from stimulus onset, in order."""
        unique = self.trials[["window_start_s", "window_end_s"]].drop_duplicates().sort_values(list(KEY[-2:]))
        return tuple((float(start), float(end)) for start, end in unique.to_numpy())

    @property
    def window(self) -> Window:
        """The one window.

        Raises:
            InputError: there are several.
        """
        windows = self.windows
        if len(windows) > 1:
            shown = listed(f"{start:g} to {end:g} s" for start, end in windows)
            raise InputError(
                f"{self.source} has {len(windows)} windows ({shown})",
                "choose one with only(window=...)",
                code="many-windows",
            )
        return windows[0]

    def only(
        self,
        *,
        sites: Iterable[str] | None = None,
        stimulus_ids: Iterable[str] | None = None,
        sessions: Iterable[str] | None = None,
        window: Window | None = None,
    ) -> Responses:
        """The trials of some sites, stimuli and sessions, in one window.

        Args:
            sites, stimulus_ids, sessions: names; all where they are left out.
            window: start and end after the onset in s, one of ``windows``.

        Raises:
            InputError: one that is named is not in the table.
        """
        keep = np.ones(len(self.trials), dtype=bool)
        for column, names in (("site", sites), ("stimulus_id", stimulus_ids), ("session", sessions)):
            if names is not None:
                wanted = list(dict.fromkeys(names))
                self._require(column, wanted)
                keep &= self.trials[column].isin(wanted).to_numpy()
        if window is not None:
            found = [have for have in self.windows if np.allclose(have, window, rtol=0, atol=1e-6)]
            if not found:
                shown = listed(f"{start:g} to {end:g} s" for start, end in self.windows)
                raise InputError(f"{self.source} has no window {window[0]:g} to {window[1]:g} s: it has {shown}")
            keep &= (self.trials["window_start_s"] == found[0][0]).to_numpy()
            keep &= (self.trials["window_end_s"] == found[0][1]).to_numpy()
        if not keep.any():
            raise InputError(f"no trial of {self.source} is left by that choice", "name fewer restrictions")
        return replace(self, trials=self.trials[keep])

    def without(self, *, sites: Iterable[str] = (), stimulus_ids: Iterable[str] = ()) -> Responses:
        """All trials but those of some sites or stimuli.

        Raises:
            InputError: one that is named is not in the table, or nothing is left.
        """
        leaving = {"site": list(sites), "stimulus_id": list(stimulus_ids)}
        keep = np.ones(len(self.trials), dtype=bool)
        for column, names in leaving.items():
            self._require(column, names)
            keep &= ~self.trials[column].isin(names).to_numpy()
        if not keep.any():
            raise InputError(f"no trial of {self.source} is left without those", "leave out fewer", code="missing")
        return replace(self, trials=self.trials[keep])

    def renamed(self, stimulus_ids: Mapping[str, str]) -> Responses:
        """The same trials under the stimulus set's ids.

        Args:
            stimulus_ids: the recording's label -> the set's id; labels that are not named stay.
        """
        new = self.trials["stimulus_id"].astype(str).map(lambda label: stimulus_ids.get(label, label))
        return replace(self, trials=self.trials.assign(stimulus_id=new))

    def _require(self, column: str, names: Sequence[str]) -> None:
        known = self.trials[column].cat.categories
        if unknown := [name for name in names if name not in known]:
            word = column.removesuffix("_id")
            raise InputError(f"{self.source} has no {word} {unknown[0]!r}: {nearest(str(unknown[0]), known)}")
