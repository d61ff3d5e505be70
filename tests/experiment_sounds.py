"""Small sets of sounds for the tests of listening experiments, and a recording of what a private sound server plays."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from patience import PATIENCE_S

from synthstim.experiment.running.virtual_sound import SINK, virtual_speaker
from synthstim.stimulus_set import SetWriter

RATE = 48000
STAGES = ("relu0", "relu2", "final")
WORDS = ("garden", "window", "bottle", "pencil", "monkey", "carpet", "violin", "hammer", "basket", "candle", "ticket", "rocket")  # fmt: skip


def sound(seed: int, seconds: float = 0.3, rate: int = RATE) -> NDArray[np.float32]:
    """Noise in a band and with an envelope of its own, no two alike, whose last sample is not zero."""
    generator = np.random.default_rng(seed)
    samples = round(seconds * rate) + int(generator.integers(0, 900))
    time_s = np.arange(samples) / rate
    carrier = generator.standard_normal(samples) + np.sin(2 * np.pi * generator.uniform(200, 2000) * time_s)
    envelope = 0.6 + 0.4 * np.sin(2 * np.pi * generator.uniform(2, 9) * time_s + generator.uniform(0, 6))
    values = 0.05 * carrier * envelope
    values[[0, -1]] = 0.1
    return values.astype(np.float32)


def make_sounds(
    root: Path,
    sources: Sequence[str] = WORDS,
    *,
    stages: Sequence[str] = STAGES,
    observers: Sequence[str] = ("small",),
    failed: Sequence[tuple[str, str]] = (),
    missing: Sequence[tuple[str, str]] = (),
    copies: int = 1,
    rate: int = RATE,
) -> Path:
    """Write a set with a metamer of every source at every stage of every observer, but those missing."""
    writer = SetWriter(root, modality="sound", rate=rate)
    seed = 0
    for source in sources:
        reference, digest = writer.add_reference(sound(seed := seed + 1, rate=rate), source)
        for observer in observers:
            for stage in stages:
                for copy in range(copies if (source, stage) not in missing else 0):
                    bad = (source, stage) in failed
                    writer.add(
                        f"{source}_{observer}_{stage}_{copy}", sound(seed := seed + 1, rate=rate), kind="metamer",
                        name=source, goal="match", observer=observer, layer=stage, copy=copy, reference=reference,
                        reference_sha256=digest, status="failed" if bad else "passed",
                        reason="match_db 3 is under 20" if bad else "",
                    )  # fmt: skip
    return writer.commit({"versions": {"synthstim": "0.1.0"}})


@contextlib.contextmanager
def recorded_speaker(folder: Path, rate: int = RATE) -> Iterator[tuple[dict[str, str], Path]]:
    """A private sound server and a recording of what it plays: yields its environment and the raw file.

    The file holds little-endian 32-bit floats, two channels, whole once the context is left.
    """
    raw = folder / "recorded.raw"
    with virtual_speaker(rate) as environment, open(raw, "wb") as stream:
        recorder = subprocess.Popen(
            ["parec", f"--device={SINK}.monitor", "--format=float32le", f"--rate={rate}", "--channels=2", "--raw"],
            stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.DEVNULL, env=os.environ | environment,
        )  # fmt: skip
        try:
            ends = time.monotonic() + PATIENCE_S
            while raw.stat().st_size == 0:
                assert recorder.poll() is None
                assert time.monotonic() < ends, "parec records nothing"
                time.sleep(0.05)
            yield environment, raw
            time.sleep(0.5)
        finally:
            recorder.terminate()
            recorder.wait()


def read_recording(raw: Path) -> NDArray[np.float32]:
    """What was recorded, (time, ear)."""
    content = raw.read_bytes()
    return np.frombuffer(content[: len(content) // 8 * 8], dtype="<f4").reshape(-1, 2)
