"""Valves and their flows: what a rig can give, what it is told, and a port that answers or does not."""

import os
import re
import threading
import time

import numpy as np
import pytest
from experiment_fixture import write_rig
from patience import PATIENCE_S

from synthstim.errors import InputError
from synthstim.experiment import export_experiment, read_rig
from synthstim.experiment.odours.valves import channels_of, flows_of
from synthstim.experiment.rig.olfactometer import SimulatedOlfactometer
from synthstim.experiment.runtime.flows import checksum_of, flow_problem, odour_line
from synthstim.experiment.runtime.olfactometer import Presenter
from synthstim.experiment.runtime.tables import read_table
from synthstim.stimulus_set import SetWriter

MONITOR = "monitor: {width_cm: 30, distance_cm: 57, width_px: 480, height_px: 360, refresh_hz: 60}\n"
VALVES = SimulatedOlfactometer(kind="simulated", channels=6)
NAMES = ("hexanol", "geraniol", "limonene")


@pytest.mark.parametrize("seed", range(20))
def test_flows_and_carrier_are_all_the_air_there_is(seed):
    random = np.random.default_rng(seed)
    mixture = dict(zip("abcd", 10.0 ** -random.uniform(0, 2.9, 4), strict=True))
    told = flows_of(mixture, channels_of("abcd", VALVES), VALVES, "one")
    assert sum(told["flows"].values()) + told["carrier_ml_min"] == pytest.approx(VALVES.total_ml_min)
    assert told["carrier_ml_min"] >= VALVES.least_carrier_ml_min
    for odorant, channel in channels_of("abcd", VALVES).items():
        assert told["flows"][str(channel)] == pytest.approx(mixture[odorant] * VALVES.full_ml_min, abs=1e-3)


@pytest.mark.parametrize(
    ("mixture", "said"),
    [
        (dict.fromkeys("abcdef", 1.0), "400 ml/min of carrier are left; expected at least 500"),
        ({"a": 1e-4}, "a flow of 0.01 ml/min in channel 1; expected 0.1 to 100"),
    ],
)
def test_a_mixture_beyond_the_air_or_the_controllers_is_refused(mixture, said):
    with pytest.raises(InputError, match=re.escape(f"one: {said}")):
        flows_of(mixture, channels_of("abcdef", VALVES), VALVES, "one")


def test_more_odorants_than_channels_are_refused():
    with pytest.raises(InputError, match="hold 7 odorants together; expected at most 6"):
        channels_of("abcdefg", VALVES)


def test_odorants_stand_where_the_rig_says():
    known = VALVES.model_copy(update={"odorants": {"b": 3, "a": 5}})
    assert channels_of("ab", known) == {"a": 5, "b": 3}
    with pytest.raises(InputError, match="the rig's olfactometer has no 'c'"):
        channels_of("abc", known)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{kind: simulated}", "channels is missing"),
        ("{kind: simulated, channels: 2, odorants: {a: 3}}", "'a' in channel 3 of 2"),
        ("{kind: simulated, channels: 2, odorants: {a: 1, b: 1}}", "'a' and 'b' in channel 1"),
        ("{kind: simulated, channels: 2, total_ml_min: 100}", "100 ml/min of air"),
        ("{kind: serial, channels: 2}", "port is missing"),
    ],
)
def test_an_olfactometer_that_cannot_be_is_refused(tmp_path, entry, said):
    with pytest.raises(InputError) as refused:
        read_rig(write_rig(tmp_path, f"{MONITOR}olfactometer: {entry}\n"))
    assert said in str(refused.value)


def odours(root, mixtures=([1, 0, 0], [0, 0.1, 0.01])):
    writer = SetWriter(root, modality="odour", odorants=NAMES)
    for number, mixture in enumerate(mixtures):
        writer.add(f"m{number}", np.float32(mixture), kind="controller", name="m", status="passed")
    return writer.commit({"versions": {}})


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("", "the rig has no olfactometer"),
        ("olfactometer: {kind: simulated, channels: 2}", "hold 3 odorants together; expected at most 2"),
        ("olfactometer: {kind: simulated, channels: 3, least_ml_min: 5}", "m1: a flow of 1 ml/min"),
    ],
)
def test_an_export_beyond_the_rig_is_refused_and_leaves_nothing(tmp_path, entry, said):
    rig = write_rig(tmp_path, f"{MONITOR}{entry}\n")
    with pytest.raises(InputError, match=said):
        export_experiment(odours(tmp_path / "set"), "odour_rating", out=tmp_path / "exp", rig=rig)
    assert not (tmp_path / "exp").exists()


def test_flows_that_were_edited_after_the_export_are_told():
    settings = VALVES.model_dump(mode="json")
    good = flows_of({"a": 0.5}, {"a": 1}, VALVES, "one")
    assert not flow_problem(good, settings)
    assert "expected 0.1 to 100" in flow_problem({**good, "flows": {"1": 900.0}}, settings)
    assert "channel 9 given" in flow_problem({**good, "flows": {"9": 50.0}}, settings)
    assert "together; expected 1000" in flow_problem({**good, "carrier_ml_min": 990.0}, settings)


class Device:
    """A pseudo-terminal whose other end answers lines whose checksum is right, unless it is deaf."""

    def __init__(self, deaf=False):
        import tty

        self.master, slave = os.openpty()
        # No line discipline: what is written is neither echoed nor turned into other bytes.
        tty.setraw(slave)
        self.port, self.lines, self.deaf = os.ttyname(slave), [], deaf
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        held = b""
        while not (self.lines and self.lines[-1].startswith("$CLOSE")):
            held += os.read(self.master, 1024)
            *whole, held = held.split(b"\n")
            for line in (one.decode().strip() for one in whole):
                self.lines.append(line)
                if not self.deaf:
                    os.write(self.master, f"OK {checksum_of(line)}\r\n".encode())


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
@pytest.mark.parametrize("deaf", [False, True])
def test_a_port_is_told_every_line_and_its_answers_are_counted(tmp_path, deaf):
    pytest.importorskip("serial")
    device, now = Device(deaf), [0.0]
    stimulus = {"stimulus_id": "m0", **flows_of({"a": 0.5}, {"a": 1}, VALVES, "m0")}
    settings = VALVES.model_dump(mode="json") | {
        "kind": "serial", "port": device.port, "baud": 115_200, "odour_s": 2.0, "purge_s": 10.0,
    }  # fmt: skip
    presenter = Presenter(settings, {"m0.odour": stimulus}, tmp_path / "told.tsv", lambda: now[0])
    presenter.load("m0.odour")
    assert not presenter.begins(True)  # the tubes are blown through first
    now[0] = 10.0
    assert not presenter.begins(False)
    assert presenter.begins(True)
    assert presenter.starts()
    assert not presenter.over
    now[0] = 12.0
    assert presenter.over
    heard(device, presenter, 2)
    presenter.silence()
    assert (presenter.played, presenter.underflows) == ((False, 2) if deaf else (True, 0))
    presenter.load("m0.odour")
    now[0] = 21.9
    assert not presenter.begins(True)
    now[0] = 22.0
    assert presenter.begins(True)
    heard(device, presenter, 3)
    assert presenter.facts == {"olfactometer_lines": 3, "olfactometer_unanswered": 3 if deaf else 0}
    presenter.close()
    device.thread.join(PATIENCE_S)
    told = [row["line"] for row in read_table(tmp_path / "told.tsv")]
    assert device.lines == told
    assert told[1] == odour_line(2000, stimulus)


def heard(device, presenter, count):
    """Wait until the device has had so many lines, and its answers have come."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        answered = device.deaf or presenter.facts["olfactometer_unanswered"] == 0
        if len(device.lines) == count and answered:
            return
        time.sleep(0.005)
    raise AssertionError(f"{len(device.lines)} lines came; expected {count}")


def test_a_port_that_is_not_there_stops_the_run(tmp_path):
    pytest.importorskip("serial")
    settings = VALVES.model_dump(mode="json") | {
        "kind": "serial",
        "port": str(tmp_path / "none"),
        "baud": 9600,
        "odour_s": 1,
        "purge_s": 1,
    }
    with pytest.raises(SystemExit, match=r"olfactometer's port .* cannot be opened"):
        Presenter(settings, {}, tmp_path / "told.tsv", lambda: 0.0)
