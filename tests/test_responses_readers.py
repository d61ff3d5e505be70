"""Readers of recorded responses, each on real files: what goes in comes out, what is damaged or hostile is refused."""

from __future__ import annotations

import datetime
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import pynwb
import pytest
import xarray
from pynwb.base import ImageReferences
from pynwb.image import GrayscaleImage, Images, IndexSeries
from responses_fixture import WINDOW, trials, write_text

from synthstim.errors import InputError
from synthstim.responses import (
    COLUMNS,
    Responses,
    from_array,
    from_xarray,
    read_hdf5,
    read_netcdf,
    read_numpy,
    read_nwb,
    read_responses,
    read_table,
    write_table,
)

VALUES = np.arange(12.0).reshape(2, 3, 2)
NAMES = {"stimulus_ids": ["cat", "dog", "owl"], "sites": ["a", "b"], "window_s": WINDOW}


def same(one: Responses, two: Responses) -> bool:
    keys = list(COLUMNS[:4])
    tables = [part.trials.astype(dict.fromkeys(("stimulus_id", "session", "site"), str)) for part in (one, two)]
    first, second = (table[list(COLUMNS)].sort_values(keys, ignore_index=True) for table in tables)
    return first.equals(second)


@pytest.mark.parametrize("suffix", [".tsv", ".csv"])
def test_text_tables_come_back_as_they_were(tmp_path: Path, suffix: str) -> None:
    path = write_text(tmp_path / f"monday{suffix}", trials(extra="x"))
    assert same(read_responses(path), Responses(trials()))
    assert read_table(path).sites[0] == "007"


def test_a_written_table_reads_back(tmp_path: Path) -> None:
    responses = Responses(trials(sha256="a" * 64, response=np.linspace(0, 1, 11) ** 3))
    read = read_table(write_table(responses, tmp_path / "out.tsv"))
    assert same(read, responses)
    assert read.trials["sha256"].tolist() == ["a" * 64] * 11
    assert os.listdir(tmp_path) == ["out.tsv"]


def test_what_a_table_leaves_out_is_given_by_hand(tmp_path: Path) -> None:
    bare = trials().drop(columns=["session", "window_start_s", "window_end_s"])
    path = write_text(tmp_path / "bare.tsv", bare)
    assert same(read_table(path, session="monday", window_s=WINDOW), Responses(trials()))
    with pytest.raises(InputError, match="lacks the columns session, window_start_s, window_end_s"):
        read_table(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("stimulus_id\trepeat\ncat\t0\ncat", "ends within a line"),
        ("stimulus_id\trepeat\ncat\t0\ncat\n", "line 3 has 1 cells, its first line names 2"),
        ("stimulus_id\trepeat\ncat\t0\n", "lacks the columns session, site, .*; it has stimulus_id, repeat: "),
        ("\xff\xfes\0\n\0", "bad.tsv is text in UTF-16, as spreadsheets save it: save it as CSV in UTF-8"),
        ("\xff\n", "cannot be read"),
        (
            "stimulus_id;repeat\ncat;0,5\n",
            "has semicolons between its columns; .tsv is read with tabs: save it so, with points",
        ),
        (
            "stimulus_id,repeat\ncat,0\n",
            "has commas between its columns; .tsv is read with tabs: name it ",
        ),
        (
            "image\telectrode\ncat\tv4\n",
            "it has image, electrode: a row is one trial of one site, with stimulus_id, repeat",
        ),
        (
            "\t".join(COLUMNS[:-2]) + "\ncat\t0\t1\ta\t3\n",
            "lacks the columns window_start_s, window_end_s: .* give window_s=",
        ),
        ("\t".join(COLUMNS) + "\ncat\t0\t1\ta\tn/a\t0.07\t0.17\n", "NaN"),
    ],
)
def test_half_written_and_strange_text_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "bad.tsv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=said):
        read_table(path)


def test_a_suffix_an_option_and_a_path_that_nobody_knows_are_refused(tmp_path: Path) -> None:
    for call, said in (
        (lambda: read_responses(tmp_path / "a.xlsx"), "a.xlsx is not a file of responses"),
        (lambda: read_responses(tmp_path / "a.tsv"), "no file of responses at"),
        (lambda: read_responses(write_text(tmp_path / "b.tsv", trials()), windows=3), "takes other options"),
        (lambda: write_table(Responses(trials()), tmp_path / "a.csv"), "written as .tsv"),
    ):
        with pytest.raises(InputError, match=said):
            call()


def test_arrays_in_memory_and_in_files_give_the_same_trials(tmp_path: Path) -> None:
    responses = from_array(VALUES, **NAMES)
    assert responses.trials.query("stimulus_id == 'owl' and site == 'b'")["response"].tolist() == [5, 11]
    np.save(tmp_path / "a.npy", VALUES.astype(np.int16))
    np.savez(tmp_path / "a.npz", responses=VALUES, **NAMES, session="1")
    assert same(read_responses(tmp_path / "a.npy", **NAMES), responses)
    assert same(read_responses(tmp_path / "a.npz"), responses)


def test_padding_of_ragged_repeats_is_absent_only_when_said() -> None:
    values = VALUES.copy()
    values[1, 2, 1] = np.nan
    with pytest.raises(InputError, match="1 of 12 trials is NaN: say nan='absent'"):
        from_array(values, **NAMES)
    responses = from_array(values, **NAMES, nan="absent")
    assert (len(responses), responses.notes) == (11, ("the array: 1 of 12 trials is NaN: not recorded",))
    with pytest.raises(InputError, match="missing values cannot be handled by 'drop'"):
        from_array(values, **NAMES, nan="drop")


@pytest.mark.parametrize(
    ("values", "changes", "said"),
    [
        (VALUES[0], {}, "has shape"),
        (VALUES.astype(complex), {}, "complex128"),
        (VALUES, {"sites": ["a"]}, "2 sites, but 1 names"),
        (VALUES, {"stimulus_ids": ["a", "b", "a"]}, "names of its images are the same"),
        (VALUES, {"window_s": (0.2, 0.1)}, "must end after it starts"),
    ],
)
def test_arrays_that_do_not_fit_their_names_are_refused(values: np.ndarray, changes: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        from_array(values, **NAMES | changes)


class Bomb:
    def __reduce__(self) -> tuple[Callable, tuple]:
        return os.abort, ()


def test_arrays_that_hold_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "bomb.npy", np.array([[[Bomb()]]], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "bomb.npz", responses=np.array([[[Bomb()]]], dtype=object))
    for name in ("bomb.npy", "bomb.npz"):
        with pytest.raises(InputError, match="holds Python objects"):
            read_numpy(tmp_path / name, **NAMES)


def test_damaged_array_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VALUES)
    np.savez(tmp_path / "a.npz", other=VALUES)
    half = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "half.npy").write_bytes(half[:-8])
    (tmp_path / "lie.npy").write_bytes(half.replace(b"(2, 3, 2)", b"(9999999999, 3, 2)".ljust(9))[: len(half)])
    (tmp_path / "text.npz").write_bytes(b"no archive")
    for name, said in (
        ("half.npy", "cannot be read"),
        ("lie.npy", "cannot be read"),
        ("text.npz", "cannot be read"),
        ("a.npz", "no array 'responses': it has other"),
    ):
        with pytest.raises(InputError, match=said):
            read_numpy(tmp_path / name, **NAMES)
    with pytest.raises(InputError, match="does not say sites"):
        read_numpy(tmp_path / "a.npy", stimulus_ids=NAMES["stimulus_ids"], window_s=WINDOW)


def write_hdf5(path: Path, **datasets: Any) -> Path:
    with h5py.File(path, "w") as opened:
        for name, values in datasets.items():
            opened[name] = values
    return path


def test_hdf5_files_of_arrays_and_of_columns(tmp_path: Path) -> None:
    expected = from_array(VALUES, **NAMES)
    assert same(read_responses(write_hdf5(tmp_path / "a.h5", responses=VALUES, **NAMES, session="1")), expected)
    # As MATLAB writes it: axes reversed, names given by hand.
    turned = write_hdf5(tmp_path / "b.mat", **{"data/rates": VALUES.transpose(2, 1, 0)})
    read = read_responses(turned, group="data", dataset="rates", axes=("site", "image", "repeat"), **NAMES)
    assert same(read, expected)
    columns = {name: trials()[name].to_numpy() for name in COLUMNS}
    columns |= {name: columns[name].astype("S") for name in ("stimulus_id", "session", "site")}
    assert same(read_hdf5(write_hdf5(tmp_path / "c.hdf5", **columns)), Responses(trials()))


def linked(path: Path, make: Callable[[h5py.File], None]) -> Path:
    write_hdf5(path, responses=VALUES, **NAMES)
    with h5py.File(path, "a") as opened:
        make(opened)
    return path


def external_link(opened: h5py.File) -> None:
    opened["deep/inside"] = h5py.ExternalLink("/etc/other.h5", "/x")


def raw_storage(opened: h5py.File) -> None:
    opened.create_dataset("deep/raw", (4,), "u1", external=[("/etc/hostname", 0, 4)])


def virtual(opened: h5py.File) -> None:
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource("other.h5", "x", shape=(3,))
    opened.create_virtual_dataset("deep/virtual", layout)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (external_link, "links 'deep/inside' to another file"),
        (raw_storage, "keeps 'deep/raw' in another file"),
        (virtual, "keeps 'deep/virtual' in another file"),
    ],
)
@pytest.mark.parametrize(("suffix", "read"), [(".h5", read_hdf5), (".nc", read_netcdf), (".nwb", read_nwb)])
def test_files_that_reach_outside_themselves_are_refused(
    tmp_path: Path, make: Any, said: str, suffix: str, read: Any
) -> None:
    path = linked(tmp_path / f"a{suffix}", make)
    with pytest.raises(InputError, match=said):
        read(path, window_s=WINDOW)


def test_a_soft_link_inside_the_file_is_followed_and_a_dangling_one_refused(tmp_path: Path) -> None:
    def inside(opened: h5py.File) -> None:
        opened["again/responses"] = h5py.SoftLink("/responses")
        opened["broken/responses"] = h5py.SoftLink("/nothing")

    path = linked(tmp_path / "a.h5", inside)
    assert same(read_hdf5(path, group="again", **NAMES), from_array(VALUES, **NAMES))
    with pytest.raises(InputError):
        read_hdf5(path, group="broken", **NAMES)


def test_damaged_and_oversized_hdf5_files_are_refused(tmp_path: Path) -> None:
    whole = write_hdf5(tmp_path / "a.h5", responses=VALUES, **NAMES).read_bytes()
    (tmp_path / "half.h5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.h5").write_bytes(b"text")
    with h5py.File(tmp_path / "huge.h5", "w") as opened:
        opened.create_dataset("responses", (10**6, 10**4, 10**3), "f4", chunks=(10, 10, 10))
    uneven = {name: [1.0, 2.0] for name in COLUMNS} | {"site": [1.0]}
    for path, options, said in (
        (tmp_path / "half.h5", {}, "cannot be read"),
        (tmp_path / "text.h5", {}, "cannot be read"),
        (tmp_path / "huge.h5", NAMES, "not a dataset of at most"),
        (tmp_path / "a.h5", {"group": "b"}, "no group 'b': it has responses"),
        (tmp_path / "a.h5", {"dataset": "rates"}, "neither an array 'rates'"),
        (tmp_path / "a.h5", {"axes": ("a", "b", "c")}, "axes .* are unknown"),
        (write_hdf5(tmp_path / "uneven.h5", **uneven), {}, "one value a trial"),
    ):
        with pytest.raises(InputError, match=said):
            read_hdf5(path, **options)


def assembly(unit: str | None = "ms") -> xarray.DataArray:
    """Five presentations of two stimuli in two sessions, two neuroids, two bins: the published layout."""
    array = xarray.DataArray(
        np.arange(20.0).reshape(5, 2, 2),
        dims=("presentation", "neuroid", "time_bin"),
        coords={
            "image_id": ("presentation", ["cat", "dog", "cat", "dog", "cat"]),
            "session": ("presentation", ["1", "1", "1", "1", "2"]),
            "neuroid_id": ("neuroid", ["a", "b"]),
            "time_bin_start": ("time_bin", [70, 170]),
            "time_bin_end": ("time_bin", [170, 270]),
        },
        name="dicarlo",
    )
    if unit:
        array.time_bin_start.attrs["units"] = unit
    return array


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
def test_xarray_assemblies_in_memory_and_in_netcdf(tmp_path: Path, engine: str) -> None:
    assembly().to_netcdf(tmp_path / "a.nc", engine=engine)
    expected = from_xarray(assembly())
    assert same(read_responses(tmp_path / "a.nc"), expected)
    assert expected.windows == ((0.07, 0.17), (0.17, 0.27))
    early = read_netcdf(tmp_path / "a.nc", window_s=WINDOW)
    assert len(early) == 10
    cats = early.trials.query("stimulus_id == 'cat' and site == 'b'")
    # Counted within a session.
    assert cats[["session", "repeat", "response"]].to_numpy().tolist() == [
        ["1", 0, 2.0],
        ["1", 1, 10.0],
        ["2", 0, 18.0],
    ]


def test_an_assembly_says_its_unit_of_time_its_window_and_its_names() -> None:
    with pytest.raises(InputError, match="s or ms: give time_unit"):
        from_xarray(assembly(None))
    assert from_xarray(assembly(None), time_unit="ms", window_s=WINDOW).windows == (WINDOW,)
    flat = assembly().isel(time_bin=0, drop=True)
    assert from_xarray(flat.transpose(), window_s=WINDOW).windows == (WINDOW,)
    repeated = assembly().assign_coords(repetition=("presentation", [5, 6, 7, 8, 9]))
    assert sorted(set(from_xarray(repeated).trials["repeat"])) == [5, 6, 7, 8, 9]
    for array, said in (
        (flat, "no time bins"),
        (assembly().rename(neuroid="site"), "has the dimensions"),
        (assembly().drop_vars("image_id"), "no coordinate stimulus_id of presentation"),
        (assembly().drop_vars("neuroid_id"), "no coordinate site of neuroid"),
        (assembly().where(assembly() > 0), "NaN"),
    ):
        with pytest.raises(InputError, match=said):
            from_xarray(array)
    with pytest.raises(InputError, match="no time bin 0 to 1 s"):
        from_xarray(assembly(), window_s=(0, 1))
    assert len(from_xarray(assembly().where(assembly() > 0), nan="absent")) == 19


def test_a_netcdf_file_with_several_variables_wants_a_name(tmp_path: Path) -> None:
    xarray.Dataset({"a": assembly(), "b": assembly() + 1}).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with pytest.raises(InputError, match=r"has 2 variables over presentation and neuroid \(a, b\)"):
        read_netcdf(tmp_path / "a.nc")
    assert read_netcdf(tmp_path / "a.nc", variable="b").trials["response"].min() == 1
    with pytest.raises(InputError, match="no variable 'c'"):
        read_netcdf(tmp_path / "a.nc", variable="c")
    (tmp_path / "bad.nc").write_bytes(b"CDF\x01 and no more")
    with pytest.raises(InputError, match="cannot be read"):
        read_netcdf(tmp_path / "bad.nc")


ONSETS = np.array([1.0, 2.0, 3.0, 4.0])
SHOWN = ["cat", "dog", "cat", "owl"]


def write_nwb(path: Path, how: str = "stimulus_presentations", *, observed: bool = False, units: bool = True) -> Path:
    """Unit 0 fires k times, k from 1, in the window after each onset; unit 1 fires at the edges of the window."""
    content = pynwb.NWBFile(
        session_description="a session",
        identifier="monday",
        session_start_time=datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
    )
    if how in ("stimulus_presentations", "trials"):
        table = pynwb.epoch.TimeIntervals(name=how, description="shown")
        table.add_column(name="stimulus_id", description="what was shown")
        for onset, stimulus in zip(ONSETS, SHOWN, strict=True):
            table.add_interval(start_time=onset, stop_time=onset + 0.1, stimulus_id=stimulus)
        if how == "trials":
            content.trials = table
        else:
            content.add_time_intervals(table)
    else:
        images = [GrayscaleImage(name=name, data=np.zeros((4, 4))) for name in ("owl", "cat", "dog")]
        order = ImageReferences(name="order_of_images", data=images)
        held = Images(name="pictures", images=images, description="shown", order_of_images=order)
        content.add_stimulus_template(held)
        index = np.array([1, 2, 1, 0], dtype=np.uint32)
        content.add_stimulus(
            IndexSeries(
                name="presented", data=index, unit="N/A", indexed_images=held, timestamps=ONSETS, description="shown"
            )
        )
    if units:
        content.add_unit_column(name="label", description="name")
        spikes = [onset + 0.08 + 0.01 * np.arange(k) for k, onset in enumerate(ONSETS, 1)]
        edges = np.sort(np.concatenate([ONSETS + 0.0625, ONSETS + 0.125]))
        intervals = {"obs_intervals": [[0.0, 2.5], [3.5, 9.0]]} if observed else {}
        content.add_unit(spike_times=np.concatenate(spikes), label="v4_1", **intervals)
        content.add_unit(spike_times=edges, label="v4_2", **intervals)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pynwb.NWBHDF5IO(str(path), "w") as io:
            io.write(content)
    return path


@pytest.mark.parametrize("how", ["stimulus_presentations", "trials", "index_series"])
def test_spikes_of_units_are_counted_after_each_presentation(tmp_path: Path, how: str) -> None:
    responses = read_responses(write_nwb(tmp_path / "a.nwb", how), window_s=(0.0625, 0.125))
    table = responses.trials
    assert (responses.sessions, responses.sites) == (("monday",), ("unit0", "unit1"))
    assert table[table["site"] == "unit0"]["stimulus_id"].tolist() == SHOWN
    assert table[table["site"] == "unit0"]["repeat"].tolist() == [0, 0, 1, 0]
    assert table[table["site"] == "unit0"]["response"].tolist() == [1, 2, 3, 4]
    # A spike at the start of the window counts, one at its end does not.
    assert table[table["site"] == "unit1"]["response"].tolist() == [1, 1, 1, 1]


def test_units_take_names_and_images_their_ids_from_the_file_or_the_call(tmp_path: Path) -> None:
    path = write_nwb(tmp_path / "a.nwb")
    responses = read_nwb(path, window_s=WINDOW, site_column="label", labels={"cat": "img_001"}, session="tuesday")
    assert responses.sites == ("v4_1", "v4_2")
    assert responses.stimulus_ids == ("img_001", "dog", "owl")
    assert responses.sessions == ("tuesday",)


def test_presentations_outside_a_units_observation_intervals_were_not_recorded(tmp_path: Path) -> None:
    responses = read_nwb(write_nwb(tmp_path / "a.nwb", observed=True), window_s=WINDOW)
    assert responses.trials[responses.trials["site"] == "unit0"]["stimulus_id"].tolist() == ["cat", "dog", "owl"]
    assert responses.notes == ("2 of 8 trials lie outside their unit's observation intervals: not recorded",)


def test_nwb_files_that_lack_something_are_refused(tmp_path: Path) -> None:
    path = write_nwb(tmp_path / "a.nwb")
    half = tmp_path / "half.nwb"
    half.write_bytes(path.read_bytes()[:4096])
    for file, options, said in (
        (write_nwb(tmp_path / "b.nwb", units=False), {}, "no units with spike times"),
        (path, {"column": "image"}, "no presentations called 'image'"),
        (path, {"table": "stimulus_presentations", "column": "image"}, "no column 'image'"),
        (path, {"table": "blocks"}, "no presentations called 'blocks', but stimulus_presentations"),
        (path, {"site_column": "depth"}, "units have no column 'depth'"),
        (path, {"window_s": (0.2, 0.1)}, "is empty"),
        (half, {}, "cannot be read"),
    ):
        with pytest.raises(InputError, match=said):
            read_nwb(file, **{"window_s": WINDOW} | options)
    with pytest.raises(InputError, match="holds spikes: say in which window"):
        read_responses(path)


def write_any(path: Path) -> Path:
    """A file of responses of the kind that its suffix says."""
    if path.suffix == ".nwb":
        write_nwb(path)
    elif path.suffix == ".nc":
        assembly().to_netcdf(path, engine="h5netcdf")
    elif path.suffix == ".h5":
        write_hdf5(path, responses=VALUES, **NAMES)
    elif path.suffix == ".npz":
        np.savez(path, responses=VALUES, **NAMES)
    elif path.suffix == ".npy":
        np.save(path, VALUES)
    else:
        write_text(path, trials())
    return path


def read_any(path: Path) -> Responses:
    return read_responses(
        path, **{".npy": NAMES, ".nwb": {"window_s": WINDOW}, ".nc": {"window_s": WINDOW}}.get(path.suffix, {})
    )


@pytest.mark.parametrize("spoil", ["empty", "half", "text"])
@pytest.mark.parametrize("suffix", [".h5", ".nc", ".nwb", ".npz", ".npy", ".tsv", ".csv"])
def test_damaged_files_of_every_kind_are_one_sentence(tmp_path: Path, suffix: str, spoil: str) -> None:
    path = write_any(tmp_path / f"a{suffix}")
    assert len(read_any(path)) >= 8
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "half": whole[: len(whole) // 2 - 1], "text": b"no such file\n"}[spoil])
    with pytest.raises(InputError, match=path.name) as caught:
        read_any(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("suffix", "dataset", "kind", "shape"),
    [
        (".h5", "responses", "f8", (10**4, 10**4, 10**4)),
        (".h5", "stimulus_ids", "S1000000000", (3,)),
        (".nwb", "units/spike_times", "f8", (10**12,)),
        (".nwb", "intervals/stimulus_presentations/start_time", "f8", (10**12,)),
        (".nc", "dicarlo", "f8", (10**5, 10**4, 10**3)),
    ],
)
def test_files_that_declare_more_than_they_hold_are_refused(
    tmp_path: Path, suffix: str, dataset: str, kind: str, shape: tuple[int, ...]
) -> None:
    path = tmp_path / f"a{suffix}"
    chunks = tuple(min(side, 100) for side in shape)
    if suffix == ".nc":
        with h5netcdf.File(path, "w") as opened:
            opened.dimensions = dict(zip(("presentation", "neuroid", "time_bin"), shape, strict=True))
            opened.create_variable(dataset, tuple(opened.dimensions), kind, chunks=chunks)
    else:
        with h5py.File(write_any(path), "a") as opened:
            del opened[dataset]
            opened.create_dataset(dataset, shape, kind, chunks=chunks)
    with pytest.raises(InputError, match=r"declares more than|not a dataset of at most"):
        read_any(path)


def test_a_table_with_a_column_for_each_image_is_one_sentence(tmp_path: Path) -> None:
    names = ["site", "repeat", *(f"im{number}" for number in range(150))]
    path = tmp_path / "wide.csv"
    path.write_text(",".join(names) + "\n" + ",".join(["7", "0", *["3"] * 150]) + "\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(
            InputError, match=r"lacks the columns stimulus_id, session, response; .* a row is one trial of one site"
        ):
            read_table(path, window_s=WINDOW)
