"""Fitted sites on disk: a folder of tensors, tables and JSON that appears whole, and is loaded onto the same observer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import safetensors.torch
from torch import Tensor, nn

from synthstim.encoding.ensemble import members_of, networks_of
from synthstim.encoding.fit_json import FACTS, SCHEMA_VERSION, open_base, read_facts, require_same, same
from synthstim.encoding.fitted import FittedSites, Sites, Standardised, observer_with_sites
from synthstim.encoding.members import MEMBERS, Member, observer_with_members
from synthstim.encoding.result import Fit, scores_of
from synthstim.errors import InputError
from synthstim.files import Staging, as_json, as_tsv
from synthstim.kinds import READOUTS
from synthstim.models import Observer
from synthstim.models.weights import read_weights

_TENSORS, _SITES, _LAYERS = "sites.safetensors", "sites.tsv", "layers.tsv"


def save_fit(fit: Fit, path: str | Path) -> Path:
    """Write a fit, or an ensemble, as a folder; it appears under its name when it is complete.

    The networks' own weights are not in it: their checksums are, and loading compares them.

    Raises:
        InputError: something is there already.

    Example:
        >>> save_fit(fit, "fit_of_tonight").name
        'fit_of_tonight'
        >>> load_fit("fit_of_tonight").sites == fit.sites
        True
    """
    kept = {
        name: value
        for name, value in fit.observer.module.state_dict().items()
        if not name.startswith(("base.", "others."))
    }
    # In single precision, whatever the observer computes in.
    tensors = {
        name: value.detach().cpu().float() if value.is_floating_point() else value.detach().cpu()
        for name, value in kept.items()
    }
    with Staging(path, "a fit is written") as staging:
        (staging.path / _TENSORS).write_bytes(
            safetensors.torch.save({name: value.contiguous() for name, value in tensors.items()})
        )
        (staging.path / FACTS).write_bytes(as_json(_facts(fit)))
        for name, table in ((_SITES, fit.table), (_LAYERS, fit.layers)):
            (staging.path / name).write_bytes(as_tsv(table, float_format="%.9g"))
        return staging.commit()


def load_fit(
    path: str | Path,
    observer: Observer | Sequence[Observer] | None = None,
    *,
    allow_code: bool = False,
    download: bool = False,
) -> Fit:
    """Read a fit, or an ensemble, and put its sites on their observer.

    Args:
        path: the folder.
        observer: the one it was fitted to, or several for an ensemble on several; by default the models of these names are
            loaded, if their weights need no file.
        allow_code: whether a function of the user's may be called for them.
        download: whether a hub may be called for them.

    Raises:
        InputError: the folder is no fit or damaged, or an observer has other weights or another input.

    Example:
        >>> load_fit("tonight_fit").observer.layers["sites"]
        (3,)
    """
    root = Path(path)
    facts = read_facts(root)
    given = [observer] if isinstance(observer, Observer) else list(observer or ())
    bases = _bases(facts["networks"], given, root, allow_code=allow_code, download=download)
    tensors = read_weights(root / _TENSORS)
    try:
        standardised = Standardised(tensors["sites_z.mean"], tensors["sites_z.spread"])
        table, layers = (
            pd.read_csv(
                root / name, sep="\t", dtype={"site": str, "layer": str}, keep_default_na=False, na_values=["n/a"]
            )
            for name in (_SITES, _LAYERS)
        )
        fitted = _fitted(bases, facts, tensors, standardised)
        whole = list(table["site"]) == facts["sites"] and fitted.layers["sites"] == (len(facts["sites"]),)
    except (KeyError, TypeError, ValueError, OSError, RuntimeError, IndexError) as error:
        raise InputError(f"{root} is a damaged fit ({error})", "fit again or restore it from a copy") from None
    if not whole:
        raise InputError(f"{root} is a damaged fit (its sites do not agree)", "fit again or restore it from a copy")
    return Fit(fitted, table, layers, facts["provenance"])


def saved_scores(path: str | Path) -> dict[str, float]:
    """Site -> held-out score of a saved fit, of which only the table is read; empty where none can be read."""
    try:
        return scores_of(
            pd.read_csv(Path(path) / _SITES, sep="\t", dtype={"site": str}, keep_default_na=False, na_values=["n/a"])
        )
    except (KeyError, TypeError, ValueError, OSError):  # load_fit says what is wrong with it
        return {}


def _facts(fit: Fit) -> dict[str, Any]:
    single = isinstance(fit.observer.module, FittedSites)
    members = [
        {"network": one.network, "reads": list(one.reads), "readouts": [_describe(part) for part in one.sites.readouts]}
        for one in members_of(fit)
    ]
    # One read-out of each site is written as it always was, so that earlier versions read it.
    structure = (
        {"reads": members[0]["reads"], "readouts": members[0]["readouts"]}
        if single
        else {"networks": networks_of(fit), "members": members}
    )
    version = 1 if single else SCHEMA_VERSION
    return {"schema_version": version, "sites": list(fit.sites), **structure, "provenance": fit.provenance}


def _bases(networks: list[dict[str, Any]], given: list[Observer], root: Path, **allowed: bool) -> list[Observer]:
    out = []
    for known in networks:
        fitting = [base for base in given if same(base, known)]
        # With one network, the observer that came is meant for it, and what is wrong with it is said.
        base = next(iter(fitting or (given if len(networks) == 1 else ())), None) or open_base(known, root, **allowed)
        require_same(base, known, root)
        out.append(base)
    return out


def _fitted(
    bases: list[Observer], facts: dict[str, Any], tensors: dict[str, Tensor], standardised: Standardised
) -> Observer:
    if "members" not in facts:
        bases[0].require(facts["reads"])
        return observer_with_sites(bases[0], facts["reads"], _sites(tensors, "sites.", facts), standardised)
    members = []
    for number, described in enumerate(facts["members"]):
        bases[described["network"]].require(described["reads"])
        sites = _sites(tensors, f"{MEMBERS}.of.{number}.", {**described, "sites": facts["sites"]})
        members.append(Member(int(described["network"]), tuple(described["reads"]), sites))
    return observer_with_members(bases, members, standardised)


def _sites(tensors: dict[str, Tensor], prefix: str, facts: dict[str, Any]) -> Sites:
    order = tensors[f"{prefix}order"].tolist()
    if sorted(order) != list(range(len(facts["sites"]))):
        raise ValueError("its sites do not agree")
    readouts = [
        _build(tensors, f"{prefix}readouts.{number}.", described) for number, described in enumerate(facts["readouts"])
    ]
    return Sites(readouts, order)


def _describe(readout: Any) -> dict[str, Any]:
    return {"kind": type(readout).__name__, **readout.facts}


def _build(tensors: dict[str, Tensor], prefix: str, facts: dict[str, Any]) -> nn.Module:
    held = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    modules = {method.module.__name__: method.module for _, method in READOUTS.usable()}
    made: nn.Module = modules[facts["kind"]].of(held, facts)
    return made
