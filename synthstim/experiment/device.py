"""Experiments whose stimuli a device of the lab's presents, such as an olfactometer: files, orders and codes, no script."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.experiment.images.orders import randomised_blocks
from synthstim.experiment.marker_codes import FIRST_STIMULUS, check_codes, code_of_presentation, write_markers
from synthstim.experiment.prepared import ExportRequest, Prepared

COLUMNS = ("presentation", "block", "stimulus_id", "file", "sha256", "marker_code")


def prepare_files(request: ExportRequest, directory: Path) -> Prepared:
    """Copy the stimuli of a set of any modality byte for byte, and write presentations.tsv and markers.tsv.

    Raises:
        InputError: there is no set, it has changed or nothing of it remains, or words are given.
    """
    source, values, name = request.source, request.setup.settings, request.protocol.name
    if source is None:
        raise InputError(f"{name} takes the stimuli of a set", "give one")
    if request.labels is not None or request.answers is not None:
        raise InputError(f"{name} asks for no words", "leave labels and answers out")
    source.require_intact()
    table = source.table if values["include"] == "all" else source.table[source.table["status"].fillna("") != "failed"]
    if not len(table):
        raise InputError(f"no stimulus of {source.root.name} remains", "choose include=all", code="none-passed")
    check_codes(FIRST_STIMULUS + len(table) - 1, request.setup.rig)
    (directory / "stimuli").mkdir(parents=True)
    entries = []
    for code, row in enumerate(table.to_dict("records"), FIRST_STIMULUS):
        path = source.path(str(row["file"]))
        relative = f"stimuli/{row['stimulus_id']}{path.suffix}"
        shutil.copyfile(path, directory / relative)
        entry: dict[str, Any] = {"stimulus_id": row["stimulus_id"], "file": relative, "sha256": row["sha256"]}
        entries.append(entry | {"source_sha256": row["sha256"], "kind": row["kind"], "marker_code": code})
    orders = randomised_blocks(
        len(entries), blocks=values["blocks"], repeats=values["repeats_per_block"], seed=values["seed"]
    )
    shown = [(block, entries[number]) for block, order in enumerate(orders) for number in order]
    lines = ["\t".join(COLUMNS)]
    for number, (block, entry) in enumerate(shown):
        code = code_of_presentation(number, entry["marker_code"], request.setup.rig)
        lines.append("\t".join(map(str, (number, block, *(entry[column] for column in COLUMNS[2:-1]), code))))
    (directory / "presentations.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    write_markers(directory / "markers.tsv", [entry["stimulus_id"] for entry in entries], request.setup.rig)
    figures = {"n_stimuli": len(entries), "n_blocks": len(orders), "n_presentations": len(shown), "minutes": "0"}
    return Prepared(
        facts=figures,
        manifest={"n_presentations": len(shown), "stimuli": entries},
        page={"last_code": FIRST_STIMULUS + len(entries) - 1, "modality": source.modality},
        screen_matters=False,
    )
