"""Generations 2 and 3: refitted with the responses to all images before, each goal once more."""

from __future__ import annotations

from control_arms import (
    Rows,
    drive_entry,
    of_unit,
    one_hot_entry,
    one_hot_ids,
    one_hot_picked,
    one_hot_rows,
    stretch,
)
from control_lab import Lab, Measured

from synthstim.responses import join_responses
from synthstim.stimulus_set import StimulusSet

LATER = (2, 3)


def later_generations(
    lab: Lab, sites: list[str], best: dict[str, str], natural: Measured, shown: list[tuple[StimulusSet, Measured]]
) -> Rows:
    """Stretch at some sites and one-hot in each later generation, beside the stretch of the first, shown again.

    Args:
        best: the best natural image of each site.
        natural: trials of the natural images.
        shown: what generation 1 showed, and what came of it: the images of stretch, then those of one-hot.
    """
    rows: Rows = []
    shown, first = list(shown), shown[0][0]
    again = lab.measure(first, 32)
    alone_shown = [(*shown[1], "alone")]
    rows += one_hot_picked(lab, alone_shown, natural, arm="one-hot picked 1", seed=35)
    for number in LATER:
        controllers = [stimuli.table[stimuli.table["kind"] == "controller"] for stimuli, _ in shown]
        groups = lab.photograph | {
            row.stimulus_id: f"of {row.name} {row.unit}"
            for table in controllers
            for row in table.itertuples(index=False)
        }
        answered = [
            made.responses.only(sites=lab.sites, stimulus_ids=table["stimulus_id"])
            for table, (_, made) in zip(controllers, shown, strict=True)
        ]
        joined = join_responses([lab.responses.only(sites=lab.sites), *answered])
        fit, _ = lab.fit(joined, [stimuli for stimuli, _ in shown], groups)
        name, alone, arm = f"generation{number}", f"alone{number}", f"generation {number}"
        stimuli = lab.make(fit, name, [drive_entry(name, sites, lab.plan.copies), one_hot_entry(lab, alone)])
        chosen = {site: best[site] for site in sites}
        found, made = stretch(lab, stimuli, chosen, arm=arm, seed=10 * number + 10, name=name)
        for row in found:
            before = again.trials(of_unit(first, row["site"]), row["site"]).mean()
            row["over_generation_1"] = row["response"] / before
        rows += found
        ids = one_hot_ids(lab, stimuli, alone)
        rows += one_hot_rows(lab, ids, made, natural, arm=f"one-hot {number}", seed=10 * number + 13)
        shown.append((stimuli, made))
        alone_shown.append((stimuli, made, alone))
        rows += one_hot_picked(lab, alone_shown, natural, arm=f"one-hot picked {number}", seed=10 * number + 15)
    return rows
