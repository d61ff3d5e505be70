"""Presentations as an NWB file: the images, when each was shown, and what became of it."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthstim.errors import InputError
from synthstim.files import require_absent, written_whole
from synthstim.presented.log import Presented, read_presented
from synthstim.responses import Clock
from synthstim.responses.files import library

# The names under which synthstim.responses.read_nwb looks first.
TABLE, SERIES, IMAGES = "stimulus_presentations", "presented_images", "stimulus_images"
_COLUMNS = {
    "stimulus_id": "id of the stimulus in its set",
    "sha256": "checksum of the file of the stimulus set",
    "shown_sha256": "checksum of the file that was shown, made of it for the display",
    "kind": "kind of the stimulus in its set",
    "marker_code": "marker that was sent at the onset",
    "missed": "refreshes of the display that were missed while it was shown",
    "complete": "whether it was shown for as many flips as planned and no refresh was missed",
    "frames_planned": "flips that were planned",
    "frames_shown": "flips that showed it",
    "block": "number of the block, from 0",
    "trial": "number of the trial in its block, from 0",
}


def write_nwb(
    presentations: Presented | str | Path,
    out: str | Path,
    *,
    clock: Clock | None = None,
    session_start: datetime.datetime | None = None,
    display_delay_s: float = 0.0,
    description: str | None = None,
    identifier: str | None = None,
) -> Path:
    """Write what was shown as an NWB file that units and other data can be added to.

    It holds the images as ``stimulus_images``, an IndexSeries ``presented_images`` with the onsets, and a table of
    intervals ``stimulus_presentations``: start, end, ids, checksums, markers, missed refreshes.

    Args:
        presentations: a run, its log, or the experiment's folder.
        out: the file, ``.nwb``; it must not exist yet.
        clock: of the recording, from ``synthstim.responses.align_clock``: then times are on it.
        session_start: the moment, with its time zone, that is 0 in the file. By default it is worked out from when the run
            started, to about a second.
        display_delay_s: from flip to light, as measured with a photodiode; added to onsets.
        description: of the session.
        identifier: of the file; by default the name of the run.

    Raises:
        InputError: there is no run yet, it still runs, a file is half-written or has changed, or ``out`` exists.

    Example:
        >>> write_nwb("tonight_experiment", "tonight_stimuli.nwb").name
        'tonight_stimuli.nwb'
    """
    pynwb = library("pynwb", "recordings")
    path = require_absent(out)
    if path.suffix != ".nwb":
        raise InputError(f"{path.name} given; expected a file called ...nwb")
    if session_start is not None and session_start.tzinfo is None:
        raise InputError(f"the session's start {session_start} has no time zone", "give one, such as +02:00")
    run = presentations if isinstance(presentations, Presented) else read_presented(presentations)
    pictures = {stimulus_id: _pixels(file) for stimulus_id, file in run.files().items()}
    content = pynwb.NWBFile(
        session_description=description or _describe(run, clock, display_delay_s),
        identifier=identifier or run.name,
        session_start_time=session_start or _start(run, clock),
    )
    onset, offset = run.times(clock, display_delay_s)
    _add_images(content, run, pictures, onset)
    _add_intervals(content, run, onset, offset)
    try:
        with written_whole(path) as part, pynwb.NWBHDF5IO(str(part), "w") as io:
            io.write(content)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error})") from None
    return path


def _add_images(content: Any, run: Presented, pictures: dict[str, NDArray[Any]], onset: NDArray[np.float64]) -> None:
    base, image = library("pynwb.base", "recordings"), library("pynwb.image", "recordings")
    packed = library("hdmf.backends.hdf5", "recordings").H5DataIO
    kinds = {2: image.GrayscaleImage, 3: image.RGBImage}
    made = [
        kinds[pixels.ndim](name=name, data=packed(pixels, compression="gzip"), description="as it was shown")
        for name, pixels in pictures.items()
    ]
    images = base.Images(
        name=IMAGES, images=made, description="images of the experiment, as files of the display",
        order_of_images=base.ImageReferences(name="order_of_images", data=made),
    )  # fmt: skip
    content.add_stimulus_template(images)
    place = {name: number for number, name in enumerate(pictures)}
    series = image.IndexSeries(
        name=SERIES, data=np.array([place[str(name)] for name in run.table["stimulus_id"]], dtype=np.uint32),
        timestamps=onset, indexed_images=images, unit="N/A", description="the image that came on the screen at each time",
    )  # fmt: skip
    content.add_stimulus(series)


def _add_intervals(content: Any, run: Presented, onset: NDArray[np.float64], offset: NDArray[np.float64]) -> None:
    epoch = library("pynwb.epoch", "recordings")
    columns = {name: description for name, description in _COLUMNS.items() if name in run.table}
    intervals = epoch.TimeIntervals(name=TABLE, description="presentations of stimuli, by the flips that showed them")
    for name, description in columns.items():
        intervals.add_column(name=name, description=description)
    rows = run.table[list(columns)].to_dict("records")
    for row, start, stop in zip(rows, onset, offset, strict=True):
        intervals.add_row(
            start_time=float(start), stop_time=float(stop), **{name: _plain(cell) for name, cell in row.items()}
        )
    content.add_time_intervals(intervals)


def _plain(cell: Any) -> Any:
    return cell.item() if isinstance(cell, np.generic) else cell


def _pixels(path: Path) -> NDArray[Any]:
    """(y, x) or (y, x, RGB), as the file has it."""
    with Image.open(path) as opened:
        grey = opened.mode in ("1", "L", "I", "I;16", "F")
        return np.asarray(opened if grey or opened.mode == "RGB" else opened.convert("RGB"))


def _start(run: Presented, clock: Clock | None) -> datetime.datetime:
    """The moment of time 0: the record says when the run began, which was about its first flip."""
    try:
        started = datetime.datetime.fromisoformat(str(run.record["started"]))
    except (KeyError, ValueError):
        raise InputError(f"the record of {run.name} does not say when it started", "give the session's start") from None
    first = run.first_frame_s if clock is None else float(clock.recorded(np.array(run.first_frame_s)))
    return started - datetime.timedelta(seconds=first)


def _describe(run: Presented, clock: Clock | None, delay_s: float) -> str:
    parts = [
        "REHEARSAL, nobody watched" if run.simulated else "",
        f"stimuli shown by the experiment {run.manifest.get('protocol', 'unknown')}, run {run.name}",
        f"times are of the recording's clock, {clock}" if clock is not None else "times are of the experiment's clock",
        f"{1e3 * delay_s:g} ms were added for the display" if delay_s else "",
    ]
    return "; ".join(filter(None, parts))
