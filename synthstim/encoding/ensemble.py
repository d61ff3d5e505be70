"""Several fits of the same sites as one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from synthstim.encoding.expectation import COLUMNS
from synthstim.encoding.fitted import FittedSites, Sites, Standardised
from synthstim.encoding.members import FittedEnsemble, Member, observer_with_members
from synthstim.encoding.receptive_fields import COLUMNS as FIELD
from synthstim.encoding.result import Fit
from synthstim.errors import InputError
from synthstim.models import Observer
from synthstim.responses.files import listed


def ensemble(fits: Sequence[Fit]) -> Fit:
    """One fit whose sites are the mean over several fits', with their spread.

    Args:
        fits: of the same sites (in any order: that of the first is kept), on one or several observers that are shown
            stimuli of one size, or played sounds of one duration and rate. Ensembles among them bring all their members.

    Returns:
        A fit whose observer has the layers ``sites`` (mean over members, as recorded), ``sites_z`` (that in standard
        deviations of the measured responses), ``sites_spread`` (standard deviation over members) and ``members``; other
        layers are those of the first fit's network. Members on one network share its forward pass. Scores in ``table`` are
        means over the fits: what the mean of the members itself would score on new stimuli is not known from them.

    Raises:
        InputError: there is one fit or none, the sites differ, or the observers are shown different stimuli.

    Example:
        >>> other = fit_sites(observer, responses, stimuli, ["blocks.2"], folds=3)
        >>> both = ensemble([fit, other])
        >>> list(both.predict(StimulusSet.read("tonight")))
        ['stimulus_id', 'site', 'predicted', 'spread']
    """
    fits = list(fits)
    if len(fits) < 2:
        raise InputError(
            f"{len(fits)} fits given; an ensemble needs two or more",
            "give more, or fit one with members=...",
            code="too-few",
        )
    first = fits[0]
    bases: list[Observer] = []
    networks: list[dict[str, Any]] = []
    members: list[Member] = []
    for number, fit in enumerate(fits):
        order = _order(first.sites, fit.sites, number)
        facts = zip(bases_of(fit), networks_of(fit), strict=True)
        own = [_place(base, described, bases, networks) for base, described in facts]
        for member in members_of(fit):
            sites = Sites(list(member.sites.readouts), member.sites.order[order].tolist())
            members.append(Member(own[member.network], member.reads, sites))
    tables = [fit.table.set_index("site").loc[list(first.sites)].reset_index() for fit in fits]
    mean, spread = (np.mean([table[name] for table in tables], 0).astype(np.float32) for name in ("mean", "spread"))
    observer = observer_with_members(bases, members, Standardised(torch.from_numpy(mean), torch.from_numpy(spread)))
    layers = pd.concat([fit.layers.assign(fit=number) for number, fit in enumerate(fits)], ignore_index=True)
    return Fit(observer, _table(tables), layers, _provenance(fits, networks))


def members_of(fit: Fit) -> tuple[Member, ...]:
    """The read-outs of a fit: one, or an ensemble's."""
    module = fit.observer.module
    if isinstance(module, FittedEnsemble):
        return module.structure
    assert isinstance(module, FittedSites)
    return (Member(0, module.reads, module.sites),)


def bases_of(fit: Fit) -> list[Observer]:
    """The observers that a fit was made on, without its sites; the networks are shared, not copied."""
    module = fit.observer.module
    assert isinstance(module, FittedSites | FittedEnsemble)
    facts = networks_of(fit)
    networks = [module.base, *(module.others if isinstance(module, FittedEnsemble) else ())]
    inputs = module.shown if isinstance(module, FittedEnsemble) and module.shown else (fit.observer.input,)
    observer, out = fit.observer, []
    for number, (network, input) in enumerate(zip(networks, inputs, strict=True)):
        made = Observer(
            network,
            input=input,
            name=str(facts[number]["name"]),
            weights=str(facts[number]["weights"]),
            decision=_decision(observer) if number == 0 else None,
            stages=observer.stages if number == 0 else (),
            groups=observer.groups if number == 0 else None,
            axes=facts[number].get("axes"),
        )
        made.weights_sha256 = str(facts[number]["weights_sha256"])
        out.append(made)
    return out


def networks_of(fit: Fit) -> list[dict[str, Any]]:
    """What the provenance says of each network, the first one first."""
    known = fit.provenance
    return list(known["networks"]) if "networks" in known else [known["observer"]]


def _decision(observer: Observer) -> Any:
    if not callable(decision := observer.decision):
        return decision

    def decide(_bare: Observer, stimuli: Tensor, layers: Sequence[str]) -> list[Hashable]:
        # It looks into its own network already, whatever observer asks.
        return decision(observer, stimuli, layers)

    return decide


def _order(wanted: Sequence[str], came: Sequence[str], number: int) -> list[int]:
    if len(wanted) == len(came) and set(wanted) == set(came):
        return [came.index(site) for site in wanted]
    lacking, extra = ([site for site in one if site not in other] for one, other in ((wanted, came), (came, wanted)))
    parts = [f"lacks {listed(lacking)}" if lacking else "", f"has {listed(extra)} besides" if extra else ""]
    raise InputError(
        f"fit {number + 1} {' and '.join(filter(None, parts))}: an ensemble is of the same sites, fit them all to each"
        " observer"
    )


def _place(base: Observer, facts: dict[str, Any], bases: list[Observer], networks: list[dict[str, Any]]) -> int:
    """Which network this is, after adding it if it is new."""
    for number, other in enumerate(bases):
        if (other.weights_sha256, other.input) == (base.weights_sha256, base.input):
            return number
    if bases and base.input.unprocessed != bases[0].input.unprocessed:
        raise InputError(
            f"{base.name} is {base.input.verb} {base.input.words}, {bases[0].name} {bases[0].input.words}",
            "fit both to stimuli of one size",
        )
    bases.append(base)
    networks.append(facts)
    return len(bases) - 1


def _table(tables: list[pd.DataFrame]) -> pd.DataFrame:
    out = tables[0].copy()
    for name in ("layer", "method"):
        columns = zip(*(table[name] for table in tables), strict=True)
        out[name] = [
            " + ".join(dict.fromkeys(part for cell in cells for part in cell.split(" + "))) for cells in columns
        ]
    numbers = (
        "candidate",
        "stimuli",
        "r",
        "reliability",
        "ceiling",
        "score",
        "r_shuffled",
        "mean",
        "spread",
        *COLUMNS,
        *FIELD,
    )
    for name in (name for name in numbers if all(name in table for table in tables)):
        values = pd.DataFrame([table[name].to_numpy(dtype=np.float64) for table in tables])
        # Each network has a penalty of its own: their mean would be nobody's.
        agree = (values == values.iloc[0]).all()
        out[name] = values.iloc[0].where(agree) if name == "candidate" else values.mean()
    return out


def _provenance(fits: list[Fit], networks: list[dict[str, Any]]) -> dict[str, Any]:
    known = [fit.provenance for fit in fits]
    responses = [one["responses"] for one in known]
    return {
        "observer": networks[0],
        "networks": networks,
        "responses": {
            "source": listed(dict.fromkeys(str(one["source"]) for one in responses)),
            "trials": max(one["trials"] for one in responses),
            "sessions": list(dict.fromkeys(name for one in responses for name in one["sessions"])),
            "window_s": responses[0]["window_s"],
            "notes": list(dict.fromkeys(note for one in responses for note in one["notes"])),
        },
        "stimuli": {name: digest for one in known for name, digest in one["stimuli"].items()},
        "fits": known,
        "versions": known[0]["versions"],
    }
