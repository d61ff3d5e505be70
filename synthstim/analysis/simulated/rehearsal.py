"""The tables that simulated participants of an exported experiment leave, in its folder of rehearsals."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from synthstim.analysis.answered.columns import ANSWERED
from synthstim.analysis.answered.study import Study
from synthstim.analysis.answered.study_reading import read_study
from synthstim.analysis.simulated.answers import Skill, answer_trials, simulate_answers
from synthstim.errors import InputError
from synthstim.experiment.manifest import ManifestPart, manifest_facts
from synthstim.experiment.runtime.simulate import REHEARSAL
from synthstim.experiment.runtime.tables import cell_of
from synthstim.experiment.runtime.trials import trial_columns
from synthstim.files import as_tsv, require_absent
from synthstim.report.inline import write_text

_LETTERS = ("a", "b", "c")


def simulate_participants(
    directory: str | Path, skill: Skill, *, participants: int | None = None, seed: int = 0
) -> tuple[Path, ...]:
    """Write the tables of simulated participants into an exported experiment, as rehearsals.

    Args:
        skill: of the participants. Where answers choose the levels, d' of a trial is that of its condition times how easy its
            level is, from 0 at the hardest to 1 at the easiest.
        participants: how many, from the first; by default all that were planned.
        seed: the same seed gives the same tables.

    Returns:
        The tables, ``rehearsal/..._trials.tsv``.

    Raises:
        InputError: the experiment asks for nothing that can be simulated, or a table is there already.

    Example:
        >>> simulate_participants("oddity", Skill(1.5), participants=8)[0].name
        'oddity_participant_001_trials.tsv'
    """
    root = Path(directory)
    study = read_study(root)
    count = study.participants if participants is None else participants
    if not 1 <= count <= study.participants:
        raise InputError(f"participants={count} given; expected 1 to {study.participants}, as were planned")
    facts = manifest_facts(root, ManifestPart)
    plan = pd.read_csv(root / "plan.tsv", sep="\t", dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE)
    plan = plan.assign(participant=plan["participant"].astype("int64"))
    plan = plan[(plan["participant"] <= count) & (plan["phase"] != "headphone")]
    paths = [
        root / REHEARSAL / f"{study.protocol}_participant_{number:03d}_trials.tsv" for number in range(1, count + 1)
    ]
    for path in paths:
        require_absent(path)
    if study.is_adaptive:
        trials = pd.concat([_tracked(root, facts, own, study, skill, seed) for _, own in plan.groupby("participant")])
    else:
        trials = simulate_answers(plan, study, skill, seed=seed)
    slots = facts["slots"]
    columns = trial_columns(study.columns, slots, adaptive=study.is_adaptive)
    (root / REHEARSAL).mkdir(exist_ok=True)
    files = {str(one["file"]): str(one["stimulus_id"]) for one in facts["stimuli"]}
    for path, (_, own) in zip(paths, trials.groupby("participant"), strict=True):
        write_text(path, _text(own, columns, slots, files))
    return tuple(paths)


def _text(own: pd.DataFrame, columns: Sequence[str], slots: Sequence[str], files: dict[str, str]) -> str:
    shown = {slot: own[slot].map(files) for slot in slots if slot in own}
    table = own.assign(session=1, **shown).reindex(columns=[*columns])
    return as_tsv(table.astype(object).where(table.notna(), None).map(cell_of)).decode()


def _tracked(
    root: Path, facts: dict[str, object], own: pd.DataFrame, study: Study, skill: Skill, seed: int
) -> pd.DataFrame:
    """One participant's trials of an adaptive design, trial by trial as the rule chooses."""
    from synthstim.experiment.runtime.adaptive import Tracks

    participant = int(own["participant"].iloc[0])
    generator = np.random.default_rng([seed, participant])
    tracks = Tracks.read(root, facts, participant)
    d_prime = dict(zip(study.names, skill.drawn(study.names, 1, generator)[0], strict=True))
    low, high = study.span or (0.0, 1.0)
    rows = []
    for planned in own.to_dict("records"):
        track = str(planned["track"])
        if tracks.finished(track):
            continue
        chosen = tracks.next(track)
        share = (chosen["level"] - low) / ((high - low) or 1.0)
        easy = share if study.method.get("easier") == "high" else 1 - share
        d = np.array([d_prime[str(planned["condition"])] * easy])
        response = answer_trials(np.array([planned["right"]], dtype=object), study, d, skill, generator)[0]
        told = tracks.answer(track, chosen["level"], response == planned["right"])
        shown = {slot: chosen[letter] for slot in study.slots for letter in _LETTERS if planned[slot] == f"@{letter}"}
        rows.append(
            planned | shown | told | {
                "pair": chosen["pair"], "level": chosen["level"], "response": response,
                "correct": bool(response == planned["right"]), "status": ANSWERED,
                "response_time": float(skill.time_s * np.exp(generator.normal(0, 0.3))),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
