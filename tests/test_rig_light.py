"""The light of a rig: a measured table is a monotone curve with an inverse, and exported images make the light they stand for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from experiment_fixture import RIG, make_set, write_rig
from PIL import Image

from synthstim.errors import InputError
from synthstim.experiment import export_experiment, read_rig
from synthstim.experiment.rig.luminance import LuminanceTable, srgb_light
from synthstim.experiment.rig.primaries import SRGB, Primaries
from synthstim.modalities.image import linear_light
from synthstim.stimulus_set import StimulusSet

LEVELS = (0, 16, 32, 64, 96, 128, 160, 192, 224, 255)
BARE = RIG.splitlines()[0] + "\n"


def measured(gamma: float, black: float = 0.3, white: float = 120.0) -> LuminanceTable:
    return LuminanceTable(
        levels=LEVELS, cd_m2=tuple(black + (white - black) * (level / 255) ** gamma for level in LEVELS)
    )


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2, 2.6])
def test_a_measured_gamma_is_found_again(gamma: float) -> None:
    found, off = measured(gamma).nearest_gamma()
    assert found == pytest.approx(gamma, abs=0.02)
    assert off < 0.005


@pytest.mark.parametrize("seed", range(5))
def test_any_rising_table_has_a_monotone_curve_through_its_points_and_an_inverse(seed: int) -> None:
    generator = np.random.default_rng(seed)
    levels = (0.0, *np.sort(generator.choice(np.arange(1, 255), 6, replace=False)).astype(float), 255.0)
    table = LuminanceTable(levels=levels, cd_m2=tuple(np.cumsum(generator.exponential(10, 8) + 0.01)))
    values = np.linspace(0, 1, 2001)
    assert (np.diff(table.cd_m2_at(values)) > 0).all()
    assert table.cd_m2_at(np.array(levels) / 255) == pytest.approx(np.array(table.cd_m2))
    assert table.value_for(table.light(values)) == pytest.approx(values, abs=1e-3)


def test_the_light_of_srgb_is_that_of_the_models() -> None:
    import torch

    values = np.linspace(0, 1, 256)
    assert srgb_light(values) == pytest.approx(linear_light(torch.tensor(values)).numpy(), abs=1e-12)


def test_exported_images_make_the_light_that_they_stand_for(tmp_path: Path) -> None:
    table = measured(1.7, black=2.0)
    (tmp_path / "light.tsv").write_text(
        "level\tcd_m2\n" + "".join(f"{level}\t{cd}\n" for level, cd in zip(table.levels, table.cd_m2, strict=True))
    )
    rig = write_rig(tmp_path, BARE.replace("60}", "60, luminance: {file: light.tsv}}"))
    source = StimulusSet.read(make_set(tmp_path / "set"))
    folder = export_experiment(source, out=tmp_path / "out", rig=rig, settings={"background": 0.3})
    for entry in json.loads((folder / "manifest.json").read_text())["stimuli"]:
        row = source.table.set_index("stimulus_id").loc[entry["stimulus_id"]]
        of_set = np.asarray(Image.open(source.path(row["file"]))) / 255
        shown = np.asarray(Image.open(folder / entry["file"]))
        wanted = table.darkest + srgb_light(of_set) * (table.brightest - table.darkest)
        # Within half a level of what 8 bits can say.
        around = [table.cd_m2_at(np.clip((shown + half) / 255, 0, 1)) for half in (-0.51, 0.51)]
        assert (around[0] <= wanted + 1e-6).all()
        assert (wanted <= around[1] + 1e-6).all()
    # What was exported holds the measured points themselves, and reads as a rig.
    assert read_rig(folder / "rig.yaml").monitor.luminance == read_rig(rig).monitor.luminance
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert "measured at 10 levels, from 2 to 120 cd/m2" in page
    grey = round(255 * float(table.value_for(srgb_light(0.3))))
    assert f"#{grey:02x}{grey:02x}{grey:02x}" in (folder / "passive_fixation.psyexp").read_text(encoding="utf-8")


def test_a_measured_display_may_show_images_as_they_are(tmp_path: Path) -> None:
    rig = write_rig(
        tmp_path, BARE.replace("60}", "60, luminance: {levels: [0, 80, 160, 255], cd_m2: [1, 9, 40, 110]}}")
    )
    source = make_set(tmp_path / "set")
    folder = export_experiment(source, out=tmp_path / "out", rig=rig, settings={"convert_for_linear": False})
    entry = json.loads((folder / "manifest.json").read_text())["stimuli"][0]
    assert entry["sha256"] == entry["source_sha256"]


def test_a_table_that_cannot_be_read_names_its_file(tmp_path: Path) -> None:
    rig = write_rig(tmp_path, BARE.replace("60}", "60, luminance: {file: light.tsv}}"))
    with pytest.raises(InputError, match=r"light\.tsv"):
        read_rig(rig)


def test_primaries_say_how_far_from_srgb_they_are() -> None:
    own = Primaries(red=(*SRGB["red"], 21.26), green=(*SRGB["green"], 71.52), blue=(*SRGB["blue"], 7.22))
    assert own.white[:2] == pytest.approx(SRGB["white"], abs=5e-4)
    assert max(own.from_srgb().values()) < 5e-4
    wide = Primaries(red=(0.68, 0.32, 22), green=(0.265, 0.69, 69), blue=(0.15, 0.06, 8))
    # DCI-P3's green against BT.709's in u'v', by hand: (.0986, .5777) and (.1250, .5625).
    assert wide.from_srgb()["green"] == pytest.approx(0.0305, abs=2e-4)
    assert wide.largest()[1] == "red"
