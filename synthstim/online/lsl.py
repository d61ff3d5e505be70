"""The endpoint over Lab Streaming Layer (LSL): the same messages, as two streams of markers."""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.online.client import TrialClient, TrialError
from synthstim.online.endpoint import TICK_S, Endpoint
from synthstim.online.messages import MAX_BYTES, encode
from synthstim.online.policies.base import Policy
from synthstim.online.session import Conversation, OnlineSession
from synthstim.online.trial import Catalogue
from synthstim.stimulus_set import StimulusSet

OPEN_S = 5.0
# Hundreds of samples that an inlet holds unread.
BUFFERED = 1


class LslServer(Endpoint):
    """Gives a rig its trials over LSL: pushes to the stream NAME-trials, reads the rig's stream NAME-responses.

    Everything else is as for ``TrialServer``. LSL has no connections: a rig opens its inlet, waits until its outlet has a
    consumer, and begins with hello; after an error it begins anew.

    Args:
        stimuli, policy, out, session: as for ``TrialServer``.

    Raises:
        InputError: the package pylsl is missing, or the session cannot be resumed.
    """

    def __init__(
        self,
        stimuli: StimulusSet | Catalogue,
        policy: Policy,
        *,
        out: str | Path,
        session: str = "1",
        name: str = "synthstim",
    ) -> None:
        self._lsl = load_lsl()
        super().__init__(OnlineSession(stimuli, policy, out=out, name=session))
        self.name = name
        self._outlet: Any = _outlet(self._lsl, f"{name}-trials")
        self._inlet: Any = None
        self._talk = Conversation(self.session)

    def _where(self) -> str:
        return f"LSL streams {self.name}-trials and {self.name}-responses"

    def _serve(self) -> None:
        while not self._stopping.is_set():
            over = self._step()
            for note in self._talk.notes:
                self._log.info("%s", note)
            self._talk.notes.clear()
            if over and self._talk.told_done:
                break
            if over:
                self._talk = Conversation(self.session)

    def close(self) -> None:
        """Close the streams and the session's files."""
        self._inlet = self._outlet = None
        super().close()

    def _step(self) -> bool:
        """Find the rig's stream, or answer its next message; whether a conversation has ended."""
        if self._inlet is None:
            self._inlet = _inlet(self._lsl, f"{self.name}-responses", TICK_S)
            return False
        try:
            sample, _ = self._inlet.pull_sample(timeout=TICK_S)
        except RuntimeError:  # pylsl's LostError, which versions keep in different places
            self._log.info("the rig's stream was lost")
            self._inlet = None
            return True
        if sample is not None and (reply := self._talk.answer(str(sample[0]).encode("utf-8", "replace"))):
            self._outlet.push_sample([reply.decode("ascii").rstrip("\n")])
        return self._talk.over


class LslClient(TrialClient):
    """A rig over LSL, with the methods of ``TrialClient``.

    Args:
        sites, window_s, client, timeout_s: as for ``TrialClient``.

    Raises:
        TrialError: no endpoint is found within timeout_s, or it refuses.
    """

    def __init__(
        self, name: str = "synthstim", *, sites: Sequence[str], window_s: tuple[float, float], client: str = "",
        timeout_s: float = 60.0,
    ) -> None:  # fmt: skip
        lsl = load_lsl()
        self._timeout_s = timeout_s
        self._outlet: Any = _outlet(lsl, f"{name}-responses")
        self._inlet: Any = _inlet(lsl, f"{name}-trials", timeout_s)
        if self._inlet is None or not self._outlet.wait_for_consumers(timeout_s):
            raise TrialError(f"no endpoint with the stream {name}-trials was found within {timeout_s:g} s")
        self._greet(sites, window_s, client)

    def close(self) -> None:
        """Say goodbye."""
        if self._outlet is not None:
            self._outlet.push_sample(['{"type": "done"}'])
            # A stream that closes takes along what was not fetched yet.
            time.sleep(0.05)
        self._inlet = self._outlet = None

    def _ask(self, message: dict[str, Any]) -> bytes:
        self._outlet.push_sample([encode(message).decode("ascii").rstrip("\n")])
        try:
            sample, _ = self._inlet.pull_sample(timeout=self._timeout_s)
        except RuntimeError:  # lost
            sample = None
        if sample is None or len(sample[0]) > MAX_BYTES:
            raise TrialError("the endpoint has gone away")
        return str(sample[0]).encode()


def load_lsl() -> Any:
    """The package pylsl.

    Raises:
        InputError: it, or the library that it needs, is not installed.
    """
    try:
        return importlib.import_module("pylsl")
    except (ImportError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"LSL needs the package pylsl ({reason})", "pip install 'synthstim[lsl]'", code="not-installed"
        ) from None


def _outlet(lsl: Any, name: str) -> Any:
    return lsl.StreamOutlet(lsl.StreamInfo(name, "Markers", 1, lsl.IRREGULAR_RATE, "string", name))


def _inlet(lsl: Any, name: str, timeout_s: float) -> Any:
    found = lsl.resolve_byprop("name", name, timeout=timeout_s)
    if not found:
        return None
    inlet = lsl.StreamInlet(found[0], max_buflen=BUFFERED, recover=False)
    try:
        inlet.open_stream(timeout=OPEN_S)
    except RuntimeError:  # lost, or too slow
        return None
    return inlet
