"""A running session: what is shown next and what was answered, whichever way a rig is connected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from synthstim.errors import InputError, counted
from synthstim.ids import NAME_RULE, is_name
from synthstim.online.messages import VERSION, Answer, Hello, as_answer, as_hello, decode, encode
from synthstim.online.policies.base import Policy
from synthstim.online.record import Record
from synthstim.online.trial import Catalogue, Shown
from synthstim.stimulus_set import StimulusSet


class PolicyFailed(Exception):
    """The policy cannot go on: nothing a rig said is wrong, so that the endpoint stops rather than refuse the rig."""


class OnlineSession:
    """Stimuli, a policy, and the record of the trials; it goes on where the record ends.

    Args:
        stimuli: a set, or a catalogue of several.
        policy: decides what comes next.
        out: folder of the record.
        name: of the session, as the trials' table has it.

    Raises:
        InputError: the record is of another session, or was made with other files.
    """

    def __init__(self, stimuli: StimulusSet | Catalogue, policy: Policy, *, out: str | Path, name: str = "1") -> None:
        self.catalogue = stimuli if isinstance(stimuli, Catalogue) else Catalogue.of_set(stimuli)
        self.policy, self.name = policy, name
        if not is_name(name):
            raise InputError(f"the session's name {name[:64]!r} cannot be used: {NAME_RULE}")
        facts = {"schema_version": 1, "stimuli": self.catalogue.root.name, "policy": repr(policy), "session": name}
        self.record = Record(out, facts)
        try:
            self._go_on()
        except BaseException:
            self.record.close()
            raise

    @property
    def sequence(self) -> int:
        """Number of the next trial, from 1."""
        return len(self.record.trials) + 1

    def offered(self) -> Shown | None:
        """What is to be shown next; None when all is done. The same until a trial is taken."""
        try:
            stimulus_id = self.policy.next_trial(self.record.trials)
            return None if stimulus_id is None else self.catalogue[stimulus_id]
        except InputError as error:
            raise PolicyFailed(f"no trial {self.sequence} can be given: {error}") from error

    def require(self, hello: Hello) -> None:
        """Raise InputError unless a rig measures what the policy needs, in the window that the session has."""
        if absent := [site for site in self.policy.sites if site not in hello.sites]:
            raise InputError(f"hello: the site {absent[0]!r} is missing, which this session needs", code="missing")
        if self.record.window_s not in (None, hello.window_s):
            raise InputError(
                "hello: window_s differs from that of this session's earlier trials: a session has one window",
                code="mismatch",
            )

    def take(self, shown: Shown, answer: Answer, hello: Hello) -> None:
        """Write a trial down, then let the policy know."""
        trial = self.record.append(shown, answer.responses, hello, answer.onset_s)
        try:
            self.policy.update(trial)
        except InputError as error:
            raise PolicyFailed(
                f"trial {trial.sequence} is on disk, but the session cannot continue: {error}"
            ) from error

    def close(self) -> None:
        """Close the record."""
        self.record.close()

    def _go_on(self) -> None:
        """Let the policy know of the trials that were found on disk."""
        for trial, (stimulus_id, digest) in zip(self.record.trials, self.record.found, strict=True):
            if self.catalogue[stimulus_id].sha256 != digest:
                raise InputError(
                    f"{self.record.folder} was made with another file of {stimulus_id}", "choose a new folder"
                )
            if absent := [site for site in self.policy.sites if site not in trial.responses]:
                raise InputError(
                    f"trial {trial.sequence} of {self.record.folder} lacks the site {absent[0]!r}",
                    "choose a new folder",
                    code="missing",
                )
            self.policy.update(trial)


class Conversation:
    """One rig's messages in order: hello, next, then responses, each of which is answered by the next trial.

    Attributes:
        over: whether the rig said done, or made a mistake: nothing more is read then.
        told_done: whether the rig knows that the session is done.
        notes: what the log should say.
    """

    def __init__(self, session: OnlineSession) -> None:
        self.session = session
        self.hello: Hello | None = None
        self.over = self.told_done = False
        self.notes: list[str] = []
        self._asked: Shown | None = None

    def answer(self, line: bytes) -> bytes:
        """The line that answers a line, both without and with its newline; empty where the rig said goodbye."""
        try:
            message = decode(line)
            reply = self._reply(message)
        except InputError as error:
            return self.refuse(str(error))
        return b"" if reply is None else encode(reply)

    def refuse(self, sentence: str) -> bytes:
        """The error message that ends this conversation."""
        self.over = True
        self.notes.append(f"refused: {sentence}")
        return encode({"type": "error", "message": sentence})

    def _reply(self, message: dict[str, Any]) -> dict[str, Any] | None:
        kind = message["type"]
        if kind in ("done", "error"):
            self.over = True
            self.notes.append(
                "the rig said done" if kind == "done" else f"the rig reports: {message.get('message')!r:.200}"
            )
            return None
        if (kind == "hello") == (self.hello is not None) or kind not in ("hello", "next", "response"):
            wanted = "hello first" if self.hello is None else "next, response or done"
            raise InputError(f"the message {kind[:40]!r} given; expected {wanted}")
        if kind == "hello":
            return self._greet(as_hello(message))
        if kind == "response":
            self._take(message)
        return self._next()

    def _greet(self, hello: Hello) -> dict[str, Any]:
        self.session.require(hello)
        self.hello = hello
        self.notes.append(f"hello of {hello.client!r}, {counted(len(hello.sites), 'site')}")
        return {
            "type": "hello", "version": VERSION, "stimuli": self.session.catalogue.root.name, "count": len(self.session.catalogue),
            "session": self.session.name, "sequence": self.session.sequence,
        }  # fmt: skip

    def _take(self, message: dict[str, Any]) -> None:
        assert self.hello is not None
        answer = as_answer(message, self.hello.sites)
        if self._asked is None:
            raise InputError("a response was given before a trial was requested: send next first")
        if (answer.sequence, answer.stimulus_id) != (self.session.sequence, self._asked.stimulus_id):
            raise InputError(
                f"a response to trial {answer.sequence} of {answer.stimulus_id[:64]!r} given: trial {self.session.sequence} of "
                f"{self._asked.stimulus_id!r} is expected"
            )
        if answer.aborted:
            return self.notes.append(f"trial {answer.sequence} of {answer.stimulus_id} was aborted")
        self.session.take(self._asked, answer, self.hello)

    def _next(self) -> dict[str, Any]:
        self._asked = shown = self.session.offered()
        if shown is None:
            self.told_done = True
            return {"type": "done", "trials": len(self.session.record.trials)}
        return {
            "type": "next", "sequence": self.session.sequence, "stimulus_id": shown.stimulus_id, "file": shown.file,
            "sha256": shown.sha256, "repeat": self.session.record.repeats.get(shown.stimulus_id, 0),
        }  # fmt: skip
