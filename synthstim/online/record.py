"""The trials of a running session on disk: appended one by one, and read back when the endpoint starts again."""

from __future__ import annotations

import io
import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.files import as_json, require_folder, write_whole
from synthstim.online.messages import Hello
from synthstim.online.trial import Shown, Trial

TABLE = "trials.tsv"
FACTS = "session.json"
# ``rows`` is the number of sites of the trial: a trial that a power failure cut off is known by it.
COLUMNS = (
    "sequence", "rows", "stimulus_id", "repeat", "session", "site", "response", "window_start_s", "window_end_s",
    "sha256", "onset_s", "received_s",
)  # fmt: skip
_HEADER = "\t".join(COLUMNS).encode() + b"\n"


class Record:
    """A folder with ``trials.tsv``, which ``read_responses`` reads, and ``session.json``, which says what ran.

    Each trial is one write of one row a site, handed to the operating system before the rig hears of the next trial: a
    killed process loses none. The disk itself is waited for when the record is closed.

    Args:
        folder: new, or that of a session to go on with.
        facts: what must be the same for that: the stimuli, the policy, the session's name.

    Raises:
        InputError: the folder is of another session, or its table is damaged.
    """

    def __init__(self, folder: str | Path, facts: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self.facts = dict(facts)
        self.trials: list[Trial] = []
        self.repeats: dict[str, int] = {}
        # (start, end) that all trials share; None before the first one.
        self.window_s: tuple[float, float] | None = None
        # The trials that were read back, as (stimulus_id, sha256).
        self.found: list[tuple[str, str]] = []
        require_folder(self.folder)
        self._require_same()
        self._path = self.folder / TABLE
        whole = self._read() if self._path.is_file() else 0
        self._stream = open(self._path, "r+b" if self._path.is_file() else "w+b", buffering=0)  # noqa: SIM115 - closed by close
        # What a power failure left of a last trial was never acknowledged: that trial is given again.
        self._stream.truncate(whole)
        self._stream.seek(whole)
        if not whole:
            self._write(_HEADER)

    def append(self, shown: Shown, responses: Mapping[str, float], hello: Hello, onset_s: float | None) -> Trial:
        """Write a trial and return it.

        Raises:
            InputError: it cannot be written; nothing of it is.
        """
        trial = Trial(len(self.trials) + 1, shown.stimulus_id, self.repeats.get(shown.stimulus_id, 0), dict(responses))
        shared = {
            "sequence": trial.sequence, "rows": len(responses), "stimulus_id": trial.stimulus_id, "repeat": trial.repeat,
            "session": self.facts["session"], "window_start_s": repr(hello.window_s[0]),
            "window_end_s": repr(hello.window_s[1]), "sha256": shown.sha256,
            "onset_s": "n/a" if onset_s is None else repr(onset_s), "received_s": f"{time.time():.6f}",
        }  # fmt: skip
        rows = (shared | {"site": site, "response": repr(value)} for site, value in responses.items())
        lines = ["\t".join(str(row[name]) for name in COLUMNS) + "\n" for row in rows]
        self._write("".join(lines).encode())
        self._keep(trial, hello.window_s)
        return trial

    def close(self) -> None:
        """Wait until everything is on the disk."""
        if not self._stream.closed:
            os.fsync(self._stream.fileno())
            self._stream.close()

    def _write(self, data: bytes) -> None:
        end, reason = self._stream.tell(), "no space is left"
        try:
            if self._stream.write(data) == len(data):
                return
        except OSError as error:
            reason = error.strerror or type(error).__name__
        self._stream.truncate(end)
        self._stream.seek(end)
        raise InputError(f"{self._path} cannot be written ({reason})", "make room, then continue", code="no-space")

    def _keep(self, trial: Trial, window_s: tuple[float, float]) -> None:
        self.window_s = window_s
        self.trials.append(trial)
        self.repeats[trial.stimulus_id] = trial.repeat + 1

    def _require_same(self) -> None:
        path = self.folder / FACTS
        if not path.exists():
            if any(self.folder.iterdir()):
                raise InputError(f"{self.folder} holds something other than a session", "choose a new folder")
            return write_whole(path, as_json(self.facts))
        try:
            known = dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            raise InputError(f"{path} is damaged", "choose a new folder", code="unreadable") from None
        if different := [name for name in self.facts if known.get(name) != self.facts[name]]:
            name = different[0]
            raise InputError(
                f"{self.folder} is a session with the {name} {known.get(name)!r}, now it is {self.facts[name]!r}: "
                "choose a new folder, or continue as it was begun"
            )

    def _read(self) -> int:
        """Take in the whole trials of the table; return the bytes that they and the header fill."""
        data = self._path.read_bytes()
        if not data.startswith(_HEADER):
            if _HEADER.startswith(data):
                return 0
            raise InputError(
                f"{self._path} is not a table of this session: its first line is not {_HEADER.decode()[:30]}...",
                code="unreadable",
            )
        end = at = len(_HEADER)
        rows: list[dict[str, str]] = []
        for number, line in enumerate(io.BytesIO(data[at:]), 2):
            at += len(line)
            if not line.endswith(b"\n"):
                break
            cells = line.decode("utf-8", "replace").rstrip("\n").split("\t")
            if len(cells) != len(COLUMNS):
                raise InputError(f"{self._path}: line {number} has {len(cells)} cells; expected {len(COLUMNS)}")
            rows.append(dict(zip(COLUMNS, cells, strict=True)))
            if str(len(rows)) == rows[0]["rows"]:
                self._take(rows, number)
                rows, end = [], at
        return end

    def _take(self, rows: list[dict[str, str]], number: int) -> None:
        first = rows[0]
        try:
            responses = {row["site"]: float(row["response"]) for row in rows}
            trial = Trial(int(first["sequence"]), first["stimulus_id"], int(first["repeat"]), responses)
            window = float(first["window_start_s"]), float(first["window_end_s"])
            sound = all(map(math.isfinite, responses.values())) and len(responses) == len(rows)
        except ValueError:
            sound = False
        if not sound or trial.sequence != len(self.trials) + 1 or len({row["sequence"] for row in rows}) > 1:
            raise InputError(
                f"{self._path}: the trial that ends on line {number} is damaged",
                "choose a new folder",
                code="unreadable",
            )
        self.found.append((trial.stimulus_id, first["sha256"]))
        self._keep(trial, window)
