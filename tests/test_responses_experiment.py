"""Responses to an exported experiment: its log, spikes, and two clocks brought together."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from responses_fixture import WINDOW, write_session, write_text

from synthstim.errors import InputError
from synthstim.experiment.runtime.frame_log import FrameLog, Presentation
from synthstim.responses import count_spikes, fit_clock, read_experiment, read_markers, read_presentations, read_spikes
from synthstim.responses.clock import pair_markers


def edit(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    write_text(path, change(pd.read_csv(path, sep="\t", keep_default_na=False)))


def test_spikes_are_counted_on_the_recordings_clock(tmp_path: Path) -> None:
    responses = read_experiment(**write_session(tmp_path), window_s=WINDOW, sites=("a", "silent"))
    table = responses.trials
    assert (len(table), responses.sessions) == (40, ("rapid_2024",))
    fired = table[table["site"] == "a"]
    assert fired["response"].tolist() == [4, 2] * 10
    assert fired["repeat"].tolist() == np.repeat(range(10), 2).tolist()
    assert (table[table["site"] == "silent"]["response"] == 0).all()
    # The checksums are those of the set, from the manifest, not of the files resampled for the display.
    assert set(table["sha256"]) == {"c" * 64, "d" * 64}
    assert responses.notes[0].startswith("clock fitted to 20 markers: offset 100.000")
    assert "residuals" in responses.notes[0]


def test_the_log_of_the_runtime_is_what_is_read(tmp_path: Path) -> None:
    log = FrameLog(str(tmp_path / "run"), 100)
    shown = [Presentation(n, 0, n, 0, "cat", "stimuli/cat.png", "a" * 64, 10, 1) for n in range(4)]
    for flip in range(8):
        log.flip(0.01 * flip, "trial", (), (shown[flip // 2],) if flip % 2 else (), lambda: None)
    log.close()
    table, notes = read_presentations(tmp_path / "run_presentations.tsv", incomplete="leave out")
    # The last was still on the screen; it was shown for the one frame that was planned.
    assert table["onset_time_s"].tolist() == [0.01, 0.03, 0.05, 0.07]
    assert (table["kept"].all(), notes) == (True, ())


@pytest.mark.parametrize("drift", [0.0, -2e-4, 3e-4])
def test_the_fit_recovers_offset_and_drift(drift: float) -> None:
    sent = np.cumsum(np.random.default_rng(0).uniform(0.2, 0.6, 2000))
    jitter = np.random.default_rng(1).normal(0, 2e-4, 2000)
    clock = fit_clock(sent, 321.5 + (1 + drift) * sent + jitter)
    assert clock.offset_s == pytest.approx(321.5, abs=1e-4)
    assert clock.drift == pytest.approx(drift, abs=1e-6)
    assert clock.residual_rms_s == pytest.approx(2e-4, rel=0.1)
    assert np.allclose(clock.recorded(sent), 321.5 + (1 + drift) * sent, atol=1e-4)


SENT = np.arange(100.0)


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (SENT * 1.001, r"drifts by 1000 ppm, more than 500"),
        (SENT * 1000, r"drifts by .* are its times in seconds"),
        (SENT + 0.5 * (SENT > 41), r"jumps by \+0.5000 s between markers 42 and 43 of 100"),
        (SENT - 0.2 * (SENT > 97), r"jumps by -0.2000 s between markers 98 and 99"),
        (SENT + 0.03 * (SENT == 20), r"marker 21 of 100 lies \+29.*ms off the line"),
        (SENT + 0.02 * np.sin(SENT / 10), r"off the line between the two clocks"),
        (np.where(SENT == 50, 48.5, SENT), r"runs backwards after marker 50"),
        (np.where(SENT == 50, np.nan, SENT), r"has no time"),
        (SENT[:2], r"do not fix"),
    ],
)
def test_a_clock_that_jumps_drifts_or_wanders_is_refused(seen: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        fit_clock(SENT, seen)


@pytest.mark.parametrize("lost", [[3], [0], [6], [0, 1], [2, 3, 4]])
def test_markers_are_paired_in_spite_of_lost_ones_but_only_when_allowed(lost: list[int]) -> None:
    # Codes alone would not tell which was lost.
    codes, times = np.array([10, 11, 10, 11, 10, 11, 10]), np.cumsum([0.5, 0.61, 0.5, 0.72, 0.55, 0.5, 0.8])
    kept = np.setdiff1d(np.arange(7), lost)
    sent, seen = (codes, times), (codes[kept], 40 + 1.0002 * times[kept])
    for one, two, said in ((sent, seen, "of 7 markers sent were not seen"), (seen, sent, "of 7 seen were not sent")):
        with pytest.raises(InputError, match=f"{len(lost)} {said} .{lost[0]}"):
            pair_markers(one, two)
        ours, theirs = pair_markers(one, two, missing=len(lost))
        assert len(ours) == len(kept)
        assert np.array_equal(one[0][ours], two[0][theirs])
        assert np.array_equal(np.sort(np.stack([ours, theirs]), 0), np.stack([np.arange(len(kept)), kept]))


def test_a_lost_marker_is_located_by_the_fit(tmp_path: Path) -> None:
    paths = write_session(tmp_path)
    edit(paths["markers"], lambda table: table.drop(index=7))
    with pytest.raises(InputError, match="1 of 20 markers sent were not seen"):
        read_experiment(**paths, window_s=WINDOW)
    responses = read_experiment(**paths, window_s=WINDOW, missing_markers=1)
    assert responses.trials["response"].tolist() == [4, 2] * 10


def test_presentations_that_missed_a_refresh_are_left_out_only_when_said(tmp_path: Path) -> None:
    paths = write_session(tmp_path)
    edit(paths["presentations"], lambda table: table.assign(complete=np.where(table.index == 3, "false", "true")))
    with pytest.raises(InputError, match=r"1 of 20 presentations .* missed a refresh \(3\): say incomplete"):
        read_experiment(**paths, window_s=WINDOW)
    left = read_experiment(**paths, window_s=WINDOW, incomplete="leave out")
    assert len(left) == 19
    assert "left out (3)" in left.notes[1]
    assert len(read_experiment(**paths, window_s=WINDOW, incomplete="keep")) == 20
    with pytest.raises(InputError, match="cannot be handled by 'drop'"):
        read_experiment(**paths, window_s=WINDOW, incomplete="drop")


def test_a_delay_of_the_display_moves_the_window(tmp_path: Path) -> None:
    paths = write_session(tmp_path)
    late = read_experiment(**paths, window_s=(0.05, 0.15), display_delay_s=0.02)
    assert (
        late.trials["response"].tolist() == read_experiment(**paths, window_s=(0.07, 0.17)).trials["response"].tolist()
    )


def break_manifest(paths: dict[str, Path]) -> None:
    manifest = paths["presentations"].parent.parent / "manifest.json"
    manifest.write_text(manifest.read_text().replace("1" * 64, "9" * 64))


def cut(name: str, bytes_left_out: int) -> Callable[[dict[str, Path]], None]:
    return lambda paths: paths[name].write_bytes(paths[name].read_bytes()[:-bytes_left_out])


def running(paths: dict[str, Path]) -> None:
    record = Path(str(paths["presentations"]).replace("_presentations.tsv", "_session.json"))
    record.write_text(json.dumps({"status": "running"}))


def half_record(paths: dict[str, Path]) -> None:
    Path(str(paths["presentations"]).replace("_presentations.tsv", "_session.json")).write_text('{"stat')


def set_cell(name: str, row: int, column: str, value: object) -> Callable[[dict[str, Path]], None]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table = table.astype(object)
        table.loc[row, column] = value
        return table

    return lambda paths: edit(paths[name], change)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (running, "still runs"),
        (half_record, "session.json is half-written or damaged"),
        (cut("presentations", 3), "ends within a line"),
        (cut("spikes", 1), "ends within a line"),
        (cut("markers", 5), "ends within a line"),
        (break_manifest, "cat with a checksum that manifest.json does not have"),
        (set_cell("presentations", 4, "onset_time_s", "n/a"), "row 5 has no onset"),
        (set_cell("spikes", 4, "time_s", "soon"), "row 5 has a time_s that is not a number"),
        (set_cell("spikes", 4, "site", "n/a"), "row 5 has no site"),
        (set_cell("markers", 4, "code", 1.5), "row 5 has a code that is not a whole number"),
        (lambda paths: edit(paths["markers"], lambda table: table.assign(code=200)), "none of the codes"),
        (
            lambda paths: edit(paths["spikes"], lambda table: table.rename(columns={"site": "unit"})),
            "lacks the column site",
        ),
        (lambda paths: edit(paths["spikes"], lambda table: table[:0]), "no rows below its names"),
    ],
)
def test_spoiled_files_of_a_session_are_refused(tmp_path: Path, spoil: Callable, said: str) -> None:
    paths = write_session(tmp_path)
    spoil(paths)
    with pytest.raises(InputError, match=said):
        read_experiment(**paths, window_s=WINDOW)


def test_a_clock_that_jumps_in_the_middle_of_a_session_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the clock of markers.tsv jumps by .* between markers 10 and 11"):
        read_experiment(**write_session(tmp_path, jump=1.5), window_s=WINDOW)


def test_spikes_of_a_site_that_was_not_recorded_are_refused(tmp_path: Path) -> None:
    paths = write_session(tmp_path)
    with pytest.raises(InputError, match="spikes of a, not among the 1 sites"):
        read_spikes(paths["spikes"], sites=["b"])
    assert np.all(np.diff(read_spikes(paths["spikes"])["a"]) >= 0)
    assert read_markers(paths["markers"])["code"].tolist()[:4] == [1, 3, 10, 11]


def test_counts_agree_with_counting_one_by_one() -> None:
    generator = np.random.default_rng(0)
    times, onsets = np.sort(generator.uniform(0, 50, 3000)), generator.uniform(0, 50, 70)
    expected = [sum(onset + 0.07 <= time < onset + 0.17 for time in times) for onset in onsets]
    assert count_spikes(times, onsets, (0.07, 0.17)).tolist() == expected
