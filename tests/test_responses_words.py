"""What recordings say of themselves is heeded: missing labels, orders, invalid times, names that are none."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pynwb
import pytest
from pynwb.base import ImageReferences, Images
from pynwb.image import GrayscaleImage, IndexSeries
from pynwb.misc import AnnotationSeries, IntervalSeries
from responses_fixture import WINDOW, add_trials, assembly_of, trials, write_nwb_of, write_text

from synthstim.errors import InputError
from synthstim.responses import Responses, from_array, from_xarray, read_nwb, read_responses

EARLY = (0.05, 0.3)


def counts(responses: Responses) -> dict[str, list[float]]:
    """Responses of each stimulus in order."""
    return responses.trials.groupby("stimulus_id", observed=True)["response"].apply(list).to_dict()


def spikes_after(onsets: Any, numbers: Any) -> list[float]:
    """So many spikes after each onset."""
    return [onset + 0.1 + 0.01 * k for onset, number in zip(onsets, numbers, strict=True) for k in range(number)]


# Presentations without a label are blanks.


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NaT, pd.NA, np.datetime64("NaT"), "", "n/a", np.ma.masked])
def test_a_presentation_without_a_label_is_a_blank_not_a_stimulus(missing: Any) -> None:
    found = from_xarray(assembly_of(["cat", missing, "dog", missing]), window_s=WINDOW)
    assert counts(found) == {"cat": [1.0], "dog": [3.0]}
    assert found.notes == ("2 of 4 presentations of the array name no stimulus: blanks, left out",)
    with pytest.raises(InputError, match="no presentation has a stimulus_id"):
        from_xarray(assembly_of([missing, missing]), window_s=WINDOW)
    # The axis of an array has one name for each entry.
    with pytest.raises(InputError, match="image 2 has no usable name"):
        from_array(np.ones((1, 2, 1)), stimulus_ids=["cat", missing], sites=["a"], window_s=WINDOW)
    with pytest.raises(InputError, match="site 1 has no usable name"):
        from_array(np.ones((1, 1, 1)), stimulus_ids=["cat"], sites=[missing], window_s=WINDOW)


@pytest.mark.parametrize("labels", [["cat", "", "dog", "cat"], [1.0, np.nan, 2.0, 1.0]])
def test_blanks_of_nwb_files_are_left_out_with_a_note(tmp_path: Path, labels: list[Any]) -> None:
    path = write_nwb_of(
        tmp_path / "a.nwb", lambda content: add_trials(content, labels), spikes_after(range(1, 5), [1, 2, 3, 4])
    )
    names = {"1": "cat", "2": "dog"}
    found = read_nwb(path, window_s=EARLY, labels=names)
    assert counts(found) == {"cat": [1.0, 4.0], "dog": [3.0]}
    assert found.notes == ("1 of 4 presentations of a.nwb have no stimulus_id: blanks, left out",)


@pytest.mark.parametrize("label", ["nan", "None", "=CMD()", "+1", "a\x00b", "x" * 65, " cat"])
def test_what_is_no_name_is_refused_by_every_reader(tmp_path: Path, label: str) -> None:
    named = {"stimulus_ids": [label], "sites": ["a"], "window_s": WINDOW}
    columns = trials().assign(site=label)
    readers: list[Callable[[], Any]] = [
        lambda: Responses(columns),
        lambda: from_array(np.ones((1, 1, 1)), **named),
        lambda: from_array(np.ones((1, 1, 1)), **named | {"stimulus_ids": ["cat"], "sites": [label]}),
        lambda: from_xarray(assembly_of(["cat", label]), window_s=WINDOW),
    ]
    if "\x00" not in label:  # No file of these kinds can hold it.
        with h5py.File(tmp_path / "a.h5", "w") as opened:
            for name in columns:
                values = columns[name].to_numpy()
                opened[name] = values if values.dtype.kind in "fiu" else values.astype(h5py.string_dtype())
        path = write_nwb_of(tmp_path / "a.nwb", lambda content: add_trials(content, ["cat", label]), [1.1, 2.1])
        readers += [
            lambda: read_nwb(path, window_s=EARLY),
            lambda: read_responses(tmp_path / "a.h5"),
            lambda: read_responses(write_text(tmp_path / "a.tsv", columns)),
        ]
    for read in readers:
        with pytest.raises(InputError, match="no usable"):
            read()


def test_numbers_name_the_same_whether_or_not_a_neighbour_is_missing() -> None:
    assert from_xarray(assembly_of([7, 8]), window_s=WINDOW).stimulus_ids == ("7", "8")
    assert from_xarray(assembly_of([7.0, np.nan]), window_s=WINDOW).stimulus_ids == ("7",)
    assert Responses(trials().query("site == '007'").assign(site=7.0)).sites == ("7",)
    # Bytes of another encoding stay two labels.
    assert len(from_xarray(assembly_of([b"caf\xe9", b"caf\xe8"]), window_s=WINDOW).stimulus_ids) == 2


def test_masked_responses_were_not_recorded() -> None:
    values = np.ma.masked_array(np.ones((2, 1, 1)), mask=[[[False]], [[True]]])
    named = {"stimulus_ids": ["cat"], "sites": ["a"], "window_s": WINDOW}
    with pytest.raises(InputError, match="1 of 2 trials is NaN"):
        from_array(values, **named)
    assert len(from_array(values, **named, nan="absent")) == 1


def test_what_an_image_shows_is_not_its_id() -> None:
    array = assembly_of(["cat", "cat"]).rename(stimulus_id="object_name")
    with pytest.raises(InputError, match="no coordinate stimulus_id of presentation: it has object_name"):
        from_xarray(array, window_s=WINDOW)


# Numbers that are none.


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"response": True}, "column response holds values of the kind bool"),
        ({"response": [True, *[2.0] * 10]}, "column response holds values of the kind bool"),
        ({"response": pd.Timedelta(1, "s")}, "values of the kind timedelta64"),
        ({"response": 1j}, "values of the kind complex128"),
        ({"repeat": [2**31, *range(10)]}, "row 1 has repeat 2147483648; expected a whole number from 0 to 2147483647"),
        ({"window_start_s": 70.0, "window_end_s": 170.0}, "cannot be in seconds from the onset: 70 to 170 ms are 0.07"),
        ({"window_start_s": 7e-5, "window_end_s": 17e-5}, "cannot be in seconds"),
        ({"window_start_s": np.nan}, "has no window_start_s"),
    ],
)
def test_numbers_that_cannot_be_meant_are_refused(change: dict[str, Any], said: str) -> None:
    table = trials().drop(columns=list(change))
    with pytest.raises(InputError, match=said):
        Responses(table.assign(**change))


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    table = trials()
    with pytest.raises(InputError, match="has the column response twice"):
        Responses(pd.concat([table, table[["response"]]], axis=1))
    text = write_text(tmp_path / "a.tsv", table).read_text().splitlines()
    (tmp_path / "a.tsv").write_text("".join(f"{line}\t{'response' if not at else 1}\n" for at, line in enumerate(text)))
    with pytest.raises(InputError, match="has the column 'response' twice"):
        read_responses(tmp_path / "a.tsv")


@pytest.mark.parametrize("values", [["a", "b"], [True, False]])
def test_an_assembly_of_text_or_truth_values_is_refused(tmp_path: Path, values: list[Any]) -> None:
    array = assembly_of(["cat", "dog"]).copy(data=np.array(values)[:, None])
    array.assign_coords(stimulus_id=("presentation", ["cat", "dog"])).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    for read in (
        lambda: from_xarray(array, window_s=WINDOW),
        lambda: read_responses(tmp_path / "a.nc", window_s=WINDOW),
    ):
        with pytest.raises(InputError, match="; expected responses: give numbers"):
            read()


# What else NWB files say.

PICTURES = ["img10", "img2", "img1"]
SHOWN = [0, 1, 2, 0, 1, 2]


def index_series(
    names: list[str] = PICTURES, *, ordered: bool = False, shown: list[int] = SHOWN, rate: float = 0
) -> Any:
    """Pictures shown by their numbers, a second apart."""

    def fill(content: pynwb.NWBFile) -> None:
        images = [GrayscaleImage(name=name, data=np.zeros((2, 2), np.uint8)) for name in names]
        order = {"order_of_images": ImageReferences(name="order_of_images", data=images)} if ordered else {}
        held = Images(name="pictures", description="d", images=images, **order)
        content.add_stimulus_template(held)
        times = {"rate": rate, "starting_time": 1.0} if rate else {"timestamps": np.arange(1.0, 1 + len(shown))}
        series = IndexSeries(name="shown", data=np.array(shown, np.uint32), indexed_images=held, unit="N/A", **times)
        content.add_stimulus(series)

    return fill


def test_images_without_an_order_are_refused_unless_their_numbers_are_told(tmp_path: Path) -> None:
    spikes = spikes_after(range(1, 7), [number + 1 for number in SHOWN])
    path = write_nwb_of(tmp_path / "a.nwb", index_series(), spikes)
    with pytest.raises(InputError, match="whose order the file does not say"):
        read_nwb(path, window_s=EARLY)
    told = read_nwb(path, window_s=EARLY, labels=dict(zip("012", PICTURES, strict=True)))
    ordered = read_nwb(write_nwb_of(tmp_path / "b.nwb", index_series(ordered=True), spikes), window_s=EARLY)
    by_rate = read_nwb(write_nwb_of(tmp_path / "c.nwb", index_series(ordered=True, rate=1.0), spikes), window_s=EARLY)
    for found in (told, ordered, by_rate):
        assert counts(found) == {"img10": [1.0, 1.0], "img2": [2.0, 2.0], "img1": [3.0, 3.0]}
    # One image has one order; its name may be a number.
    alone = write_nwb_of(tmp_path / "d.nwb", index_series(["7"], shown=[0, 0]), [1.1, 2.1])
    assert counts(read_nwb(alone, window_s=EARLY)) == {"7": [1.0, 1.0]}


def invalid(*intervals: tuple[float, float], tags: str = "") -> Callable[[pynwb.NWBFile], None]:
    """Four trials, and intervals that are to be left out."""

    def fill(content: pynwb.NWBFile) -> None:
        add_trials(content, ["a", "b", "a", "b"])
        for start, stop in intervals:
            content.add_invalid_time_interval(start_time=start, stop_time=stop, **({"tags": [tags]} if tags else {}))

    return fill


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([(1.9, 2.6)], {"a": [2.0, 2.0], "b": [2.0]}),
        # An edge is no overlap; the window is 0.05 to 0.3 s from the onset.
        ([(2.3, 2.6), (3.5, 4.05)], {"a": [2.0, 2.0], "b": [2.0, 2.0]}),
        ([(2.2999, 2.6), (0.5, 1.051)], {"a": [2.0], "b": [2.0]}),
        ([(0.0, 9.0), (2.0, 2.1)], None),
    ],
)
def test_what_a_file_calls_invalid_is_left_out_and_noted(
    tmp_path: Path, intervals: list[tuple[float, float]], expected: dict[str, list[float]] | None
) -> None:
    spikes = spikes_after(range(1, 5), [2, 2, 2, 2])
    path = write_nwb_of(tmp_path / "a.nwb", invalid(*intervals, tags="probe moved"), spikes)
    if expected is None:
        with pytest.raises(InputError, match=r"no presentation is left: 4 of 4 presentations .* \(probe moved\)"):
            read_nwb(path, window_s=EARLY)
        return
    found = read_nwb(path, window_s=EARLY)
    assert counts(found) == expected
    assert bool(found.notes) == (len(found) < 4)
    assert all("invalid times (probe moved): left out" in note for note in found.notes)
    kept = read_nwb(path, window_s=EARLY, invalid_times="keep")
    assert len(kept) == 4
    assert all("kept" in note for note in kept.notes)


def test_observation_intervals_that_touch_are_one_and_a_unit_without_any_was_not_observed(tmp_path: Path) -> None:
    def fill(content: pynwb.NWBFile) -> None:
        add_trials(content, ["a", "b"])
        content.add_unit(spike_times=[1.1, 2.1], obs_intervals=[[0.0, 1.1], [1.1, 9.0]])
        content.add_unit(spike_times=[1.1, 2.1], obs_intervals=np.empty((0, 2)))

    found = read_nwb(write_nwb_of(tmp_path / "a.nwb", fill), window_s=EARLY)
    assert found.sites == ("unit0",)
    assert found.notes == ("2 of 4 trials lie outside their unit's observation intervals: not recorded",)


def add_table(content: pynwb.NWBFile, name: str, labels: list[str]) -> None:
    table = pynwb.epoch.TimeIntervals(name=name, description="d")
    table.add_column(name="stimulus_id", description="d")
    for at, label in enumerate(labels, 1):
        table.add_interval(start_time=float(at), stop_time=at + 0.5, stimulus_id=label)
    content.add_time_intervals(table)


def test_one_of_several_tables_is_chosen_by_name_and_never_by_chance(tmp_path: Path) -> None:
    spikes = [1.1, 2.1]

    def scenes(content: pynwb.NWBFile) -> None:
        add_table(content, "scenes", ["a", "b"])

    def both(content: pynwb.NWBFile) -> None:
        scenes(content)
        add_table(content, "gratings", ["c", "d"])

    def third(content: pynwb.NWBFile) -> None:
        both(content)
        add_trials(content, ["e", "f"])
        with warnings.catch_warnings():
            # Files of earlier releases hold them.
            warnings.simplefilter("ignore")
            words = AnnotationSeries(name="words", data=["g", "h"], timestamps=[1.0, 2.0], description="d")
        lights = IntervalSeries(name="lights", data=np.int8([1, -1]), timestamps=[1.0, 2.0], description="d")
        for series in (words, lights):
            content.add_stimulus(series)
        if hasattr(content, "create_events_table"):
            events = content.create_events_table(name="flashes", description="d")
            events.add_column(name="stimulus_id", description="d")
            for at, label in enumerate("ij", 1):
                events.add_row(timestamp=float(at), stimulus_id=label)

    assert read_nwb(write_nwb_of(tmp_path / "a.nwb", scenes, spikes), window_s=EARLY).stimulus_ids == ("a", "b")
    with pytest.raises(InputError, match=r"presentations in (scenes, gratings|gratings, scenes): name one with table="):
        read_nwb(write_nwb_of(tmp_path / "b.nwb", both, spikes), window_s=EARLY)
    path = write_nwb_of(tmp_path / "c.nwb", third, spikes)
    found = read_nwb(path, window_s=EARLY)
    assert found.stimulus_ids == ("e", "f")
    assert "are those of trials, not of" in found.notes[0]
    for table, ids in (("gratings", ("c", "d")), ("words", ("g", "h"))):
        assert read_nwb(path, window_s=EARLY, table=table).stimulus_ids == ids
    if hasattr(pynwb.NWBFile, "create_events_table"):
        assert read_nwb(path, window_s=EARLY, table="flashes").stimulus_ids == ("i", "j")
    with pytest.raises(InputError, match="is an IntervalSeries, which does not name what was shown"):
        read_nwb(path, window_s=EARLY, table="lights")


def test_units_whose_names_are_none_are_refused(tmp_path: Path) -> None:
    def fill(content: pynwb.NWBFile) -> None:
        add_trials(content, ["a", "b"])
        content.add_unit_column(name="label", description="d")
        content.add_unit_column(name="depth", description="d")
        content.add_unit(spike_times=[1.1], label="v4", depth=7.0)
        content.add_unit(spike_times=[2.1], label="", depth=8.0)

    path = write_nwb_of(tmp_path / "a.nwb", fill)
    with pytest.raises(InputError, match="site 2 has no usable name"):
        read_nwb(path, window_s=EARLY, site_column="label")
    assert read_nwb(path, window_s=EARLY, site_column="depth").sites == ("7", "8")
