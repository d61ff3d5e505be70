"""What answers say: proportions, d', thresholds and times by condition, with intervals, exclusions and figures."""

from synthstim.analysis.analyse import Analysis, analyse_experiment, analyse_trials
from synthstim.analysis.answered.study import ColumnCondition, Condition, ListenerCriteria, Study
from synthstim.analysis.answered.study_reading import read_study
from synthstim.analysis.answered.trials import Trials, read_trials
from synthstim.analysis.intervals import between, student, wilson, within
from synthstim.analysis.planning import plan_participants, plan_sensitivity

__all__ = [
    "Analysis",
    "ColumnCondition",
    "Condition",
    "ListenerCriteria",
    "Study",
    "Trials",
    "analyse_experiment",
    "analyse_trials",
    "between",
    "plan_participants",
    "plan_sensitivity",
    "read_study",
    "read_trials",
    "student",
    "wilson",
    "within",
]
