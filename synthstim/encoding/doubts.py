"""What a fit gives reason to doubt: sites that repeat themselves, and that no layer predicts."""

from __future__ import annotations

import pandas as pd

# Held-out correlation below which a site counts as hardly predicted.
POOR = 0.2
# What is doubted: a mean below this, of so many sites or more that repeat themselves. benchmarks/doubts.py says how often that errs: a
# median below 0.2, of any number, doubted up to two fifths of small recordings that were right.
DOUBTED, RELIABLE, FEWEST = 0.1, 0.5, 4


def doubt_of(table: pd.DataFrame) -> str:
    """What to look at where sites repeat themselves and are hardly predicted, as where ids and images do not go together.

    Args:
        table: of a fit, a row a site, with ``r`` and ``reliability``.

    Returns:
        A sentence; "" where reliable sites are predicted in the mean, or fewer than four are reliable.

    Example:
        >>> doubt_of(pd.DataFrame({"r": [0.6, 0.1, 0.5, 0.2], "reliability": [0.9, 0.8, 0.9, 0.6]}))
        ''
    """
    reliable = table.loc[table["reliability"].astype(float) >= RELIABLE, "r"].astype(float)
    if len(reliable) < FEWEST or not (mean := reliable.mean()) < DOUBTED:
        return ""
    return (
        f"{len(reliable)} sites repeat themselves, and what was shown hardly predicts the responses (mean held-out r {mean:.2f}): if ids and stimuli were mixed up,"
        " or the responses are of another session, it looks like this; compare some trials with the log of what was shown"
    )
