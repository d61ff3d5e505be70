"""Sites chosen by the columns of a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthstim.errors import InputError
from synthstim.responses.site_table import read_where, sites_where

TABLE = "site\tregion\tanimal\nv1\tV4\tm\nv2\tV4\tb\n007\tIT\tm\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "sites.tsv").write_text(TABLE)
    return tmp_path / "sites.tsv"


def test_sites_have_all_that_is_asked(table: Path) -> None:
    recorded = ["007", "v2", "v1"]
    assert sites_where(table, {"region": "V4"}, recorded) == ["v2", "v1"]
    assert sites_where(table, {"region": "V4", "animal": "m"}, recorded) == ["v1"]
    assert sites_where(table, {"region": "IT"}, recorded) == ["007"]


def test_spaces_do_not_count_and_what_the_table_lacks_is_told(tmp_path: Path) -> None:
    path = tmp_path / "sites.csv"
    path.write_text("site,region\nv1,V4\n v2,V4 \n")
    with pytest.warns(UserWarning, match="says nothing of elsewhere, which are left out"):
        assert sites_where(path, {"region": "V4"}, ["v1", "v2", "elsewhere"]) == ["v1", "v2"]


@pytest.mark.parametrize(
    ("where", "recorded", "said"),
    [
        ({"area": "V4"}, ["v1"], "has no column 'area'"),
        ({"region": "V5"}, ["v1"], "no site has region 'V5': did you mean 'V4'"),
        ({"region": "IT", "animal": "b"}, ["v1"], r"none of the recorded sites \(v1\) has region IT and animal b"),
    ],
)
def test_what_cannot_be_meant_is_refused(table: Path, where: dict[str, str], recorded: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        sites_where(table, where, recorded)


def test_a_condition_is_a_column_and_a_value() -> None:
    with pytest.raises(InputError, match="'region' given: write COLUMN=VALUE, such as region=V4"):
        read_where(["region"])
    with pytest.raises(InputError, match="the column 'region' is given two values"):
        read_where(["region=V4", "region=IT"])
