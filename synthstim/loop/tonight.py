"""What to do next, in a few sentences: what a generation came to, as a colleague would put it in the evening."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from synthstim.loop.generation import Generation
from synthstim.loop.measure import FDR
from synthstim.loop.session import LoopSession
from synthstim.responses.files import listed

# A response to the same images that changed by more than this is worth a look at the electrode.
DRIFTED = 1.5
# Expected over measured, beyond which the fit promises too much.
PROMISED = 1.4


def what_to_do(session: LoopSession, generation: Generation) -> list[str]:
    """Sentences on a generation that was measured, the most important first."""
    sites, gains = generation.table("sites.tsv"), generation.table("gains.tsv")
    return [
        *_on_gains(generation, gains),
        *_on_sites(sites, session.settings.min_score),
        *_on_drift(sites, corrected=session.settings.correct_drift),
        *_on_promises(sites),
        *_on_levels(generation.table("levels.tsv")),
    ]


def _on_gains(generation: Generation, gains: pd.DataFrame) -> Iterator[str]:
    following = f"generation {generation.number + 1}"
    if not generation.number:
        yield f"Tonight: make {following} with synthstim loop next, and show it. There is nothing yet to compare."
        return
    known = gains.dropna(subset=["gain", "q"]) if len(gains) else gains
    if not len(known):
        yield f"Tonight: make {following} with synthstim loop next, and show it; no gain over natural stimuli could be measured."
        return
    won, middle = known["q"] < FDR, known["gain"].median()
    said = f"{int(won.sum())} of {len(known)} goals are significantly beyond the best natural image (median gain {middle:.3g})"
    if won.mean() >= 0.5:
        yield f"Tonight: show {following} (synthstim loop next); {said}."
    elif won.any():
        yield f"Tonight: show {following} (synthstim loop next), fitted with these responses as well; so far {said}."
    else:
        yield (
            f"Tonight: before more controllers, show more stimuli that teach the model (raise explore.share), or more repeats; {said}."
        )


def _on_sites(sites: pd.DataFrame, least: float) -> Iterator[str]:
    poor = list(map(str, sites.loc[~(sites["score"] >= least), "site"])) if len(sites) else []
    if len(poor):
        yield (
            f"{listed(poor)}: held-out score below {least:g}, nothing is made for {'it' if len(poor) == 1 else 'them'}. Record"
            " more repeats, or name it under leave_out."
        )


def _on_drift(sites: pd.DataFrame, *, corrected: bool) -> Iterator[str]:
    drift = sites.set_index("site")["drift"].dropna() if len(sites) else pd.Series(dtype=float)
    moved = drift[(drift > DRIFTED) | (drift < 1 / DRIFTED)]
    if len(moved):
        named = listed(f"{site} ({value:.2g} times)" for site, value in moved.items())
        what = "it is taken out before the fit" if corrected else "correct_drift: true takes it out before the fit"
        yield f"{named} answer the same stimuli otherwise than in generation 0: look at the isolation; {what}."


def _on_promises(sites: pd.DataFrame) -> Iterator[str]:
    # What was expected is on the scale of generation 0, from which the recording may have drifted.
    kept = (sites["promise"] * sites["drift"].fillna(1)).dropna() if len(sites) else pd.Series(dtype=float)
    if len(kept) and kept.median() > PROMISED:
        yield (
            f"What was expected of the stimuli was {kept.median():.2g} times what they did: the next fit knows them, and will promise"
            " less."
        )


def _on_levels(levels: pd.DataFrame) -> Iterator[str]:
    missed = int((levels["status"] == "missed").sum()) if len(levels) else 0
    if missed:
        yield f"{missed} of {len(levels)} levels were missed and are asked for again."
