"""What a listening test says: proportion recognised by stage, with intervals, exclusions and the figure."""

from synthstim.analysis.analyse import Analysis, analyse_experiment, analyse_trials
from synthstim.analysis.design import Condition, Design, ListenerCriteria, read_design
from synthstim.analysis.intervals import between, student, wilson, within
from synthstim.analysis.power import plan_participants
from synthstim.analysis.trials import Trials, read_trials

__all__ = [
    "Analysis",
    "Condition",
    "Design",
    "ListenerCriteria",
    "Trials",
    "analyse_experiment",
    "analyse_trials",
    "between",
    "plan_participants",
    "read_design",
    "read_trials",
    "student",
    "wilson",
    "within",
]
