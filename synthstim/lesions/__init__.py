"""Which units of a layer a task needs: ranked by what is lost without each, and silenced together."""

from synthstim.lesions.rank import Ranking, lesion_table, rank_units
from synthstim.lesions.silenced import silenced
from synthstim.lesions.tables import read_tasks, write_lesions
from synthstim.lesions.task import Task

__all__ = ["Ranking", "Task", "lesion_table", "rank_units", "read_tasks", "silenced", "write_lesions"]
