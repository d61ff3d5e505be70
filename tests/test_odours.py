"""Odours: their files, their panels, mixtures that are allowed, and sets of them."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from synthstim.constraints import Mixture, check_all
from synthstim.errors import InputError
from synthstim.files import sha256_of
from synthstim.modalities.odour import MODALITY, OdourInput, write_odour
from synthstim.models import Observer, load_model
from synthstim.production import make
from synthstim.stimulus_set import StimulusSet, adopt
from synthstim.verify import check_set, natural_pool

PANEL = OdourInput(odorants=("hexanol", "geraniol", "limonene", "linalool", "anisole", "cresol"), dilutions=(-2, -1, 0))


def written(folder, text, name="one.odour"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hexanol\tgeraniol\n0.1\t-0.2\n", "geraniol has the concentration -0.2; expected 0 to 1"),
        ("hexanol\n1.5\n", "hexanol has the concentration 1.5; expected 0 to 1"),
        ("hexanol\nnan\n", "hexanol has the concentration nan; expected 0 to 1"),
        ("hexanol\nmuch\n", "hexanol has 'much'; expected a concentration"),
        ("hexanol\tgeraniol\n0.1\n", "is not an odour; expected a line of odorants"),
        ("hexanol\thexanol\n0.1\t0.1\n", "'hexanol' is named twice"),
        ("0.1\t0.2\n0.1\t0.2\n", "'0.1' is not a name for an odorant"),
        ("", "is not an odour"),
        ("hexanol,geraniol\n0.1,0.2\n", "is not an odour; expected a line of odorants"),
        ("hexanol geraniol\n0.1 0.2\n", "is not an odour; expected a line of odorants"),
        ("hexanol\tgeraniol\n50%\t10%\n", "hexanol has '50%'; expected a concentration from 0 to 1"),
    ],
)
def test_a_file_that_is_no_odour_is_refused_in_a_sentence(tmp_path, text, said):
    with pytest.raises(InputError, match=r"one\.odour") as refused:
        MODALITY.read(written(tmp_path, text))
    assert said in str(refused.value)


def test_a_panel_is_a_list_of_names(tmp_path):
    assert OdourInput(odorants=pd.Index(["hexanol", "geraniol"])) == OdourInput(odorants=("hexanol", "geraniol"))
    with pytest.raises(InputError, match="odorants 'hexanol' given; expected a list of names"):
        OdourInput(odorants="hexanol")
    with pytest.raises(InputError, match="7 is not a name for an odorant"):
        OdourInput(odorants=(7, 8))
    with pytest.raises(InputError, match="absent_odorants names the whole panel"):
        Mixture(PANEL, absent=tuple(range(6))).check(PANEL.shape)
    # As a spreadsheet saves it.
    (tmp_path / "one.odour").write_text("hexanol\n0.1\n", encoding="utf-8-sig")
    assert MODALITY.read(tmp_path / "one.odour").tolist() == pytest.approx([0.1])


def test_a_table_of_receptors_with_gaps_is_named():
    class Receptors(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("rates", torch.full((6, 3), float("nan")))

        def forward(self, odours):
            return odours @ self.rates

    with pytest.raises(InputError, match="it needs 'rates', which holds NaN"):
        Observer(Receptors(), input=PANEL, name="nose").layers


def test_an_odorant_outside_the_panel_is_named_with_the_nearest(tmp_path):
    with pytest.raises(InputError, match=r"one\.odour: the odorant 'limonen' is not in the panel of 6.*'limonene'"):
        MODALITY.read_for(written(tmp_path, "limonen\n0.1\n"), PANEL)


def test_a_file_may_leave_odorants_out_and_name_them_in_any_order(tmp_path):
    values = MODALITY.read_for(written(tmp_path, "cresol\thexanol\n0.01\t1\n"), PANEL)
    np.testing.assert_array_equal(values, np.float32([1, 0, 0, 0, 0, 0.01]))


def test_no_odour_is_written_that_there_cannot_be(tmp_path):
    with pytest.raises(InputError, match=r"geraniol has the concentration -0\.5"):
        write_odour(tmp_path / "x.odour", np.float32([0, -0.5]), ("hexanol", "geraniol"))
    with pytest.raises(InputError, match="3 concentrations given; expected 2"):
        write_odour(tmp_path / "x.odour", np.zeros(3, np.float32), ("hexanol", "geraniol"))


@pytest.mark.parametrize("dilutions", [(), (0, -1), (-1, -1), (-1, 0.5)])
def test_dilutions_rise_to_the_stock(dilutions):
    with pytest.raises(InputError, match="expected logarithms to base 10 that rise"):
        OdourInput(odorants=("a",), dilutions=dilutions)


def test_a_set_has_a_table_of_its_odours(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(4):
        write_odour(folder / f"o{number}.odour", np.eye(6, dtype=np.float32)[number] / 10, PANEL.odorants)
    made, _ = adopt(folder, tmp_path / "set")
    table = pd.read_csv(made.root / "odours.tsv", sep="\t")
    assert list(table.columns) == ["stimulus_id", "sha256", *PANEL.odorants]
    for row, file in zip(table.to_dict("records"), made.table["file"], strict=True):
        assert row["sha256"] == sha256_of(made.path(file))
        np.testing.assert_allclose([row[name] for name in PANEL.odorants], made.stimulus(file), rtol=1e-6)
    assert not check_set(made, None).problems
    lines = (made.root / "odours.tsv").read_text().replace("0.1", "0.2", 1)
    (made.root / "odours.tsv").write_text(lines)
    assert any("odours.tsv has changed" in problem for problem in check_set(StimulusSet.read(made.root), None).problems)


MIXTURES = [
    Mixture(PANEL),
    Mixture(PANEL, most=2),
    Mixture(PANEL, most=3, total=0.5, least=0.1),
    Mixture(PANEL, total=0.03),
    Mixture(PANEL, apart=((0, 1), (1, 2)), absent=(5,)),
    Mixture(PANEL, most=1, least=1.0),
]


@pytest.mark.parametrize("limit", MIXTURES, ids=str)
def test_mixtures_keep_to_every_limit(limit):
    random = torch.rand((200, 6), generator=torch.Generator().manual_seed(1)) ** 4
    mixed = limit.project(random)
    assert set(mixed.double().unique().tolist()) <= {0.0, *torch.tensor(limit.levels).float().double().tolist()}
    assert ((mixed > 0).sum(1) <= (limit.most or 6)).all()
    assert limit.total is None or (mixed.double().sum(1) <= limit.total * (1 + 1e-6)).all()
    assert not any(((mixed[:, one] > 0) & (mixed[:, two] > 0)).any() for one, two in limit.apart)
    assert not mixed[:, list(limit.absent)].any()
    torch.testing.assert_close(limit.project(mixed), mixed, rtol=0, atol=0)
    torch.testing.assert_close(limit.project(random[7:8]), mixed[7:8], rtol=0, atol=0)
    check_all([limit], PANEL.shape, MODALITY)


def test_the_gradient_passes_to_odorants_that_were_left_out():
    given = torch.tensor([[0.9, 0.5, 0.2, 0, 0, 0]], requires_grad=True)
    weights = torch.arange(6.0)
    (Mixture(PANEL, most=1).project(given) * weights).sum().backward()
    torch.testing.assert_close(given.grad[0], weights)


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (Mixture(PANEL, total=0.001), "total_concentration 0.001 given; expected at least 0.01"),
        (Mixture(OdourInput(odorants=PANEL.odorants, dilutions=(-2, -1)), least=0.5), "least_concentration 0.5 given"),
    ],
)
def test_limits_that_no_mixture_meets_are_refused(limit, said):
    with pytest.raises(InputError, match=re.escape(said)):
        check_all([limit], PANEL.shape, MODALITY)


def test_the_pool_is_every_odorant_alone():
    observer = load_model("fly-antenna")
    pool = natural_pool(observer)
    assert pool.names == observer.input.odorants
    assert [pool.recognise(pool.stimulus(number)) for number in (0, 109)] == [{0}, {109}]
    assert pool.recognise(np.ones(110, np.float32)) == set()


@pytest.mark.parametrize(("absent", "passed"), [((), False), (("ethyl acetate", "1-hexanol"), True)])
def test_a_reference_is_no_metamer_of_itself(tmp_path, absent, passed):
    reference = written(tmp_path, "ethyl acetate\t1-hexanol\n0.1\t0.1\n")
    entry = {
        "name": "same", "kind": "metamer", "reference": str(reference), "layers": ["kc"], "evaluations": 6000, "start": str(reference),
        "constraints": {"most_odorants": 2, "absent_odorants": list(absent)},
    }  # fmt: skip
    made = make({"observer": "fly-antenna", "criteria": {"null_percentile": 50}, "stimuli": [entry]}, tmp_path / "set")
    (row,) = made.table.to_dict("records")
    assert (row["status"] == "passed") == passed
    assert passed or row["reason"] == "it is the reference itself"
    assert row["odorants"] <= 2
    values = made.stimulus(row["file"])
    levels = {0.0, *load_model("fly-antenna").input.concentrations.astype(np.float32).tolist()}
    assert set(values.tolist()) <= levels
    again = load_model("fly-antenna")
    assert not check_set(made, again, pool=natural_pool(again)).problems
