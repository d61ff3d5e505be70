"""What the JSON of a saved fit says, and the observers that it describes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.modalities import MODALITIES
from synthstim.models import Observer
from synthstim.models.opening import names_code, open_model, reopening

# 2 has members, on one network or several.
SCHEMA_VERSION = 2
FACTS = "fit.json"


def read_facts(root: Path) -> dict[str, Any]:
    """What ``fit.json`` says, of any version: networks, and members that say which of them they read."""
    try:
        facts = json.loads((root / FACTS).read_text(encoding="utf-8"))
    except OSError:
        why = f"it has no {FACTS}" if root.is_dir() else "there is no such folder"
        raise InputError(f"{root} is not a fit: {why}") from None
    except ValueError as error:
        raise InputError(f"{root / FACTS} is not valid JSON ({error})", code="unreadable") from None
    version = facts.get("schema_version") if isinstance(facts, dict) else None
    if not isinstance(version, int) or not 1 <= version <= SCHEMA_VERSION:
        raise InputError(
            f"{root} has schema version {version!r}, this synthstim reads up to {SCHEMA_VERSION}", "update it"
        )
    several = version > 1
    needed = ("sites", "networks", "members", "provenance") if several else ("sites", "reads", "readouts", "provenance")
    if absent := [name for name in needed if name not in facts]:
        raise InputError(f"{root / FACTS} lacks {absent[0]}", "fit again or restore it from a copy", code="missing")
    try:
        described = list(facts["networks"]) if several else [facts["provenance"].get("observer", {})]
        return {**facts, "networks": [dict(known) for known in described] or [{}]}
    except (TypeError, ValueError, AttributeError):
        raise InputError(
            f"{root / FACTS} does not describe an observer", "fit again or restore it from a copy"
        ) from None


def open_base(known: dict[str, Any], root: Path, *, download: bool, allow_code: bool) -> Observer:
    """The observer that a fit describes, if what it says is enough to open it."""
    try:
        name, weights = str(known["name"]), str(known["weights"])
        input = MODALITIES[known["modality"]].input_of(dict(known["input"]))
        # Fits of earlier versions hold no more than the name.
        opening = reopening(known.get("opening", {"name": name, "weights": weights}) or {"weights": weights})
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{root / FACTS} does not describe an observer ({error})") from None
    if "name" not in opening or opening.get("weights", "default") not in ("default", "random"):
        raise InputError(f"{root} was fitted to {name} with the weights {weights}", "open that observer and give it")
    # A model is built for the stimuli; a function is asked for no more than it was.
    asked = opening if names_code(opening["name"]) else {**input.asked, **opening}
    made = open_model(**asked, allow_code=allow_code, allow_download=download)
    return made.given(input, name=name, weights=weights, axes=known.get("axes"))


def same(base: Observer, known: dict[str, Any]) -> bool:
    """Whether the observer is the one described: by its weights, and by what it is shown."""
    return base.weights_sha256 == known.get("weights_sha256") and _plain(vars(base.input)) == _plain(known.get("input"))


def _plain(facts: Any) -> Any:
    return json.loads(json.dumps(facts))


def require_same(base: Observer, known: dict[str, Any], root: Path) -> None:
    """Raise InputError, with what differs, unless the observer is the one described."""
    if base.weights_sha256 != known.get("weights_sha256"):
        raise InputError(
            f"{root} was fitted to weights with the sha256 {str(known.get('weights_sha256'))[:12]}..., {base.name} has"
            f" {base.weights_sha256[:12]}...",
            "give the observer it was fitted to",
            code="changed",
        )
    if _plain(vars(base.input)) != _plain(known.get("input")):
        raise InputError(
            f"{root} was fitted to another input than {base.name} has ({base.input.words})", "give that one"
        )
