"""The work directory of a run: what is needed to go on after a crash, beside the set that is being made."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
from safetensors import safe_open
from torch import Tensor

from synthstim.errors import InputError
from synthstim.files import locked, require_ours, write_whole
from synthstim.optimise import Synthesiser, load_checkpoint, save_checkpoint
from synthstim.production.fingerprint import Fingerprint, differences

# A checkpoint is written when this long has passed, and at most so often that writing takes a twentieth of the time.
EVERY_SECONDS = 15.0
SHARE = 20
# Says who is at work, and that the folder is ours.
LOCK = ".synthstim-work"
_AGAIN = "remove it, and the same call with resume=True makes that part again"


@dataclass
class Made:
    """What a job has made so far, one entry an item.

    Attributes:
        stimuli: (batch, channel, y, x) display values.
        scores, evaluations, converged, still, curves: as in ``Synthesis``, over all phases up to now.
        seconds: that these phases took.
        taken: the phases that each item went through.
        phases: how many phases are done.
        latents: behind the stimuli, where they cannot be found from them.
    """

    stimuli: Tensor
    scores: list[float]
    evaluations: list[int]
    converged: list[bool]
    still: list[bool]
    curves: list[list[tuple[int, float]]]
    taken: list[list[int]]
    phases: int = 0
    seconds: float = 0.0
    latents: Tensor | None = None

    def packed(self) -> bytes:
        """All of it as a safetensors file."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        facts = {name: value for name, value in vars(self).items() if name not in tensors}
        whole = {name: value.contiguous() for name, value in tensors.items()}
        return safetensors.torch.save(whole, metadata={"facts": json.dumps(facts)})


class WorkDirectory:
    """Results of finished phases and checkpoints of the running one; one process at a time, which holds it as a context.

    Args:
        out: the set that is being made; the work lies in ``.NAME.work`` beside it.
        resume: go on with what is there; otherwise something being there is an error.

    Raises:
        InputError: another process is at work, an earlier run was interrupted, or something of the user's is in the way.
    """

    def __init__(self, out: Path, *, resume: bool) -> None:
        self.path = out.parent / f".{out.name}.work"
        self._last, self._cost = time.monotonic(), 0.0
        self._fingerprint, lock = self.path / "fingerprint.json", self.path / LOCK
        require_ours(self.path, self._fingerprint if self._fingerprint.is_file() else lock)
        self.path.mkdir(exist_ok=True)
        self._fresh = False
        self._held = ExitStack()
        self._held.enter_context(locked(lock, "make"))
        if self._fingerprint.exists() and not resume:
            self._held.close()
            raise InputError(
                f"an interrupted run of {out} is in {self.path}",
                "continue with resume=True, or remove it",
                code="interrupted",
            )

    def __enter__(self) -> WorkDirectory:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._held.close()
        # After a mistake that was found before anything was made, there is nothing to go on with.
        mistaken = self._fresh and isinstance(error, InputError) and not any(self.path.glob("job-*"))
        if mistaken or not self._fingerprint.exists():
            self.remove()

    def begin(self, fingerprint: Fingerprint) -> None:
        """Say what is made, or find that the interrupted run made the same.

        Raises:
            InputError: it made something else.
        """
        if self._fingerprint.exists():
            with _undamaged(self._fingerprint, f"remove {self.path} to start again"):
                found = json.loads(self._fingerprint.read_text(encoding="utf-8"))
            if other := differences(found, fingerprint):
                raise InputError(
                    f"the interrupted run in {self.path} had another {other}",
                    "give the same to continue, or remove it to start again",
                )
        self._fresh = not self._fingerprint.exists()
        write_whole(self._fingerprint, json.dumps(fingerprint).encode())

    def load_made(self, job: int, items: int, shape: tuple[int, ...]) -> Made | None:
        """What a job's finished phases made of so many items of this shape, if any."""
        path = self._made(job)
        if not path.exists():
            return None
        with _undamaged(path):
            made = _unpacked(path)
            if {len(made.stimuli), len(made.curves), len(made.taken)} != {items} or made.stimuli.shape[1:] != shape:
                raise ValueError(f"it holds {tuple(made.stimuli.shape)} stimuli")
        return made

    def save_made(self, job: int, made: Made) -> None:
        """Keep what a job's finished phases made; the running phase's checkpoint is then of no use."""
        self.save_packed(job, made.packed())

    def save_packed(self, job: int, data: bytes) -> Made:
        """The same of what another process has packed; returns it."""
        write_whole(self._made(job), data)
        for path in self.path.glob(f"job-{job:04d}-running-*"):
            path.unlink()
        return _unpacked(self._made(job))

    def kept(self, name: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """What an earlier run made under this name; or what is made now, which is kept."""
        path = self.path / f"{name}.safetensors"
        if not path.exists():
            write_whole(path, safetensors.torch.save({key: value.contiguous() for key, value in make().items()}))
        with _undamaged(path):
            kept = safetensors.torch.load(path.read_bytes())
        return kept

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
        """The set is complete, or was never begun: the work is of no more use."""
        self._held.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def _made(self, job: int) -> Path:
        return self.path / f"job-{job:04d}.safetensors"

    def _running(self, job: int, phase: int) -> Path:
        return self.path / f"job-{job:04d}-running-{phase}.safetensors"


def _unpacked(path: Path) -> Made:
    with safe_open(path, framework="pt") as stored:
        facts = json.loads(stored.metadata()["facts"])
        facts["curves"] = [[(step, score) for step, score in curve] for curve in facts["curves"]]
        return Made(**{name: stored.get_tensor(name) for name in stored.keys()}, **facts)  # noqa: SIM118 - no mapping


@contextmanager
def _undamaged(path: Path, remedy: str = "") -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a damaged file may hold anything
        reason = str(error).partition("\n")[0] or type(error).__name__
        # A face has its own advice where the rest of the work can be kept.
        raise InputError(
            f"{path} is damaged ({reason[:100]})",
            remedy or _AGAIN,
            code="unreadable" if remedy else "damaged-work",
        ) from None
