"""The stimulus set of a generation: what was made, what is shown again, and natural images to explore with."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from synthstim.files import as_tsv, remove, sha256_of, written_whole
from synthstim.loop.generation import plan_table
from synthstim.loop.history import History
from synthstim.loop.write_recipe import path_of
from synthstim.modalities.base import Stimulus, StimulusInput
from synthstim.stimulus_set import COMPANIONS, SetWriter, StimulusSet, write_sealed


def write_shown_again(
    path: Path,
    history: History,
    again: Sequence[str],
    natural: Mapping[str, Stimulus],
    input: StimulusInput,
    facts: dict[str, Any],
) -> None:
    """Write a set of images that were shown before, byte for byte, and of new natural ones.

    Args:
        again: ids of images of earlier generations.
        natural: id -> stimulus.
    """
    # One that a step left which was not finished.
    remove(path)
    with written_whole(path) as part:
        about = f"{input.modality.plural.capitalize()} of earlier generations again, and natural ones"
        writer = SetWriter(part, description=about, modality=input.kind, **input.modality.writing(input))
        for name in again:
            source = path_of(history, name)
            old = history.holder(name).stimuli.table.set_index("stimulus_id").loc[name]
            # Its activation was that of an earlier fit: nothing of it is claimed here.
            kind = "natural" if old["kind"] == "natural" else "control"
            written = writer.add(
                name, history.holder(name).stimuli.stimulus(str(old["file"])), name=str(old["name"]), kind=kind
            )
            shutil.copyfile(source, written)
            writer.rows[-1].update(sha256=sha256_of(written), **writer.modality.statistics(written))
        for name, image in natural.items():
            written = writer.add(name, image, name="explore", kind="natural")
            writer.rows[-1].update(writer.modality.statistics(written))
        writer.commit({"versions": {"synthstim": version("synthstim")}, **facts})


def assemble_set(out: Path, parts: Sequence[StimulusSet], prefix: str) -> dict[str, str]:
    """Write the set that holds all stimuli of some sets: tables and provenance of the first, and rows of the others.

    Args:
        prefix: that every id of the first set begins with; those that do not are given it.

    Returns:
        Old id -> new id, of the first set.
    """
    first, *others = parts
    new = {str(name): renamed(str(name), prefix) for name in first.table["stimulus_id"]}
    with written_whole(out) as whole:
        shutil.copytree(first.root, whole)
        rows = _renamed(whole, first, new)
        for part in others:
            for row in part.table.to_dict("records"):
                shutil.copyfile(part.path(row["file"]), whole / row["file"])
                rows.append(row)
        facts = dict(first.provenance)
        if "stimuli" in facts:
            facts["stimuli"] = {new.get(name, name): aim for name, aim in facts["stimuli"].items()}
        facts["joined"] = [
            {name: part.provenance[name] for name in sorted(part.provenance) if name != "table"} for part in others
        ]
        write_sealed(whole, rows, facts)
        StimulusSet.read(whole).require_intact()
    return new


def control_rows(made: StimulusSet, plan: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """Rows of the plan for the controls that came with a set (``PLAN``), under the ids they will have.

    A control serves the first goal of its kind and site; controllers of other sites are in the plan already.
    """
    table, rows = made.companion("controls.tsv"), []
    exploit = plan[plan["role"] == "exploit"]
    for row in table[table["control"] != "other_site"].to_dict("records"):
        served = exploit[(exploit["kind"] == row["goal"]) & (exploit["target"] == row["unit"])]
        goal = served["goal"].iloc[0] if len(served) else None
        name = renamed(str(row["stimulus_id"]), prefix)
        group = row["of"] if row["control"] == "best_natural" else f"control {name}"
        rows.append((name, "control", goal, row["goal"], row["unit"], None, group, None))
    # Copies of one goal share their natural images.
    return plan_table(rows).drop_duplicates(ignore_index=True)


def renamed(stimulus_id: str, prefix: str) -> str:
    """An id that begins with a generation's prefix: controls are called alike in every set."""
    return stimulus_id if stimulus_id.startswith(prefix) else f"{prefix}{stimulus_id}"[:64]


def _renamed(root: Path, stimuli: StimulusSet, new: Mapping[str, str]) -> list[dict[Any, Any]]:
    """The rows of a set under new ids, with files and companions that go by them."""
    rows = stimuli.table.to_dict("records")
    for row in rows:
        old, row["stimulus_id"] = row["stimulus_id"], new[row["stimulus_id"]]
        if row["stimulus_id"] != old:
            file = f"stimuli/{row['stimulus_id']}{Path(row['file']).suffix}"
            (root / row["file"]).rename(root / file)
            row["file"] = file
    changed = any(old != name for old, name in new.items())
    for name, columns in COMPANIONS.items() if changed else ():
        if "stimulus_id" in columns and (root / name).exists():
            table = pd.read_csv(root / name, sep="\t", dtype=str, keep_default_na=False)
            table["stimulus_id"] = [new.get(one, one) for one in table["stimulus_id"]]
            text = as_tsv(table)
            (root / name).write_bytes(gzip.compress(text, mtime=0) if name.endswith(".gz") else text)
    return rows
