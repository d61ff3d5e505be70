"""The rig: the screen, the speakers, the markers, the buttons and the reward of the computer that presents."""

from synthstim.experiment.rig.rig import DEFAULT_RIG, Rig, files_of_rig, read_rig

__all__ = ["DEFAULT_RIG", "Rig", "files_of_rig", "read_rig"]
