"""What messages for Python advise, as the command line says it."""

from __future__ import annotations

# Of readers of recordings, as the commands fit and presented call them.
FIT = {
    "column=...": "--column NAME",
    "incomplete='keep'": "--incomplete keep",
    "incomplete='leave out'": "--incomplete 'leave out'",
    "labels=...": "read_nwb(..., labels) in Python",
    "max_drift=...": "--max-drift FACTOR",
    "invalid_times '": "--invalid-times '",
    "incomplete '": "--incomplete '",
    "members=...": "--ensemble folds",
    "markers=...": "--markers FILE",
    "missing_markers=...": "--missing-markers COUNT",
    "nan '": "--nan '",
    "nan='absent'": "--nan absent",
    "only(window=...)": "--window START,END",
    "renamed(stimulus_ids=...)": "Responses.renamed in Python",
    "session=...": "--session NAME",
    "site_column=...": "--site-column NAME",
    "sites=...": "--sites NAMES",
    "stimulus_ids=...": "--ids FILE",
    "spikes=...": "--spikes FILE",
    "table=...": "--table NAME",
    "time_unit '": "--time-unit '",
    "time_unit=...": "--time-unit s or ms",
    "tolerance_s=...": "read_experiment(..., tolerance_s) in Python",
    "variable=...": "--variable NAME",
    "window_s=...": "--window START,END",
    "without(sites=...)": "--leave-out NAMES",
}
# The command evolve next takes tables, logs with spikes, and a window.
EVOLVE = {said: f"{said} of synthstim.responses in Python" for said in FIT} | {
    "only(window=...)": "--window START END",
    "window_s=...": "--window START END",
}
