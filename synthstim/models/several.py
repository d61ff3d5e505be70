"""Several observers of the same stimuli as one: the layers of each under its name, ``a.blocks.2`` beside ``b.features.5``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.ids import OBSERVER_NAME, OBSERVER_RULE
from synthstim.modalities.base import StimulusInput
from synthstim.models.axes import CHANNEL, Axes
from synthstim.models.layer_axes import LayerAxes
from synthstim.models.log_odds import log_odds
from synthstim.models.observer import Observer
from synthstim.models.survey import Survey

# What an observer with a decision has besides its own layers: of each answer, log(p / (1 - p)) by a softmax of its outputs.
LOG_ODDS = "log_odds"
# The layers that one is read from, and how.
Derived = tuple[tuple[str, ...], Callable[[list[Tensor]], Tensor]]


class SideBySide(nn.Module):
    """The networks of several observers, which run each for itself."""

    def __init__(self, parts: Mapping[str, Observer]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(part.module for part in parts.values())
        self.shown = {name: part.input for name, part in parts.items()}

    def extra_repr(self) -> str:
        """What each is given: the same networks with other preprocessing are others."""
        return "; ".join(f"{name}: {input!r}" for name, input in self.shown.items())


class AxesOfSeveral(LayerAxes):
    """The axes of each observer's layers."""

    def __init__(self, owner: SeveralObservers) -> None:
        self.owner = owner
        self.declared = {}

    def of(self, layer: str) -> Axes:
        """The axes of a layer of one of them.

        Raises:
            InputError: they are in doubt, or there is no such layer.
        """
        self.owner.require([layer])
        if layer in self.owner.derived:
            return Axes((CHANNEL,))
        name, inside = self.owner.split(layer)
        with _naming(name):
            return self.owner.parts[name].axes.of(inside)

    def require_fitting(self) -> None:
        """Each has seen to its own when it was opened."""

    @property
    def words(self) -> dict[str, str]:
        """What is declared of each, and each layer that was asked for."""
        return _prefixed({name: part.axes.words for name, part in self.owner.parts.items()})

    def all(self) -> dict[str, Axes | None]:
        """Every layer's axes; None where they are in doubt."""
        known = _prefixed({name: part.axes.all() for name, part in self.owner.parts.items()})
        return {layer: known.get(layer, Axes((CHANNEL,))) for layer in self.owner.layers}


class SeveralObservers(Observer):
    """Observers that are given the same stimuli, as one; see ``synthstim.observers.together``.

    Its layers are those of each behind the name that it has here; its decision is what those decide whose layers are asked
    about. An observer whose decision is read from a layer has a layer ``NAME.log_odds`` besides. A layer that is named in
    ``joined`` stands, under that name alone, for those of all observers that have it, one after the other.

    Args:
        parts: two or more, by their names.
        joined: layers (batch, value) of parts that are put together.

    Raises:
        InputError: there are fewer than two, a name is none, or they are given different stimuli.
    """

    def __init__(self, parts: Mapping[str, Observer], *, joined: Sequence[str] = ()) -> None:
        _require_together(parts)
        first = next(iter(parts.values()))
        for part in parts.values():
            part.to(first.device)
        groups = {
            name: {group: tuple(f"{name}.{layer}" for layer in layers) for group, layers in part.groups.items()}
            for name, part in parts.items()
        }
        super().__init__(
            SideBySide(parts),
            input=first.input.unprocessed,
            name=" + ".join(part.name for part in parts.values()),
            weights=" + ".join(part.weights for part in parts.values()),
            decision=_decided if any(part.decision for part in parts.values()) else None,
            stages=[f"{name}.{stage}" for name, part in parts.items() for stage in part.stages],
            groups=_prefixed(groups),
            sites=[f"{name}.{site}" for name, part in parts.items() for site in part.sites],
        )
        self.parts, self.joined = dict(parts), tuple(joined)
        self.axes = AxesOfSeveral(self)

    def given(
        self,
        input: StimulusInput,
        *,
        name: str | None = None,
        weights: str | None = None,
        axes: Mapping[str, str] | None = None,
        opening: Mapping[str, Any] | None = None,
    ) -> SeveralObservers:
        """The same observers, given stimuli of another shape; ``axes`` name layers as here."""
        declared: dict[str, dict[str, str]] = {name: {} for name in self.parts}
        for layer, words in (axes or {}).items():
            owner, inside = self.split(layer)
            declared[owner][inside] = words
        parts = {
            owner: part.given(part.input.given(input.shape), axes=declared[owner]) for owner, part in self.parts.items()
        }
        made = SeveralObservers(parts, joined=self.joined)
        made.name, made.weights = name or self.name, weights or self.weights
        return made

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> SeveralObservers:
        """Move all of them; returns the observers themselves."""
        for part in self.parts.values():
            part.to(device, dtype)
        super().to(device, dtype)
        return self

    def split(self, layer: str) -> tuple[str, str]:
        """The observer of a layer, and the layer's name there.

        Raises:
            InputError: no observer has the name in front.
        """
        name, _, inside = layer.partition(".")
        if name in self.parts and inside:
            return name, inside
        beside = next((one for one in self.parts if layer in self.parts[one].layers), next(iter(self.parts)))
        raise InputError(
            f"layer {layer!r} names none of the observers {', '.join(self.parts)}",
            f"put one in front, such as '{beside}.{layer if layer in self.parts[beside].layers else 'LAYER'}'",
            code="unknown",
            value=layer,
        )

    @cached_property
    def derived(self) -> dict[str, Derived]:
        """Layers that no network has, and how each is read."""
        found: dict[str, Derived] = {}
        for layer in self.joined:
            if of := [name for name, part in self.parts.items() if layer in part.layers]:
                found[layer] = tuple(f"{name}.{layer}" for name in of), lambda values: torch.cat(values, 1)
        for name, part in self.parts.items():
            # Log-odds are of one answer against others.
            shape = part.layers.get(part.decision, ()) if isinstance(part.decision, str) else ()
            if len(shape) == 1 and shape[0] > 1:
                found[f"{name}.{LOG_ODDS}"] = (f"{name}.{part.decision}",), lambda values: log_odds(values[0])
        return found

    @cached_property
    def survey(self) -> Survey:
        """What all of them compute."""
        surveys = {name: part.survey for name, part in self.parts.items()}
        shapes = _prefixed({name: one.shapes for name, one in surveys.items()})
        for layer, (of, _) in self.derived.items():
            shapes[layer] = (sum(shapes[one][0] for one in of),)
        faults = _prefixed({name: one.faults for name, one in surveys.items()})
        return Survey(shapes, faults, tuple(f"{name}.{layer}" for name, one in surveys.items() for layer in one.order))

    def bytes_of_item(self, layers: Sequence[str]) -> int:
        """That of those whose layers these are."""
        return sum(self.parts[name].bytes_of_item(own) for name, own in self._by_part(layers).items())

    def require(self, layers: Sequence[str]) -> None:
        """Raise InputError, with the nearest names, unless all layers exist and can be read."""
        for layer in layers:
            if layer not in self.derived:
                name, inside = self.split(layer)
                with _naming(name):
                    self.parts[name].require([inside])

    def activations(self, stimuli: Tensor, layers: Sequence[str], *, through: Sequence[str] = ()) -> dict[str, Tensor]:
        """Activations of the layers; an observer none of whose layers is asked for is not run."""
        self.require(layers)
        read: dict[str, Tensor] = {}
        for name, own in self._by_part(layers).items():
            passing = [layer.removeprefix(f"{name}.") for layer in through if layer.startswith(f"{name}.")]
            found = self.parts[name].activations(stimuli, list(dict.fromkeys(own)), through=passing)
            read |= _prefixed({name: found})
        for layer, (of, derive) in self.derived.items():
            if layer in layers:
                read[layer] = derive([read[one] for one in of])
        return {layer: read[layer] for layer in layers}

    def decide(self, stimuli: Tensor, layers: Sequence[str] = ()) -> list[Hashable] | None:
        """What each of the observers whose layers these are takes each stimulus for; of all for none."""
        asked = self._by_part(layers) or {name: [] for name in self.parts}
        decided = [self.parts[name].decide(stimuli, own) for name, own in asked.items()]
        known = [one for one in decided if one is not None]
        return list(zip(*known, strict=True)) if known else None

    def _by_part(self, layers: Sequence[str]) -> dict[str, list[str]]:
        """The layers of each observer that are read for these."""
        asked: dict[str, list[str]] = {}
        for layer in layers:
            for name, inside in map(self.split, self.derived.get(layer, ((layer,),))[0]):
                asked.setdefault(name, []).append(inside)
        return asked

    @cached_property
    def weights_sha256(self) -> str:
        """Checksum over the names and the checksums of all."""
        each = "\n".join(f"{name} {part.weights_sha256}" for name, part in self.parts.items())
        return hashlib.sha256(each.encode()).hexdigest()


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Mistakes of the block about a layer of one observer say its name as it is here."""
    try:
        yield
    except InputError as error:
        value = f"{name}.{error.value}" if isinstance(error.value, str) else error.value
        words = f"observer {name}: {error.message}"
        raise InputError(words, error.advice, code=error.code, value=value) from error.__cause__


def _decided(observer: Observer, stimuli: Tensor, layers: Sequence[str]) -> list[Hashable]:
    return observer.decide(stimuli, layers) or [None] * len(stimuli)


def _prefixed(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {f"{name}.{layer}": value for name, part in parts.items() for layer, value in part.items()}


def _require_together(parts: Mapping[str, Observer]) -> None:
    """Raise InputError unless the observers can be given the same stimuli."""
    if len(parts) < 2:
        raise InputError(f"{len(parts)} observer given; expected two or more", "give one by itself", code="too-few")
    for name in parts:
        if not OBSERVER_NAME.fullmatch(name):
            raise InputError(f"the observer's name {name!r} is not allowed; expected {OBSERVER_RULE}")
    (first, one), *others = parts.items()
    for name, other in others:
        if other.input.kind != one.input.kind:
            raise InputError(
                f"{first} ({one.name}) {one.input.modality.is_given}, {name} ({other.name}) {other.input.modality.is_given}",
                "choose observers of one modality",
                code="mismatch",
                value=name,
            )
        if other.input.unprocessed != one.input.unprocessed:
            raise InputError(
                f"{first} ({one.name}) {_told(one.input)}, {name} ({other.name}) {_told(other.input)}",
                "give each the same size, or duration and rate, or choose another",
                code="mismatch",
                value=name,
            )


def _told(input: StimulusInput) -> str:
    return f"is {input.verb} {input.words}"
