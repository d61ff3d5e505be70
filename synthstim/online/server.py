"""The endpoint over TCP: one rig at a time, one trial at a time, in memory that no peer can make grow."""

from __future__ import annotations

import os
import selectors
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

from synthstim.errors import InputError
from synthstim.online.endpoint import TICK_S, Endpoint
from synthstim.online.messages import MAX_BYTES
from synthstim.online.policies.base import Policy
from synthstim.online.session import Conversation, OnlineSession
from synthstim.online.trial import Catalogue
from synthstim.stimulus_set import StimulusSet

# Peers that were told an error and are given a moment to read it.
LEAVING = 8
LINGER_S = 1.0


@dataclass
class Peer:
    """A connection: what came and is no whole line yet, what is still to be sent, and until when it must move on."""

    socket: socket.socket
    name: str
    conversation: Conversation
    deadline: float
    incoming: bytearray = field(default_factory=bytearray)
    outgoing: bytearray = field(default_factory=bytearray)
    # When the first byte of an unfinished message came; None between messages.
    since: float | None = None
    leaving: bool = False


class TrialServer(Endpoint):
    """Gives a rig its trials, one by one, and writes down what it answers (docs/online.md has the messages).

    A peer that breaks the rules is told one sentence and let go; trials that were answered stay on disk, and the next
    rig, or the same one again, goes on with the next trial.

    Args:
        stimuli: a stimulus set, or a catalogue of several.
        policy: decides what comes next: ``Blocks``, ``Staircase``, ``Bandit``, ``Generations``, or an object like them.
        out: folder of the session: ``trials.tsv``, which ``read_responses`` reads, and ``endpoint.log``. An existing
            session of the same stimuli and policy is gone on with.
        session: its name.
        host: address to listen at. There is no password: on another than 127.0.0.1 everybody in the network can answer.
        port: 0 takes a free one.
        message_s: how long one message, or a hello, may take to arrive.
        idle_s: how long a rig may say nothing between messages.

    Raises:
        InputError: the session cannot be resumed, or the address cannot be listened at.

    Example:
        >>> ids = list(stimuli.table["stimulus_id"])
        >>> with TrialServer(StimulusSet.read("tonight"), Blocks(ids), out="tonight_trials") as server:
        ...     print(server.host)  # then: server.serve()
        127.0.0.1
    """

    def __init__(
        self,
        stimuli: StimulusSet | Catalogue,
        policy: Policy,
        *,
        out: str | Path,
        session: str = "1",
        host: str = "127.0.0.1",
        port: int = 0,
        message_s: float = 10.0,
        idle_s: float = 3600.0,
    ) -> None:
        self.message_s, self.idle_s = message_s, idle_s
        self._listener = _listen(host, port)
        self.host, self.port = self._listener.getsockname()[:2]
        try:
            super().__init__(OnlineSession(stimuli, policy, out=out, name=session))
        except BaseException:
            self._listener.close()
            raise
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._peers: list[Peer] = []
        self._done = False

    def _where(self) -> str:
        return f"listening at {self.host}:{self.port}"

    def close(self) -> None:
        """Close every connection and the session's files."""
        for peer in list(self._peers):
            self._drop(peer, "the endpoint stops")
        self._selector.close()
        self._listener.close()
        super().close()

    def _serve(self) -> None:
        while not self._stopping.is_set() and not (self._done and not self._peers):
            for key, events in self._selector.select(self._patience()):
                if key.fileobj is self._listener:
                    self._accept()
                elif events & selectors.EVENT_WRITE:
                    self._send(key.data)
                    self._read(key.data)
                else:
                    self._receive(key.data)
            self._let_go_the_late()

    def _accept(self) -> None:
        try:
            accepted, address = self._listener.accept()
        except OSError as error:  # gone again, or no file handles left
            return self._log.warning("a connection failed: %s", error)
        accepted.setblocking(False)
        _keep_alive(accepted)
        peer = Peer(
            accepted, f"{address[0]}:{address[1]}", Conversation(self.session), time.monotonic() + self.message_s
        )
        busy = next((other for other in self._peers if not other.leaving), None)
        self._peers.append(peer)
        self._selector.register(accepted, selectors.EVENT_READ, peer)
        if busy is not None:
            self._log.warning("%s came while %s is served", peer.name, busy.name)
            peer.outgoing += peer.conversation.refuse("another rig is being served: one at a time")
            self._send(peer)
        else:
            self._log.info("%s connected", peer.name)

    def _receive(self, peer: Peer) -> None:
        try:
            data = peer.socket.recv(MAX_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            return self._drop(peer, f"lost ({error.strerror})")
        if not data:
            return self._drop(peer, "left in the middle of a message" if peer.incoming else "left")
        if not peer.leaving:
            peer.incoming += data
            self._read(peer)

    def _read(self, peer: Peer) -> None:
        """Answer the whole lines that came, as long as the answers can be sent."""
        talk = peer.conversation
        while peer in self._peers and not (peer.outgoing or talk.over):
            line, newline, rest = peer.incoming.partition(b"\n")
            if not newline:
                if len(line) > MAX_BYTES:
                    peer.outgoing += talk.refuse(
                        f"more than {MAX_BYTES} bytes arrived without a newline: end each message"
                    )
                break
            peer.incoming, peer.since = rest, None
            peer.outgoing += talk.answer(bytes(line))
            self._note(peer)
            self._send(peer)
        if talk.over:
            return self._send(peer)
        now = time.monotonic()
        peer.since = (peer.since or now) if peer.incoming else None
        wait = self.idle_s if talk.hello is not None and peer.since is None and not peer.outgoing else self.message_s
        peer.deadline = (peer.since or now) + wait

    def _send(self, peer: Peer) -> None:
        if peer not in self._peers:
            return
        try:
            sent = peer.socket.send(peer.outgoing) if peer.outgoing else 0
        except BlockingIOError:
            sent = 0
        except OSError as error:
            return self._drop(peer, f"lost ({error.strerror})")
        blocked = bool(peer.outgoing) and sent < len(peer.outgoing)
        del peer.outgoing[:sent]
        # A peer that does not read its answers is not read either.
        self._selector.modify(peer.socket, selectors.EVENT_WRITE if blocked else selectors.EVENT_READ, peer)
        self._note(peer)
        if peer.conversation.over and not blocked:
            self._see_off(peer)

    def _see_off(self, peer: Peer) -> None:
        """End a connection so that the peer can still read what it was told: closing with bytes unread would cut it off."""
        if peer.leaving:
            return
        if sum(other.leaving for other in self._peers) >= LEAVING:
            return self._drop(peer, "let go")
        peer.leaving, peer.incoming, peer.deadline = True, bytearray(), time.monotonic() + LINGER_S
        self._done = self._done or peer.conversation.told_done
        try:
            peer.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._drop(peer, f"lost ({error.strerror})")

    def _let_go_the_late(self) -> None:
        now = time.monotonic()
        for peer in [peer for peer in self._peers if peer.deadline < now]:
            if peer.leaving or peer.outgoing:
                self._drop(peer, "let go")
            else:
                peer.outgoing += peer.conversation.refuse(self._late(peer))
                self._send(peer)

    def _late(self, peer: Peer) -> str:
        if peer.incoming:
            return f"a message took more than {self.message_s:g} s to arrive: send each in one go"
        if peer.conversation.hello is None:
            return f"no hello arrived within {self.message_s:g} s"
        return f"nothing given for {self.idle_s:g} s: connect again"

    def _drop(self, peer: Peer, why: str) -> None:
        if peer in self._peers:
            self._peers.remove(peer)
            self._selector.unregister(peer.socket)
            peer.socket.close()
            self._done = self._done or peer.conversation.told_done
            self._log.info("%s %s", peer.name, why)

    def _note(self, peer: Peer) -> None:
        for note in peer.conversation.notes:
            self._log.info("%s %s", peer.name, note)
        peer.conversation.notes.clear()

    def _patience(self) -> float:
        soonest = min((peer.deadline for peer in self._peers), default=float("inf"))
        return min(max(soonest - time.monotonic(), 0.0), TICK_S)


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise InputError(f"port {port} given; expected 0 (any free one) to 65535")
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, proto)
    except OSError as error:
        raise InputError(
            f"{host!r} is not an address of this computer ({error}): 127.0.0.1 serves rigs on it"
        ) from None
    try:
        if os.name != "nt":  # there it would let two endpoints listen at one port
            # A session can start again at once at the port it had.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(LEAVING)
    except OSError as error:
        listener.close()
        raise InputError(f"{host}:{port} cannot be opened ({error.strerror})", "choose another port, or 0") from None
    listener.setblocking(False)
    return listener


def _keep_alive(connection: socket.socket) -> None:
    """Notice within half a minute that a rig was switched off: it could not come back while its place is taken."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):  # not on every system
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
