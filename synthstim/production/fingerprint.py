"""What must be the same for a run to go on, or for a set to be the one that is asked for."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import torch
from torch import nn

from synthstim.files import sha256_of
from synthstim.parametrise import Parametrisation
from synthstim.production.jobs import Job
from synthstim.production.shards import Shard
from synthstim.recipe import STARTS, OfReference, Recipe
from synthstim.recipe.expected import listed
from synthstim.recipe.fields import files_of
from synthstim.verify import Measurer

Fingerprint = dict[str, str]
VERSIONS = ("synthstim", "torch", "timm", "kornia")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def fingerprint_of(
    recipe: Recipe,
    measurer: Measurer,
    jobs: list[Job],
    budget: int | None,
    parametrisation: Parametrisation | None = None,
    *,
    shard: Shard | None = None,
) -> Fingerprint:
    """Checksums of all that decides what a run makes, by what people call it."""
    observer = measurer.observer
    facts: dict[str, Any] = {
        "recipe": recipe.text,
        "reference, start or mask": [sha256_of(recipe.resolve(path)) for path in _files(recipe)],
        "budget (--budget)": budget,
        "number of stimuli at once (--at-once)": [len(job.items) for job in jobs],
        "observer": [observer.name, repr(observer.input), observer.axes.words, list(observer.sites)],
        "set of weights": observer.weights_sha256,
        "architecture": structure_of(observer.module) + [[name, *shape] for name, shape in observer.layers.items()],
        "natural pool": measurer.pool.sha256,
        "device or precision": [observer.device.type, str(observer.network_dtype)],
        f"version of {listed(VERSIONS, 'or')}": [version(name) for name in VERSIONS],
    }
    if parametrisation is not None:
        facts["parametrisation"] = [type(parametrisation).__qualname__, list(parametrisation.latent_shape)]
    if shard is not None:
        facts["shard (--shard)"] = str(shard)
    return {name: hashlib.sha256(json.dumps(value).encode()).hexdigest() for name, value in facts.items()}


def differences(found: object, wanted: Fingerprint) -> str:
    """What differs between the fingerprint of an earlier run and that of this one, in words; "" for nothing."""
    found = found if isinstance(found, Mapping) else {}
    return listed([name for name, value in wanted.items() if found.get(name) != value] or [""])


def _files(recipe: Recipe) -> list[str]:
    files = [path for series in recipe.series for path in series.between]
    for entry in recipe.stimuli:
        files += list(entry.reference) if isinstance(entry, OfReference) else []
        files += [] if entry.start in STARTS else [entry.start]
        files += [*files_of(entry.constraints), *(files_of(entry.parametrisation) if entry.parametrisation else ())]
    return files


def structure_of(module: nn.Module) -> list[list[str]]:
    """The parts of a module, with what they are set to and what they compute."""
    return [
        [name, type(part).__qualname__, _ADDRESS.sub("", part.extra_repr()), _computes(part)]
        for name, part in module.named_modules()
    ]


def _computes(part: nn.Module) -> str:
    # Networks that call functions rather than modules differ in their code alone.
    if isinstance(part, torch.jit.ScriptModule):
        return str(part.code)
    code = getattr(getattr(type(part), "forward", None), "__code__", None)
    return "" if code is None else f"{code.co_code.hex()} {' '.join(code.co_names)}"
