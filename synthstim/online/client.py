"""The rig's side of a session over TCP. It needs Python alone: copy this file to a rig without synthstim.

Example:
    with TrialClient("127.0.0.1", 5005, sites=["v4_01"], window_s=(0.07, 0.17)) as rig:
        for trial in rig:
            count = present(trial["file"])
            rig.respond({"v4_01": count})
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

VERSION = 1
MAX_BYTES = 65_536


class TrialError(Exception):
    """The endpoint refused something, with its sentence, or has gone away."""


class TrialClient:
    """Asks for trials and sends responses, one at a time.

    Args:
        host, port: where ``synthstim serve`` says that it listens.
        sites: names of what is measured.
        window_s: (start, end) from stimulus onset, in which responses are counted.
        client: how the endpoint's log calls this rig.
        timeout_s: the longest wait for an answer; an endpoint that evolves stimuli needs some seconds now and then.

    Attributes:
        hello: the endpoint's first message; its ``sequence`` is the number of the next trial. If that is one more than
            the last response that was sent before a connection broke, that response has arrived.

    Raises:
        TrialError: nobody listens there, or the endpoint refuses.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 5005,
        *,
        sites: Sequence[str],
        window_s: tuple[float, float],
        client: str = "",
        timeout_s: float = 60.0,
    ) -> None:
        try:
            self._socket = socket.create_connection((host, port), timeout=timeout_s)
        except OSError as error:
            raise TrialError(f"no endpoint answers at {host}:{port} ({error})") from None
        # A trial is one small message: waiting for more to send along would cost 40 ms.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        try:
            self._greet(sites, window_s, client)
        except TrialError:
            self._socket.close()
            raise

    def next(self) -> dict[str, Any] | None:
        """The trial to show (``sequence``, ``stimulus_id``, ``file`` relative to the set, ``sha256``, ``repeat``), or None."""
        if self._trial is None and not self._done:
            self._keep(self._ask({"type": "next"}))
        return self._trial

    def respond(self, responses: Mapping[str, float], *, onset_s: float | None = None) -> None:
        """Send the responses to the trial, site -> number; when this returns the endpoint has written them down.

        Args:
            onset_s: when the stimulus was shown, by the rig's clock.
        """
        self._answer({"responses": dict(responses)}, onset_s)

    def abort(self) -> None:
        """Say that the trial failed, such as by a broken fixation: it is not recorded, and given again."""
        self._answer({"aborted": True}, None)

    def close(self) -> None:
        """Say goodbye."""
        try:
            self._socket.sendall(b'{"type": "done"}\n')
        except OSError:
            pass  # the endpoint went first
        finally:
            self._socket.close()

    def __enter__(self) -> TrialClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while (trial := self.next()) is not None:
            yield trial

    def _greet(self, sites: Sequence[str], window_s: tuple[float, float], client: str) -> None:
        self._trial: dict[str, Any] | None = None
        self._done = False
        first = {"version": VERSION, "sites": list(sites), "window_s": list(window_s), "client": client}
        self.hello = self._understood(self._ask({"type": "hello", **first}))

    def _answer(self, content: dict[str, Any], onset_s: float | None) -> None:
        if self._trial is None:
            raise TrialError("there is no trial to answer: ask for the next one first")
        message = {"type": "response", **{name: self._trial[name] for name in ("sequence", "stimulus_id")}, **content}
        self._keep(self._ask(message if onset_s is None else {**message, "onset_s": onset_s}))

    def _keep(self, reply: bytes) -> None:
        message = self._understood(reply)
        self._done = message["type"] == "done"
        self._trial = None if self._done else message

    def _understood(self, reply: bytes) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(reply)
        if message["type"] == "error":
            raise TrialError(message["message"])
        return message

    def _ask(self, message: dict[str, Any]) -> bytes:
        """Send a message; return the line that answers it."""
        try:
            self._socket.sendall(json.dumps(message).encode("ascii") + b"\n")
            while b"\n" not in self._rest:
                more = self._socket.recv(MAX_BYTES)
                if not more or len(self._rest) > MAX_BYTES:
                    raise TrialError("the endpoint closed the connection" if not more else "the endpoint sent too much")
                self._rest += more
        except OSError as error:
            raise TrialError(f"the endpoint has gone away ({error})") from None
        line, _, self._rest = self._rest.partition(b"\n")
        return line
