"""The work directory of a run: what is needed to go on after a crash, beside the set that is being made."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
from safetensors import safe_open
from torch import Tensor

from synthstim.errors import InputError
from synthstim.files import require_ours, write_whole
from synthstim.optimise import Synthesiser, load_checkpoint, save_checkpoint

# A checkpoint is written when this long has passed, and at most so often that writing takes a twentieth of the time.
EVERY_SECONDS = 15.0
SHARE = 20


@dataclass
class Made:
    """What a job has made so far, one entry an item.

    Attributes:
        stimuli: (batch, channel, y, x) display values.
        scores, evaluations, converged, curves: as in ``Synthesis``, over all phases up to now.
        taken: the phases that each item went through.
        phases: how many phases are done.
    """

    stimuli: Tensor
    scores: list[float]
    evaluations: list[int]
    converged: list[bool]
    curves: list[list[tuple[int, float]]]
    taken: list[list[int]]
    phases: int = 0


class WorkDirectory:
    """Results of finished phases and checkpoints of the running one.

    Args:
        out: the set that is being made; the work lies in ``.NAME.work`` beside it.
        fingerprint: of recipe, observer and settings; a resumed run must have the same.
        resume: go on with what is there; otherwise something being there is an error.
    """

    def __init__(self, out: Path, fingerprint: str, *, resume: bool) -> None:
        self.path = out.parent / f".{out.name}.work"
        self._last, self._cost = time.monotonic(), 0.0
        mark = self.path / "fingerprint.json"
        require_ours(self.path, mark)
        if mark.exists():
            if not resume:
                raise InputError(f"an interrupted run of {out} is in {self.path}: go on with --resume, or remove it")
            if json.loads(mark.read_text(encoding="utf-8")).get("sha256") != fingerprint:
                raise InputError(
                    f"the interrupted run in {self.path} had another recipe, observer or device: remove it to start anew"
                )
        self.path.mkdir(parents=True, exist_ok=True)
        write_whole(mark, json.dumps({"sha256": fingerprint}).encode())

    def load_made(self, job: int) -> Made | None:
        """What a job's finished phases made, if any."""
        path = self._made(job)
        if not path.exists():
            return None
        with safe_open(path, framework="pt") as stored:
            facts = json.loads(stored.metadata()["facts"])
            facts["curves"] = [[(step, score) for step, score in curve] for curve in facts["curves"]]
            return Made(stimuli=stored.get_tensor("stimuli"), **facts)

    def save_made(self, job: int, made: Made) -> None:
        """Keep what a job's finished phases made; the running phase's checkpoint is then of no use."""
        facts = {name: value for name, value in vars(made).items() if name != "stimuli"}
        data = safetensors.torch.save({"stimuli": made.stimuli.contiguous()}, metadata={"facts": json.dumps(facts)})
        write_whole(self._made(job), data)
        for path in self.path.glob(f"job-{job:04d}-running-*"):
            path.unlink()

    def kept(self, name: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """What an earlier run made under this name; or what is made now, which is kept."""
        path = self.path / f"{name}.safetensors"
        if not path.exists():
            write_whole(path, safetensors.torch.save({key: value.contiguous() for key, value in make().items()}))
        return safetensors.torch.load(path.read_bytes())

    def restore(self, job: int, phase: int, synthesiser: Synthesiser) -> None:
        """Put a running phase where its checkpoint stands, if there is one."""
        path = self._running(job, phase)
        if path.exists():
            load_checkpoint(synthesiser, path)

    def maybe_save(self, job: int, phase: int, synthesiser: Synthesiser) -> None:
        """Write a checkpoint if it is time to."""
        now = time.monotonic()
        if now - self._last < max(EVERY_SECONDS, SHARE * self._cost):
            return
        save_checkpoint(synthesiser, self._running(job, phase))
        self._last, self._cost = time.monotonic(), time.monotonic() - now

    def remove(self) -> None:
        """The set is complete: the work is of no more use."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _made(self, job: int) -> Path:
        return self.path / f"job-{job:04d}.safetensors"

    def _running(self, job: int, phase: int) -> Path:
        return self.path / f"job-{job:04d}-running-{phase}.safetensors"
