"""The observer and the natural pool of a set, from its provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.models import Observer, StimulusInput
from synthstim.models.opening import reopening
from synthstim.observers import open_observer, together
from synthstim.stimulus_set import StimulusSet
from synthstim.verify import NaturalPool, natural_pool, require_shown


def observer_of_set(
    stimuli: StimulusSet,
    *,
    observer: str | None = None,
    weights: str | Path | None = None,
    device: str | None = None,
    allow_code: bool = False,
    allow_download: bool = False,
) -> Observer | None:
    """The observer that a set was made on, from its provenance; None for an adopted set.

    Args:
        observer: the name that opens it, if the provenance has none because it was given in Python.
        weights: the weights file, if the set was made with one; of several observers ``NAME=FILE,NAME=FILE``.

    Raises:
        InputError: the provenance names no observer that can be opened, or a weights file is needed.
    """
    facts = stimuli.provenance.get("observer")
    if facts is None:
        return None
    allowed = {"device": device, "allow_code": allow_code, "allow_download": allow_download}
    try:
        described = _Described.of(stimuli, facts)
        several = {name: _Described.of(stimuli, part) for name, part in facts.get("observers", {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{stimuli.root}/provenance.json does not describe an observer ({error})") from None
    require_shown(stimuli, described.input)
    if observer is not None or not several:
        return described.opened(stimuli, observer, weights, allowed)
    files = _weights_of(several, weights)
    return together(
        {name: part.opened(stimuli, None, files.get(name), allowed, name) for name, part in several.items()}
    )


@dataclass(frozen=True)
class _Described:
    """An observer as a provenance describes it."""

    name: str
    weights: str
    input: StimulusInput
    axes: Mapping[str, str]
    opening: Mapping[str, Any]

    @classmethod
    def of(cls, stimuli: StimulusSet, facts: Mapping[str, Any]) -> _Described:
        """Read what a provenance says of one."""
        name, recorded = str(facts["name"]), str(facts["weights"])
        axes = {str(layer): str(words) for layer, words in dict(facts.get("axes", {})).items()}
        input = stimuli.modality.input_of(dict(facts["input"]))
        # Sets of earlier versions hold no more than the name.
        opening = reopening(facts.get("opening", {"name": name, "weights": recorded, **input.asked}) or {})
        return cls(name, recorded, input, axes, opening)

    def opened(
        self,
        stimuli: StimulusSet,
        observer: str | None,
        weights: str | Path | None,
        allowed: Mapping[str, Any],
        part: str = "",
    ) -> Observer:
        """Open it as it was, or by the name of the user's function."""
        opening = dict(self.opening) if observer is None else {"name": observer}
        if not opening:
            raise InputError(
                f"{stimuli.root} was made in Python on an observer of yours, {self.name!r}",
                "name the function that makes it with --observer package.module:function",
            )
        needed = opening.pop("weights", "default")
        if weights is None and needed not in ("default", "random"):
            option = f"--weights {part}=FILE" if part else "--weights"
            raise InputError(f"{stimuli.root} was made with the weights file {needed}", f"name it with {option}")
        made = open_observer(opening.pop("name"), weights=weights or needed, **opening, **allowed)
        if made.parts:
            return made.given(self.input, name=self.name, weights=self.weights)
        return made.given(self.input, name=self.name, weights=self.weights, axes=self.axes)


def _weights_of(several: Mapping[str, _Described], weights: str | Path | None) -> dict[str, str]:
    """The weights files of several observers, as ``NAME=FILE,NAME=FILE``."""
    found = {}
    for pair in str(weights).split(",") if weights is not None else ():
        name, equals, file = pair.partition("=")
        if name not in several or not equals or not file:
            names = " and ".join(several)
            raise InputError(
                f"--weights {pair} given for a set of the observers {names}", f"give {next(iter(several))}=FILE"
            )
        found[name] = file
    return found


def open_second(name: str, stimuli: StimulusSet, **allowed: Any) -> Observer:
    """Another observer, to measure a set's stimuli on: of sounds, at their rate and duration."""
    modality, first = stimuli.modality, stimuli.provenance.get("observer", {}).get("input", {})
    return open_observer(name, **allowed, **(modality.input_of(first).asked if first and not modality.resizes else {}))


def pool_of_set(stimuli: StimulusSet, observer: Observer, folder: str | Path | None = None) -> NaturalPool:
    """The natural pool that a set was made with: what packages carry, or a folder.

    Raises:
        InputError: the set was made with a folder, and none is given.
    """
    source = stimuli.provenance.get("pool", {}).get("source")
    if folder is None and source not in (None, stimuli.modality.carried):
        raise InputError(
            f"{stimuli.root} was made with the natural {stimuli.modality.plural} of the folder {source!r}",
            "name it with --pool",
        )
    made = stimuli.provenance
    return natural_pool(observer, folder, level_dbfs=made.get("level_dbfs"), channel=made.get("channel"))
