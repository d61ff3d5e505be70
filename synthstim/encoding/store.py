"""Fitted sites on disk: a folder of tensors, tables and JSON that appears whole, and is loaded onto the same observer."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import safetensors.torch
from torch import Tensor, nn

from synthstim.encoding.fit import Fit
from synthstim.encoding.fitted import FittedSites, Sites, Standardised, observer_with_sites
from synthstim.encoding.readouts import FactorisedReadout, GaussianReadout, LinearReadout
from synthstim.errors import InputError
from synthstim.models import ImageInput, Observer, SoundInput, load_model
from synthstim.models.weights import read_weights
from synthstim.stimulus_set import require_absent

SCHEMA_VERSION = 1
_TENSORS, _FACTS, _SITES, _LAYERS = "sites.safetensors", "fit.json", "sites.tsv", "layers.tsv"
_BUILDERS: dict[str, Callable[[dict[str, Tensor], dict[str, Any]], nn.Module]] = {
    "LinearReadout": lambda held, facts: LinearReadout(held["weight"], held["bias"]),
    "FactorisedReadout": lambda held, facts: FactorisedReadout(
        held["mask"], held["channels"], held["bias"], pool=int(facts["pool"])
    ),
    "GaussianReadout": lambda held, facts: GaussianReadout(
        held["centre"], held["width"], held["channels"], held["bias"], grid=tuple(facts["grid"]), pool=int(facts["pool"])
    ),
}  # fmt: skip


def save_fit(fit: Fit, path: str | Path) -> Path:
    """Write a fit as a folder; it appears under its name when it is complete.

    The network's own weights are not in it: their checksum is, and loading compares it.

    Raises:
        InputError: something is there already.
    """
    root = require_absent(path)
    module = fit.observer.module
    assert isinstance(module, FittedSites)
    kept = {name: value for name, value in module.state_dict().items() if not name.startswith("base.")}
    facts = {
        "schema_version": SCHEMA_VERSION,
        "sites": list(fit.sites),
        "reads": list(module.reads),
        "readouts": [_describe(readout) for readout in module.sites.readouts],
        "provenance": fit.provenance,
    }
    staging = root.parent / f".{root.name}.{os.getpid()}.staging"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    try:
        # In single precision, whatever the observer computes in.
        tensors = {
            name: value.detach().cpu().float() if value.is_floating_point() else value.detach().cpu()
            for name, value in kept.items()
        }
        (staging / _TENSORS).write_bytes(
            safetensors.torch.save({name: value.contiguous() for name, value in tensors.items()})
        )
        (staging / _FACTS).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        for name, table in ((_SITES, fit.table), (_LAYERS, fit.layers)):
            table.to_csv(staging / name, sep="\t", index=False, na_rep="n/a", lineterminator="\n", float_format="%.9g")
        for file in staging.iterdir():
            with open(file, "rb") as stream:
                os.fsync(stream.fileno())
        staging.rename(root)
    except OSError as error:
        raise InputError(f"the fit could not be written to {root} ({error.strerror or error})") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return root


def load_fit(path: str | Path, observer: Observer | None = None, *, download: bool = False) -> Fit:
    """Read a fit and put its sites on their observer.

    Args:
        path: the folder.
        observer: the one it was fitted to; by default the model of that name is loaded, if its weights need no file.
        download: whether a hub may be called for them.

    Raises:
        InputError: the folder is no fit or damaged, or the observer has other weights or another input.

    Example:
        >>> load_fit("tonight_fit").observer.layers["sites"]  # doctest: +SKIP
        (40,)
    """
    root = Path(path)
    facts = _read_facts(root)
    base = observer if observer is not None else _base(facts, root, download)
    _require_same(base, facts, root)
    tensors = read_weights(root / _TENSORS)
    try:
        readouts = [_build(tensors, number, described) for number, described in enumerate(facts["readouts"])]
        order = tensors["sites.order"].tolist()
        standardised = Standardised(tensors["sites_z.mean"], tensors["sites_z.spread"])
        table, layers = (
            pd.read_csv(
                root / name, sep="\t", dtype={"site": str, "layer": str}, keep_default_na=False, na_values=["n/a"]
            )
            for name in (_SITES, _LAYERS)
        )
        whole = sorted(order) == list(range(len(facts["sites"]))) and list(table["site"]) == facts["sites"]
        base.require(facts["reads"])
        fitted = observer_with_sites(base, facts["reads"], Sites(readouts, order), standardised)
        whole = whole and fitted.layers["sites"] == (len(facts["sites"]),)
    except (KeyError, TypeError, ValueError, OSError, RuntimeError) as error:
        raise InputError(f"{root} is a damaged fit ({error}): fit again or restore it from a copy") from None
    if not whole:
        raise InputError(f"{root} is a damaged fit (its sites do not agree): fit again or restore it from a copy")
    return Fit(fitted, table, layers, facts["provenance"])


def _describe(readout: nn.Module) -> dict[str, Any]:
    facts: dict[str, Any] = {"kind": type(readout).__name__}
    if isinstance(readout, FactorisedReadout | GaussianReadout):
        facts["pool"] = readout.pool
    if isinstance(readout, GaussianReadout):
        facts["grid"] = list(readout.grid)
    return facts


def _build(tensors: dict[str, Tensor], number: int, facts: dict[str, Any]) -> nn.Module:
    prefix = f"sites.readouts.{number}."
    held = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    return _BUILDERS[facts["kind"]](held, facts)


def _read_facts(root: Path) -> dict[str, Any]:
    try:
        facts = json.loads((root / _FACTS).read_text(encoding="utf-8"))
    except OSError:
        raise InputError(f"{root} is no fit: it has no {_FACTS}") from None
    except ValueError as error:
        raise InputError(f"{root / _FACTS} is not valid JSON ({error})") from None
    version = facts.get("schema_version") if isinstance(facts, dict) else None
    if not isinstance(version, int) or not 1 <= version <= SCHEMA_VERSION:
        raise InputError(
            f"{root} has schema version {version!r}, this synthstim reads up to {SCHEMA_VERSION}: update it"
        )
    if absent := [name for name in ("sites", "reads", "readouts", "provenance") if name not in facts]:
        raise InputError(f"{root / _FACTS} lacks {absent[0]}: fit again or restore it from a copy")
    return dict(facts)


def _base(facts: dict[str, Any], root: Path, download: bool) -> Observer:
    try:
        known = facts["provenance"]["observer"]
        name, weights, shown = str(known["name"]), str(known["weights"]), dict(known["input"])
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in shown.items()
        }
        input = SoundInput(**values) if known["modality"] == "sound" else ImageInput(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{root / _FACTS} does not describe an observer ({error})") from None
    if weights not in ("default", "random"):
        raise InputError(f"{root} was fitted to {name} with the weights {weights}: open that observer and give it")
    if isinstance(input, SoundInput):
        made = load_model(name, weights=weights, seconds=input.seconds, rate=input.rate, download=download)
    else:
        made = load_model(name, weights=weights, size=input.size, download=download)
    return made.given(input)


def _require_same(base: Observer, facts: dict[str, Any], root: Path) -> None:
    known = facts["provenance"].get("observer", {})
    if base.weights_sha256 != known.get("weights_sha256"):
        raise InputError(
            f"{root} was fitted to weights with the sha256 {str(known.get('weights_sha256'))[:12]}..., {base.name} has"
            f" {base.weights_sha256[:12]}...: give the observer it was fitted to"
        )
    given = json.loads(json.dumps(vars(base.input)))
    if given != known.get("input"):
        raise InputError(f"{root} was fitted to another input than {base.name} has ({base.input.words}): give that one")
