"""A table of the user's beside a set's: its columns join by the ids, and what does not fit is one sentence."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from synthstim.errors import InputError
from synthstim.experiment.design.table import with_columns

SET = pd.DataFrame({"stimulus_id": pd.array(["one", "two"], dtype="string"), "kind": ["natural", "control"]})


def test_columns_join_by_the_ids_whatever_the_order(tmp_path: Path) -> None:
    (path := tmp_path / "mine.csv").write_text(
        "stimulus_id,contrast,word\ntwo,0.5,\none,0.25,häuser\n", encoding="utf-8"
    )
    table = with_columns(SET, path)
    assert list(table["stimulus_id"]) == ["one", "two"]
    assert list(table["kind"]) == ["natural", "control"]
    assert list(table["contrast"]) == [0.25, 0.5]
    assert table["word"][0] == "häuser"
    assert pd.isna(table["word"][1])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("stimulus_id\tx\none\t1\ntwi\t2\n", "mine.tsv names the stimulus 'twi', which the set lacks: did you mean 'two'?"),
        ("stimulus_id\tx\none\t1\n", "mine.tsv has no line for the stimulus 'two': give one line a stimulus"),
        ("stimulus_id\tx\none\t1\ntwo\t2\none\t3\n", "mine.tsv names the stimulus 'one' twice: leave one line out"),
        ("stimulus_id\tx\none\t1\nn/a\t2\n", "line 3 of mine.tsv names no stimulus: fill in its stimulus_id"),
        ("stimulus_id\tkind\none\ta\ntwo\tb\n", "mine.tsv has the column 'kind', as the set does: rename it"),
        ("stimulus_id\tresponse\none\ta\ntwo\tb\n", "mine.tsv has the column 'response', which tables of trials have"),
        ("stimulus_id\tx\none\t1\ntwo\t2\t3\n", "mine.tsv: line 3 has 3 cells"),
        ("id\tx\none\t1\ntwo\t2\n", "mine.tsv lacks the column stimulus_id"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(rows: str, said: str, tmp_path: Path) -> None:
    (path := tmp_path / "mine.tsv").write_text(rows)
    with pytest.raises(InputError) as error:
        with_columns(SET, path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
