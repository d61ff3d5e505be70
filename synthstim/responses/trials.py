"""Recorded responses: one row a trial of a site, as ragged as the recording was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from synthstim.errors import InputError, nearest
from synthstim.ids import NAME_RULE, is_name
from synthstim.responses.files import listed
from synthstim.responses.labels import labels_of, quoted
from synthstim.responses.seconds import Window, require_window

COLUMNS = ("stimulus_id", "repeat", "session", "site", "response", "window_start_s", "window_end_s")
# The checksum of the file that was shown, where the recording knows it.
OPTIONAL = ("sha256",)
MAX_TRIALS = 50_000_000
MAX_REPEAT = 2**31 - 1
TEXT = ("stimulus_id", "session", "site")
_KEY = ("stimulus_id", "repeat", "session", "site", "window_start_s", "window_end_s")


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
        object.__setattr__(self, "trials", _checked(self.trials, self.source))

    def __repr__(self) -> str:
        counts = [
            _count(len(self.trials), "trial"),
            f"{_count(len(self.stimulus_ids), 'stimulus', 'stimuli')} x {_count(len(self.sites), 'site')}",
        ]
        windows = self.windows
        shown = f"window {windows[0][0]:g} to {windows[0][1]:g} s" if len(windows) == 1 else f"{len(windows)} windows"
        return f"Responses({': '.join(counts)}, {_count(len(self.sessions), 'session')}, {shown})"

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
        unique = self.trials[["window_start_s", "window_end_s"]].drop_duplicates().sort_values(list(_KEY[-2:]))
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


def _checked(trials: Any, source: str) -> pd.DataFrame:
    if not isinstance(trials, pd.DataFrame):
        raise InputError(f"{source} is a {type(trials).__name__}; expected a pandas table of trials")
    if absent := [name for name in COLUMNS if name not in trials]:
        raise _lacking(source, absent, [str(name) for name in trials.columns])
    if (twice := trials.columns[trials.columns.duplicated()]).isin((*COLUMNS, *OPTIONAL)).any():
        raise InputError(f"{source} has the column {twice[0]} twice", "leave one out")
    if not 0 < len(trials) <= MAX_TRIALS:
        raise InputError(f"{source} holds {len(trials):,} trials; expected 1 to {MAX_TRIALS:,}")
    out: dict[str, Any] = {}
    for name in COLUMNS:
        out[name] = _names(trials[name], name, source) if name in TEXT else _numbers(trials[name], name, source)
    if "sha256" in trials:
        digests = trials["sha256"].astype("string")
        out["sha256"] = digests.mask(digests == "n/a").astype("category")
    table = pd.DataFrame({name: pd.Series(values).reset_index(drop=True) for name, values in out.items()})
    _check_trials(table, source)
    return table


def _lacking(source: str, absent: Sequence[str], there: Sequence[str]) -> InputError:
    """The mistake of a table without some columns."""
    column = f"lacks the column{'s' if len(absent) > 1 else ''} {listed(absent, len(COLUMNS))}"
    if set(absent) <= {"window_start_s", "window_end_s"}:
        return InputError(
            f"{source} {column}: the window in which responses were counted",
            "give window_s=(start, end) in seconds from the onset",
            code="no-window",
        )
    return InputError(
        f"{source} {column}; it has {listed(there)}",
        f"a row is one trial of one site, with {', '.join(COLUMNS)}",
        code="missing",
    )


def coded(codes: np.ndarray, names: Sequence[str]) -> pd.Categorical:
    """A column of names from positions among them."""
    return pd.Categorical.from_codes(codes, pd.Index(list(names), dtype="str"))


def _names(values: pd.Series, name: str, source: str) -> pd.Categorical:
    # On the few names, not on the many trials. Numbers become their text: site 7 of one file is site 7 of another.
    codes, unique = pd.factorize(values)
    text = labels_of(unique, f"{source}: {name}")
    usable = np.array([*map(is_name, text), False])
    if (bad := ~usable[codes]).any():
        row = int(bad.argmax())
        word = quoted(text[codes[row]] if codes[row] >= 0 else None)
        raise InputError(f"{source}: row {row + 1} has no usable {name}{word}: every trial needs {NAME_RULE}")
    again, words = pd.factorize(np.array(text, dtype=object))
    return coded(again[codes], [str(word) for word in words])


def _numbers(values: pd.Series, name: str, source: str) -> np.ndarray:
    # Truth values and dates would become numbers without a word.
    kinds = {type(value) for value in values} if values.dtype == object else {values.dtype.type}
    if odd := [
        kind for kind in kinds if issubclass(kind, (bool, np.bool_, np.complexfloating, np.datetime64, np.timedelta64))
    ]:
        raise InputError(f"{source}: the column {name} holds values of the kind {odd[0].__name__}; expected numbers")
    try:
        numbers = pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError):
        row = next((row for row, value in enumerate(values) if not _is_number(value)), 0)
        given = f"{str(values.iloc[row])[:40]!a} as {name}"
        raise InputError(f"{source}: row {row + 1} has {given}; expected a number") from None
    bad = ~np.isfinite(numbers)
    if name == "response" and bad.any():
        raise InputError(
            f"{source}: {_count(int(bad.sum()), 'trial')} of {len(bad)} {'is' if bad.sum() == 1 else 'are'} NaN or infinite, first row"
            f" {int(bad.argmax()) + 1}: a trial that was not recorded has no row"
        )
    if bad.any():
        raise InputError(f"{source}: row {int(bad.argmax()) + 1} has no {name}")
    if name != "repeat":
        return numbers
    bad = (numbers < 0) | (numbers != np.rint(numbers)) | (numbers > MAX_REPEAT)
    if bad.any():
        row = int(bad.argmax())
        raise InputError(
            f"{source}: row {row + 1} has repeat {numbers[row]:.12g}; expected a whole number from 0 to {MAX_REPEAT}"
        )
    return numbers.astype(np.int32)


def _is_number(value: Any) -> bool:
    try:
        float(0 if value is pd.NA else value)
    except (ValueError, TypeError):
        return False
    return True


def _check_trials(table: pd.DataFrame, source: str) -> None:
    for row in table[["window_start_s", "window_end_s"]].drop_duplicates().itertuples(name=None):
        require_window(row[1:], f"{source}: row {row[0] + 1}")
    twice = table.duplicated(list(_KEY)).to_numpy()
    if twice.any():
        row = table.iloc[int(twice.argmax())]
        raise InputError(
            f"{source}: {_count(int(twice.sum()), 'trial')} {'appears' if twice.sum() == 1 else 'appear'} twice, first stimulus {row.stimulus_id},"
            f" repeat {row['repeat']}, session {row.session}, site {row.site}: number repeats within a session, name sessions apart"
        )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
