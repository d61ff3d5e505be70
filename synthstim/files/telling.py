"""What there is to say of many files, said once: warnings that differ in the file alone become one, with their count."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def told_once(files: Iterable[Path], where: str | Path) -> Iterator[None]:
    """Warnings of the block that begin with a file's name are given once for each thing that they say.

    Args:
        files: that are read in it.
        where: what they all lie in, for the message.
    """
    names = sorted((path.name for path in files), key=len, reverse=True)
    said: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            said = told
            yield
    finally:
        alike: dict[str, list[str]] = {}
        for one in said:
            message = str(one.message)
            alike.setdefault(_without_name(message, names), []).append(message)
        for messages in alike.values():
            more = f" ({len(messages) - 1} more like it in {where})" if messages[1:] else ""
            warnings.warn(f"{messages[0]}{more}", stacklevel=3)


def _without_name(message: str, names: list[str]) -> str:
    found = next((name for name in names if message.startswith(f"{name} ")), "")
    return message.removeprefix(found)
