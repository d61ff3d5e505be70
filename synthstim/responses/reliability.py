"""How well a site repeats itself: split-half reliability over ragged repeats, and the ceiling it sets."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthstim.errors import InputError, share
from synthstim.responses.files import listed
from synthstim.responses.means import Repeats, repeat_blocks, require_variance
from synthstim.responses.trials import Responses

MIN_STIMULI = 3
SPLITS = 100
Values = NDArray[np.float64]


def reliability(responses: Responses, *, splits: int = SPLITS, seed: int = 0) -> pd.DataFrame:
    """Split-half reliability of each site's mean responses, corrected by Spearman and Brown's formula.

    The trials of each stimulus are halved at random (of an odd number, either half gets one more), each half averaged,
    and the halves correlated over stimuli; r is averaged over splits and 2r / (1 + r) taken of the average. For noise that is
    independent from trial to trial this estimates signal variance / (signal variance + noise variance / repeats).
    Stimuli with one trial at a site are left out of that site's reliability.

    Args:
        responses: trials in one window.
        splits: how many random halvings are averaged.
        seed: of the halvings.

    Returns:
        One row a site: ``site``, ``stimuli`` (with two trials or more), ``repeats`` (their median), ``r_half``,
        ``reliability``, and ``ceiling`` = sqrt(reliability), the correlation that a perfect model would have with the
        means; it is NaN where the reliability is not positive.

    Raises:
        InputError: a site has no variance, or fewer than three stimuli with two trials.

    Example:
        >>> list(reliability(responses)["site"])
        ['a', 'b', 'c']
    """
    if splits < 1:
        raise InputError(f"{splits} splits given; expected 1 or more")
    require_variance(responses)
    _require_repeats(responses)
    generator = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for block in repeat_blocks(responses):
        block = _repeated(block)
        r = np.mean([_split(block, generator) for _ in range(splits)], axis=0)
        for site, half in zip(block.sites, r, strict=True):
            corrected = spearman_brown(float(half))
            rows.append(
                {
                    "site": responses.sites[site],
                    "stimuli": len(block.count),
                    "repeats": float(np.median(block.count)),
                    "r_half": float(half),
                    "reliability": corrected,
                    "ceiling": float(np.sqrt(corrected)) if corrected > 0 else np.nan,
                }
            )
    table = pd.DataFrame(rows).set_index("site").loc[list(responses.sites)]
    return table.reset_index()


def spearman_brown(r: float) -> float:
    """Reliability of the whole from the correlation of its halves: 2r / (1 + r).

    >>> spearman_brown(0.5)
    0.6666666666666666
    """
    return 2 * r / (1 + r) if r > -1 else -np.inf


def correlation(a: Values, b: Values) -> Values:
    """Pearson's r over the first axis, one for each further entry; 0 where one of the two does not vary."""
    a, b = a - a.mean(0), b - b.mean(0)
    scale = np.sqrt((a**2).sum(0) * (b**2).sum(0))
    # Means of equal numbers differ by rounding.
    flat = scale <= 1e-20
    return np.where(flat, 0.0, (a * b).sum(0) / np.where(flat, 1.0, scale))


def _require_repeats(responses: Responses) -> None:
    few, single = [], []
    for block in repeat_blocks(responses):
        names = [responses.sites[site] for site in block.sites]
        if block.count.max() < 2:
            single += names
        elif (block.count >= 2).sum() < MIN_STIMULI:
            few += names
    if single:
        raise InputError(
            f"{responses.source}: {share(len(single), len(responses.sites), 'site', 'has', 'have')} one repeat of each"
            f" stimulus ({listed(single)}), and reliability needs two",
            "record more, or do without ceilings",
            code="one-repeat",
        )
    if few:
        raise InputError(
            f"{responses.source}: {share(len(few), len(responses.sites), 'site', 'has', 'have')} fewer than {MIN_STIMULI} stimuli"
            f" with two trials ({listed(few)})",
            "leave them out with without(sites=...)",
            code="unfit-sites",
        )


def _repeated(block: Repeats) -> Repeats:
    keep = block.count >= 2
    return Repeats(block.sites, block.count[keep], block.values[keep])


def _split(block: Repeats, generator: np.random.Generator) -> Values:
    """(site,) correlation of two random halves; the sites of a block share the halving."""
    count = block.count[:, None]
    keys = generator.random(block.values.shape[:2])
    keys[np.arange(keys.shape[1]) >= count] = np.inf
    rank = keys.argsort(1).argsort(1)
    half = (count + (count % 2) * generator.integers(0, 2, count.shape)) // 2
    first, second = rank < half, (rank >= half) & (rank < count)
    means = [np.einsum("nt,nts->ns", part / part.sum(1, keepdims=True), block.values) for part in (first, second)]
    return correlation(*means)
