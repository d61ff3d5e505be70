"""Markers of a rig: every code that leaves is read back as itself, over a serial line and on a parallel port's pins."""

from __future__ import annotations

import os
import tty
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from experiment_fixture import RIG, make_set, read_bytes, write_rig

from synthstim.errors import InputError
from synthstim.experiment import export_experiment
from synthstim.experiment.marker_codes import FIRST_STIMULUS, check_codes
from synthstim.experiment.rig import read_rig
from synthstim.experiment.runtime import markers as runtime
from synthstim.experiment.runtime.marker_bytes import LARGEST, encode, onset_code
from synthstim.responses.experiment_log import read_sent_markers
from synthstim.responses.spikes import decoded

BARE = RIG.splitlines()[0] + "\n"


def stream(bytes_: bytes) -> pd.DataFrame:
    return pd.DataFrame({"code": list(bytes_), "time_s": np.arange(len(bytes_)) * 1e-3})


def test_every_code_of_two_bytes_is_read_back_through_a_terminal() -> None:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    port = runtime.open_markers({"kind": "serial", "port": os.ttyname(theirs), "baud": 115200, "encoding": "two_bytes"})
    codes = [1, 2, 126, 127, 128, 255, 256, 16_254, LARGEST["two_bytes"], *range(10, 1500, 7)]
    seen = b""
    for code in codes:
        port.send(code)
        seen += read_bytes(ours, 2)
    port.close()
    os.close(ours)
    os.close(theirs)
    assert 0 not in seen
    assert decoded(stream(seen))["code"].tolist() == codes


def test_all_codes_of_two_bytes_differ() -> None:
    largest = LARGEST["two_bytes"]
    assert largest is not None
    sent = [encode(code, "two_bytes") for code in range(largest + 1)]
    assert len(set(sent)) == len(sent)
    assert all(first >= 128 > second > 0 for first, second in sent)


@pytest.mark.parametrize("lost", range(8))
def test_a_lost_byte_costs_one_code(lost: int) -> None:
    codes = [300, 10, 16_000, 129]
    sent = stream(b"".join(encode(code, "two_bytes") for code in codes)).drop(index=lost)
    assert decoded(sent)["code"].tolist() == codes[: lost // 2] + codes[lost // 2 + 1 :]


def test_codes_that_are_no_bytes_are_refused() -> None:
    with pytest.raises(InputError, match="expected bytes"):
        decoded(pd.DataFrame({"code": [300], "time_s": [0.0]}))


@pytest.mark.parametrize("together", [False, True])
def test_a_recording_may_have_put_the_bytes_together(together: bool, tmp_path: Path) -> None:
    codes = [*range(10, 300), *range(299, 9, -1)]
    sent = b"".join(encode(code, "two_bytes") for code in codes)
    seen = pd.DataFrame({"code": codes, "time_s": np.arange(len(codes)) * 0.1}) if together else stream(sent)
    seen.to_csv(tmp_path / "markers.tsv", sep="\t", index=False)
    read = read_sent_markers(
        tmp_path / "markers.tsv", pd.DataFrame({"marker_code": codes}), {"markers": {"encoding": "two_bytes"}}
    )
    assert read["code"].tolist() == codes


@pytest.mark.parametrize(("encoding", "bytes_"), [("byte", [0, 12, 0]), ("two_bytes", [0, 128, 0, 13, 0])])
def test_a_parallel_port_shows_each_byte_and_then_nothing(
    encoding: str, bytes_: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from psychopy import parallel

    shown: list[int] = []

    class Port:
        def __init__(self, address: Any) -> None:
            assert address == 0x378

        def setData(self, data: int) -> None:
            shown.append(data)

    monkeypatch.setattr(parallel, "ParallelPort", Port)
    port = runtime.open_markers({"kind": "parallel", "address": "0x378", "encoding": encoding, "pulse_ms": 0.1})
    port.send(12)
    assert shown == bytes_


def test_a_parallel_port_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(SystemExit, match=r"parallel markers of settings\.json cannot be opened|need the module"):
        runtime.open_markers({"kind": "parallel", "address": "/dev/nowhere", "encoding": "byte", "pulse_ms": 1})


@pytest.mark.parametrize("encoding", ["byte", "two_bytes", "line"])
def test_indices_come_round_within_what_the_encoding_carries(encoding: str) -> None:
    codes = [onset_code({"index": True, "encoding": encoding}, 11, number) for number in range(600)]
    largest = LARGEST[encoding]
    assert min(codes) == FIRST_STIMULUS
    assert max(codes) == (600 + FIRST_STIMULUS - 1 if largest is None else min(largest, 609))
    # Neighbours differ, so that a lost marker is noticed.
    assert all(first != second for first, second in pairwise(codes))
    assert onset_code({"index": False}, 11, 5) == 11


@pytest.mark.parametrize(
    ("markers", "last", "fits"),
    [
        ("{kind: serial, port: COM3}", 255, True), ("{kind: serial, port: COM3}", 256, False),
        ("{kind: serial, port: COM3, index: true}", 5000, True), ("{kind: serial, port: COM3, encoding: two_bytes}", 16_255, True),
        ("{kind: parallel, address: 0x378, encoding: two_bytes}", 16_256, False), ("{kind: lsl}", 10**6, True),
    ],
)  # fmt: skip
def test_codes_that_do_not_fit_are_refused_with_what_would(markers: str, last: int, fits: bool, tmp_path: Path) -> None:
    rig = read_rig(write_rig(tmp_path, f"{BARE}markers: {markers}\n"))
    if fits:
        check_codes(last, rig)
    else:
        with pytest.raises(InputError, match=r"markers\.index to true"):
            check_codes(last, rig)


def test_an_export_with_indices_says_which_presentation_sends_what(tmp_path: Path) -> None:
    rig = write_rig(tmp_path, BARE + "markers: {kind: parallel, address: 0x378, index: true}\n")
    folder = export_experiment(make_set(tmp_path / "set"), out=tmp_path / "out", rig=rig, settings={"blocks": 70})
    told = pd.read_csv(folder / "conditions.csv")
    assert told["marker_code"].tolist() == [10 + number % 246 for number in range(280)]
    assert "10-255" in (folder / "markers.tsv").read_text(encoding="utf-8")
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert "counted round at 255" in page
    assert "Parallel port 0x378" in page
