"""How many participants an experiment needs: simulated before it is run."""

from synthstim.analysis.planning.proportions import plan_participants
from synthstim.analysis.planning.sensitivity import plan_sensitivity
from synthstim.analysis.planning.study import study_to_plan

__all__ = ["plan_participants", "plan_sensitivity", "study_to_plan"]
