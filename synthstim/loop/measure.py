"""What a generation came to: predictions against measurements, gains over natural images, drift."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import false_discovery_control, mannwhitneyu

from synthstim.encoding import MEMBERS, Fit, Stimuli
from synthstim.goals import GOALS
from synthstim.goals.wish import Want
from synthstim.loop.drift import site_drift
from synthstim.loop.generation import Generation
from synthstim.loop.history import History
from synthstim.loop.requests import merit_of, track_levels
from synthstim.loop.session import LoopSession
from synthstim.loop.settings import LoopSettings
from synthstim.loop.tables import write_frame
from synthstim.production.expected_gain import REACH
from synthstim.responses import Responses, mean_responses
from synthstim.stimulus_set import StimulusSet

PREDICTED = (
    "stimulus_id", "role", "site", "predicted", "spread", "expected", "sd", "measured", "error", "trials", "predicted_by",
)  # fmt: skip
GAINS = (
    "goal",
    "target",
    "made",
    "natural",
    "control",
    "gain",
    "merit_made",
    "merit_natural",
    "images",
    "natural_images",
    "p",
    "q",
)
SITES = ("site", "r_predicted", "r_made", "promise", "covered", "score", "reliability", "drift")
FDR = 0.05
_AT_ONCE = 32


def measure_generation(session: LoopSession, generation: Generation) -> None:
    """Write ``gains.tsv``, ``levels.tsv``, ``sites.tsv`` and, last, ``predicted.tsv`` of a generation that was fitted."""
    history = History.read(session, generation.number)
    predicted = predicted_against_measured(session, generation)
    write_frame(generation.root / "gains.tsv", gains(history, generation, wants_of(session.settings, history)))
    write_frame(generation.root / "levels.tsv", track_levels(session.settings, history))
    write_frame(generation.root / "sites.tsv", by_site(predicted, history, session.fit(generation)))
    write_frame(generation.root / "predicted.tsv", predicted)


def predicted_against_measured(session: LoopSession, generation: Generation) -> pd.DataFrame:
    """One row for each image and site (``PREDICTED``).

    Predictions are those of the fit before the images were shown. Those of generation 0, before which there was none, are
    held out where the fit is an ensemble over folds, and fitted otherwise; ``predicted_by`` says which.
    """
    if generation.number:
        before = session.generations[generation.number - 1]
        fit = session.fit(before)
        table, by = fit.expecting(fit.predict(generation.stimuli)), before.name
    else:
        table, by = _of_itself(session.fit(generation), generation.stimuli)
    table = table.merge(_measured(generation.responses), on=["stimulus_id", "site"], how="left")
    roles = generation.plan.drop_duplicates("stimulus_id").set_index("stimulus_id")["role"]
    table["role"] = table["stimulus_id"].map(roles)
    return table.assign(predicted_by=by).reindex(columns=list(PREDICTED))


def gains(history: History, generation: Generation, wants: Mapping[tuple[str, str], Want]) -> pd.DataFrame:
    """What the images of each goal and site do beyond the re-shown best natural ones, in this generation (``GAINS``).

    ``made``, ``natural`` and ``control`` (noise, Gabors and the model's choice of natural images, if the settings ask for
    them) are mean responses of the controlled site, as recorded; ``gain`` is the ratio of the first two. ``merit_...``
    are in standard deviations of generation 0 (see ``requests.merit_of``). ``p`` is of a one-sided Mann-Whitney test over
    images and trials, in the goal's direction; ``q`` is corrected over the sites of the goal (Benjamini-Hochberg). Goals of
    several sites together have merits only.

    Args:
        wants: what the settings ask for, by goal and target.
    """
    own = History([*history.generations[:1], generation], generation.responses, history.plan)
    plan = generation.plan[generation.plan["goal"].notna() & generation.plan["level"].isna()]
    plan = plan[plan["role"].isin(["exploit", "anchor", "control"])]
    trials, rows = generation.responses.trials, []
    for (goal, kind, target), part in plan.groupby(["goal", "kind", "target"], sort=False):
        made = list(part.loc[part["role"] == "exploit", "stimulus_id"])
        again = list(part.loc[part["role"] == "anchor", "stimulus_id"])
        natural = [name for name in again if name in set(history.means.stimulus_ids) and _is_natural(history, name)]
        controls = list(part.loc[part["role"] == "control", "stimulus_id"])
        shown = {"made": made, "natural": natural, "control": controls}
        want = wants.get((str(goal), str(target)), Want((str(target),)))
        rows.append(_gain(own, trials, str(goal), want, str(kind), shown))
    table = pd.DataFrame(rows, columns=[name for name in GAINS if name != "q"])
    table["q"] = np.nan
    for _, at in table.groupby("goal").groups.items():
        tested = table.loc[at, "p"].dropna()
        if len(tested):
            table.loc[tested.index, "q"] = false_discovery_control(tested.to_numpy(dtype=float))
    return table[list(GAINS)]


def wants_of(settings: LoopSettings, history: History) -> dict[tuple[str, str], Want]:
    """What the goals of the settings that have no levels ask for, by goal and target."""
    sites = list(history.means.sites)
    found = ((wish, want) for wish in settings.goals for want in GOALS[wish.goal].wants(wish, sites, history.scale))
    return {(wish.name, " ".join(want.sites)): want for wish, want in found if want.level is None}


def by_site(predicted: pd.DataFrame, history: History, fit: Fit) -> pd.DataFrame:
    """One row a site (``SITES``).

    ``promise`` is the mean response that was expected of the images made for the site over what was measured of them, and
    ``covered`` the share of them within the interval that was to hold eight of ten. ``r_predicted`` is over all images of the generation, ``r_made`` over those made for a goal; ``score`` is the new fit's,
    held out over all generations. ``drift`` is the mean response to the images that were drawn blindly and shown again, over
    that to the same images in generation 0.
    """
    rows = []
    drift = site_drift(history.generations[-1], history.generations[0])["drift"]
    plan = history.generations[-1].plan
    own_images = plan[(plan["role"] == "exploit") & plan["goal"].notna()].groupby("target")["stimulus_id"]
    made = {str(target): set(ids) for target, ids in own_images}
    for site, part in predicted.groupby("site", sort=False):
        own = fit.table.set_index("site")
        known = own.loc[str(site)] if site in own.index else pd.Series(dtype=float)
        rows.append(
            {
                "site": site,
                "r_predicted": _r(part),
                "r_made": _r(part[part["role"] == "exploit"]),
                **_kept(part, made.get(str(site), ())),
                "score": known.get("score", np.nan),
                "reliability": known.get("reliability", np.nan),
                "drift": drift.get(str(site), np.nan),
            }
        )
    return pd.DataFrame(rows, columns=list(SITES))


def _gain(
    own: History, trials: pd.DataFrame, goal: str, want: Want, kind: str, shown: dict[str, list[str]]
) -> dict[str, Any]:
    target = " ".join(want.sites)
    row: dict[str, Any] = dict.fromkeys(GAINS, np.nan)
    row |= {"goal": goal, "target": target, "images": len(shown["made"]), "natural_images": len(shown["natural"])}
    row.pop("q")
    if not set(want.sites) <= set(own.means.sites):
        return row
    merits = dict(zip(own.means.stimulus_ids, merit_of(kind, want, own), strict=True))
    for noun in ("made", "natural"):
        kept = [merits[name] for name in shown[noun] if name in merits and np.isfinite(merits[name])]
        row[f"merit_{noun}"] = float(np.mean(kept)) if kept else np.nan
    if len(want.sites) > 1:
        return row
    at = trials[trials["site"] == target]
    tested = (shown["made"], shown["natural"])
    groups = [at.loc[at["stimulus_id"].isin(names), "response"].to_numpy(dtype=float) for names in tested]
    values = dict(zip(own.means.stimulus_ids, own.means.mean[:, own.means.sites.index(target)], strict=True))
    for noun, names in shown.items():
        known = [values[name] for name in names if name in values and np.isfinite(values[name])]
        row[noun] = float(np.mean(known)) if known else np.nan
    row["gain"] = row["made"] / row["natural"] if row["natural"] > 0 else np.nan
    if all(len(values) for values in groups):
        direction = "greater" if GOALS[kind].higher else "less"
        row["p"] = float(mannwhitneyu(*groups, alternative=direction).pvalue)
    return row


def _of_itself(fit: Fit, stimuli: StimulusSet) -> tuple[pd.DataFrame, str]:
    """Predictions of generation 0 by its own fit: of each image by the member that never saw it, where there is one."""
    table = fit.predict(stimuli)
    if fit.provenance["options"]["members"] != "folds":
        return table, "fitted to it"
    return held_out(fit, stimuli, table), "held out"


def held_out(fit: Fit, stimuli: StimulusSet, table: pd.DataFrame) -> pd.DataFrame:
    """The same table with the prediction of the member whose fold held each image."""
    fold = dict(zip(fit.provenance["stimuli"], fit.provenance["options"]["folds"], strict=True))
    shown = Stimuli.of_sets(stimuli, fit.observer.input)
    out = np.full((len(shown), len(fit.sites)), np.nan)
    for start in range(0, len(shown), _AT_ONCE):
        rows = range(start, min(start + _AT_ONCE, len(shown)))
        batch = shown.batch(rows).to(fit.observer.device, fit.observer.dtype)
        with torch.no_grad():
            members = fit.observer.activations(batch, [MEMBERS])[MEMBERS].cpu().numpy()
        for at, row in enumerate(rows):
            if shown.ids[row] in fold:
                out[row] = members[at, fold[shown.ids[row]]]
    return table.assign(predicted=out.ravel())


def _measured(responses: Responses) -> pd.DataFrame:
    means = mean_responses(responses)
    frame = responses.trials.groupby(["stimulus_id", "site"], observed=True)["response"].agg(["sem", "size"])
    shape = (len(means.stimulus_ids), len(means.sites))
    ids, sites = np.repeat(means.stimulus_ids, shape[1]), np.tile(means.sites, shape[0])
    table = pd.DataFrame({"stimulus_id": ids, "site": sites, "measured": means.mean.ravel()})
    frame = (
        frame.rename(columns={"sem": "error", "size": "trials"}).reset_index().astype({"stimulus_id": str, "site": str})
    )
    return table.merge(frame, on=["stimulus_id", "site"], how="left")


def _is_natural(history: History, stimulus_id: str) -> bool:
    own = history.plan[history.plan["stimulus_id"] == stimulus_id]
    return bool((own["role"].isin(["natural", "explore"]) & own["goal"].isna()).any())


def _kept(part: pd.DataFrame, made: Collection[str]) -> dict[str, float]:
    known = part[part["stimulus_id"].isin(made)].dropna(subset=["expected", "sd", "measured"])
    if not len(known) or not known["measured"].mean() > 0:
        return {"promise": np.nan, "covered": np.nan}
    inside = (known["measured"] - known["expected"]).abs() <= REACH * known["sd"]
    return {"promise": known["expected"].mean() / known["measured"].mean(), "covered": inside.mean()}


def _r(part: pd.DataFrame) -> float:
    known = part[["predicted", "measured"]].dropna()
    if len(known) < 3 or known.nunique().min() < 2:
        return np.nan
    return float(np.corrcoef(known["predicted"], known["measured"])[0, 1])
