"""What a generation looks like on disk: its stimulus set, its names, and the images that evolution starts from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from synthstim.evolve.evolution import Evolution
from synthstim.evolve.settings import EvolveSettings, versions
from synthstim.files import sha256_of
from synthstim.ids import safe_id
from synthstim.modalities.image import FloatImage, write_png
from synthstim.stimulus_set import SetWriter, StimulusSet


def write_set(
    root: Path, generation: int, evolutions: Mapping[str, Evolution], settings: EvolveSettings
) -> StimulusSet:
    """Write the images that the evolutions of all sites ask for next as a set, complete or not at all."""
    stems = stems_of(settings.sites)
    with SetWriter(root, description=f"Generation {generation} of an evolution") as writer:
        for site, evolution in evolutions.items():
            images = evolution.ask().numpy()
            firsts = iter(_first_name(since, stems[site], row) for since, row in evolution.again_of)
            for row, (image, role) in enumerate(zip(images, evolution.roles, strict=True)):
                path = writer.add(
                    f"{name_of(generation)}_{stems[site]}_{row:03d}",
                    image,
                    name=name_of(generation),
                    kind="controller",
                    goal=settings.goal,
                    unit=site,
                    level=settings.level,
                    copy=row,
                    seed=settings.seed,
                    start=next(firsts) if role == "again" else role,
                    parametrisation="recombination" if settings.parents else f"fourier up to {settings.cutoff} cycles",
                    optimiser="recombination" if settings.parents else "CMA-ES",
                )
                writer.rows[-1].update(writer.modality.statistics(path))
        writer.commit({"evolution": settings.facts(), "generation": generation, "versions": versions()})
    return StimulusSet.read(root)


def _first_name(since: int, stem: str, row: int) -> str:
    """What an image was called when it was first shown: as a parent, before the first generation."""
    return f"{name_of(since) if since else 'parent'}_{stem}_{row:03d}"


def name_of(generation: int) -> str:
    """The name of a generation: of its set's folder, and how its ids begin."""
    return f"g{generation:03d}"


def stems_of(sites: tuple[str, ...]) -> dict[str, str]:
    """What ids call each site: its name as far as ids can hold it, or its number where two would be the same."""
    stems = {site: safe_id(site)[:48] for site in sites}
    if len({stem.lower() for stem in stems.values()}) == len(sites):
        return stems
    return {site: f"site{number}" for number, site in enumerate(sites)}


def keep_image(folder: Path, image: FloatImage) -> str:
    """Write an image under the checksum of its file; return it."""
    folder.mkdir(exist_ok=True)
    new = folder / ".new.png"
    write_png(new, image)
    digest = sha256_of(new)
    new.replace(folder / f"{digest}.png")
    return digest
