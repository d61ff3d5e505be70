"""What a fit gives reason to doubt: sites that repeat themselves, and that no layer predicts."""

from __future__ import annotations

import pandas as pd

# Held-out correlation below which a site counts as hardly predicted, and reliability from which that is no wonder of noise.
POOR, RELIABLE = 0.2, 0.5


def doubt_of(table: pd.DataFrame) -> str:
    """What to look at where sites repeat themselves and are hardly predicted, as where ids and images do not go together.

    Args:
        table: of a fit, a row a site, with ``r`` and ``reliability``.

    Returns:
        A sentence; "" where the median of the reliable sites is predicted, or no site is reliable.

    Example:
        >>> doubt_of(pd.DataFrame({"r": [0.6, 0.1, 0.5], "reliability": [0.9, 0.8, 0.9]}))
        ''
    """
    reliable = table.loc[table["reliability"].astype(float) >= RELIABLE, "r"].astype(float)
    if not len(reliable) or not (middle := reliable.median()) < POOR:
        return ""
    who = f"{len(reliable)} sites repeat themselves" if len(reliable) > 1 else "one site repeats itself"
    return (
        f"{who}, and what was shown hardly predicts the responses (median held-out r {middle:.2f}): if ids and stimuli were mixed up,"
        " or the responses are of another session, it looks like this; compare some trials with the log of what was shown"
    )
