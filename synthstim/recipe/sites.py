"""What a recipe says of fitted sites, checked once the observer, and so their names, are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from synthstim.errors import nearest
from synthstim.recipe.stimuli import Controller
from synthstim.recipe.units import ALL
from synthstim.recipe.yaml_source import Location

if TYPE_CHECKING:
    from synthstim.recipe.schema import Recipe


def site_problems(
    recipe: Recipe, sites: Sequence[str], observer: str, *, spread: bool
) -> Iterator[tuple[Location, str]]:
    """What of a recipe the fitted sites of its observer do not allow, each at its location.

    Args:
        recipe: checked by itself.
        sites: names of the observer's fitted sites; none for an observer without a fit.
        observer: how messages call it.
        spread: whether it has a spread over the members of an ensemble, which ``caution`` reads.
    """
    for index, entry in enumerate(recipe.stimuli):
        if not isinstance(entry, Controller) or not entry.of_sites:
            continue
        here: Location = ("stimuli", index)
        if not sites:
            where = "pattern" if entry.unit is None else "unit"
            yield (*here, where), f"is of fitted sites, but {observer} has none: write observer: fit:FOLDER"
            continue
        for location, site in _names(entry):
            if site not in sites:
                yield (*here, *location), f"names {site!r}, but no fitted site is called so: {nearest(site, sites)}"
        if entry.goal == "one_hot" and entry.unit is not None:
            for site in entry.unit.site_list(sites):
                if not other_sites(entry, site, sites):
                    yield (
                        (*here, "goal"),
                        f"is 'one_hot', but there is no site to hold down beside {site!r}: name others",
                    )
                    break
        if entry.caution and not spread:
            yield (*here, "caution"), f"wants the spread of an ensemble, but {observer} is one fit: fit an ensemble"


def other_sites(entry: Controller, target: str, sites: Sequence[str]) -> tuple[str, ...]:
    """The sites that a one_hot controller of a site holds down: those that are named, or all, but itself."""
    named = sites if entry.others is None else entry.others.site_list(sites)
    return tuple(site for site in named if site != target)


def _names(entry: Controller) -> Iterator[tuple[Location, str]]:
    """Every site that an entry names, and where."""
    if entry.unit is None:
        yield from ((("pattern", site), site) for site in entry.pattern or ())
        return
    if entry.unit.site is not None:
        yield ("unit", "site"), entry.unit.site
    for where, spec in (("unit", entry.unit), ("others", entry.others)):
        if spec is not None and spec.sites is not None and spec.sites != ALL:
            yield from (((where, "sites", place), site) for place, site in enumerate(spec.sites))
