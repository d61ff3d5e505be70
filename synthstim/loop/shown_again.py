"""Images that are shown again: the best natural ones and the best earlier controllers, for each goal and site."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from synthstim.loop.generation import plan_table
from synthstim.loop.history import History
from synthstim.loop.requests import Request, best
from synthstim.loop.settings import LoopSettings


def anchor_rows(settings: LoopSettings, history: History, requests: Sequence[Request]) -> pd.DataFrame:
    """Rows of the plan for images that are shown again (``PLAN``), the best of each kind first.

    The best natural image was found among noisy responses, so that its next mean is lower: only what is shown again beside
    the controllers says what they gain. Levels have none of their own. Those that were drawn at random, always the same
    ones, serve no goal: they say how far the recording drifted.
    """
    rows: list[tuple[object, ...]] = []
    seen = set()
    for request in requests:
        key = (request.wish.name, request.target)
        if request.want.level is not None or key in seen:
            continue
        seen.add(key)
        merits = request.merits(history)
        made = history.rows(role="exploit", goal=request.wish.name, target=request.target)
        for among, most in ((history.natural(), settings.anchors.natural), (made, settings.anchors.earlier)):
            for row in best(merits, among, most):
                name = history.means.stimulus_ids[row]
                rows.append((name, "anchor", key[0], request.wish.goal, key[1], None, history.groups[name], None))
    first = [str(name) for name in history.generations[0].plan["stimulus_id"]]
    for at in sorted(np.random.default_rng(settings.seed).permutation(len(first))[: settings.anchors.random]):
        rows.append((first[at], "anchor", None, None, None, None, history.groups[first[at]], None))
    return plan_table(rows)
