"""Round trips of the trial endpoint over loopback, TCP and LSL: from a response to the next trial.

    python benchmarks/online.py [--trials 5000] [--sites 32] [--quick]

Each trial is written to disk on the way, as in a session. Nothing is promised by these figures: they are of this
computer, on which nothing else should run, and of no network.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from material import show

from synthstim.errors import InputError
from synthstim.online import Blocks, TrialClient, TrialError, TrialServer
from synthstim.online.lsl import LslClient, LslServer
from synthstim.stimulus_set import SetWriter, StimulusSet

WINDOW_S = (0.07, 0.17)
IDS = [f"s{number:03d}" for number in range(100)]


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=5000)
    parser.add_argument("--sites", type=int, default=32, help="numbers in each response")
    parser.add_argument("--quick", action="store_true", help="200 trials: to see that it runs")
    given = parser.parse_args()
    trials = 200 if given.quick else given.trials
    sites = [f"v4_{number:02d}" for number in range(given.sites)]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        stimuli = grey_set(Path(folder) / "grey")
        policy = {"repeats": -(-trials // len(IDS)), "shuffle": 0}
        with TrialServer(stimuli, Blocks(IDS, **policy), out=Path(folder) / "tcp") as server:
            rows.append(
                row(
                    "TCP",
                    round_trips(server, lambda: TrialClient(port=server.port, sites=sites, window_s=WINDOW_S), sites),
                )
            )
        try:
            name = f"benchmark{time.time_ns()}"
            with LslServer(stimuli, Blocks(IDS, **policy), out=Path(folder) / "lsl", name=name) as streams:
                client = lambda: LslClient(name, sites=sites, window_s=WINDOW_S, timeout_s=10)  # noqa: E731
                rows.append(row("LSL", round_trips(streams, client, sites)))
        except (InputError, TrialError) as error:
            print(f"LSL was left out: {error}")
    columns = ["transport", "trials", "median", "95 %", "99.9 %", "longest"]
    show(f"Round trip in milliseconds over loopback, {given.sites} sites", columns, rows)
    print(
        "Nothing is promised: a network or a busy computer adds to this, and no trial may depend on when the next one comes."
    )


def round_trips(server: Any, connect: Any, sites: Sequence[str]) -> np.ndarray:
    """Seconds from sending each response to having the next trial."""
    thread = threading.Thread(target=server.serve)
    thread.start()
    taken, responses = [], {site: number for number, site in enumerate(sites)}
    try:
        with connect() as rig:
            for _ in rig:
                began = time.perf_counter()
                rig.respond(responses)
                taken.append(time.perf_counter() - began)
    finally:
        server.stop()
        thread.join()
    return np.array(taken)


def grey_set(folder: Path) -> StimulusSet:
    """A set of small grey images."""
    writer = SetWriter(folder)
    for number, name in enumerate(IDS):
        writer.add(name, np.full((1, 8, 8), number / len(IDS), np.float32), kind="control")
    return StimulusSet.read(writer.commit({}))


def row(name: str, seconds: np.ndarray) -> list[str]:
    """The table's row of one transport."""
    points = [*np.percentile(seconds, [50, 95, 99.9]), seconds.max()]
    return [name, f"{len(seconds):,}", *(f"{1e3 * value:.3f}" for value in points)]


if __name__ == "__main__":
    main()
