"""The arms: what is asked of an animal's sites, and what came of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from control_lab import Lab, Measured, as_saved
from control_statistics import above, discovered, share_above
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import spearmanr

from synthstim.encoding import Fit, Stimuli, shuffle_responses
from synthstim.production.expected_gain import REACH, expected_gains
from synthstim.responses import Responses
from synthstim.simulate import Animal
from synthstim.stimulus_set import StimulusSet

Rows = list[dict[str, Any]]
Values = NDArray[np.float64]


def of_unit(stimuli: StimulusSet, site: str, name: str | None = None) -> list[str]:
    """Ids of the controllers of a site, or of those of one entry of the recipe."""
    table = stimuli.table
    mine = (table["unit"] == site) & (table["kind"] == "controller")
    return list(table.loc[mine if name is None else mine & (table["name"] == name), "stimulus_id"])


def best_naturals(measured: Measured, sites: list[str]) -> dict[str, str]:
    """The natural image with the highest mean response, of each site."""
    return {site: str(measured.mean(site).idxmax()) for site in sites}


def stretch(
    lab: Lab,
    stimuli: StimulusSet,
    best: dict[str, str],
    *,
    arm: str,
    seed: int,
    animal: Animal | None = None,
    name: str | None = None,
) -> tuple[Rows, Measured]:
    """Whether a site's images together are above its best natural image, shown again beside them.

    Args:
        name: of the entry that they were made for, where the set has others.
    """
    made = lab.measure(stimuli, seed, animal=animal)
    again = lab.measure(lab.shown.only(list(dict.fromkeys(best.values()))), seed + 1, animal=animal)
    random = np.random.default_rng([lab.seed, seed])
    rows: Rows = []
    for site, natural in best.items():
        trials, reference = made.trials(of_unit(stimuli, site, name), site), again.trials([natural], site)
        p = above(trials, reference, lab.plan.permutations, random)
        rows.append(
            {"arm": arm, "site": site, "response": trials.mean(), "best_natural": reference.mean(),
             "gain": trials.mean() / max(reference.mean(), 1e-9), "p": p}
        )  # fmt: skip
    return rows, made


def drive_entry(name: str, sites: list[str], copies: int) -> dict[str, Any]:
    """An entry of a recipe that drives sites, each by itself."""
    return {"name": name, "goal": "drive", "unit": {"sites": sites}, "copies": copies}


def main_arm(lab: Lab, fit: Fit, best: dict[str, str]) -> tuple[Rows, StimulusSet, Measured]:
    """Stretch at every site, with noise and other sites' images as controls, the oracle, and what was expected before."""
    before = expected_gains(fit, lab.responses.only(sites=lab.sites), lab.first, entry=lab.entry).set_index("site")
    stimuli = lab.make(
        fit, "stretch", [drive_entry("stretch", lab.sites, lab.plan.copies)],
        controls={"noise": lab.plan.copies, "other_site": lab.plan.copies},
    )  # fmt: skip
    rows, made = stretch(lab, stimuli, best, arm="stretch", seed=10)
    controls = stimuli.companion("controls.tsv")
    oracle = lab.animal.best_images(lab.sites, seed=7, constraints=[lab.limit], evaluations=lab.plan.oracle_evaluations)
    by_oracle = lab.measure(Stimuli.of_arrays(lab.sites, as_saved(oracle)), 14)
    unseen, _ = lab.crops(lab.plan.unseen, lab.seed + 1)
    seen = Stimuli.of_arrays([f"unseen_{number:04d}" for number in range(len(unseen))], unseen)
    predicted = fit.predict(seen).pivot(index="stimulus_id", columns="site", values="predicted")
    picked = {site: str(predicted[site].idxmax()) for site in lab.sites}
    by_model = lab.measure(seen.only(list(dict.fromkeys(picked.values()))), 15)
    expected = fit.expect(stimuli).set_index(["stimulus_id", "site"])
    for row in rows:
        site = row["site"]
        mine = controls[controls["unit"] == site]
        for control in ("noise", "other_site"):
            ids = list(mine.loc[mine["control"] == control, "stimulus_id"])
            row[control] = made.trials(ids, site).mean() / row["best_natural"]
        row |= {"expected_gain": before.at[site, "gain"], "worth": bool(before.at[site, "worth"])}
        row |= _promise(expected, made, of_unit(stimuli, site), site)
        row["oracle"] = by_oracle.trials([site], site).mean()
        row["gain_over_oracle"] = row["response"] / row["oracle"]
        row["model_picked"] = by_model.trials([picked[site]], site).mean() / row["best_natural"]
    return rows, stimuli, made


def _promise(expected: pd.DataFrame, made: Measured, ids: list[str], site: str) -> dict[str, float]:
    """What was predicted and expected of a site's images over what was measured, and how many lie within 80 % intervals."""
    own = expected.loc[[(name, site) for name in ids]]
    measured = np.array([made.trials([name], site).mean() for name in ids])
    inside = np.abs(measured - own["expected"]) <= REACH * own["sd"]
    over = {name: float((own[name].mean()) / max(measured.mean(), 1e-9)) for name in ("predicted", "expected")}
    return {"predicted_over_measured": over["predicted"], "promise_over_measured": over["expected"], "covered": inside.mean()}  # fmt: skip


def shuffled_arm(lab: Lab, sites: list[str], best: dict[str, str]) -> Rows:
    """Images of a model that was fitted to responses dealt to other images."""
    dealt = shuffle_responses(lab.responses.only(sites=sites), seed=lab.seed)
    fit, _ = lab.fit(dealt)
    stimuli = lab.make(fit, "shuffled", [drive_entry("shuffled", sites, lab.plan.copies)])
    return stretch(lab, stimuli, {site: best[site] for site in sites}, arm="shuffled", seed=20)[0]


def one_hot(lab: Lab, fit: Fit, natural: Measured) -> tuple[Rows, StimulusSet, Measured]:
    """One site up, its neighbours down: the softmax share over sites whose receptive fields have one centre."""
    stimuli = lab.make(fit, "one_hot", [one_hot_entry(lab)])
    made = lab.measure(stimuli, 40)
    return one_hot_rows(lab, one_hot_ids(lab, stimuli), made, natural, arm="one-hot", seed=41), stimuli, made


def one_hot_entry(lab: Lab, name: str = "alone") -> dict[str, Any]:
    """An entry of a recipe that drives some of the sites in the centre alone."""
    group = _neighbours(lab)
    targets = {"sites": group[: lab.plan.secondary]}
    return {"name": name, "goal": "one_hot", "unit": targets, "others": {"sites": group}, "copies": lab.plan.copies}


def one_hot_ids(lab: Lab, stimuli: StimulusSet, name: str = "alone") -> dict[str, list[str]]:
    """The images of each target."""
    return {site: of_unit(stimuli, site, name) for site in _neighbours(lab)[: lab.plan.secondary]}


def one_hot_shares(lab: Lab, counts: Values, natural: Measured) -> Values:
    """(image, site) softmax shares among neighbours of the mean of z-scored trials (image, repeat, site of the animal)."""
    columns = [natural.sites.index(site) for site in _neighbours(lab)]
    means = natural.counts[:, :, columns].mean(1)
    return np.asarray(softmax((counts[:, :, columns].mean(1) - means.mean(0)) / means.std(0), axis=1))


def one_hot_rows(
    lab: Lab, images_of: dict[str, list[str]], made: Measured, natural: Measured, *, arm: str, seed: int
) -> Rows:
    """Whether the target's share is above that of the best natural image, shown again.

    Args:
        images_of: ids of the images of each target.
    """
    group = _neighbours(lab)
    columns = [natural.sites.index(site) for site in group]
    means = natural.counts[:, :, columns].mean(1)
    centre, spread = means.mean(0), means.std(0)
    shares = one_hot_shares(lab, natural.counts, natural)
    best = {site: natural.ids[int(shares[:, group.index(site)].argmax())] for site in images_of}
    again = lab.measure(lab.shown.only(list(dict.fromkeys(best.values()))), seed)
    random = np.random.default_rng([lab.seed, seed])
    rows: Rows = []
    for site, names in images_of.items():
        ids = [made.ids.index(each) for each in names]
        images = (made.counts[ids][:, :, columns] - centre) / spread
        reference = (again.counts[again.ids.index(best[site])][:, columns] - centre) / spread
        share, before, p = share_above(images, reference, group.index(site), lab.plan.permutations, random)
        rows.append({"arm": arm, "site": site, "response": share, "best_natural": before, "p": p})
    return rows


def one_hot_picked(
    lab: Lab, shown: list[tuple[StimulusSet, Measured, str]], natural: Measured, *, arm: str, seed: int
) -> Rows:
    """The image that had the largest share of all that were shown for a target, shown again as the best natural image is.

    The best natural image is the best measured of hundreds; the mean of all images made is compared with it in the arms above,
    the best measured of them here.

    Args:
        shown: sets with images for one-hot, what came of them, and the name of the entry.
    """
    group = _neighbours(lab)
    best: dict[str, tuple[float, StimulusSet, str]] = {}
    for stimuli, made, name in shown:
        shares = one_hot_shares(lab, made.counts, natural)
        for site, names in one_hot_ids(lab, stimuli, name).items():
            own = {each: float(shares[made.ids.index(each), group.index(site)]) for each in names}
            top = max(own, key=own.__getitem__)
            if site not in best or own[top] > best[site][0]:
                best[site] = (own[top], stimuli, top)
    again = {site: lab.measure(Stimuli.of_sets(stimuli, lab.observer.input).only([top]), seed) for site, (_, stimuli, top) in best.items()}  # fmt: skip
    rows: Rows = []
    for site, measured in again.items():
        rows += one_hot_rows(lab, {site: [best[site][2]]}, measured, natural, arm=arm, seed=seed + 1)
    return rows


def _neighbours(lab: Lab) -> list[str]:
    table = lab.animal.table.set_index("site")
    return [site for site in lab.sites if table.at[site, "central"]]


def suppressed(lab: Lab, fit: Fit, sites: list[str], natural: Measured) -> Rows:
    """Whether a site's images together lie below the 5th percentile of its natural images."""
    entry = {"name": "down", "goal": "suppress", "unit": {"sites": sites}, "copies": lab.plan.copies}
    stimuli = lab.make(fit, "suppress", [entry])
    made = lab.measure(stimuli, 50)
    rows: Rows = []
    for site in sites:
        response = made.trials(of_unit(stimuli, site), site).mean()
        fifth = float(natural.mean(site).quantile(0.05))
        rows.append({"arm": "suppress", "site": site, "response": response, "fifth_percentile": fifth, "below": response < fifth})  # fmt: skip
    return rows


def levels(lab: Lab, fit: Fit, sites: list[str], natural: Measured) -> Rows:
    """Requested levels, from the 5th percentile of natural responses to the best, against measured ones."""
    entries, asked = [], {}
    for site in sites:
        means = natural.mean(site)
        asked[site] = [
            round(float(level), 4) for level in np.linspace(means.quantile(0.05), means.max(), lab.plan.levels)
        ]
        entries.append({"name": f"level_{site}", "goal": "level", "unit": {"sites": [site]}, "levels": asked[site]})
    stimuli = lab.make(fit, "levels", entries)
    made = lab.measure(stimuli, 60)
    rows: Rows = []
    for site in sites:
        mine = stimuli.table[stimuli.table["unit"] == site]
        measured = made.mean(site).loc[list(mine["stimulus_id"])]
        rho = float(spearmanr(mine["level"].astype(float), measured.to_numpy())[0])
        error = float(np.abs(mine["level"].astype(float).to_numpy() - measured.to_numpy()).mean() / (asked[site][-1] - asked[site][0]))  # fmt: skip
        rows.append({"arm": "levels", "site": site, "spearman": rho, "error": error})
    return rows


def other_recording(lab: Lab, sites: list[str], arm: str) -> tuple[Rows, pd.Series]:
    """Stretch from another recording of the same sites: under shared gain, or of few images and repeats."""
    animal, repeats, chosen, seed = lab.animal, lab.plan.mapped, list(lab.shown.ids), 70
    if arm == "fano 2":
        animal = lab.animal.with_noise("fano2")
    else:
        images, repeats = lab.plan.few
        random = np.random.default_rng([lab.seed, 80])
        chosen = sorted(random.choice(chosen, images, replace=False).tolist())
        seed = 80
    recorded = lab.measure(lab.shown.only(chosen), seed, repeats=repeats, animal=animal)
    responses: Responses = recorded.responses.only(sites=sites)
    fit, scores = lab.fit(responses)
    stimuli = lab.make(fit, arm.replace(" ", "_"), [drive_entry("stretch", sites, lab.plan.copies)])
    natural = [name for name in chosen if name in set(lab.natural_ids)]
    best = best_naturals(recorded.only(natural), sites)
    rows, _ = stretch(lab, stimuli, best, arm=arm, seed=seed + 1, animal=animal)
    return rows, scores


def fraction(rows: Rows) -> float:
    """Share of the tests that stand at a false discovery rate of 5 %."""
    return float(discovered([row["p"] for row in rows]).mean())
