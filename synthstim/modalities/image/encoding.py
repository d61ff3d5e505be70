"""Observers for responses to images: shown them at their own size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from PIL import Image

from synthstim.errors import InputError
from synthstim.modalities.image import MODALITY, ImageInput
from synthstim.models import Observer
from synthstim.stimulus_set import StimulusSet

# A network runs on images of up to so many times the side that it was trained at.
MOST_TIMES = 2


def given_alike(
    openers: Sequence[Callable[..., Observer]],
    sets: Sequence[StimulusSet],
    ids: Sequence[str],
    wanted: tuple[int, int] | None,
) -> Iterator[tuple[Observer, str]]:
    """The observers at the size wanted, or at the images', or at that of the first of them; and why."""
    size = wanted or common_size(sets, ids)
    why = "as asked" if wanted else "as the stimuli are" if size else "the stimuli, of several sizes, are brought to it"
    for open_one in openers:
        opened = open_one()
        if isinstance(opened.input, ImageInput):
            size = size or opened.input.size
            opened = shown_at(opened, size)
        inside = getattr(opened.input, "resize", None)
        yield opened, f"{why}; it resizes them to {inside[0]} x {inside[1]}" if inside else why


def shown_at(observer: Observer, size: tuple[int, int]) -> Observer:
    """The observer shown images of a size: its network runs at that size, or else resizes them to its own.

    It resizes where the network takes one size only, as transformers do, and where the images are so large that running at
    their size would take long.

    Args:
        size: (height, width) in pixels.

    Raises:
        InputError: it can be shown neither.
    """
    own = observer.input
    assert isinstance(own, ImageInput)
    if size == own.size:
        return observer
    # Of the same shape as the images, and of the side that the network was trained at.
    scale = max(own.size) / max(size)
    smaller = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    tried = [None, smaller] if max(size) <= MOST_TIMES * max(own.size) else [smaller]
    for inside in tried:
        made = observer.given(replace(own, size=size, resize=own.resize or inside))
        try:
            made.layers  # noqa: B018 - runs the network once
            return made
        except InputError as error:
            if error.code != "does-not-run":
                raise
    return observer.given(replace(own, size=size, resize=own.resize or own.size))


def common_size(sets: Sequence[StimulusSet], ids: Sequence[str]) -> tuple[int, int] | None:
    """(height, width) of the images with these ids, if all have the same; None otherwise, and for other stimuli."""
    sizes = set()
    for part in sets:
        if part.modality is not MODALITY:
            return None
        for file in part.table.loc[part.table["stimulus_id"].isin(set(ids)), "file"]:
            try:
                with Image.open(part.path(file)) as opened:
                    sizes.add(opened.size)
            except OSError as error:
                raise InputError(
                    f"{part.path(file)} cannot be read ({error})", "restore it from a copy", code="unreadable"
                ) from None
    if len(sizes) != 1:
        return None
    width, height = sizes.pop()
    return (height, width)
