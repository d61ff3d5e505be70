"""What a fit says of itself: a table of sites, one of layers, and where it all comes from."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from synthstim.encoding.features import Values
from synthstim.encoding.methods import Method
from synthstim.encoding.scores import Choice
from synthstim.encoding.stimuli import Stimuli
from synthstim.models import Observer
from synthstim.responses import Responses


def tables_of(
    sites: tuple[str, ...],
    layers: list[str],
    method: Method,
    mean: Values,
    choice: Choice,
    null: Values,
    ceiling: pd.DataFrame | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """``Fit.table`` and ``Fit.layers``: a row a site; a row a site and layer.

    Args:
        mean: (stimulus, site) mean responses, NaN where there is none.
        null: (site,) r of shuffled responses.
        ceiling: the table of ``reliability``, if it was asked for.
    """
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


def provenance_of(
    observer: Observer, responses: Responses, stimuli: Stimuli, options: dict[str, Any]
) -> dict[str, Any]:
    """What a fit was made of."""
    return {
        "observer": words_of(observer),
        "responses": {
            "source": responses.source,
            "trials": len(responses),
            "sessions": list(responses.sessions),
            "window_s": list(responses.window),
            "notes": list(responses.notes),
        },
        "stimuli": dict(zip(stimuli.ids, stimuli.table["sha256"].astype(str), strict=True)),
        "options": options,
        "versions": versions(),
    }


def words_of(observer: Observer) -> dict[str, Any]:
    """What opens an observer again, and tells it from others."""
    return {
        "name": observer.name,
        "weights": observer.weights,
        "weights_sha256": observer.weights_sha256,
        "modality": observer.input.kind,
        "input": asdict(observer.input),
        **({"axes": observer.axes.words} if observer.axes.words else {}),
        "opening": observer.opening,
    }


def versions() -> dict[str, str]:
    """Of what a fit was computed with."""
    return {"python": platform.python_version(), **{name: version(name) for name in ("synthstim", "torch", "numpy")}}
