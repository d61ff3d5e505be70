"""Every protocol: exported, through Builder's own loader and back, and run to its end by a simulated participant at a rig without this package."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import protocol_pages
import pytest
from experiment_fixture import photograph, write_rig
from experiment_sounds import make_sounds
from numpy.typing import NDArray
from patience import PATIENCE_S
from PIL import Image

from synthstim.analysis import analyse_trials, read_study, read_trials
from synthstim.analysis.sensitivity import models_of
from synthstim.experiment import Protocol, export_experiment, list_protocols, read_protocol
from synthstim.experiment.builder.pieces import PIECES
from synthstim.experiment.builder.routine import SHOWN
from synthstim.experiment.running.virtual_display import virtual_display
from synthstim.experiment.running.virtual_sound import virtual_speaker
from synthstim.experiment.runtime.tables import MISSING, read_table
from synthstim.modalities.movie import moved
from synthstim.stimulus_set import SetWriter

OBSERVER = Path(__file__).with_name("experiment_observer.py")
RIG = """\
monitor: {width_cm: 30, distance_cm: 57, width_px: 480, height_px: 360, refresh_hz: 60}
photodiode: {corner: bottom_left, size_px: 8}
eye_tracker: {kind: mouse}
reward: {kind: serial, port: COM9, max_pulses_per_day: 500}
olfactometer: {kind: simulated, channels: 4}
"""
# Those that tests of their own run to the end: passive_fixation and movie_fixation have no trials, the others are minutes long.
# Sounds are heard in their own time: of those that differ in words only, the longest are run by make test-slow, and so are movies.
DIFFER_IN_WORDS = (
    "movie_same_different",
    "movie_two_interval",
    "sound_abx",
    "sound_abx_sure",
    "sound_same_different",
    "sound_two_interval",
)
OWN = Path(__file__).parents[1] / "docs" / "protocols" / "own"
ELSEWHERE = ("passive_fixation", "movie_fixation", "word_listening", "headphone_check")
# Whole frames of 60 Hz, as short as a trial can be; whatever of it a protocol has is set.
QUICK = {
    "participants": 1, "practice_trials": 1, "check_headphones": False, "ask_confidence": True, "lead_ms": 50, "on_ms": 50, "gap_ms": 50,
    "mask_ms": 50, "delay_ms": 50, "answer_ms": 3000, "offset_deg": 5, "apart_deg": 5, "comparisons": 4, "lead_s": 0.1, "odour_s": 0.2, "purge_s": 0.1, "gap_s": 0.05, "hold_ms": 50, "after_ms": 50, "time_out_ms": 50, "reward_screen_ms": 50,
}  # fmt: skip
# As many trials as are planned: a staircase of its own ends when it has turned often enough.
FIVE_TRIALS = "method: {kind: staircase, over: gain_db, easier: high, down: 1, up: 1, trials: 5}\n"
NEEDED = {"image": ("Xvfb",), "movie": ("Xvfb",), "sound": ("Xvfb", "pulseaudio", "pactl"), "odour": ("Xvfb",)}

pytestmark = pytest.mark.display


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed")
    with virtual_display(480, 360) as number:
        yield number


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_sets(tmp_path_factory.mktemp("sets"))


def make_sets(folder: Path) -> dict[str, Path]:
    """Small sets of images and of sounds, and a table of categories beside them."""
    writer = SetWriter(folder / "images")
    # One photograph's images have a place of their own, and their masks with them.
    lines = ["stimulus_id\tcategory\tx_deg"]
    for name in ("chelsea", "coffee"):
        reference, digest = writer.add_reference(photograph(name, (64, 64)), name)
        for layer, flipped in (("early", np.s_[:, ::-1]), ("late", np.s_[:, :, ::-1])):
            image = photograph(name, (64, 64))[flipped].copy()
            writer.add(
                f"{name}_{layer}", image, kind="metamer", name=name, observer="small", layer=layer, copy=0, reference=reference,
                reference_sha256=digest, status="passed",
            )  # fmt: skip
            lines.append(
                f"{name}_{layer}\t{'animal' if name == 'chelsea' else 'cup'}\t{'4' if name == 'coffee' else 'n/a'}"
            )
    writer.commit({"versions": {"synthstim": "0.1.0"}})
    (folder / "categories.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {
        "image": folder / "images",
        "movie": make_movies(folder / "movies"),
        "odour": make_odours(folder / "odours"),
        "sound": make_sounds(folder / "sounds", ("garden", "window"), stages=("relu0",)),
    }


def make_movies(root: Path) -> Path:
    """A small set of photographs that move, 48 pixels wide: two metamers of each of two movies of four frames."""
    writer = SetWriter(root, modality="movie", rate_hz=30)
    for name in ("chelsea", "coffee"):
        movie = moved(photograph(name, (64, 64)), (48, 48), 4, step=(1, 3))
        reference, digest = writer.add_reference(movie, name)
        for layer, flipped in (("early", np.s_[:, :, ::-1]), ("late", np.s_[::-1])):
            writer.add(
                f"{name}_{layer}", movie[flipped].copy(), kind="metamer", name=name, observer="small", layer=layer, copy=0, reference=reference,
                reference_sha256=digest, status="passed",
            )  # fmt: skip
    return writer.commit({"versions": {"synthstim": "0.1.0"}})


def make_odours(root: Path) -> Path:
    """A small set of mixtures of three odorants."""
    odorants = ("hexanol", "geraniol", "limonene")
    writer = SetWriter(root, modality="odour", odorants=odorants)
    for number, mixture in enumerate(([1, 0, 0], [0, 0.1, 0.01], [0.1, 0.1, 0.1])):
        name = f"mixture_{number}"
        writer.add(
            name,
            np.float32(mixture),
            kind="controller",
            name=name,
            observer="small",
            layer="0",
            copy=0,
            status="passed",
        )
    return writer.commit({"versions": {"synthstim": "0.1.0"}})


class Ran:
    """What a run left behind."""

    def __init__(self, folder: Path, code: int, output: str, frames: Path) -> None:
        self.folder, self.code, self.output, self.saved = folder, code, output, frames
        records = sorted((folder / "rehearsal").glob("*_session.json"))
        self.record: dict[str, Any] = json.loads(records[0].read_text(encoding="utf-8")) if records else {}
        self.stem = str(records[0]).removesuffix("_session.json") if records else ""
        self.trials = [row for path in (folder / "rehearsal").glob("*_trials.tsv") for row in read_table(path)]
        self.plan = read_table(folder / "plan.tsv")
        self.manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))

    def screens(self, count: int) -> list[NDArray[np.uint8]]:
        """The screens of the logged flips: the last ones but the one with which PsychoPy closes the window."""
        with np.load(self.saved) as saved:
            screens, order = saved["frames"], saved["order"]
        return [screens[number] for number in order[-count - 1 : -1]]


def run(name: str, sets: dict[str, Path], display: str, folder: Path) -> Ran:
    protocol = read_protocol(name)
    settings = {key: value for key, value in QUICK.items() if key in protocol.settings}
    if protocol.aborts:
        settings |= {"practice_trials": 0, "repeats": 2}
    if protocol.adaptive:
        (folder / "design.yaml").write_text(FIVE_TRIALS, encoding="utf-8")
        settings |= {"practice_trials": 0}
    made = export_experiment(
        None if protocol.stimuli == "tones" else sets[protocol.modality], name, out=folder / "exp", rig=write_rig(folder, RIG),
        settings=settings, table=sets["image"].parent / "categories.tsv" if name == "categorise" else None,
        design=folder / "design.yaml" if protocol.adaptive else None,
    )  # fmt: skip
    saved = folder / "frames.npz"
    environment = os.environ | {"DISPLAY": display, "SYNTHSTIM_SIMULATE": "1"}

    def start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-B", str(OBSERVER), str(made), str(saved)],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip

    if protocol.modality == "sound":
        with virtual_speaker(48000) as speaker:
            done = start(environment | speaker)
    else:
        done = start(environment)
    return Ran(made, done.returncode, done.stdout + done.stderr, saved)


# PsychoPy leaves files of its own open.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if Path(name).name in DIFFER_IN_WORDS else name
        for name in [*(one for one in list_protocols() if one not in ELSEWHERE), *map(str, sorted(OWN.iterdir()))]
    ],
    ids=lambda name: Path(name).name,
)  # fmt: skip
def test_every_protocol_runs_to_its_end(name: str, sets: dict[str, Path], display: str, tmp_path: Path) -> None:
    if lacking := [tool for tool in NEEDED[read_protocol(name).modality] if shutil.which(tool) is None]:
        pytest.skip(f"not installed: {', '.join(lacking)}")
    ran = run(name, sets, display, tmp_path)
    assert ran.code == 0, ran.output
    assert ran.record["status"] == "completed"
    builder_reads_it_back(ran.folder, Path(name).name)
    builder_shows_what_is_its_own(ran, read_protocol(name))
    trials_are_those_planned(ran)
    if read_protocol(name).shows:
        images_were_shown_as_planned(ran, read_protocol(name))
        screens_hold_the_files(ran, read_protocol(name))
    if ran.manifest["modality"] == "odour":
        valves_were_told_as_planned(ran)
    if ran.manifest["asks"]:
        answers_are_analysed(ran)


@pytest.mark.parametrize("folder", sorted(OWN.iterdir()), ids=lambda path: path.name)
def test_a_protocol_of_ones_own_takes_forty_lines(folder: Path) -> None:
    assert [path.name for path in folder.iterdir()] == ["protocol.yaml"]
    assert len((folder / "protocol.yaml").read_text(encoding="utf-8").splitlines()) <= 40


def test_the_pages_are_those_of_the_protocols() -> None:
    protocols = [read_protocol(name) for name in list_protocols()]
    for one in protocols:
        page = (protocol_pages.PAGES / f"{one.name}.md").read_text(encoding="utf-8")
        assert page == protocol_pages.page_of(one), "python tests/protocol_pages.py writes the pages anew"
    assert (protocol_pages.PAGES / "README.md").read_text(encoding="utf-8") == protocol_pages.index_of(protocols)


def builder_reads_it_back(folder: Path, name: str) -> None:
    from psychopy.experiment import Experiment

    again = Experiment.fromFile(str(folder / f"{name}.psyexp")).writeScript(expPath=f"{name}.py", target="PsychoPy")

    def undated(text: str) -> list[str]:
        return [line for line in text.splitlines() if not line.startswith("    on ")]

    assert undated(again) == undated((folder / f"{name}.py").read_text(encoding="utf-8"))


def components_of_pieces() -> dict[str, str]:
    """Which component of Builder each piece is, as documented."""
    text = (OWN.parents[1] / "experiments.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*`) \| (\w+) \|$", text, re.M)
    return {piece: component for pieces, component in rows for piece in re.findall(r"`(\w+)`", pieces)}


def builder_shows_what_is_its_own(ran: Ran, protocol: Protocol) -> None:
    from psychopy.experiment import Experiment
    from psychopy.experiment.flow import LoopInitiator

    documented = components_of_pieces()
    assert documented.keys() == PIECES.keys()
    experiment = Experiment.fromFile(str(ran.folder / f"{protocol.name}.psyexp"))
    found = {part.name: part for routine in experiment.routines.values() for part in routine}
    kinds = {piece.name: piece.piece for routine in protocol.routines.values() for piece in routine.pieces}
    for name in kinds.keys() & found.keys():
        assert found[name].type == documented[kinds[name]], name
    moments = ("Before Experiment", "Begin Experiment", "Begin Routine", "Each Frame", "End Routine")
    fields = [str(part.params[one].val) for part in found.values() if part.type == "Code" for one in moments]
    assert all(field.startswith("# ") for field in fields if field)
    loops = [part.loop for part in experiment.flow if isinstance(part, LoopInitiator)]
    assert {loop.type for loop in loops} == {"TrialHandler"}
    for loop in loops:
        if loop.name.endswith("_trials"):
            assert "session.conditions()" in str(loop.params["conditionsFile"].val)
    assert (ran.folder / "conditions" / "participant_001.csv").is_file()
    # Why a staircase is none of Builder's loops is said where its levels are chosen.
    assert any("Builder's own loop of staircases" in field for field in fields) == bool(protocol.adaptive)


def trials_are_those_planned(ran: Ran) -> None:
    # A trial that the gaze aborted comes again, after the others.
    aborted = [row for row in ran.trials if row["status"] == "aborted"]
    assert len(aborted) == (len(ran.plan) // 5 if "rounds" in ran.manifest["settings"] else 0)
    ran.trials = sorted((row for row in ran.trials if row["status"] != "aborted"), key=order_of(ran))
    assert len(ran.trials) == len(ran.plan)
    told = json.loads((ran.folder / "trials.json").read_text(encoding="utf-8"))
    digests = {entry["stimulus_id"]: entry["sha256"] for entry in ran.manifest["stimuli"]}
    files = {entry["file"]: entry["stimulus_id"] for entry in ran.manifest["stimuli"]}
    for row, planned in zip(ran.trials, ran.plan, strict=True):
        assert list(row) == list(told)
        for column in ("participant", "trial", "phase", "condition", "right", *ran.manifest["columns"]):
            assert row[column] == planned[column]
        # Which pair it is, the answers choose.
        assert row["pair"] == planned["pair"] or planned["track"] != MISSING
        onsets = []
        for slot in ran.manifest["slots"]:
            if planned[slot] == MISSING:
                assert row[slot] == MISSING
                continue
            assert row[slot] == (
                row["pair"].split("+")["ab".index(planned[slot][1])]
                if planned[slot][0] == "@"
                else files[planned[slot]]
            )
            assert row[f"{slot}_sha256"] == digests[row[slot]]
            onsets += [float(row[f"{slot}_onset_s"])] * (slot not in ran.manifest["masks"])
        # Slots come in their order, or together.
        assert onsets == sorted(onsets)
        assert row["status"] == "answered"
        assert not ran.manifest["asks"] or float(row["response_time"]) > 0
        assert row["correct"] == (MISSING if row["right"] == MISSING else str(int(row["response"] == row["right"])))
        # In practice the simulated participant knows what is right.
        assert row["phase"] != "practice" or row["correct"] in ("1", MISSING)
        if ran.manifest["settings"].get("ask_confidence"):
            assert row["confidence"] in "1234"
            assert float(row["confidence_time"]) > float(row["response_time"])


def answers_are_analysed(ran: Ran) -> None:
    study = read_study(ran.folder)
    found = analyse_trials(read_trials(ran.folder, study, rehearsal=True), study)
    main = [row for row in ran.trials if row["phase"] == "main"]
    assert found.by_condition["trials"].sum() == len(main)
    assert set(found.by_condition["condition"]) == {row["condition"] for row in main}
    scored = [int(row["correct"]) for row in main if row["correct"] != MISSING]
    if scored:
        assert found.by_participant["correct"].sum() == sum(scored)
        # A sensitivity by each strategy of the task, where the answers did not choose the levels.
        strategies = len(models_of(study.task, len(study.answers)))
        assert len(found.sensitivity) == len(study.names) * strategies
        assert bool(strategies) != study.is_adaptive
    elif "rating" in study.protocol:
        assert found.by_condition["mean"].between(1, 7).all()
    else:
        assert found.chosen["chosen"].sum() == found.answers["count"].sum() == len(main)
    assert "By condition" in found.html()


def order_of(ran: Ran) -> Any:
    order = [(row["phase"], row["trial"]) for row in ran.plan]
    return lambda row: order.index((row["phase"], row["trial"]))


def images_were_shown_as_planned(ran: Ran, protocol: Protocol) -> None:
    shown = pd.read_csv(f"{ran.stem}_presentations.tsv", sep="\t", keep_default_na=False)
    # An answer cuts a mask short, and what stays until it is given.
    cut = {
        *ran.manifest["masks"],
        *(slot for routine in protocol.routines.values() for slot in until_answered(routine)),
    }
    for row in shown[~shown["slot"].isin(cut)].itertuples():
        assert row.frames_shown == (row.frames_planned or row.frames_shown) > 0, (row.slot, row.stimulus_id)


def valves_were_told_as_planned(ran: Ran) -> None:
    """Each trial's flows, by the table of valves, at its onset, after the purge of the trial before."""
    told = pd.read_csv(f"{ran.stem}_olfactometer.tsv", sep="\t", keep_default_na=False)
    valves = pd.read_csv(ran.folder / "valve_table.tsv", sep="\t").groupby("stimulus_id")
    presented = told[told["stimulus_id"] != MISSING]
    assert list(presented["stimulus_id"]) == [row["sample"] for row in ran.trials]
    settings = ran.manifest["settings"]
    for (at, row), trial in zip(presented.iterrows(), ran.trials, strict=True):
        of_odour = valves.get_group(row["stimulus_id"])
        flows = [f"{valve.channel}:{valve.flow_ml_min:.3f}" for valve in of_odour.itertuples()]
        head = f"$ODOUR,{1000 * settings['odour_s']:.0f},{of_odour['carrier_ml_min'].iloc[0]:.3f},"
        assert row["line"].startswith(head)
        assert sorted(row["line"].removeprefix(head).partition("*")[0].split(",")) == sorted(flows)
        assert of_odour["flow_ml_min"].sum() + of_odour["carrier_ml_min"].iloc[0] == pytest.approx(1000)
        purged, after = told.loc[at - 1], told.loc[at + 1]
        assert purged["line"].startswith("$PURGE")
        assert row["time_s"] - purged["time_s"] >= settings["purge_s"]
        assert after["line"].startswith("$PURGE")
        assert after["time_s"] - row["time_s"] >= settings["odour_s"]
        assert 0 <= float(trial["sample_onset_s"]) - row["time_s"] < 0.5
        assert trial["played"] == "1"
    assert told["line"].iloc[-1].startswith("$CLOSE")


def until_answered(routine: Any) -> list[str]:
    asks = [piece for piece in routine.pieces if piece.piece in ("choice", "slider") and not piece.start]
    return [piece.slot for piece in routine.pieces if asks and piece.slot]


def screens_hold_the_files(ran: Ran, protocol: Protocol) -> None:
    """Wherever the log says that an image was drawn, the screen holds its pixels, at its place, and the photodiode's patch is white."""
    pieces = [piece for routine in protocol.routines.values() for piece in routine.pieces]
    stimuli = {piece.name for piece in pieces if piece.piece in SHOWN and piece.slot not in ran.manifest["masks"]}
    frames = pd.read_csv(f"{ran.stem}_frames.tsv", sep="\t", keep_default_na=False)
    entries = {entry["stimulus_id"]: entry for entry in ran.manifest["stimuli"]}
    presented = pd.read_csv(f"{ran.stem}_presentations.tsv", sep="\t").set_index("presentation")
    by_slot = {piece.slot: piece.name for piece in pieces if piece.piece == "movie"}
    compared = set()
    for row, screen in zip(frames.itertuples(), ran.screens(len(frames)), strict=True):
        drawn, number = row.drawn.split("+"), 0
        if by_slot and row.presentation != MISSING:
            # Of a movie, the table says which frame: the one that is due.
            onset, slot = presented.loc[int(row.presentation), ["onset_frame", "slot"]]
            number = (row.frame - onset) // entries[row.stimulus_id]["refreshes_per_frame"]
            drawn[drawn.index(f"frame_{number}")] = by_slot[slot]
        assert bool((screen[-8:, :8] == 255).all()) == bool(stimuli.intersection(drawn)), row.drawn
        shown = [piece for piece in drawn if piece in ran.manifest["places"]]
        for piece, stimulus in zip(shown, row.stimulus_id.split("+"), strict=False):
            entry = entries[stimulus]
            with Image.open(ran.folder / entry["file"]) as opened:
                opened.seek(number)
                image = np.asarray(opened.convert("RGB"))
            x, y = entry.get("places", ran.manifest["places"])[piece]
            left = int(np.floor(240 + x - image.shape[1] / 2 + 0.5))
            top = int(np.floor(180 - y - image.shape[0] / 2 + 0.5))
            there = screen[top : top + image.shape[0], left : left + image.shape[1]]
            # The fixation point stands above an image at the centre.
            beside = np.ones(image.shape[:2], dtype=bool)
            if "_point" in row.drawn and abs(x) < 1 and abs(y) < 1:
                middle_y, middle_x = (side // 2 for side in image.shape[:2])
                beside[middle_y - 8 : middle_y + 8, middle_x - 8 : middle_x + 8] = False
            assert np.array_equal(there[beside], image[beside]), (piece, stimulus)
            compared.add((piece, stimulus, number))
    assert len(compared) >= 4
