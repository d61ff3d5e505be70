"""From mixtures to valves: a channel for each odorant, its flow, and the carrier air that is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthstim.errors import InputError
from synthstim.experiment.rig.olfactometer import Valves
from synthstim.experiment.runtime.flows import flow_problem
from synthstim.files import as_tsv
from synthstim.stimulus_set import StimulusSet

TABLE = "valve_table.tsv"
# Flows are told in thousandths of a ml/min.
_DIGITS = 3


def channels_of(odorants: Sequence[str], valves: Valves) -> dict[str, int]:
    """The channel of each odorant.

    Raises:
        InputError: there are more odorants than channels, or the rig says where its odorants are and one is not there.

    Example:
        >>> from synthstim.experiment.rig.olfactometer import SimulatedOlfactometer
        >>> channels_of(["hexanol", "anisole"], SimulatedOlfactometer(kind="simulated", channels=4))
        {'hexanol': 1, 'anisole': 2}
    """
    if valves.odorants:
        if lacking := [name for name in odorants if name not in valves.odorants]:
            raise InputError(
                f"the rig's olfactometer has no {lacking[0]!r} ({len(lacking)} lacking in all)",
                "add it to olfactometer.odorants of rig.yaml, or make the set without it (absent_odorants)",
                code="missing",
                value=lacking[0],
            )
        return {name: valves.odorants[name] for name in odorants}
    if len(odorants) > valves.channels:
        raise InputError(
            f"the mixtures hold {len(odorants)} odorants together; expected at most {valves.channels}, the rig's channels",
            "export fewer stimuli at once, or make them of fewer odorants (absent_odorants)",
            code="too-large",
        )
    return {name: number for number, name in enumerate(odorants, 1)}


def flows_of(mixture: Mapping[str, float], channels: Mapping[str, int], valves: Valves, name: str) -> dict[str, Any]:
    """The flows of a mixture, in ml/min: ``flows`` by channel, and ``carrier_ml_min``.

    Args:
        mixture: concentration by odorant, as shares of the stock.
        name: of the stimulus, for messages.

    Raises:
        InputError: a flow is below what a controller holds, or too little carrier is left.
    """
    flows = {channels[odorant]: round(share * valves.full_ml_min, _DIGITS) for odorant, share in mixture.items()}
    settings = valves.model_dump(mode="json")
    told: dict[str, Any] = {"flows": {str(channel): flow for channel, flow in sorted(flows.items())}}
    told["carrier_ml_min"] = round(valves.total_ml_min - sum(flows.values()), _DIGITS)
    if said := flow_problem(told, settings):
        raise InputError(
            f"{name}: {said}",
            "set full_ml_min or total_ml_min of the rig's olfactometer, or make the set with least_concentration or total_concentration",
            code="unattainable",
        )
    return told


def add_flows(entries: Sequence[dict[str, Any]], valves: Valves, timing: Mapping[str, float], directory: Path) -> None:
    """Give each stimulus its flows, and write the table of valves: a row for each odorant of each stimulus.

    Args:
        entries: of the manifest, with their ``mixture``.
        timing: ``lead_s``, ``odour_s`` and ``purge_s``.

    Raises:
        InputError: the mixtures are beyond the rig's valves or its air.
    """
    odorants = list(dict.fromkeys(name for entry in entries for name in entry["mixture"]))
    channels, rows = channels_of(odorants, valves), []
    for entry in entries:
        entry |= flows_of(entry["mixture"], channels, valves, entry["stimulus_id"])
        for odorant, share in entry["mixture"].items():
            channel = channels[odorant]
            rows.append({
                "stimulus_id": entry["stimulus_id"], "channel": channel, "odorant": odorant,
                "log10_dilution": round(float(np.log10(share)), 4), "flow_ml_min": entry["flows"][str(channel)],
                "onset_s": timing["lead_s"], "duration_s": timing["odour_s"], "purge_s": timing["purge_s"],
                "carrier_ml_min": entry["carrier_ml_min"],
            })  # fmt: skip
    (directory / TABLE).write_bytes(as_tsv(pd.DataFrame(rows, columns=COLUMNS)))


def valve_facts(source: StimulusSet, directory: Path) -> dict[str, Any]:
    """What the README says of the valves: ``channels``, pairs of a channel and its odorant, and what the ``stock`` is."""
    table = pd.read_csv(directory / TABLE, sep="\t", keep_default_na=False)
    pairs = sorted(set(zip(table["channel"].tolist(), table["odorant"].tolist(), strict=True)))
    made_on = source.provenance.get("observer", {}).get("input", {})
    return {"channels": pairs, "stock": str(made_on.get("stock", "the stock"))}


COLUMNS = (
    "stimulus_id", "channel", "odorant", "log10_dilution", "flow_ml_min", "onset_s", "duration_s", "purge_s", "carrier_ml_min",
)  # fmt: skip
