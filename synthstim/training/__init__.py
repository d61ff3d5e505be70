"""Training of the small networks that the package carries: one file a network."""

from synthstim.training.base import Curve, Trained, Training, train

__all__ = ["Curve", "Trained", "Training", "train"]
