"""Mixtures that a set keeps: they are mixed again, of the files that they are mixtures of."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import torch

from synthstim.modalities.base import Modality, Stimulus
from synthstim.recipe.series import share_of
from synthstim.stimulus_set import StimulusSet

MIXTURE = "mixture"
# Of an image, the largest change of a display value; of a sound, relative to it: more than rounding to a file's levels changes.
TOLERANCE = 0.006


def away(modality: Modality, filed: Stimulus, first: Stimulus, second: Stimulus, share: float) -> float:
    """How far a file is from the mixture that it is to hold, as ``Modality.off`` says it.

    Args:
        filed, first, second: stimuli as files hold them, (*shape).
        share: of the second in the mixture.

    Example:
        >>> first, second = images[:2].numpy()
        >>> modality = observer.input.modality
        >>> away(modality, modality.mixed(first, second, 0.25), first, second, 0.25) < TOLERANCE
        True
    """
    wanted, came = (
        torch.from_numpy(values[None].astype(np.float64)) for values in (modality.mixed(first, second, share), filed)
    )
    return modality.off(came - wanted, wanted)


def mixed_otherwise(stimuli: StimulusSet, damaged: Collection[str]) -> Iterator[str]:
    """One sentence for each mixture of a set that is another one than the provenance says; damaged files are left."""
    told = stimuli.provenance.get("series", {})
    rows = {str(row["stimulus_id"]): row for row in stimuli.table.to_dict("records") if row["kind"] == MIXTURE}
    for name in [name for name in {**told, **rows} if (name in told) != (name in rows)]:
        where = ("provenance.json", "stimuli.tsv") if name in told else ("stimuli.tsv", "provenance.json")
        yield f"{name}: {where[0]} says that it is a mixture, {where[1]} does not"
    for name in [name for name in rows if name in told]:
        row, facts = rows[name], told[name]
        try:
            first, second, mix, scale = str(facts["from"]), str(facts["to"]), float(facts["mix"]), str(facts["scale"])
        except (KeyError, TypeError, ValueError) as error:
            yield f"{name}: provenance.json describes a mixture that cannot be read ({error})"
            continue
        if not abs(float(row["mix"]) - mix) <= 1e-6 * max(1.0, abs(mix)):
            yield f"{name}: mix is {mix:g} in provenance.json, the table says {row['mix']}"
        elif not {first, second, row["file"]} & set(damaged):
            filed, one, other = (stimuli.stimulus(file) for file in (str(row["file"]), first, second))
            off = away(stimuli.modality, filed, one, other, share_of(mix, scale))
            if not off <= TOLERANCE:
                yield f"{name}: the file is {off:.3g} away from the mixture of {first} and {second}"
