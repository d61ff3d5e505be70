"""The rows of a set: one item for each stimulus that a recipe asks for, with its id and its seed."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from synthstim.errors import InputError
from synthstim.recipe.stimuli import Controller, Metamer

if TYPE_CHECKING:
    from synthstim.recipe.schema import Recipe

MAX_ITEMS = 100_000
MAX_ID = 64
_SEED_BYTES = 6


@dataclass(frozen=True, kw_only=True)
class Item:
    """One stimulus to make.

    Attributes:
        stimulus_id: unique in the recipe whatever the case; 64 characters at most.
        entry: the entry of the recipe that asks for it.
        reference: a metamer's reference, as the recipe writes it: ``recipe.resolve(item.reference)`` is the file.
        layers: the layers that a metamer matches, jointly when there are several.
        channel: the channel of a controller; None for flat indices.
        site: the fitted site of a controller; None for units of a layer, and for patterns.
        level: the activation that a level controller is to reach.
        copy: number of the copy, from 0.
        seed: of the item's own random generator, 48 bits.
    """

    stimulus_id: str
    entry: Metamer | Controller
    reference: str | None = None
    layers: tuple[str, ...] | None = None
    channel: int | None = None
    site: str | None = None
    level: float | None = None
    copy: int
    seed: int


def expand(recipe: Recipe, sites: Sequence[str] = ()) -> list[Item]:
    """List the stimuli of a recipe, in its order: entry, reference, layers or channel or site, level, copy.

    An item's seed is the first 48 bits of the sha256 of the recipe's seed, the entry's name, the stem of the
    reference's file, the layers, the channel and the copy, as a JSON list; site and level follow in the list where an
    entry names sites or ``levels``. So it stays what it is when other entries, layers, sites, levels or copies are added
    or removed, or when the recipe moves to another folder.

    Args:
        recipe: checked.
        sites: names of the observer's fitted sites, which ``sites: all`` stands for.

    Raises:
        InputError: two stimuli would have the same id, or there are too many.
    """
    if (total := count(recipe, sites)) > MAX_ITEMS:
        raise InputError(f"the recipe asks for {total:,} stimuli, more than {MAX_ITEMS:,}: split it")
    if found := clashes(recipe, sites):
        raise InputError(f"stimuli[{found[0][0]}].name {found[0][1]}")
    return list(_items(recipe, sites))


def count(recipe: Recipe, sites: Sequence[str] = ()) -> int:
    """How many stimuli a recipe asks for; those of ``sites: all`` count as far as the sites are known."""
    total = 0
    for entry in recipe.stimuli:
        if isinstance(entry, Metamer):
            total += len(entry.reference) * len(entry.layers) * entry.copies
        else:
            total += len(_targets(entry, sites)) * len(entry.levels or (0,)) * entry.copies
    return total


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
        if isinstance(entry, Metamer):
            yield from _metamers(recipe.seed, entry)
        else:
            yield from _controllers(recipe.seed, entry, sites)


def _metamers(seed: int, entry: Metamer) -> Iterator[Item]:
    several = len(entry.reference) > 1
    for reference in entry.reference:
        stem = unicodedata.normalize("NFC", PurePath(reference).stem)
        for layers in entry.layers:
            parts = [entry.name, *([_plain(stem)] if several else []), "__".join(map(_plain, layers))]
            for copy in range(entry.copies):
                yield Item(
                    stimulus_id=_id(parts, copy),
                    entry=entry,
                    reference=reference,
                    layers=layers,
                    copy=copy,
                    seed=_seed(seed, entry.name, stem, layers, None, copy),
                )


def _targets(entry: Controller, sites: Sequence[str]) -> Sequence[tuple[int | None, str | None]]:
    """The channel and the site of each unit that gets controllers of its own."""
    if entry.unit is None:
        return [(None, None)]
    if entry.unit.of_sites:
        return [(None, site) for site in entry.unit.site_list(sites)]
    return [(channel, None) for channel in entry.unit.channel_list or (None,)]


def _controllers(seed: int, entry: Controller, sites: Sequence[str]) -> Iterator[Item]:
    unit = entry.unit
    for channel, site in _targets(entry, sites):
        parts = [entry.name, *([f"ch{channel}"] if unit and unit.channels else [])]
        parts += [_distinct(site)] if unit and unit.sites is not None and site is not None else []
        for level in entry.levels or (None,):
            named = [*parts, *([] if level is None else [f"at{_plain(f'{level:g}')}"])]
            for copy in range(entry.copies):
                yield Item(
                    stimulus_id=_id(named, copy),
                    entry=entry,
                    channel=channel,
                    site=site,
                    level=entry.level if level is None else level,
                    copy=copy,
                    seed=_seed(seed, entry.name, None, None, channel, copy, site, level),
                )


def _id(parts: list[str], copy: int) -> str:
    head, tail = "_".join(parts), f"_{copy}"
    if len(head) + len(tail) > MAX_ID:
        digest = hashlib.sha256(head.encode()).hexdigest()[:8]
        head = f"{head[: MAX_ID - len(tail) - 9]}_{digest}"
    return head + tail


def _plain(text: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", text.replace(".", "-"))
    # Names in other scripts would all become the same underscores.
    return plain if text.isascii() else f"{plain}{hashlib.sha256(text.encode()).hexdigest()[:4]}"


def _distinct(site: str) -> str:
    """A site's name as part of an id; two names that differ only in what an id cannot hold stay two."""
    plain = _plain(site)
    return plain if plain == site or not site.isascii() else f"{plain}{hashlib.sha256(site.encode()).hexdigest()[:4]}"


def _seed(
    seed: int,
    name: str,
    stem: str | None,
    layers: tuple[str, ...] | None,
    channel: int | None,
    copy: int,
    site: str | None = None,
    level: float | None = None,
) -> int:
    content = [seed, name, stem, layers, channel, copy]
    # Left out where there is neither, so that recipes older than sites keep their seeds.
    content += [] if site is None and level is None else [site, None if level is None else float(level)]
    digest = hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).digest()
    return int.from_bytes(digest[:_SEED_BYTES], "big")
