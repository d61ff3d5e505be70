"""Fitting recorded sites to an observer's layers."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from synthstim.encoding.activations import layer_activations
from synthstim.encoding.features import Features, Values
from synthstim.encoding.fitted import SITES, STANDARDISED, Sites, Standardised, observer_with_sites
from synthstim.encoding.folds import Folds, Groups, assign_folds
from synthstim.encoding.methods import Method, held_out_scores, require_readable, resolve_method, settings_of
from synthstim.encoding.scores import Choice, choose
from synthstim.encoding.stimuli import Stimuli
from synthstim.errors import InputError, nearest
from synthstim.models import Observer, Unit
from synthstim.responses import Responses, mean_responses, reliability, require_match, require_variance
from synthstim.responses.files import listed
from synthstim.stimulus_set import StimulusSet

MIN_STIMULI = 10


@dataclass(frozen=True, repr=False)
class Fit:
    """Sites fitted to an observer.

    Attributes:
        observer: the base observer with the layers ``sites`` (responses as recorded) and ``sites_z`` (in standard
            deviations of the measured mean responses), for every objective, constraint and check.
        table: one row a site: ``site``, ``layer``, ``method``, ``candidate`` (penalty, components or strength), ``stimuli``,
            ``r`` (held out), ``reliability``, ``ceiling``, ``score`` (r / ceiling), ``r_shuffled``, ``mean``, ``spread``.
        layers: ``site``, ``layer``, ``r``, ``score`` of every layer that was tried.
        provenance: observer and its weights' checksum, stimuli, responses, options, versions.
    """

    observer: Observer
    table: pd.DataFrame
    layers: pd.DataFrame
    provenance: dict[str, Any]

    @property
    def sites(self) -> tuple[str, ...]:
        """Names of the sites, in the order of the layer ``sites``."""
        return tuple(map(str, self.table["site"]))

    def __repr__(self) -> str:
        middle = self.table["score" if self.table["score"].notna().any() else "r"].median()
        chosen = ", ".join(f"{count} on {layer}" for layer, count in self.table["layer"].value_counts().items())
        return f"Fit({len(self.table)} sites by {self.table['method'].iloc[0]}: {chosen}; median score {middle:.3f})"

    def unit(self, site: str, *, standardised: bool = False) -> Unit:
        """A site as a unit that objectives control.

        Raises:
            InputError: no site has this name.
        """
        if site not in self.sites:
            raise InputError(f"no fitted site is called {site!r}: {nearest(site, self.sites)}")
        return Unit(layer=STANDARDISED if standardised else SITES, channel=self.sites.index(site), label=site)


def fit_sites(
    observer: Observer,
    responses: Responses,
    stimuli: StimulusSet | Sequence[StimulusSet] | Stimuli,
    layers: Sequence[str],
    *,
    method: str | Method = "ridge",
    folds: Folds = 5,
    groups: Groups = None,
    ceilings: bool = True,
    shuffled: bool = True,
    seed: int = 0,
    cache: str | Path | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> Fit:
    """Fit each site to the layer that predicts it best.

    Args:
        observer: whose layers are read; its network is shared with the result, not copied.
        responses: trials in one window; averaged over trials.
        stimuli: the set or sets that were presented, or ``Stimuli`` in memory. Stimuli without responses are left.
        layers: candidates; each site takes the one with the best held-out correlation.
        method: ``ridge``, ``pls``, ``factorised``, ``gaussian``, or one of these classes with other settings.
        folds, groups: as for ``assign_folds``: stimuli of one group, such as crops of one photograph, share a fold.
        ceilings: whether to correct scores by reliability, which needs two trials of a stimulus.
        shuffled: whether to score, beside, responses that were dealt to the wrong stimuli; their r should be near zero.
        seed: of folds, shuffling and the splits of reliability.
        cache: folder for activations; by default they are removed at the end.
        progress: is told of each step, in words.

    Raises:
        InputError: before anything is fitted, if responses and stimuli do not match, a site has no variance, a stimulus
            would stand on both sides of a fold, or a layer or method does not exist.

    Example:
        >>> fit = fit_sites(observer, responses, StimulusSet.read("natural"), ["blocks.1", "blocks.2"])  # doctest: +SKIP
        >>> fit.table[["site", "layer", "score"]]  # doctest: +SKIP
        >>> images = Synthesiser(fit.observer, drive(fit.unit("v4_12")), ...)  # doctest: +SKIP
    """
    chosen = resolve_method(method, observer)
    names = list(dict.fromkeys(layers))
    if not names:
        raise InputError("no layer came: name one or more of the observer's layers")
    observer.require(names)
    shown = stimuli if isinstance(stimuli, Stimuli) else Stimuli.of_sets(stimuli, observer.input)
    require_match(responses, shown.table)
    shown = shown.only([name for name in shown.ids if name in set(responses.stimulus_ids)])
    means = mean_responses(responses, shown.ids)
    _require_enough(responses, means.mean)
    fold = assign_folds(shown.table, folds=folds, groups=groups, seed=seed)
    require_readable(chosen, observer, names)
    ceiling = reliability(responses, seed=seed) if ceilings else None
    dealt = shuffle(means.mean, seed) if shuffled else None
    progress(f"activations of {len(names)} layers for {len(shown)} stimuli")
    with layer_activations(observer, shown, names, cache=cache) as activations:
        features = {layer: Features(activations[layer]) for layer in names}
        scores = []
        for layer in names:
            progress(f"{layer}: {chosen.name}, {len(means.sites)} sites, {fold.max() + 1} folds")
            scores.append(held_out_scores(chosen, features[layer], fold, means.mean, dealt))
        choice = choose([layer[0] for layer in scores])
        null = choose([layer[1] for layer in scores]).r if shuffled else np.full(len(means.sites), np.nan)
        progress("each site on the layer that predicts it best")
        fitted = _fitted(observer, chosen, features, means.mean, choice)
    table, by_layer = _tables(means.sites, names, chosen, means.mean, choice, null, ceiling)
    options = {"layers": names, "folds": fold.tolist(), "seed": seed, "method": chosen.name, **settings_of(chosen)}
    return Fit(fitted, table, by_layer, _provenance(observer, responses, shown, options))


def shuffle(responses: Values, seed: int) -> Values:
    """Responses dealt to other stimuli: the sites stay together, and each row stays whole."""
    return responses[np.random.default_rng([seed, 1]).permutation(len(responses))]


def shuffle_responses(responses: Responses, *, seed: int = 0) -> Responses:
    """Trials dealt to other stimuli, all trials of a stimulus to the same one: what a control model is fitted to."""
    ids = list(responses.stimulus_ids)
    dealt = [ids[at] for at in np.random.default_rng([seed, 1]).permutation(len(ids))]
    # The checksums go with the stimuli, not with the responses.
    bare = replace(responses, trials=responses.trials.drop(columns="sha256", errors="ignore"))
    return bare.renamed(dict(zip(ids, dealt, strict=True)))


def _require_enough(responses: Responses, mean: Values) -> None:
    require_variance(responses)
    known = np.isfinite(mean).sum(0)
    if few := [site for site, count in zip(responses.sites, known, strict=True) if count < MIN_STIMULI]:
        raise InputError(
            f"{responses.source}: {len(few)} of {len(known)} sites answer fewer than {MIN_STIMULI} stimuli ({listed(few)}): leave"
            " them out with without(sites=...)"
        )
    flat = np.nanmax(mean, 0) == np.nanmin(mean, 0)
    if flat.any():
        named = listed(site for site, dead in zip(responses.sites, flat, strict=True) if dead)
        raise InputError(
            f"{responses.source}: the mean responses of {int(flat.sum())} sites are the same for every stimulus ({named}): leave"
            " them out with without(sites=...)"
        )


def _fitted(
    observer: Observer, method: Method, features: Mapping[str, Features], mean: Values, choice: Choice
) -> Observer:
    readouts, reads, place = [], [], np.zeros(mean.shape[1], dtype=np.int64)
    for number, layer in enumerate(features):
        mine = np.flatnonzero(choice.layer == number)
        if len(mine):
            place[mine] = sum(choice.layer < number) + np.arange(len(mine))
            readouts.append(method.fit(features[layer], mean[:, mine], choice.candidate[mine]))
            reads.append(layer)
    centre, spread = (torch.from_numpy(part.astype(np.float32)) for part in (np.nanmean(mean, 0), np.nanstd(mean, 0)))
    return observer_with_sites(observer, reads, Sites(readouts, place.tolist()), Standardised(centre, spread))


def _tables(
    sites: tuple[str, ...],
    layers: list[str],
    method: Method,
    mean: Values,
    choice: Choice,
    null: Values,
    ceiling: pd.DataFrame | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    empty = np.full(len(sites), np.nan)
    reliable, top = (empty, empty) if ceiling is None else (ceiling["reliability"], ceiling["ceiling"].to_numpy())
    table = pd.DataFrame(
        {
            "site": sites,
            "layer": [layers[number] for number in choice.layer],
            "method": method.name,
            "candidate": [method.candidates[number] for number in choice.candidate],
            "stimuli": np.isfinite(mean).sum(0),
            "r": choice.r,
            "reliability": reliable,
            "ceiling": top,
            "score": choice.r / top,
            "r_shuffled": null,
            "mean": np.nanmean(mean, 0),
            "spread": np.nanstd(mean, 0),
        }
    )
    by_layer = [
        pd.DataFrame({"site": sites, "layer": layer, "r": r, "score": r / top})
        for layer, r in zip(layers, choice.r_layer, strict=True)
    ]
    return table, pd.concat(by_layer, ignore_index=True)


def _provenance(observer: Observer, responses: Responses, stimuli: Stimuli, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "observer": {
            "name": observer.name,
            "weights": observer.weights,
            "weights_sha256": observer.weights_sha256,
            "modality": observer.input.modality,
            "input": asdict(observer.input),
        },
        "responses": {
            "source": responses.source,
            "trials": len(responses),
            "sessions": list(responses.sessions),
            "window_s": list(responses.window),
            "notes": list(responses.notes),
        },
        "stimuli": dict(zip(stimuli.ids, stimuli.table["sha256"].astype(str), strict=True)),
        "options": options,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("synthstim", "torch", "numpy")},
        },
    }
