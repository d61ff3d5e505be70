"""The trial that runs: what stands in its slots, when it came, what was answered."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from .answers import Given, is_right
from .plan import MISSING, RIGHT, part_of
from .trials import ABORTED, ANSWERED, LEVEL_COLUMN, NO_RESPONSE


class CurrentTrial:
    """One trial of the plan, from its beginning to its row of the table.

    Attributes:
        planned: its row of the plan.
        chosen: what the staircase chose: ``level``, ``pair`` and a file by letter; nothing where trials are constant.
        slots: what is known of each slot, by the end of its columns' names.
        answers: by the column that they go into.
        begun: whether it is on the disk: the first of its stimuli comes, or has come.
        skips: whether what remains of it is left out: its staircase has ended, or the gaze has left.
        times_out: whether it ends with a pause: it was aborted, or the answer was wrong.
        aborted: whether it comes again.
    """

    def __init__(self, planned: Mapping[str, Any], chosen: Mapping[str, Any] | None) -> None:
        self.planned, self.chosen = planned, dict(chosen or {})
        self.slots: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, Given] = {}
        self.skips = chosen is None
        self.begun = self.times_out = self.aborted = False

    @property
    def part(self) -> str:
        """The part of the plan that it belongs to."""
        return part_of(self.planned)

    def hold(self, slot: str, stimulus: Mapping[str, Any]) -> None:
        """Say what stands in a slot."""
        told = {"": stimulus["stimulus_id"], "sha256": stimulus["sha256"], LEVEL_COLUMN: stimulus.get("level_db_spl")}
        self.slots.setdefault(slot, {}).update(told)

    def abort(self) -> None:
        """Leave out what remains, after which it comes again."""
        self.skips = self.times_out = self.aborted = True

    def right(self, manifest: Mapping[str, Any]) -> bool | None:
        """Whether the answer is right; None without an answer, or where none is right."""
        answer, right = self.answers.get("response"), self.planned[RIGHT]
        return None if answer is None or right == MISSING else is_right(answer.value, right, manifest)

    def columns(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """What its row of the table says of stimuli and answers."""
        columns: dict[str, Any] = {}
        for slot, told in self.slots.items():
            columns |= {f"{slot}_{name}" if name else slot: value for name, value in told.items()}
        response, confidence = self.answers.get("response"), self.answers.get("confidence")
        status = ANSWERED if response is not None or not manifest["asks"] else NO_RESPONSE
        columns |= {"status": ABORTED if self.aborted else status, "response": None, "response_time": None}
        columns["correct"] = self.right(manifest)
        last = self._last_onset(manifest["masks"])
        if response is not None:
            columns |= {
                "response": response.value, "response_time": response.time_s - last, "first_key_time": response.first_s - last,
                "replaced": response.refused,
            }  # fmt: skip
        if confidence is not None:
            columns |= {"confidence": confidence.value, "confidence_time": confidence.time_s - last}
        return columns | {name: self.chosen[name] for name in ("level", "pair") if name in self.chosen}

    def _last_onset(self, masks: Collection[str]) -> float:
        """The onset of the last stimulus, masks apart."""
        onsets = [told["onset_s"] for slot, told in self.slots.items() if "onset_s" in told and slot not in masks]
        return max(onsets, default=0.0)

    def figures(self, manifest: Mapping[str, Any], count: int, texts: Mapping[str, str]) -> dict[str, Any]:
        """What texts may say of it.

        Args:
            texts: of the protocol, with the verdicts.
        """
        answer, right = self.answers.get("response"), self.planned[RIGHT]
        verdict = "late" if answer is None else "right" if is_right(answer.value, right, manifest) else "wrong"
        return {
            "number": self.planned["trial"] + 1, "count": count, "word": right, "right": right,
            "answer": "" if answer is None else answer.value, "verdict": texts.get(verdict, ""),
        }  # fmt: skip


__all__ = ["CurrentTrial"]
