"""The images that evolutions begin with, as the folder keeps them; those that are recombined are chosen by responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from synthstim.constraints import project_all
from synthstim.errors import InputError, said_by, share
from synthstim.evolve.generation import keep_image
from synthstim.evolve.recombination import FEWEST, Parents
from synthstim.evolve.settings import EvolveSettings
from synthstim.files import as_tsv, sha256_of
from synthstim.goals import GOALS
from synthstim.goals.aim import Aim
from synthstim.modalities.image import MODALITY, fit_image, read_image
from synthstim.responses import Responses, mean_responses, require_match
from synthstim.responses.files import listed
from synthstim.stimulus_set import StimulusSet

PARENTS = "parents.tsv"
# Of a session, for each site.
MOST = 60
IMAGES = "starts"
# Levels of 8 bits by which an image that was made within limits may miss them, once it is rounded.
LEVELS = 2.0


def parents_of(shown: StimulusSet, responses: Responses, settings: EvolveSettings) -> dict[str, Parents]:
    """The best images of a set for each site, at the evolution's size.

    Args:
        shown: the set that was presented.
        responses: trials of it, in one window.
        settings: of the evolution: its sites, size, goal.

    Raises:
        InputError: the responses are of other stimuli, or lack a site, or answer too few images, or the images are not within
            the constraints.
    """
    if shown.modality != MODALITY:
        raise InputError(f"{shown.root} holds {shown.modality.plural}", "give a set of images", code="mismatch")
    require_match(responses, shown.table)
    if absent := [site for site in settings.sites if site not in responses.sites]:
        raise InputError(
            f"{responses.source} lacks the site {absent[0]}: it has {listed(responses.sites)}", code="missing"
        )
    found = mean_responses(responses, [str(name) for name in shown.table["stimulus_id"]])
    chosen = {}
    for site in settings.sites:
        column = found.sites.index(site)
        mean, count = found.mean[:, column], found.count[:, column]
        known = np.flatnonzero(count > 0)
        if len(known) < FEWEST:
            raise InputError(
                f"{responses.source}: {site} answered {len(known)} images of {shown.root}; expected {FEWEST} or more",
                code="too-few",
            )
        merits = GOALS[settings.goal].merit(mean[known], Aim(goal=settings.goal, level=settings.level))
        best = known[np.argsort(-merits, kind="stable")[:MOST]]
        images = torch.stack([_fitted(shown, int(row), settings) for row in best])
        _require_within(images, [str(shown.table["stimulus_id"].iloc[row]) for row in best], settings)
        chosen[site] = Parents(images, mean[best], count[best], float(mean[known].mean()))
    return chosen


def _require_within(images: torch.Tensor, names: Sequence[str], settings: EvolveSettings) -> None:
    """What was measured is shown again as it was, so it has to be within the limits of what is born of it."""
    changed = (project_all(settings.projections, images) - images).abs().flatten(1).amax(1) * 255 > LEVELS
    if bool(changed.any()):
        raise InputError(
            f"{share(int(changed.sum()), len(images), 'image that was shown', 'is', 'are', 'images that were shown')} not within the"
            f" constraints, such as {names[int(changed.nonzero()[0])]}",
            "leave the constraints out, or show a set that was made with them",
            code="mismatch",
        )


def _fitted(shown: StimulusSet, row: int, settings: EvolveSettings) -> torch.Tensor:
    path = shown.path(str(shown.table["file"].iloc[row]))
    return torch.from_numpy(fit_image(read_image(path), settings.channels, settings.size, "crop"))


def write_parents(folder: Path, parents: Mapping[str, Parents]) -> str:
    """Write the images and parents.tsv into an evolution's folder; return the table's checksum."""
    rows = [
        {"site": site, "file": keep_image(folder / IMAGES, image.numpy()), "mean": mean, "count": int(count),
         "average": these.average}
        for site, these in parents.items()
        for image, mean, count in zip(these.images, these.means, these.counts, strict=True)
    ]  # fmt: skip
    (folder / PARENTS).write_bytes(as_tsv(pd.DataFrame(rows), float_format="%.17g"))
    return sha256_of(folder / PARENTS)


def read_parents(folder: Path, digest: str) -> dict[str, Parents]:
    """The parents of each site, as ``write_parents`` wrote them.

    Raises:
        InputError: the table or an image is missing, or has changed.
    """
    path = folder / PARENTS
    _require(path, digest)
    try:
        table = pd.read_csv(path, sep="\t", dtype={"site": str, "file": str})
        found = {}
        for site, rows in table.groupby("site", sort=False):
            files = [folder / IMAGES / f"{image}.png" for image in rows["file"]]
            for file in files:
                _require(file, file.stem)
            images = torch.stack([torch.from_numpy(read_image(file)) for file in files])
            found[str(site)] = Parents(
                images, rows["mean"].to_numpy(), rows["count"].to_numpy(), float(rows["average"].iloc[0])
            )
    except (KeyError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({said_by(error)})", code="unreadable") from None
    return found


def read_starts(folder: Path, digests: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """The image that each site's evolution starts from, by the checksum of its file.

    Raises:
        InputError: a file is missing, or has changed.
    """
    files = {site: folder / IMAGES / f"{digest}.png" for site, digest in digests.items()}
    for file in files.values():
        _require(file, file.stem)
    return {site: torch.from_numpy(read_image(file)) for site, file in files.items()}


def _require(path: Path, digest: str) -> None:
    if not path.is_file() or sha256_of(path) != digest:
        raise InputError(f"{path} is missing or has changed", "restore it from a copy", code="changed")
