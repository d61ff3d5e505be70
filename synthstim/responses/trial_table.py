"""The table of trials: its columns, and what each of them may hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from synthstim.errors import InputError, counted
from synthstim.ids import NAME_RULE, is_name
from synthstim.responses.files import listed
from synthstim.responses.labels import labels_of, quoted
from synthstim.responses.seconds import require_window

COLUMNS = ("stimulus_id", "repeat", "session", "site", "response", "window_start_s", "window_end_s")
# The checksum of the file that was shown, where the recording knows it.
OPTIONAL = ("sha256",)
MAX_TRIALS = 50_000_000
MAX_REPEAT = 2**31 - 1
TEXT = ("stimulus_id", "session", "site")
KEY = ("stimulus_id", "repeat", "session", "site", "window_start_s", "window_end_s")


def checked(trials: Any, source: str) -> pd.DataFrame:
    """The columns that are known, in their types.

    Raises:
        InputError: one is missing, or holds what it may not.
    """
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
        blank = "; a blank presentation has no row" if name == "stimulus_id" and codes[row] < 0 else ""
        raise InputError(f"{source}: row {row + 1} has no usable {name}{word}: every trial needs {NAME_RULE}{blank}")
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
            f"{source}: {counted(int(bad.sum()), 'trial')} of {len(bad)} {'is' if bad.sum() == 1 else 'are'} NaN or infinite, first row"
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
    twice = table.duplicated(list(KEY)).to_numpy()
    if twice.any():
        row = table.iloc[int(twice.argmax())]
        raise InputError(
            f"{source}: {counted(int(twice.sum()), 'trial')} {'appears' if twice.sum() == 1 else 'appear'} twice, first stimulus {row.stimulus_id},"
            f" repeat {row['repeat']}, session {row.session}, site {row.site}: number repeats within a session, name sessions apart"
        )
