"""Places and sizes of single stimuli: by their ids, by their sites, from the set or from a table, and what is wrong with them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from experiment_fixture import RIG, photograph, write_rig

from synthstim.errors import InputError
from synthstim.experiment import export_experiment, read_rig
from synthstim.experiment.placement import in_degrees, position
from synthstim.stimulus_set import SetWriter

RIG_ALONE = RIG.splitlines()[0] + "\n"
SITES = {"a_up": "v4_a", "a_down": "v4_a", "b_up": "v4_b"}


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Controllers of two sites, and a natural image of none."""
    writer = SetWriter(tmp_path_factory.mktemp("sets") / "sites")
    for name, site in SITES.items():
        writer.add(name, photograph("camera", (32, 32)), kind="controller", name=name, unit=site, status="passed")
    writer.add("scene", photograph("coffee", (32, 32)), kind="natural", name="scene", status="passed")
    return writer.commit({"versions": {"synthstim": "0.1.0"}})


def export(stimuli: Path, folder: Path, table: str, **settings: Any) -> Path:
    (folder / "places.tsv").write_text(table, encoding="utf-8")
    return export_experiment(
        stimuli, out=folder / "out", rig=write_rig(folder, RIG_ALONE), table=folder / "places.tsv", settings=settings
    )


def shown(folder: Path) -> dict[str, dict[str, Any]]:
    return {one["stimulus_id"]: one for one in json.loads((folder / "manifest.json").read_text())["stimuli"]}


def test_controllers_stand_at_their_sites(stimuli: Path, tmp_path: Path) -> None:
    folder = export(stimuli, tmp_path, "site\tx_deg\ty_deg\tsize_deg\nv4_a\t4\t-3\t2\nv4_b\t-5\t2\t3\n", x_deg=6)
    rig, told = read_rig(folder / "rig.yaml"), shown(folder)
    wanted = {"a_up": (4, -3), "a_down": (4, -3), "b_up": (-5, 2), "scene": (6, 0)}
    for name, place in wanted.items():
        # To the nearest pixel.
        assert (told[name]["x_deg"], told[name]["y_deg"]) == pytest.approx(place, abs=rig.degrees(1))
    assert told["a_up"]["width_px"] == round(rig.pixels(2))
    assert told["b_up"]["width_px"] == round(rig.pixels(3))
    assert told["scene"]["width_px"] == 32
    with open(folder / "conditions.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        one = next(one for one in told.values() if one["file"] == row["image_file"])
        assert float(row["x_px"]) == one["left_px"] + one["width_px"] / 2 - 240
    assert "Images have 3 places of their own" in (folder / "README.md").read_text(encoding="utf-8")


def test_images_of_trials_stand_at_their_sites_too(stimuli: Path, tmp_path: Path) -> None:
    (tmp_path / "places.tsv").write_text(
        "site\tx_deg\ty_deg\tsize_deg\nv4_a\t4\t-3\t2\nv4_b\t-5\t2\t3\n", encoding="utf-8"
    )
    rig = RIG_ALONE + "eye_tracker: {kind: mouse}\n"
    folder = export_experiment(
        stimuli, "fixation_reward", out=tmp_path / "out", rig=write_rig(tmp_path, rig), table=tmp_path / "places.tsv",
        settings={"x_deg": 6},
    )  # fmt: skip
    rig, told = read_rig(folder / "rig.yaml"), shown(folder)
    for name, place in {"a_up": (4, -3), "a_down": (4, -3), "b_up": (-5, 2)}.items():
        for centre in told[name]["places"].values():
            assert in_degrees(centre, rig) == pytest.approx(place)
    assert (told["a_up"]["width_px"], told["b_up"]["width_px"]) == (round(rig.pixels(2)), round(rig.pixels(3)))
    assert "places" not in told["scene"]
    (tmp_path / "places.tsv").write_text("site\tx_deg\nv4_a\t40\nv4_b\t5\n", encoding="utf-8")
    with pytest.raises(InputError, match="would leave the 480 x 360 screen"):
        export_experiment(
            stimuli, "fixation_reward", out=tmp_path / "far", rig=tmp_path / "rig.yaml", table=tmp_path / "places.tsv"
        )


def test_stimuli_stand_where_a_table_says(stimuli: Path, tmp_path: Path) -> None:
    table = "stimulus_id\tx_deg\na_up\t4\na_down\t5\nb_up\tn/a\nscene\t-4\n"
    told = shown(export(stimuli, tmp_path, table, y_deg=3.0))
    assert [round(one["x_deg"]) for one in told.values()] == [4, 5, 0, -4]
    assert all(one["y_deg"] == pytest.approx(3, abs=0.1) for one in told.values())


@pytest.mark.parametrize(
    ("table", "settings", "said"),
    [
        ("site\tx_deg\nv4_a\t4\n", {}, "no line for the site 'v4_b'"),
        ("site\tx_deg\nv4_a\t4\nv4_a\t5\n", {}, "names a site twice"),
        ("site\tx_deg\nv1_z\t4\n", {}, "v4_a, v4_b"),
        ("site\tdepth\nv4_a\t4\nv4_b\t5\n", {}, "has none of the columns x_deg"),
        ("site\tstimulus_id\tx_deg\nv4_a\ta_up\t4\n", {}, "keep one of them"),
        ("site\tx_deg\nv4_a\tleft\nv4_b\t5\n", {}, "x_deg of a_up is 'left'; expected a number from -79 to 79"),
        ("site\tsize_deg\nv4_a\t0\nv4_b\t5\n", {}, "size_deg of a_up is"),
        ("site\tx_deg\nv4_a\t40\nv4_b\t5\n", {}, "would leave the 480 x 360 screen"),
        ("site\tx_deg\nv4_a\t0.5\nv4_b\t5\n", {}, "allow_covering=true"),
        ("site\tsize_deg\nv4_a\t2\nv4_b\t5\n", {"size": "native"}, "a size_deg of its own"),
        ("stimulus_id\tx_deg\na_up\t4\n", {}, "no line for the stimulus"),
    ],
)  # fmt: skip
def test_what_a_table_of_places_may_not_say(
    table: str, settings: dict[str, Any], said: str, stimuli: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as error:
        export(stimuli, tmp_path, table, **settings)
    assert said in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", [(0.0, 0.0), (3.0, -4.0), (-10.0, 7.5)])
def test_places_go_to_pixels_and_back(place: tuple[float, float], tmp_path: Path) -> None:
    rig = read_rig(write_rig(tmp_path))
    settings = {"x_deg": place[0], "y_deg": place[1], "eccentricity_deg": None, "polar_angle_deg": None}
    assert in_degrees(position(settings, rig), rig) == pytest.approx(place)
