"""Who tells metamers from photographs
An oddity task, answered by eight simulated participants of known sensitivity, and analysed: proportions correct with their intervals.
"""

from pathlib import Path

from synthstim.analysis import analyse_experiment
from synthstim.analysis.simulated import Skill, simulate_participants
from synthstim.experiment import export_experiment
from synthstim.production import make
from synthstim.recipe import read_recipe

RECIPE = """\
observer: {name: efficientnet-lite0, size: 64}
stimuli:
  - {name: photo, kind: metamer, reference: [cat.png, coffee.png], layers: [blocks.0, blocks.2, blocks.4], evaluations: 60}
"""


def figure(material: Path, folder: Path) -> str:
    """Make the set in a folder, export it, have it answered; returns the figure as SVG."""
    (material / "oddity.yaml").write_text(RECIPE, encoding="utf-8")
    made = make(read_recipe(material / "oddity.yaml"), folder / "set")
    experiment = export_experiment(made, "oddity", out=folder / "oddity", settings={"include": "all"})
    skill = Skill({"blocks.0": 0.3, "blocks.2": 1.2, "blocks.4": 2.5}, spread=0.3, lapses=0.02)
    simulate_participants(experiment, skill, participants=8)
    return analyse_experiment(experiment, rehearsal=True).svg()
