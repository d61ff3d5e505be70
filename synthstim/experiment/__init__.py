"""Stimulus set + protocol + rig -> a PsychoPy experiment that runs without this package."""

from synthstim.experiment.export import export_experiment
from synthstim.experiment.protocol import Protocol, list_protocols, read_protocol
from synthstim.experiment.rig import DEFAULT_RIG, Rig, read_rig
from synthstim.experiment.run import Run, rehearsal_lacks, run_experiment

__all__ = [
    "DEFAULT_RIG",
    "Protocol",
    "Rig",
    "Run",
    "export_experiment",
    "list_protocols",
    "read_protocol",
    "read_rig",
    "rehearsal_lacks",
    "run_experiment",
]
