"""Directions in which a stimulus may change, by how far an observer notices, and stimuli changed along them."""

from synthstim.distortions.distorted import distorted
from synthstim.distortions.eigen import Eigendistortions, eigendistortions

__all__ = ["Eigendistortions", "distorted", "eigendistortions"]
