"""Simulated participants of known sensitivity, who answer the trials of a plan by the rule of a task."""

from synthstim.analysis.simulated.answers import Skill, simulate_answers
from synthstim.analysis.simulated.plans import balanced_plan, study_of
from synthstim.analysis.simulated.rehearsal import simulate_participants

__all__ = ["Skill", "balanced_plan", "simulate_answers", "simulate_participants", "study_of"]
