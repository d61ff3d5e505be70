"""What this computer has of what the toolkit uses, and what each missing thing would stop."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement

from synthstim.experiment.rig.found import find_screens, find_speakers
from synthstim.experiment.running.virtual_display import has_display
from synthstim.kinds import CONSTRAINTS, CONTROLS, MODELS, PARAMETRISATIONS, POLICIES, READERS, READOUTS

# What each extra of the package is for.
EXTRAS = {
    "cluster": "make --workers and --cluster: Dask, SLURM",
    "evolve": "synthstim evolve: images from responses alone",
    "faces": "heads by shape, colours, pose and light: decoder head, train faces",
    "lsl": "markers and trials over Lab Streaming Layer",
    "networks": "fits over three networks (efficientnet-lite1 and -lite2)",
    "recordings": "responses in HDF5, netCDF and NWB files",
    "serial": "markers and rewards by a serial port from this computer",
    "simulate": "synthstim simulate: an animal to rehearse with",
    "smell": "odours: recordings of the fly's antenna",
}
# Programs, what they stop, and how Debian has them.
PROGRAMS = {
    "Xvfb": ("rehearsals where there is no screen", "apt-get install xvfb libgl1-mesa-dri"),
    "pulseaudio": (
        "rehearsals with sound where there is no sound device",
        "apt-get install pulseaudio libasound2-plugins",
    ),
}


@dataclass(frozen=True)
class Examined:
    """One thing that was looked for.

    Attributes:
        what: it is, in a word.
        ok: whether it is there; None where the computer can do without.
        said: what was found, or what is missing and what that stops.
    """

    what: str
    ok: bool | None
    said: str


def examine() -> Iterator[Examined]:
    """Look for everything, the quick things first.

    Example:
        >>> findings = list(examine())
        >>> [finding.what for finding in findings][:2]
        ['Python', 'packages']
    """
    fits = (3, 10) <= sys.version_info < (3, 13)
    yield Examined(
        "Python", fits, f"{platform.python_version()} on {platform.platform()}" + "; 3.10 to 3.12 expected" * (not fits)
    )
    yield from _packages()
    yield from _plugins()
    yield from _presenting()
    yield _computing()
    yield _room()


def _packages() -> Iterator[Examined]:
    asked = [Requirement(line) for line in importlib.metadata.requires("synthstim") or ()]
    core = [one for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})]
    wrong = [said for one in core if (said := _lacks(one))]
    yield Examined("packages", not wrong, "; ".join(wrong) or f"{len(core)}, all as this version wants them")
    for extra, stops in EXTRAS.items():
        own = [
            one for one in asked if one.marker is not None and one not in core and one.marker.evaluate({"extra": extra})
        ]
        missing = [said for one in own if (said := _lacks(one))]
        says = f"{'; '.join(missing)}: pip install 'synthstim[{extra}]' for {stops}" if missing else stops
        yield Examined(extra, None if missing else True, says)


def _lacks(asked: Requirement) -> str:
    """What is wrong with an installed package, or nothing."""
    try:
        version = importlib.metadata.version(asked.name)
    except importlib.metadata.PackageNotFoundError:
        return f"{asked.name} is not installed"
    fits = asked.specifier.contains(version, prereleases=True)
    return "" if fits else f"{asked.name} is {version}, {asked.specifier} expected"


def _plugins() -> Iterator[Examined]:
    for registry in (CONSTRAINTS, CONTROLS, MODELS, PARAMETRISATIONS, POLICIES, READERS, READOUTS):
        for said in registry.left_out:
            yield Examined("plug-in", False, said)


def _presenting() -> Iterator[Examined]:
    screens = find_screens()
    said = "; ".join(map(str, screens)) or "none here: experiments are rehearsed on a virtual one"
    yield Examined("screens", True if screens else None, said)
    speakers = find_speakers()
    heard = ", ".join(f"{one.name} ({one.rate_hz} Hz)" for one in speakers[:3])
    yield Examined(
        "speakers", True if speakers else None, heard or "no device that plays: sounds are rehearsed on a virtual one"
    )
    if sys.platform.startswith("linux"):
        needed = {"Xvfb": not has_display(), "pulseaudio": not speakers}
        for program, (stops, install) in PROGRAMS.items():
            found = shutil.which(program)
            said = found or f"not installed, which stops {stops} ({install})"
            yield Examined(program, True if found else False if needed[program] else None, said)


def _computing() -> Examined:
    import torch

    names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("mps")
    cores = f"{os.cpu_count()} processors, torch {torch.__version__}"
    return Examined("device", True, f"{cores}; {', '.join(names) or 'no GPU: everything runs, and takes longer'}")


def _room() -> Examined:
    free = shutil.disk_usage(os.getcwd()).free / 2**30
    return Examined("disk", free > 1, f"{free:.0f} GiB free here")
