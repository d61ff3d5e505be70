"""The rooms of the package, in the order in which data flows: a room imports only from those above it.

The test of imports and the table in CONTRIBUTING.md come from this list; ``python tests/flow.py`` writes the table anew.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Rooms of one line may not import one another; a room within a room stands where its own name does.
ROOMS: list[dict[str, str]] = [
    {"errors": "what a user is told of a mistake", "lazily": "names that are imported when they are first used"},
    {
        "ids": "what may be a name",
        "catalogue": "the package's own models by name",
        "papers": "where methods come from",
        "registry": "lists that plug-ins join",
    },
    {"kinds": "those lists: goals, models, readers, ..."},
    {
        "recipe.calibration": "levels at the ear",
        "recipe.expected": "what a schema expects, in words",
        "recipe.fields": "fields of recipes",
        "recipe.problems": "mistakes with their file and line",
        "recipe.registered": "fields that name an entry of a list",
        "recipe.yaml_source": "YAML with the lines of its values",
    },
    {"configuration": "the user's settings", "files": "checksums, places, the one atomic writer, locks"},
    {"modalities": "all that depends on what kind of stimulus it is"},
    {
        "images": "its images by a short name",
        "sounds": "its sounds likewise",
        "odours": "its odours",
        "movies": "its movies",
    },
    {"models": "observers: networks and classical models whose layers and units can be read"},
    {"stimulus_set": "sets on disk"},
    {"responses": "recorded responses"},
    {"encoding": "layers -> recorded sites"},
    {"modalities.image.encoding": "images that are fitted to", "modalities.sound.encoding": "sounds likewise"},
    {"observers": "the observer that a name opens: a model, a function of the user's, fitted sites"},
    {"lesions": "which units a task needs, and what it loses without them"},
    {"decoders": "generators and renderers: latents with priors -> images"},
    {
        "distortions": "directions of change that an observer notices most and least",
        "objectives": "what is maximised",
        "parametrise": "latents behind stimuli",
        "constraints": "projections",
        "robustness": "random movement",
    },
    {
        "recipe.constraints": "limits that a recipe sets",
        "recipe.making": "how a recipe has a stimulus made",
        "recipe.series": "the series of mixtures that it asks for",
        "recipe.stimuli": "the entries of a recipe",
        "recipe.units": "the units that it names",
    },
    {"goals": "match, drive, suppress, ...: from a recipe's words to the card of the report"},
    {"recipe": "what a user asks for, as validated data"},
    {"optimise": "the loop, the optimisers, stopping, checkpoints"},
    {"verify": "measuring saved files, null distributions, checks"},
    {
        "modalities.image.natural": "photographs to compare with",
        "modalities.sound.natural": "recordings to compare with",
        "modalities.odour.natural": "odorants to compare with",
    },
    {"modalities.movie.natural": "photographs that move, to compare with"},
    {"controls": "what controllers are compared with: natural images, noise, Gabors, other sites' images"},
    {"variations": "sweeps and pairs along the latents of a decoder"},
    {"production": "recipe -> jobs -> phases -> set"},
    {
        "modalities.image.synthesis": "the phases of an image",
        "modalities.sound.synthesis": "those of a sound",
        "modalities.odour.synthesis": "those of an odour",
        "modalities.movie.synthesis": "those of a movie",
    },
    {"experiment": "set + protocol + rig -> PsychoPy experiment"},
    {"presented": "what was shown, as NWB and BIDS events"},
    {"report": "the page that people look at and listen to"},
    {
        "modalities.image.report": "images on it",
        "modalities.sound.report": "sounds on it",
        "modalities.odour.report": "odours on it",
    },
    {"modalities.movie.report": "movies on it"},
    {"analysis": "what participants answered, and how many are needed"},
    {"simulate": "an animal to rehearse with"},
    {"evolve": "a closed loop without a model"},
    {"online": "one trial by trial"},
    {"loop": "one by generations"},
    {"progress": "what a terminal shows meanwhile"},
    {"demonstration": "the whole way once", "training": "the small networks that the package carries, trained anew"},
    {
        "modalities.image.demonstration": "that of images",
        "modalities.sound.demonstration": "that of sounds",
        "modalities.odour.demonstration": "that of odours",
    },
    {"doctor": "what this computer has", "starters": "folders to begin from"},
    {"cli": "the command line"},
]
PLACE = {room: place for place, rooms in enumerate(ROOMS) for room in rooms}
_TABLE = re.compile(r"\| room \| holds \|\n(\|.*\n)+")


def table() -> str:
    """The rooms as CONTRIBUTING.md shows them, a line each."""
    rows = [(", ".join(map(_path, rooms)), "; ".join(rooms.values())) for rooms in ROOMS]
    return "".join(f"| {names} | {holds} |\n" for names, holds in [("room", "holds"), ("---", "---"), *rows])


def _path(room: str) -> str:
    place = room.replace(".", "/")
    return f"`{place}/`" if (ROOT / "synthstim" / place).is_dir() else f"`{place}.py`"


def contributing(write: bool = False) -> tuple[str, str]:
    """CONTRIBUTING.md as it is, and as it should be."""
    page = ROOT / "CONTRIBUTING.md"
    text = page.read_text(encoding="utf-8")
    wanted = _TABLE.sub(lambda _: table(), text)
    if write:
        page.write_text(wanted, encoding="utf-8")
    return text, wanted


if __name__ == "__main__":
    contributing(write=True)
