"""Tasks from a set and a table of labels; what lesions did, as a folder of tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from synthstim.errors import InputError, nearest
from synthstim.files import Staging, as_tsv
from synthstim.lesions.rank import Ranking
from synthstim.lesions.task import Task
from synthstim.models import Observer
from synthstim.responses.tables import read_text_table
from synthstim.stimulus_set import StimulusSet

ID, LABEL, TASK = "stimulus_id", "label", "task"


def read_tasks(stimuli: StimulusSet, labels: str | Path, observer: Observer, output: str) -> dict[str, Task]:
    """Tasks by name: stimuli of a set, and the labels that a table gives them.

    Args:
        stimuli: the set; stimuli that the table lacks take no part.
        labels: a table with the columns stimulus_id, label (the number of the right output, from 0) and, where there are several, task. The
            classes of one of several tasks are the labels that it has.
        observer: is given the stimuli.
        output: the layer whose values are the scores of the classes.

    Raises:
        InputError: the table cannot be read, names a stimulus that the set lacks, or has a label that is no whole number; a stimulus does not fit
            the observer.

    Example:
        >>> rows = [f"{name}\\t{number % 2}" for number, name in enumerate(stimuli.table["stimulus_id"])]
        >>> Path("labels.tsv").write_text("\\n".join(["stimulus_id\\tlabel", *rows]) + "\\n") > 0
        True
        >>> tasks = read_tasks(stimuli, "labels.tsv", observer, "output")
        >>> [len(task.labels) for task in tasks.values()]
        [24]
    """
    name = Path(labels).name
    table = read_text_table(labels, text=[ID, TASK], needed=[ID, LABEL])
    files = dict(zip(map(str, stimuli.table[ID]), map(str, stimuli.table["file"]), strict=True))
    if strange := [one for one in table[ID].astype(str) if one not in files]:
        raise InputError(f"{name} names the stimulus {strange[0]!r}, which the set lacks", nearest(strange[0], list(files)), code="unknown")  # fmt: skip
    numbers = pd.to_numeric(table[LABEL], errors="coerce")
    if (bad := numbers.isna() | (numbers % 1 != 0)).any():
        raise InputError(
            f"{name} gives the label {table[LABEL][bad].iloc[0]!r}; expected the whole number of an output, from 0"
        )
    observer.require([output])
    tasks = table[TASK].fillna("").astype(str) if TASK in table else pd.Series("task", index=table.index)
    made = {}
    for task in dict.fromkeys(tasks):
        rows = table[tasks == task]
        if (twice := rows[ID].duplicated()).any():
            raise InputError(f"{name} names the stimulus {rows[ID][twice].iloc[0]!r} twice", "leave one line out")
        images = [
            stimuli.modality.read_for(stimuli.path(files[str(one)]), observer.input, fit="exact") for one in rows[ID]
        ]
        own = torch.tensor(numbers[tasks == task].astype(int).tolist())
        classes = sorted(set(own.tolist())) if tasks.nunique() > 1 else None
        made[task] = Task(torch.from_numpy(np.stack(images)), own, output, classes)
    return made


def write_lesions(out: str | Path, table: pd.DataFrame, rankings: Mapping[tuple[str, str], Ranking]) -> None:
    """Write a folder with ``lesions.tsv``, of ``lesion_table``, and ``ranking.tsv``, a line a layer, task and channel.

    Args:
        out: it must not exist yet.
        table, rankings: what ``lesion_table`` returns.

    Example:
        >>> ranking = Ranking("blocks.1", 1.0, (0.2, 0.5))
        >>> write_lesions("lesioned", pd.DataFrame({"layer": ["blocks.1"], "loss": [1.4]}), {("blocks.1", "cats"): ranking})
        >>> pd.read_csv("lesioned/ranking.tsv", sep="\\t")["channel"].tolist()
        [1, 0]
    """
    rows = [
        (layer, task, number, increase, rank)
        for (layer, task), ranking in rankings.items()
        for rank, number in enumerate(ranking.order)
        for increase in [ranking.increase[number]]
    ]
    ranked = pd.DataFrame(rows, columns=["layer", "task", "channel", "loss_increase", "rank"])
    with Staging(out, "lesions are written") as place:
        for name, part in (("lesions.tsv", table), ("ranking.tsv", ranked)):
            (place.path / name).write_bytes(as_tsv(part, float_format="%.7g"))
        place.commit()
