"""An exported experiment of movies runs for real under Xvfb: every flip shows the frame that the file holds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from experiment_fixture import RIG, make_set, write_rig
from PIL import Image
from test_experiment_run import BACKGROUND, Observed, observe

from synthstim.errors import InputError
from synthstim.experiment import export_experiment, run_experiment
from synthstim.experiment.protocol_reading import protocols_folder
from synthstim.experiment.running.virtual_display import virtual_display
from synthstim.modalities.movie import write_movie
from synthstim.stimulus_set import adopt

QUICK = {"off_ms": 50, "lead_ms": 50, "rest_ms": 50, "blocks": 2, "fixation": False}
FRAMES, SIZE = {"left": 4, "right": 5}, (24, 31)


def make_movies(folder: Path, rate_hz: float = 30) -> Path:
    (folder / "files").mkdir(parents=True)
    draw = np.random.default_rng(0)
    for name, count in FRAMES.items():
        frames = draw.random((count, 3, *SIZE)).astype(np.float32)
        frames[2] = frames[1]
        write_movie(folder / "files" / f"{name}.apng", frames, rate_hz=rate_hz)
    adopted, _ = adopt(folder / "files", folder / "set")
    return adopted.root


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed")
    folder = tmp_path_factory.mktemp("movies")
    exported = export_experiment(
        make_movies(folder / "made"),
        "movie_fixation",
        out=folder / "exp",
        rig=write_rig(folder, RIG),
        settings=QUICK | {"x_deg": 2.7},
    )
    with virtual_display(480, 360) as display:
        return observe(exported, display)


@pytest.mark.display
def test_every_logged_screen_equals_the_frame_of_the_file(observed: Observed) -> None:
    assert observed.code == 0, observed.output
    assert observed.record["status"] == "completed"
    compared = 0
    for row, screen in zip(observed.frames.itertuples(), observed.screens(), strict=True):
        if row.routine == "start":
            continue
        wanted = np.full((360, 480, 3), BACKGROUND, np.uint8)
        if row.drawn != "n/a":
            wanted[-41:, :41] = 255 if row.stimulus_id != "n/a" else 0
        if row.stimulus_id != "n/a":
            shown = next(entry for entry in observed.manifest["stimuli"] if entry["stimulus_id"] == row.stimulus_id)
            onset = observed.shown.loc[observed.shown["presentation"] == int(row.presentation), "onset_frame"].item()
            number = (row.frame - onset) // 2
            assert row.drawn.split("+")[0] == f"frame_{number}"
            with Image.open(observed.folder / shown["file"]) as opened:
                opened.seek(number)
                image = np.asarray(opened.convert("RGB"))
            left, top = shown["left_px"], shown["top_px"]
            wanted[top : top + SIZE[0], left : left + SIZE[1]] = image
            compared += 1
        assert np.array_equal(screen, wanted), f"flip {row.frame}"
    assert compared == 2 * 2 * sum(FRAMES.values())


@pytest.mark.display
def test_each_movie_is_logged_with_its_flips(observed: Observed) -> None:
    shown = observed.shown
    assert list(shown["frames_shown"]) == [2 * FRAMES[Path(file).stem] for file in shown["file"]]
    assert list(shown["frames_planned"]) == list(shown["frames_shown"])
    assert list(shown["item"]) == list(pd.read_csv(observed.folder / "conditions.csv")["item"])
    assert observed.record["presentations"] == observed.record["presentations_planned"] == 4
    assert {entry["refreshes_per_frame"] for entry in observed.manifest["stimuli"]} == {2}
    readme = (observed.folder / "README.md").read_text(encoding="utf-8")
    assert "2 movies (2 natural)" in readme


@pytest.mark.display
def test_it_is_rehearsed_with_a_fixation_point_and_without_a_photodiode(tmp_path: Path) -> None:
    folder = export_experiment(
        make_movies(tmp_path / "made"), "movie_fixation", out=tmp_path / "exp",
        rig=write_rig(tmp_path, "\n".join(line for line in RIG.splitlines() if "photodiode" not in line) + "\n"),
        settings=QUICK | {"blocks": 1, "fixation": True, "wait_for_start": False},
    )  # fmt: skip
    run = run_experiment(folder, simulate=True)
    frames = pd.read_csv(run.frames, sep="\t", keep_default_na=False)
    assert run.status == "completed"
    assert frames.loc[frames["routine"] == "trial", "drawn"].str.fullmatch(r"frame_\d\+fixation_point").all()


@pytest.mark.parametrize("rate", [24, 25, 50, 120])
def test_a_rate_that_does_not_divide_the_screen_s_is_refused(tmp_path: Path, rate: float) -> None:
    with pytest.raises(
        InputError, match=f"has {rate} frames a second, the screen 60 refreshes, which is no whole multiple"
    ):
        export_experiment(
            make_movies(tmp_path / "made", rate), "movie_fixation", out=tmp_path / "exp", rig=write_rig(tmp_path)
        )
    assert not (tmp_path / "exp").exists()


def test_what_trials_cannot_do_with_movies_is_refused(tmp_path: Path) -> None:
    movies, rig = make_movies(tmp_path / "made"), write_rig(tmp_path)
    whole = yaml.safe_load((protocols_folder() / "movie_rating" / "protocol.yaml").read_text(encoding="utf-8"))

    def own(**changed: Any) -> Path:
        folder = tmp_path / whole["name"]
        folder.mkdir(exist_ok=True)
        (folder / "protocol.yaml").write_text(json.dumps(whole | changed), encoding="utf-8")
        return folder

    show = whole["routines"]["show"]["pieces"]
    twice = {**whole["routines"], "show": {"pieces": [*show, show[0] | {"name": "beside"}]}}
    refused: dict[str, dict[str, Any]] = {
        "shows two movies, 'sample_movie' and 'beside': leave one to another routine": {"routines": twice},
        "shows movies and its plan is participants: set plan to trials or randomised_blocks": {"plan": "participants"},
    }
    for words, changed in refused.items():
        with pytest.raises(InputError, match=words):
            export_experiment(movies, own(**changed), out=tmp_path / "exp", rig=rig)
    masked = {"compare": "each", "conditions": ["kind"], "mask": "noise", "arrangements": [{"sample": "a"}]}
    with pytest.raises(InputError, match="mask: noise given for movies; masks are of images and sounds"):
        export_experiment(movies, own(design=masked), out=tmp_path / "exp", rig=rig)
    with pytest.raises(InputError, match="has 25 frames a second, the screen 60 refreshes"):
        export_experiment(make_movies(tmp_path / "slow", 25), "movie_rating", out=tmp_path / "exp", rig=rig)
    assert not (tmp_path / "exp").exists()


def test_movies_and_images_go_into_their_own_protocols(tmp_path: Path) -> None:
    rig = write_rig(tmp_path)
    with pytest.raises(InputError, match="holds movies, passive_fixation shows images"):
        export_experiment(make_movies(tmp_path / "made"), out=tmp_path / "exp", rig=rig)
    with pytest.raises(InputError, match="holds images, movie_fixation shows movies"):
        export_experiment(make_set(tmp_path / "images", ids=("a",)), "movie_fixation", out=tmp_path / "exp", rig=rig)
