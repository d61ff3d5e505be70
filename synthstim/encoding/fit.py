"""Fitting recorded sites to an observer's layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from synthstim.encoding.activations import layer_activations
from synthstim.encoding.defaults import suggest_method
from synthstim.encoding.ensemble import members_of
from synthstim.encoding.expectation import Expectation
from synthstim.encoding.features import Features, Values
from synthstim.encoding.fitted import Sites, Standardised, observer_with_sites
from synthstim.encoding.folds import MIN_PER_FOLD, Folds, Groups, assign_folds
from synthstim.encoding.members import Member, observer_with_members
from synthstim.encoding.methods import Method, held_out_scores, mask_axes, resolve_method, settings_of
from synthstim.encoding.receptive_fields import estimated
from synthstim.encoding.result import Fit
from synthstim.encoding.scores import Choice, choose, held_out_predictions
from synthstim.encoding.stimuli import Stimuli
from synthstim.encoding.tables import provenance_of, tables_of
from synthstim.errors import InputError, counted, share
from synthstim.models import Observer
from synthstim.responses import Responses, mean_responses, reliability, require_match, require_variance
from synthstim.responses.files import listed
from synthstim.stimulus_set import StimulusSet

MIN_STIMULI = 10
MEMBERS_OVER = ("folds", "layers")


def fit_sites(
    observer: Observer,
    responses: Responses,
    stimuli: StimulusSet | Sequence[StimulusSet] | Stimuli,
    layers: Sequence[str],
    *,
    method: str | Method | None = None,
    folds: Folds = 5,
    groups: Groups = None,
    ceilings: bool = True,
    shuffled: bool = True,
    members: str | None = None,
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
        method: ``ridge``, ``pls``, ``factorised``, ``gaussian``, or one of these classes with other settings; None takes
            ``suggest_method``: factorised where every layer has space, otherwise ridge.
        folds, groups: as for ``assign_folds``: stimuli of one group, such as crops of one photograph, share a fold.
        ceilings: whether to correct scores by reliability, which needs two trials of a stimulus.
        shuffled: whether to score, beside, responses that were dealt to the wrong stimuli; their r should be near zero.
        members: ``folds`` makes an ensemble of one read-out for each fold, fitted to the stimuli of the other folds;
            ``layers`` one of a read-out for each layer, fitted to all stimuli, which are wrong about different images, so
            that what is made on their mean carries over better. All read the layers of one forward pass. The layer of a
            site, and its scores, are those without members.
        seed: of folds, shuffling and the splits of reliability.
        cache: folder for activations; by default they are removed at the end.
        progress: is told of each step, in words.

    Raises:
        InputError: before anything is fitted, if responses and stimuli do not match, a site has no variance, a stimulus
            would stand on both sides of a fold, or a layer or method does not exist.

    Example:
        >>> fit = fit_sites(observer, responses, StimulusSet.read("natural"), ["blocks.1", "blocks.2"], folds=3)
        >>> list(fit.table["site"])
        ['a', 'b', 'c']
        >>> drive(fit.unit("a"))
        drive(a)
    """
    names = _layers(observer, layers, members)
    chosen = resolve_method(suggest_method(observer, names) if method is None else method, observer)
    shown = stimuli if isinstance(stimuli, Stimuli) else Stimuli.of_sets(stimuli, observer.input)
    require_match(responses, shown.table)
    shown = shown.only([name for name in shown.ids if name in set(responses.stimulus_ids)])
    means = mean_responses(responses, shown.ids)
    _require_enough(responses, means.mean)
    fold = assign_folds(shown.table, folds=folds, groups=groups, seed=seed)
    axes = mask_axes(chosen, observer, names)
    if members == "folds":
        _require_every_member(responses, means.mean, fold)
    ceiling = reliability(responses, seed=seed) if ceilings else None
    dealt = shuffle(means.mean, seed) if shuffled else None
    progress(f"activations of {counted(len(names), 'layer')} for {counted(len(shown), 'stimulus', 'stimuli')}")
    with layer_activations(observer, shown, names, cache=cache) as activations:
        features = {layer: Features(activations[layer], axes[layer]) for layer in names}
        scores = []
        for layer in names:
            progress(f"{layer}: {chosen.name}, {counted(len(means.sites), 'site')}, {fold.max() + 1} folds")
            scores.append(held_out_scores(chosen, features[layer], fold, means.mean, dealt))
        choice = choose([layer[0] for layer in scores])
        null = choose([layer[1] for layer in scores]).r if shuffled else np.full(len(means.sites), np.nan)
        progress("each site on the layer that predicts it best")
        fitted = _fitted(observer, chosen, features, means.mean, choice, members, fold)
    table, by_layer = tables_of(means.sites, names, chosen, means.mean, choice, null, ceiling)
    held_out = held_out_predictions([layer[0] for layer in scores], choice, averaged=members == "layers")
    table = table.assign(**Expectation.of_held_out(held_out, means.mean).columns)
    options = {"layers": names, "folds": fold.tolist(), "seed": seed, "members": members, "method": chosen.name}
    options |= settings_of(chosen)
    made = Fit(fitted, table, by_layer, provenance_of(observer, responses, shown, options))
    return replace(made, table=table.join(estimated([observer], members_of(made), len(made.sites))))


def _layers(observer: Observer, layers: Sequence[str], members: str | None) -> list[str]:
    """The candidates, each once, if the observer has them and the ensemble can be made of them."""
    if members not in (None, *MEMBERS_OVER):
        raise InputError(
            f"members {members!r} is unknown", f"say {' or '.join(map(repr, MEMBERS_OVER))}, or nothing", code="unknown"
        )
    names = list(dict.fromkeys(layers))
    if not names:
        raise InputError("no layer given", "name one or more of the observer's layers")
    observer.require(names)
    if members == "layers" and len(names) < 2:
        raise InputError(f"an ensemble over layers needs two or more, {names[0]} alone given", "name more")
    return names


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
            f"{responses.source}: {share(len(few), len(known), 'site', 'answers', 'answer')} fewer than {MIN_STIMULI} stimuli ({listed(few)})",
            "leave them out with without(sites=...)",
            code="unfit-sites",
        )
    flat = np.nanmax(mean, 0) == np.nanmin(mean, 0)
    if flat.any():
        named = listed(site for site, dead in zip(responses.sites, flat, strict=True) if dead)
        raise InputError(
            f"{responses.source}: the mean responses of {counted(int(flat.sum()), 'site')} are the same for every stimulus ({named})",
            "leave them out with without(sites=...)",
            code="unfit-sites",
        )


def _require_every_member(responses: Responses, mean: Values, fold: NDArray[np.int64]) -> None:
    seen = np.stack([np.isfinite(mean[fold != number]).sum(0) for number in range(fold.max() + 1)]).min(0)
    if few := [site for site, count in zip(responses.sites, seen, strict=True) if count < MIN_PER_FOLD]:
        raise InputError(
            f"{responses.source}: {listed(few)} answered too few stimuli outside one of the folds",
            "fit without members=..., or leave them out with without(sites=...)",
            code="one-fold-short",
        )


def _fitted(
    observer: Observer,
    method: Method,
    features: Mapping[str, Features],
    mean: Values,
    choice: Choice,
    members: str | None,
    fold: NDArray[np.int64],
) -> Observer:
    centre, spread = (torch.from_numpy(part.astype(np.float32)) for part in (np.nanmean(mean, 0), np.nanstd(mean, 0)))
    standardised = Standardised(centre, spread)
    if members is None:
        return observer_with_sites(observer, *_read_out(method, features, mean, choice), standardised)
    if members == "layers":
        fitted = [_read_out(method, features, mean, choice.on(number)) for number in range(len(features))]
    else:
        # Methods leave out what is NaN.
        seen = [np.where(fold[:, None] == number, np.nan, mean) for number in range(fold.max() + 1)]
        fitted = [_read_out(method, features, part, choice) for part in seen]
    return observer_with_members([observer], [Member(0, tuple(reads), sites) for reads, sites in fitted], standardised)


def _read_out(
    method: Method, features: Mapping[str, Features], mean: Values, choice: Choice
) -> tuple[list[str], Sites]:
    """The layers that are read, and the read-outs of them."""
    readouts, reads, place = [], [], np.zeros(mean.shape[1], dtype=np.int64)
    for number, layer in enumerate(features):
        mine = np.flatnonzero(choice.layer == number)
        if len(mine):
            place[mine] = sum(choice.layer < number) + np.arange(len(mine))
            readouts.append(method.fit(features[layer], mean[:, mine], choice.candidate[mine]))
            reads.append(layer)
    return reads, Sites(readouts, place.tolist())
