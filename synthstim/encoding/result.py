"""A fit: the observer with its sites, what is known of each site, and where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from synthstim.encoding.expectation import Expectation
from synthstim.encoding.fitted import SITES, STANDARDISED
from synthstim.encoding.members import MEMBERS, SPREAD
from synthstim.encoding.receptive_fields import fields_in
from synthstim.encoding.stimuli import Stimuli
from synthstim.errors import InputError, counted, nearest
from synthstim.models import Observer, Unit
from synthstim.stimulus_set import StimulusSet

_AT_ONCE = 32


def scores_of(table: pd.DataFrame) -> dict[str, float]:
    """Site -> held-out score of a table of a fit; r itself where responses have no ceiling."""
    scores = table["score"].astype(float).fillna(table["r"].astype(float))
    return dict(zip(table["site"].astype(str), scores, strict=True))


@dataclass(frozen=True, repr=False)
class Fit:
    """Sites fitted to an observer.

    Attributes:
        observer: the base observer with the layers ``sites`` (responses as recorded) and ``sites_z`` (in standard
            deviations of the measured mean responses), for every objective, constraint and check; an ensemble's has
            ``sites_spread`` (standard deviation over members, as recorded) and ``members`` besides.
        table: one row a site: ``site``, ``layer``, ``method``, ``candidate`` (penalty, components or strength), ``stimuli``,
            ``r`` (held out; of an ensemble, the mean over members, each on what it was not fitted to), ``reliability``, ``ceiling``, ``score`` (r / ceiling), ``r_shuffled``, ``mean``, ``spread``,
            what predictions are worth (``Expectation``), and of images where the site sees (``field_right``, ``field_up``,
            ``field_diameter``, as ``ReceptiveField`` has them).
        layers: ``site``, ``layer``, ``r``, ``score`` of every layer that was tried.
        provenance: observer and its weights' checksum, stimuli, responses, options, versions.
    """

    observer: Observer
    table: pd.DataFrame
    layers: pd.DataFrame
    provenance: dict[str, Any]

    def __post_init__(self) -> None:
        # So that recipes find sites by their names.
        self.observer.sites, self.observer.fields = self.sites, fields_in(self.table)

    @property
    def sites(self) -> tuple[str, ...]:
        """Names of the sites, in the order of the layer ``sites``."""
        return tuple(map(str, self.table["site"]))

    @property
    def scores(self) -> dict[str, float]:
        """Site -> held-out score; r itself where responses have no ceiling."""
        return scores_of(self.table)

    def __repr__(self) -> str:
        middle = self.table["score" if self.table["score"].notna().any() else "r"].median()
        chosen = ", ".join(f"{count} on {layer}" for layer, count in self.table["layer"].value_counts().items())
        return f"Fit({counted(len(self.table), 'site')} by {self.table['method'].iloc[0]}: {chosen}; median score {middle:.3f})"

    def unit(self, site: str, *, standardised: bool = False) -> Unit:
        """A site as a unit that objectives control.

        Raises:
            InputError: no site has this name.
        """
        if site not in self.sites:
            raise InputError(f"no fitted site is called {site!r}: {nearest(site, self.sites)}")
        return Unit(layer=STANDARDISED if standardised else SITES, channel=self.sites.index(site), label=site)

    @property
    def members(self) -> int:
        """How many read-outs of each site there are: 1, or an ensemble's."""
        layers = self.observer.layers
        return layers[MEMBERS][0] if SPREAD in layers else 1

    def predict(self, stimuli: StimulusSet | Sequence[StimulusSet] | Stimuli) -> pd.DataFrame:
        """The responses that the fit predicts.

        Args:
            stimuli: a set or sets, or ``Stimuli`` in memory.

        Returns:
            One row for each stimulus and site: ``stimulus_id``, ``site``, ``predicted`` (as recorded), and of an ensemble
            ``spread``, the standard deviation over members.

        Raises:
            InputError: a stimulus cannot be read or is not as the observer takes it.

        Example:
            >>> list(fit.predict(StimulusSet.read("tonight")))
            ['stimulus_id', 'site', 'predicted']
        """
        shown = stimuli if isinstance(stimuli, Stimuli) else Stimuli.of_sets(stimuli, self.observer.input)
        wanted = {"predicted": SITES} | ({"spread": SPREAD} if self.members > 1 else {})
        parts: dict[str, list[Any]] = {name: [] for name in wanted}
        for start in range(0, len(shown), _AT_ONCE):
            rows = range(start, min(start + _AT_ONCE, len(shown)))
            batch = shown.batch(rows).to(self.observer.device, self.observer.dtype)
            with torch.no_grad():
                read = self.observer.activations(batch, list(wanted.values()))
            for name, layer in wanted.items():
                parts[name].append(read[layer].cpu().numpy().astype(np.float64))
        frame = {"stimulus_id": np.repeat(shown.ids, len(self.sites)), "site": np.tile(self.sites, len(shown))}
        return pd.DataFrame(frame | {name: np.concatenate(values).ravel() for name, values in parts.items()})

    def expect(self, stimuli: StimulusSet | Sequence[StimulusSet] | Stimuli) -> pd.DataFrame:
        """The responses to expect: predictions as far as held-out stimuli say that they can be trusted.

        Args:
            stimuli: as for ``predict``.

        Returns:
            One row for each stimulus and site: ``stimulus_id``, ``site``, ``predicted`` (as recorded), ``expected`` and
            ``sd``, the standard deviation of a measured mean about it, of as many trials as were fitted to.

        Raises:
            InputError: as for ``predict``, or the fit is of an earlier version, which had none.

        Example:
            >>> list(fit.expect(StimulusSet.read("tonight")))
            ['stimulus_id', 'site', 'predicted', 'expected', 'sd']
        """
        if Expectation.of_table(self.table) is None:
            raise InputError("a fit without expectations given", "fit again", code="missing")
        return self.expecting(self.predict(stimuli))[["stimulus_id", "site", "predicted", "expected", "sd"]]

    def expecting(self, predicted: pd.DataFrame) -> pd.DataFrame:
        """A table of ``predict`` with the columns ``expected`` and ``sd``; NaN of a fit of an earlier version."""
        expectation = Expectation.of_table(self.table)
        values = predicted["predicted"].to_numpy().reshape(-1, len(self.sites))
        none = np.full_like(values, np.nan)
        expected, sd = (none, none) if expectation is None else (expectation.expected(values), expectation.sd(values))
        return predicted.assign(expected=expected.ravel(), sd=sd.ravel())
