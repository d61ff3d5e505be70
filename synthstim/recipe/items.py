"""The rows of a set: one item for each stimulus that a recipe asks for, with its id and its seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from synthstim.errors import InputError
from synthstim.goals import GOALS
from synthstim.recipe.stimuli import Item, StimulusSpec, Variant

if TYPE_CHECKING:
    from synthstim.recipe.schema import Recipe

MAX_ITEMS = 100_000
MAX_ID = 64
_SEED_BYTES = 6
_FIELDS = ("reference", "layers", "channel", "site", "level")


def expand(recipe: Recipe, sites: Sequence[str] = ()) -> list[Item]:
    """List the stimuli of a recipe, in its order: entry, what its goal lets items differ in, copy.

    An item's seed is the first 48 bits of the sha256 of the recipe's seed, the entry's name, the stem of the
    reference's file, the layers, the channel and the copy, as a JSON list; site and level follow in the list where an
    entry names sites or ``levels``, and what a goal adds of its own. So it stays what it is when other entries, layers, sites, levels or copies are added
    or removed, or when the recipe moves to another folder.

    Args:
        recipe: checked.
        sites: names of the observer's fitted sites, which ``sites: all`` stands for.

    Raises:
        InputError: two stimuli would have the same id, or there are too many.
    """
    if (total := count(recipe, sites)) > MAX_ITEMS:
        raise InputError(
            f"the recipe asks for {total:,} stimuli, more than {MAX_ITEMS:,}", "split it", code="too-large"
        )
    if found := clashes(recipe, sites):
        raise InputError(f"stimuli[{found[0][0]}].name {found[0][1]}")
    return list(_items(recipe, sites))


def count(recipe: Recipe, sites: Sequence[str] = ()) -> int:
    """How many stimuli a recipe asks for; those of ``sites: all`` count as far as the sites are known."""
    return sum(
        prod(map(len, GOALS[entry.goal].axes(entry, sites))) * entry.copies  # none of them is listed
        for entry in recipe.stimuli
    )


def clashes(recipe: Recipe, sites: Sequence[str] = ()) -> list[tuple[int, str]]:
    """The entries, at most one problem each, with a stimulus whose id another one has; by place in the recipe."""
    owners: dict[str, tuple[Item, int]] = {}
    places = {entry.name: place for place, entry in enumerate(recipe.stimuli)}
    problems: dict[int, str] = {}
    for item in _items(recipe, sites):
        place = places[item.entry.name]
        first, first_place = owners.setdefault(item.stimulus_id.lower(), (item, place))
        if first is not item:
            whose = "its own" if first_place == place else f"stimuli[{first_place}]'s"
            sentence = f"is {item.entry.name!r}, which gives {_told(item)} the id of {whose} {_told(first)}"
            problems.setdefault(place, f"{sentence}, {first.stimulus_id}: rename one")
    return list(problems.items())


def _told(item: Item) -> str:
    if item.reference is not None and item.layers is not None:
        return f"metamer of {PurePath(item.reference).name} at {'+'.join(item.layers)}, copy {item.copy}"
    unit = "" if item.channel is None else f" of channel {item.channel}"
    unit = unit if item.site is None else f" of site {item.site}"
    level = "" if item.level is None else f" at level {item.level:g}"
    return f"controller{unit}{level}, copy {item.copy}"


def _items(recipe: Recipe, sites: Sequence[str]) -> Iterator[Item]:
    for entry in recipe.stimuli:
        for chosen in product(*GOALS[entry.goal].axes(entry, sites)):
            for copy in range(entry.copies):
                yield _item(recipe.seed, entry, chosen, copy)


def _item(seed: int, entry: StimulusSpec, chosen: Sequence[Variant], copy: int) -> Item:
    given: dict[str, Any] = {}
    seeded: dict[str, Any] = {}
    for choice in chosen:
        given |= choice.given
        seeded |= choice.seeded
    fields = {name: given.pop(name) for name in _FIELDS if name in given}
    name = _id([entry.name, *(choice.part for choice in chosen if choice.part)], copy)
    return Item(
        stimulus_id=name, entry=entry, copy=copy, seed=_seed(seed, entry.name, copy, seeded), given=given, **fields
    )


def _id(parts: list[str], copy: int) -> str:
    head, tail = "_".join(parts), f"_{copy}"
    if len(head) + len(tail) > MAX_ID:
        digest = hashlib.sha256(head.encode()).hexdigest()[:8]
        head = f"{head[: MAX_ID - len(tail) - 9]}_{digest}"
    return head + tail


def _seed(seed: int, name: str, copy: int, seeded: Mapping[str, Any]) -> int:
    left = dict(seeded)
    stem, layers, channel, site, level = (left.pop(key, None) for key in ("stem", "layers", "channel", "site", "level"))
    content = [seed, name, stem, layers, channel, copy]
    # Left out where there is neither, so that recipes older than sites keep their seeds.
    content += [] if site is None and level is None else [site, None if level is None else float(level)]
    content += [sorted(left.items())] if left else []
    digest = hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).digest()
    return int.from_bytes(digest[:_SEED_BYTES], "big")
