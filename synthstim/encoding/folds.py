"""Folds over stimuli: what is one photograph, or one file, never stands on both sides."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthstim.errors import InputError, counted

Groups = Mapping[str, object] | str | None
Folds = int | Mapping[str, int]
MIN_PER_FOLD = 3


def assign_folds(table: pd.DataFrame, *, folds: Folds = 5, groups: Groups = None, seed: int = 0) -> NDArray[np.int64]:
    """The fold of each stimulus.

    Args:
        table: a row a stimulus, ``stimulus_id`` and ``sha256``.
        folds: how many, or the fold of each id.
        groups: id -> what it was cropped from, or the name of a column that says so; ids that are not named stand for
            themselves. Files with one checksum are always one group.
        seed: of the order in which groups are dealt out.

    Returns:
        (stimulus,) numbers from 0.

    Raises:
        InputError: folds that were given share a group or a file, or there are too few stimuli or groups.

    Example:
        >>> table = pd.DataFrame({"stimulus_id": list("abcdefghi"), "sha256": list("123456789")})
        >>> np.bincount(assign_folds(table, folds=3))
        array([3, 3, 3])
    """
    ids = [str(name) for name in table["stimulus_id"]]
    names, group = _groups(table, ids, groups)
    numbers = _given(ids, group, names, folds) if isinstance(folds, Mapping) else _dealt(group, folds, seed)
    sizes = np.bincount(numbers)
    if sizes.min() < MIN_PER_FOLD:
        raise InputError(
            f"{len(ids)} stimuli in {counted(int(group.max()) + 1, 'group')} make a fold of {sizes.min()}; expected"
            f" {MIN_PER_FOLD} or more",
            "use fewer folds or more stimuli",
            code="too-few",
        )
    return numbers


def _groups(table: pd.DataFrame, ids: list[str], groups: Groups) -> tuple[list[str], NDArray[np.int64]]:
    """A name for what each stimulus was made of, and the number of its group."""
    if isinstance(groups, str):
        if groups not in table:
            raise InputError(f"the table of stimuli has no column {groups!r} to group by", code="unknown")
        groups = dict(zip(ids, table[groups], strict=True))
    if groups and (unknown := [name for name in groups if name not in set(ids)]) and len(unknown) == len(groups):
        raise InputError(f"none of the groups names a stimulus that was recorded, first {unknown[0]!r}")
    of = groups or {}
    names = [f"of {of[name]}" if name in of and not pd.isna(of[name]) else f"itself {name}" for name in ids]  # type: ignore[call-overload]
    number = pd.factorize(np.array(names, dtype=object))[0]
    # Groups that share a file become one.
    file = pd.factorize(table["sha256"].astype(str))[0]
    while True:
        least = pd.Series(number).groupby(file).transform("min")
        joined = least.groupby(number).transform("min").to_numpy()
        if np.array_equal(joined, number):
            return names, pd.factorize(number)[0].astype(np.int64)
        number = joined


def _given(ids: list[str], group: NDArray[np.int64], names: list[str], folds: Mapping[str, int]) -> NDArray[np.int64]:
    if absent := [name for name in ids if name not in folds]:
        raise InputError(f"{len(absent)} stimuli have no fold, first {absent[0]!r}", "give every stimulus one")
    numbers = np.unique([folds[name] for name in ids], return_inverse=True)[1].astype(np.int64)
    if numbers.max() < 1:
        raise InputError("all stimuli are in one fold; expected two or more")
    for row, number in enumerate(numbers):
        first = int(np.flatnonzero(group == group[row])[0])
        if numbers[first] != number:
            why = names[row].removeprefix("of ") if names[row] == names[first] else "one file"
            raise InputError(
                f"{ids[first]} and {ids[row]} are of {why} but in folds {folds[ids[first]]} and {folds[ids[row]]}: what is"
                " of one image must stay in one fold"
            )
    return numbers


def _dealt(group: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    sizes = np.bincount(group)
    if not 2 <= folds <= len(sizes):
        raise InputError(
            f"{folds} folds given for {counted(len(sizes), 'group')} of stimuli; expected 2 or more, and at most one a group",
            code="too-few",
        )
    order = np.random.default_rng(seed).permutation(len(sizes))
    # The largest first, each to the fold that has least.
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled, fold_of = np.zeros(folds, dtype=np.int64), np.zeros(len(sizes), dtype=np.int64)
    for one in order:
        fold_of[one] = int(filled.argmin())
        filled[fold_of[one]] += sizes[one]
    return fold_of[group]
