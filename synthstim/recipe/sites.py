"""What a recipe says of fitted sites, checked once the observer, and so their names, are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from synthstim.errors import nearest
from synthstim.recipe.stimuli import Controller
from synthstim.recipe.yaml_source import Location

if TYPE_CHECKING:
    from synthstim.recipe.schema import Recipe


def site_problems(
    recipe: Recipe, sites: Sequence[str], observer: str, *, spread: Callable[[], bool]
) -> Iterator[tuple[Location, str]]:
    """What of a recipe the fitted sites of its observer do not allow, each at its location.

    Args:
        recipe: checked by itself.
        sites: names of the observer's fitted sites; none for an observer without a fit.
        observer: how messages call it.
        spread: whether it has a spread over the members of an ensemble.
    """
    for index, entry in enumerate(recipe.stimuli):
        if not isinstance(entry, Controller) or not entry.of_sites:
            continue
        here: Location = ("stimuli", index)
        if not sites:
            yield (
                (*here, entry.says_what),
                f"is of fitted sites, but {observer} has none: write observer: fit:FOLDER, or a unit with layer and channel",
            )
            continue
        for location, site in entry.named_sites():
            if site not in sites:
                yield (*here, *location), f"names {site!r}, but no fitted site is called so: {nearest(site, sites)}"
        for location, why in entry.fit_problems(sites, observer, spread):
            yield (*here, *location), why
