"""What pages send, checked against the plan and written into the same tables of trials as in the laboratory."""

from __future__ import annotations

import hashlib
import json
import math
import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.experiment.manifest import Named, manifest_facts
from synthstim.experiment.runtime.answers import is_right
from synthstim.experiment.runtime.participants import Participants
from synthstim.experiment.runtime.plan import MISSING, PARTS, RIGHT, part_of
from synthstim.experiment.runtime.trials import ANSWERED, NO_RESPONSE, TrialLog, trial_columns
from synthstim.experiment.web.page import page_rows
from synthstim.files import write_whole

# Who has which number: the sha256 of the token that only the participant's browser has.
TOKENS = "web_participants.json"
_LONGEST = 200


class Refusal(Exception):
    """What a page sent cannot be taken, in a sentence."""


class Answers:
    """The participants of a served experiment, and their trials on the disk."""

    def __init__(self, directory: Path) -> None:
        self._manifest = manifest_facts(directory, Named)
        self._participants = Participants(directory, self._manifest)
        self._columns = trial_columns(self._manifest["columns"], self._manifest["slots"])
        self._by_file = {one["file"]: one for one in self._manifest["stimuli"]}
        self._tokens_file = directory / "data" / TOKENS
        self._tokens_file.parent.mkdir(exist_ok=True)
        self._tokens: dict[str, int] = (
            json.loads(self._tokens_file.read_text(encoding="utf-8")) if self._tokens_file.is_file() else {}
        )
        self._logs: dict[int, TrialLog] = {}
        self._lock = threading.Lock()

    def start(self, token: Any) -> dict[str, Any]:
        """A participant begins, or comes back with the token that was given before.

        Raises:
            Refusal: every number is taken, or the participant's table cannot be resumed.
        """
        with self._lock:
            number = self._tokens.get(_digest(token)) if isinstance(token, str) and len(token) <= _LONGEST else None
            if number is None:
                number, token = self._next(), secrets.token_urlsafe(24)
                self._tokens[_digest(token)] = number
                write_whole(self._tokens_file, json.dumps(self._tokens, indent=2).encode("utf-8"))
            log = self._log(number)
            done = [row for part in PARTS for row in self._done(log, number, part)]
            rows = page_rows(self._participants.plan(number), self._manifest["slots"])
            right = log.correct
            return {"participant": number, "token": token, "rows": rows, "done": done, "headphone_right": right}

    def begin(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """A trial is about to show its first stimulus."""
        with self._lock:
            log, planned = self._planned(sent)
            log.start(part_of(planned), planned["trial"])
            return {}

    def trial(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """A trial has been answered: what stood in its slots, and what was right, the plan says.

        Raises:
            Refusal: there is no such trial, it is there already, or a value is none that a page could have.
        """
        with self._lock:
            log, planned = self._planned(sent)
            log.answer(part_of(planned), planned["trial"], self._row(planned, sent))
            return {}

    def close(self) -> None:
        """Close the tables: what was begun and not answered is interrupted."""
        with self._lock:
            for log in self._logs.values():
                log.close()
            self._logs = {}
            self._participants.release()

    def _next(self) -> int:
        taken = set(self._tokens.values())
        free = [
            n for n in range(1, self._participants.count + 1) if n not in taken and not self._participants.problem(n)
        ]
        free = [n for n in free if not Path(f"{self._participants.stem(n)}_trials.tsv").is_file()]
        if not free:
            raise Refusal("Every place in this experiment is taken. Thank you all the same.")
        return free[0]

    def _log(self, number: int) -> TrialLog:
        # A page that is loaded anew goes on as a new session: what it had begun is interrupted.
        if number in self._logs:
            self._logs.pop(number).close()
        try:
            stem, plan = self._participants.stem(number), self._participants.plan(number)
            self._logs[number] = TrialLog(stem, plan, self._columns, passes=self._participants.passes)
        except SystemExit as error:
            raise Refusal(str(error).removeprefix("stopped: ")) from None
        return self._logs[number]

    def _done(self, log: TrialLog, number: int, part: str) -> list[tuple[str, int]]:
        plan = self._participants.plan(number)
        left = {plan[row]["trial"] for row in log.remaining(part)}
        return [(part, row["trial"]) for row in plan if part_of(row) == part and row["trial"] not in left]

    def _planned(self, sent: Mapping[str, Any]) -> tuple[TrialLog, dict[str, Any]]:
        token, part, trial = sent.get("token"), sent.get("part"), sent.get("trial")
        number = self._tokens.get(_digest(token)) if isinstance(token, str) else None
        if number is None or number not in self._logs:
            raise Refusal("This page is not of this experiment, or another page goes on in its place: load it anew.")
        log = self._logs[number]
        plan = self._participants.plan(number)
        open_rows = [plan[row] for row in log.remaining(part)] if part in PARTS else []
        planned = next((row for row in open_rows if row["trial"] == trial), None)
        if planned is None:
            raise Refusal("There is no such trial, or it is there already.")
        return log, planned

    def _row(self, planned: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
        onsets, answers = _mapping(sent.get("onsets")), _mapping(sent.get("answers"))
        columns: dict[str, Any] = {}
        for slot in self._manifest["slots"]:
            if planned[slot] != MISSING:
                entry = self._by_file[planned[slot]]
                onset = _seconds(onsets.get(slot))
                columns |= {slot: entry["stimulus_id"], f"{slot}_sha256": entry["sha256"], f"{slot}_onset_s": onset}
        seen = [
            columns[f"{slot}_onset_s"]
            for slot in self._manifest["slots"]
            if slot not in self._manifest["masks"] and columns.get(f"{slot}_onset_s") is not None
        ]
        last = max(seen, default=0.0)
        response, time_s = self._answer(answers.get("response"), "response")
        sure, sure_s = self._answer(answers.get("confidence"), "confidence")
        typed = _mapping(answers.get("response"))
        first_s, refused = _seconds(typed.get("first")), typed.get("refused")
        right = planned[RIGHT]
        answered = response is not None or not self._manifest["asks"]
        return columns | {
            "response": response, "response_time": None if time_s is None else time_s - last, "confidence": sure,
            "confidence_time": None if sure_s is None else sure_s - last,
            "first_key_time": None if first_s is None else first_s - last, "replaced": _count(refused), "missed_refreshes": _count(sent.get("missed")), "status": ANSWERED if answered else NO_RESPONSE,
            "correct": None if right == MISSING or response is None else is_right(response, right, self._manifest),
        }  # fmt: skip

    def _answer(self, given: Any, stores: str) -> tuple[Any, float | None]:
        told = _mapping(given)
        if not told:
            return None, None
        asked = [one for one in self._manifest["questions"].values() if one["stores"] == stores]
        known = [value for one in asked for value in one["values"]]
        if any(one["kind"] == "words" for one in asked):
            known += self._manifest["words"]
        if (value := told.get("value")) not in known or isinstance(value, bool):
            raise Refusal("This answer cannot be given.")
        return value, _seconds(told.get("time"))


def _mapping(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, dict) else {}


def _seconds(given: Any) -> float | None:
    if (
        isinstance(given, bool)
        or not isinstance(given, (int, float))
        or not math.isfinite(given)
        or not 0 <= given < 1e7
    ):
        return None
    return float(given)


def _count(given: Any) -> int | None:
    return given if type(given) is int and 0 <= given < 10**9 else None


def _digest(token: Any) -> str:
    return hashlib.sha256(str(token).encode("utf-8")).hexdigest()


def require_page(directory: Path) -> None:
    """Raise InputError unless an experiment was exported with its page."""
    if not (directory / "web" / "index.html").is_file():
        raise InputError(f"{directory} has no page", "export it with --web", code="missing")
