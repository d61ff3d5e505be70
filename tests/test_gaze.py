"""Gaze: PsychoPy's own eye tracker interface with the mouse in the place of the eyes, under Xvfb; and what a rig without a tracker is told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from experiment_fixture import RIG, make_set, write_rig
from patience import PATIENCE_S

from synthstim.errors import InputError
from synthstim.experiment import export_experiment
from synthstim.experiment.running.virtual_display import virtual_display

LACKING = [tool for tool in ("Xvfb", "xdotool") if shutil.which(tool) is None]
SCRIPT = """\
import json, subprocess, sys, time
from psychopy import visual
from synthstim.experiment.runtime.gaze import Gaze

window = visual.Window((480, 360), units="pix", allowGUI=False)
gaze = Gaze({"kind": "mouse"}, window)
seen = []
for x, y in ((240, 180), (250, 180), (400, 180), (240, 180)):
    ends = time.monotonic() + 20
    wanted = abs(x - 240) < 20
    while True:
        subprocess.run(["xdotool", "mousemove", str(x), str(y)], check=True)
        window.flip()
        time.sleep(0.1)
        if gaze.within(20) == wanted or time.monotonic() > ends:
            break
    seen.append(gaze.within(20))
gaze.close()
print(json.dumps(seen))
"""


@pytest.mark.display
@pytest.mark.skipif(bool(LACKING), reason=f"not installed: {', '.join(LACKING)}")
def test_the_mouse_stands_for_the_eyes_through_psychopys_interface(tmp_path: Path) -> None:
    (tmp_path / "gaze.py").write_text(SCRIPT, encoding="utf-8")
    with virtual_display(480, 360) as number:
        done = subprocess.run(
            [sys.executable, "gaze.py"], cwd=tmp_path, env=os.environ | {"DISPLAY": number}, capture_output=True, text=True,
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip
    told = [line for line in done.stdout.splitlines() if line.startswith("[")]
    assert told, done.stdout + done.stderr
    assert json.loads(told[-1]) == [True, True, False, True]


def test_a_rig_without_a_tracker_is_refused_and_one_without_reward_is_told(tmp_path: Path) -> None:
    stimuli = make_set(tmp_path / "set")
    with pytest.raises(InputError, match=r"watches the gaze, and the rig has no eye_tracker.*kind: mouse"):
        export_experiment(stimuli, "fixation_reward", out=tmp_path / "none", rig=write_rig(tmp_path))
    rig = write_rig(tmp_path, RIG + "eye_tracker: {kind: mouse}\n")
    made = export_experiment(stimuli, "fixation_reward", out=tmp_path / "some", rig=rig)
    assert (
        "the rig has no reward: none is given"
        in json.loads((made / "manifest.json").read_text(encoding="utf-8"))["notes"]
    )
