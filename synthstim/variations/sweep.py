"""A stimulus that was made on a decoder's latents, drawn again with some of them swept and the rest held: a factorial set."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import product
from pathlib import Path

import torch

from synthstim.decoders import decode, names_of, parts_of, placed, require_within, standardised
from synthstim.errors import InputError, nearest
from synthstim.kinds import PARAMETRISATIONS
from synthstim.models import Observer, Unit, read_units
from synthstim.parametrise import Decoded
from synthstim.recipe import Recipe, parse_yaml
from synthstim.recipe.registered import Options
from synthstim.stimulus_set import SetWriter, StimulusSet
from synthstim.verify.consistency import aim_of

# More are more than anybody shows, and most likely a slip.
MOST = 20_000
Source = tuple[str, Decoded, torch.Tensor, Unit | None]


def make_sweep(
    stimuli: StimulusSet,
    over: Mapping[str, Sequence[float]],
    out: str | Path,
    *,
    only: Sequence[str] | None = None,
    observer: Observer | None = None,
    parametrisation: Decoded | None = None,
) -> StimulusSet:
    """Write a set of stimuli drawn again at every combination of values of some latents, the others as they were.

    The table says of each which stimulus it is of (``identity``), its swept latents, and what the unit that the stimulus was
    made for does on the saved file (``activation``).

    Args:
        stimuli: a set whose stimuli are images of a decoder.
        over: values of latents in their own units, by name.
        out: directory of the set; it must not exist yet.
        only: ids of the stimuli to take; without it all that have latents.
        observer: what the set was made on, to read units; None reads none.
        parametrisation: what the set was made with, where that was given in Python.

    Raises:
        InputError: the set has no latents of a decoder, a latent is unknown, a value lies outside its prior, or a stimulus
            was held to constraints, which a sweep would break.

    Example:
        >>> turned = make_sweep(heads, {"yaw": [-45, 0, 45]}, "turned")
        >>> sorted(set(turned.table["yaw"]))
        [-45.0, 0.0, 45.0]
    """
    sources = _sources(stimuli, only, parametrisation)
    combinations = _combinations(over, sources)
    labels = {"identity": ("text", "The stimulus whose other latents this one has", "")}
    groups = {name: group for group, _ in parts_of(sources[0][1].decoder) for name in group.names}
    labels |= {name: ("number", f"Latent of the decoder, of {groups[name].name}", groups[name].unit) for name in over}
    with SetWriter(out, modality=stimuli.modality.name, labels=labels) as writer:
        for name, decoded, latents, unit in sources:
            for number, values in enumerate(combinations):
                swept = latents.clone()
                for place, value in placed(decoded.decoder, values).items():
                    swept[place] = value
                with torch.no_grad():
                    image = decode(decoded.decoder, swept[None]).clamp(0, 1)[0].float().numpy()
                stimulus_id = f"{name[:55]}_{number:04d}"
                written = writer.add(stimulus_id, image, name=name, kind="control", identity=name)
                writer.rows[-1].update(values, **writer.modality.statistics(written))
                if unit is not None and observer is not None:
                    shown = torch.from_numpy(writer.modality.read(written))[None].to(observer.device, observer.dtype)
                    activation = float(read_units(observer, shown, [unit])[0, 0])
                    writer.rows[-1].update(
                        observer=observer.name, layer=unit.layer, unit=unit.name, activation=activation
                    )
                writer.add_latents(stimulus_id, standardised(decoded.decoder, swept[None])[0].numpy())
        return StimulusSet.read(writer.commit(_facts(stimuli, over, sources)))


def _facts(stimuli: StimulusSet, over: Mapping[str, Sequence[float]], sources: Sequence[Source]) -> dict[str, object]:
    return {
        "swept": {
            "set": stimuli.root.name,
            "stimuli": [name for name, *_ in sources],
            "over": {name: list(values) for name, values in over.items()},
            "decoder": repr(sources[0][1].decoder),
        },
        "versions": {"python": platform.python_version(), "synthstim": version("synthstim")},
    }


def _combinations(over: Mapping[str, Sequence[float]], sources: Sequence[Source]) -> list[dict[str, float]]:
    if twice := [name for name, values in over.items() if values and len(set(values)) < len(values)]:
        raise InputError(f"a value of {twice[0]} is given twice; expected each once", "leave one out")
    if not over or not all(over.values()):
        raise InputError("nothing to sweep given", "name a latent and its values, such as yaw=-45,0,45", code="too-few")
    for _, decoded, _, _ in sources:
        if unknown := [name for name in over if name not in names_of(decoded.decoder)]:
            raise InputError(
                f"the decoder has no latent {unknown[0]!r}", nearest(unknown[0], names_of(decoded.decoder)), code="unknown", value=unknown[0]
            )  # fmt: skip
    count = len(sources) * math.prod(len(values) for values in over.values())
    if count > MOST:
        raise InputError(
            f"{count:,} images asked for; expected at most {MOST:,}", "sweep fewer values", code="too-large"
        )
    made = [dict(zip(over, map(float, values), strict=True)) for values in product(*over.values())]
    for _, decoded, _, _ in sources:
        for values in made:
            require_within(decoded.decoder, placed(decoded.decoder, values), decoded.within)
    return made


def _sources(stimuli: StimulusSet, only: Sequence[str] | None, own: Decoded | None) -> list[Source]:
    """Stimuli that have latents of a decoder: id, parametrisation, latents in their own units, and the unit that each was made for."""
    known = [str(name) for name in stimuli.table["stimulus_id"]]
    if missing := [name for name in only or () if name not in known]:
        raise InputError(
            f"{stimuli.root.name} has no stimulus {missing[0]!r}", nearest(missing[0], known), code="unknown"
        )
    found = list(_found(stimuli, only or known, own))
    if not found:
        raise InputError(
            f"no stimulus of {stimuli.root.name} has latents of a decoder",
            "sweep a set that was made with parametrisation: decoder",
            code="missing",
        )
    return found


def _found(stimuli: StimulusSet, names: Sequence[str], own: Decoded | None) -> Iterator[Source]:
    entries = {}
    if "recipe" in stimuli.provenance:
        recipe = Recipe.from_source(parse_yaml(stimuli.provenance["recipe"], name=f"the recipe of {stimuli.root.name}"))
        entries = {entry.name: entry for entry in recipe.stimuli}
    for row in stimuli.table.to_dict("records"):
        name, entry = str(row["stimulus_id"]), entries.get(str(row["name"]))
        latents = stimuli.latents(name) if name in names else None
        decoded = own or (
            _decoded(stimuli, str(row["file"]), entry.parametrisation) if entry and latents is not None else None
        )
        if latents is None or decoded is None:
            continue
        if entry is not None and entry.constraints.model_fields_set:
            raise InputError(
                f"{name} was held to constraints, which a sweep would break", "make it without them", code="mismatch"
            )
        if latents.shape != decoded.latent_shape:
            raise InputError(
                f"{name} has {latents.size} latents; its decoder has {decoded.latent_shape[0]}",
                "give the decoder that it was made with",
                code="mismatch",
            )
        aim = aim_of(stimuli, {str(key): value for key, value in row.items()})
        yield name, decoded, decoded.in_units(torch.from_numpy(latents)[None])[0], aim.unit if aim is not None else None


def _decoded(stimuli: StimulusSet, file: str, asked: Options | None) -> Decoded | None:
    if asked is None:
        return None
    channels, *size = stimuli.stimulus(file).shape
    input = stimuli.modality.input_of({"size": tuple(size), "channels": channels})
    made = PARAMETRISATIONS[asked.kind].build(input, asked)
    return made if isinstance(made, Decoded) else None
