"""Sensitivity d': what participants tell apart, by the model of each task."""

from synthstim.analysis.sensitivity.estimate import Estimate, estimate_sensitivity
from synthstim.analysis.sensitivity.models import TASKS, UNMODELLED, TaskModel, models_of

__all__ = ["TASKS", "UNMODELLED", "Estimate", "TaskModel", "estimate_sensitivity", "models_of"]
