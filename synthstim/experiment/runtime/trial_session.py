"""Experiments made of trials: what stands in the slots of each is shown or heard, asked about, and written down."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .answers import Given, is_right, question_of
from .checksums import sha256_of
from .completion import NumberEntry
from .gaze import LOOKS_AWAY, Gaze
from .hearing import Hearing
from .imagined import imagined_answer
from .loudness import strictest, too_loud
from .marker_bytes import onset_code
from .pages import Figures, figures_of_page, pages_of
from .participants import Participants
from .plan import CATCH, MISSING, PARTS, RIGHT, part_of, require_same
from .question import Question
from .session import Session
from .showing import Showing
from .simulate import click, simulated
from .speaker import sound_device, sound_problems
from .stop import stopped
from .trials import ABORTED, ANSWERED, LEVEL_COLUMN, NO_RESPONSE, TrialLog, trial_columns

# How long a simulated participant listens to the noise that sets the volume.
_NOISE_HEARD_S = 1.0


class TrialSession(Session):
    """A session of one participant, whose trials follow the plan.

    Attributes:
        participant: the number; None until it is known.
        headphone_known: whether the headphone check was complete before this run.
        practice_known: whether the practice was.
        skips: whether what remains of the trial is left out: its staircase has ended, or the gaze has left.
        times_out: whether the trial ends with a pause: it was aborted, or the answer was wrong.
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self.participant: int | None = None
        self.headphone_known = self.practice_known = self.skips = self.times_out = self._aborted = False
        self._gaze: Gaze | None = None
        self._by_file = {stimulus["file"]: stimulus for stimulus in self.stimuli}
        self._participants = Participants(self.directory, self.manifest)
        self._given = self._participants.given(self.settings)
        self._adapts = self.manifest["design"]["method"]["kind"] != "constant"
        self._columns = trial_columns(
            self.manifest["columns"], self.manifest["slots"], adaptive=self._adapts, at_ear=self._at_ear
        )
        if self._shows:
            self._showing = Showing(self.directory, self.stimuli, self.manifest["places"], self.settings)
        self._device, self._sound_problems = ({}, []) if self._shows else self._checked_sound()
        self._trials: TrialLog | None = None
        self._tracks: Any = None
        self._planned: dict[str, Any] | None = None
        self._chosen: dict[str, Any] = {}
        self._slots: dict[str, dict[str, Any]] = {}
        self._answers: dict[str, Given] = {}
        self._question: Question | None = None
        self._typed, self._resumed, self._page, self._missed_before = "", "", 0, 0

    @property
    def _at_ear(self) -> bool:
        """Whether the levels of sounds at the ear are known."""
        return any("level_db_spl" in stimulus for stimulus in self.stimuli)

    def _checked_sound(self) -> tuple[dict[str, Any], list[str]]:
        """The sound device and what is wrong with it; no sound has been played yet."""
        sound = self.settings["sound"]
        levels = strictest(sound, self.manifest.get("sound", {}))
        if said := too_loud(self.directory, self._by_file, levels):
            raise stopped(f"{said}: export again")
        device = sound_device(None if simulated() else sound.get("device"))
        problems = sound_problems(device, self.manifest["rate_hz"])
        if problems and sound["check"] and not simulated():
            raise stopped("; ".join(problems) + ", or switch sound.check off in settings.json")
        return device, problems

    @property
    def _shows(self) -> bool:
        return bool(self.manifest["modality"] == "image")

    # What fields of components ask for.

    def text(self, name: str) -> str:
        """A text of the protocol, with what is known now in its braces."""
        figures = self._figures()
        # Not str.format: whoever edits texts.yaml may leave a brace.
        return re.sub(r"\{(\w+)\}", lambda found: str(figures[found[1]]), super().text(name))

    def conditions(self) -> str:
        """The conditions file of the participant."""
        return self._participants.conditions(self.participant or 1)

    def rows(self, part: str) -> list[int]:
        """The rows of it that belong to a part and are still to come; the first row where none is."""
        # PsychoPy reads a row even of a loop that is not repeated once.
        return self._log.remaining(part) or [0]

    def repeats(self, part: str) -> int:
        """How often the loop of a part runs: once, or never where nothing of it remains."""
        return int(bool(self._log.remaining(part)))

    def pages(self) -> int:
        """How many pages the list of words fills."""
        return pages_of(self.manifest)

    def image(self, cell: str) -> Any:
        """The decoded image that a slot's cell of the plan names."""
        return self._showing.image(self._file(cell))

    def size(self, cell: str) -> tuple[int, int]:
        """Its width and height: one image pixel is one screen pixel."""
        stimulus = self._by_file[self._file(cell)]
        return stimulus["width_px"], stimulus["height_px"]

    def place(self, piece: str, cell: str) -> tuple[float, float]:
        """Where a piece shows it, on whole pixels."""
        return self._showing.place(piece, self.size(cell))

    # What code components call.

    def trial(self, part: int, trial: int) -> None:
        """Begin a trial: the numbers are those of the row of the conditions file."""
        name = PARTS[int(part)]
        planned = next(row for row in self._plan if part_of(row) == name and row["trial"] == int(trial))
        # A copy: a trial that is aborted comes again, and begins again.
        self._planned, self._slots, self._answers = dict(planned), {}, {}
        self._chosen, self.skips, self.times_out, self._aborted = {}, False, False, False
        if self._gaze is not None:
            self._gaze.imagine(self._attempts_of(planned) == 0 and int(trial) % LOOKS_AWAY == LOOKS_AWAY - 1)
        if self._shows:
            self._showing.begin()
            self._missed_before = self._showing.missed
        track = planned["track"]
        if self._tracks is not None and track != MISSING:
            self.skips = self._tracks.finished(track)
            self._chosen = {} if self.skips else self._tracks.next(track)

    def present(self, piece: str, slot: str, cell: str, frames: int) -> None:
        """Name the image that a piece of the coming routine shows."""
        if self._planned is not None and not self.skips:
            self._showing.present(piece, slot, self._of_slot(slot, cell), self._planned, frames)

    def load(self, slot: str, cell: str) -> None:
        """Take the sound of a slot into memory."""
        if self.skips or self._planned is None:
            return
        self._sounding = slot
        self._hearing.load(self._of_slot(slot, cell, start=False)["file"])

    def load_fixed(self, name: str) -> None:
        """Take a sound that belongs to no trial into memory: ``level``."""
        self._sounding = ""
        self._hearing.load(self.manifest["fixed"][name])

    def sounding(self, due: bool) -> bool:
        """Play the sound at the flip after it is due; whether it is over."""
        if self._hearing.begins(due) and self._sounding:
            self._begin()
        return self._hearing.over

    def repeating(self, due: bool) -> None:
        """Play the sound at the flip after it is due, and again whenever it is over."""
        if self.sounding(due):
            self._hearing.again()

    def silence(self) -> None:
        """End what sounds still."""
        self._hearing.silence()

    def looks(self, radius_px: float, due: bool, in_time: bool) -> bool:
        """Whether the gaze has come within a radius; a trial that it does not come to in time is aborted."""
        if self._gaze is None or self.skips or not (due or not in_time):
            return False
        if in_time and self._gaze.within(radius_px):
            return True
        if not in_time:
            self._abort()
        return not in_time

    def holds(self, radius_px: float, due: bool, in_time: bool) -> bool:
        """Whether the gaze has left a radius, while it was to stay there: then the trial is aborted."""
        if self._gaze is None or self.skips or not due or self._gaze.within(radius_px):
            return False
        self._abort()
        return True

    def reward_if_right(self) -> None:
        """Give a reward, but for a trial that was aborted, not answered, or answered wrongly."""
        if self._planned is None or self.skips:
            return
        answer, right = self._answers.get("response"), self._planned[RIGHT]
        wrong = right != MISSING and (answer is None or not is_right(answer.value, right, self.manifest))
        self.times_out = wrong
        if not wrong:
            self.reward()

    def rounds(self) -> int:
        """How often the trials that were aborted come again, at most."""
        return int(self.manifest["settings"].get("rounds", 1))

    def ask(self, piece: str, *, later: bool = False) -> None:
        """Begin to wait for the answer to a question: from the routine's first flip on, or later."""
        self._question = question_of(piece, self.manifest["questions"][piece], self.manifest, self._participants.claim)
        self._question.open = not later
        self._typed = ""
        if self._question.pointed:
            self._window.mouseVisible = True

    def asks_now(self, begun: bool) -> None:
        """Say whether the keyboard of a question that comes later has been cleared by now."""
        if self._question is not None:
            self._question.open = begun

    def typed(self, keys: Sequence[Any], shown: Any) -> bool:
        """Take the keys typed so far and show them; whether an answer is given."""
        if self._question is None:
            return True
        given = self._question.read(keys)
        if given is not None:
            self._take(*given)
        elif (text := self._question.text()) != self._typed:
            shown.text = self._typed = text
        return given is not None

    def chose(self, keys: Sequence[Any]) -> None:
        """Take the key that ended a routine as the answer."""
        if self._question is not None and (given := self._question.read(keys)) is not None:
            self._take(*given)

    def clicked(self, names: Sequence[str]) -> None:
        """Take the component that was clicked last as the answer."""
        if self._question is not None and names:
            self._take(self._question.clicks[names[-1]], self._now())

    def rated(self, value: Any) -> None:
        """Take the mark on a slider as the answer, where one was made."""
        if self._question is not None and value is not None:
            self._take(value, self._now())

    def imagine(self, pointed: Any, **components: Any) -> None:
        """Mark a slider, or click on one of the components, where nobody is there to do it."""
        question = self._question
        if not simulated() or question is None or question.asked_at is None:
            return
        answer = self._imagined_value(question)
        if not components:
            pointed.recordRating(answer)
        elif self._clicks(question):
            click(pointed, components[next(name for name, value in question.clicks.items() if value == answer)])

    def _clicks(self, question: Question) -> bool:
        """Whether the simulated participant clicks: every other time, or always where there are no keys."""
        return bool(question.clicks) and (not question.keys or (self._planned or {}).get("trial", 0) % 2 == 1)

    def frame(self, **components: Any) -> None:
        """Note what the coming flip draws; called last in each frame."""
        if self._shows:
            self._showing.draws(components.items())
        super().frame()
        if simulated() and not self._shows:
            # A virtual display has no refresh to wait for: the script would take the time that the sound needs.
            time.sleep(0.015)

    def leave(self) -> None:
        """End a routine: turn a page of words, stop after a failed headphone check."""
        # A routine that is left out begins all the same, and asks.
        if self._question is not None and self._question.pointed:
            self._window.mouseVisible = False
        self._question = None
        if self._running and self._shows:
            self._showing.leave()
        if self._routine == "word_page":
            self._page += 1
        if self._routine == "headphone_result" and not self.headphone_known:
            self.headphone_known = True
            if not self._log.passed and self.manifest["settings"]["headphone_fail"] == "stop":
                from psychopy.constants import FINISHED

                self._experiment.status = FINISHED

    def end_trial(self) -> None:
        """Write the trial down."""
        planned, self._planned = self._planned, None
        if planned is None or (self.skips and not self._aborted):
            self.skips = False
            return
        columns = self._row(planned, aborted=self._aborted)
        if self._tracks is not None and planned["track"] != MISSING and columns["correct"] is not None:
            columns |= self._tracks.answer(planned["track"], self._chosen["level"], bool(columns["correct"]))
        self._log.answer(
            part_of(planned), planned["trial"], {name: columns[name] for name in columns if name in self._columns}
        )
        for name in ("response", "correct", "response_time"):
            self._experiment.addData(name, columns[name])

    # What the base asks for.

    def _open(self, stem: str) -> dict[str, Any]:
        self._window.winHandle.push_handlers(on_text=self._type_in)
        if (tracker := self.settings["eye_tracker"]) is not None:
            self._gaze = Gaze(tracker, self._window)
        if self._shows:
            self._showing.open(stem, self._window)
            facts: dict[str, Any] = {}
        else:
            self._hearing, self._heard = Hearing(self.directory, self._device["index"]), 0
            # Opens the stream, long before the first sound.
            self.load_fixed("level")
            facts = {"sound_device": self._device, "sound_problems": self._sound_problems}
        return facts | (self._take_participant(self._given) if self._given is not None else {})

    def _close(self) -> dict[str, Any]:
        if not self._shows:
            self._hearing.silence()
        facts = self._showing.close() if self._shows else self._hearing.facts
        if self._gaze is not None:
            self._gaze.close()
        if self._trials is None:
            return facts | {"status": "stopped early"}
        log = self._trials
        log.close()
        self._participants.release()
        remaining = {part: len(self._to_come(part)) for part in PARTS}
        last = next(part for part in reversed(PARTS) if any(part_of(row) == part for row in self._plan))
        failed = log.checked and not log.passed and (last == "headphone" or remaining[last])
        return facts | {
            "status": "headphone check failed" if failed else "stopped early" if remaining[last] else "completed",
            "remaining": remaining,
            "headphone_correct": log.correct if log.checked else None,
            "headphone_passed": log.passed if log.checked else None,
        }

    def _flip(self, time_s: float, ended: bool) -> None:
        if self._question is not None and self._question.open and self._question.asked_at is None:
            self._question.asked_at = time_s
        if self._shows:
            begun = self._showing.flip(time_s, self._routine, ended, self._marker_due, self._send)
            for one in begun:
                self._slots[one.slot] |= {"onset_frame": one.onset_frame, "onset_s": one.onset_time_s}
            if not begun:
                self._marker_due = None
        elif not ended:
            self._hear()

    def _next_key(self) -> str | None:
        question = self._question
        if question is not None and (self._clicks(question) or (question.entry is None and not question.keys)):
            return None
        if question is not None:
            return question.next_key(self._imagined(question))
        # Nobody sets the volume without having heard the noise.
        unheard = self._routine == "set_level" and not self._hearing.heard_for(_NOISE_HEARD_S)
        return None if unheard else super()._next_key()

    # Inside.

    @property
    def _log(self) -> TrialLog:
        if self._trials is None:
            raise RuntimeError("no participant yet")
        return self._trials

    def _to_come(self, part: str) -> list[int]:
        rows = self._log.remaining(part)
        if self._tracks is None:
            return rows
        return [row for row in rows if not self._tracks.finished(self._plan[row]["track"])]

    def _file(self, cell: str) -> str:
        """The file that a cell names; ``@a`` stands for what the staircase chose."""
        if cell.startswith("@"):
            return str(self._chosen[cell[1:]]) if self._chosen else next(iter(self._by_file))
        return cell if cell in self._by_file else next(iter(self._by_file))

    def _of_slot(self, slot: str, cell: str, *, start: bool = True) -> dict[str, Any]:
        stimulus = self._by_file[self._file(cell)]
        if start:
            self._begin()
        self._slots.setdefault(slot, {}).update(
            {"": stimulus["stimulus_id"], "sha256": stimulus["sha256"], LEVEL_COLUMN: stimulus.get("level_db_spl")}
        )
        return stimulus

    def _type_in(self, text: str) -> None:
        if self._question is not None:
            self._question.type_in(text, self._now())

    def _abort(self) -> None:
        self._begin()
        self.skips = self.times_out = self._aborted = True

    def _attempts_of(self, planned: Mapping[str, Any]) -> int:
        """How often a trial was aborted."""
        return sum(row["status"] == ABORTED and row["trial"] == str(planned["trial"]) for row in self._log.rows)

    def _begin(self) -> None:
        """Put the trial on the disk, before the first of its stimuli."""
        if self._planned is not None and not self._planned.get("begun"):
            self._planned["begun"] = True
            self._log.start(part_of(self._planned), self._planned["trial"])

    def _hear(self) -> None:
        if self._hearing.starts():
            file = self.manifest["fixed"]["level"]
            if self._sounding and self._planned is not None:
                self._slots[self._sounding]["onset_s"] = self._hearing.onset
                file = next(
                    one["file"] for one in self.stimuli if one["stimulus_id"] == self._slots[self._sounding][""]
                )
            code = self._by_file[file]["marker_code"]
            self._send(onset_code(self.settings["markers"], code, self._heard))
            self._heard += 1
        elif self._marker_due is not None:
            self._send(self._marker_due)
            self._marker_due = None

    def _take(self, value: Any, time_s: float) -> None:
        """Keep an answer, or go on with a participant's number."""
        question, self._question = self._question, None
        if question is None:
            return
        if isinstance(question.entry, NumberEntry):
            self._record |= self._take_participant(value)
            self._write_record()
            return
        first = question.first_key_at if question.first_key_at is not None else time_s
        self._answers[question.stores] = Given(value, time_s, first, question.refused)

    def _row(self, planned: Mapping[str, Any], *, aborted: bool) -> dict[str, Any]:
        columns: dict[str, Any] = {}
        for slot, told in self._slots.items():
            columns |= {f"{slot}_{name}" if name else slot: value for name, value in told.items()}
        response, confidence = self._answers.get("response"), self._answers.get("confidence")
        last = self._last_onset()
        right = planned[RIGHT]
        status = ABORTED if aborted else ANSWERED if response is not None or not self.manifest["asks"] else NO_RESPONSE
        columns |= {"status": status, "correct": None, "response": None, "response_time": None}
        if response is not None:
            columns |= {
                "response": response.value, "response_time": response.time_s - last, "first_key_time": response.first_s - last,
                "replaced": response.refused,
                "correct": None if right == MISSING else is_right(response.value, right, self.manifest),
            }  # fmt: skip
        if confidence is not None:
            columns |= {"confidence": confidence.value, "confidence_time": confidence.time_s - last}
        if self._shows:
            columns["missed_refreshes"] = self._showing.missed - self._missed_before
        else:
            columns |= {"played": self._hearing.played, "underflows": self._hearing.underflows}
        return columns | {name: self._chosen[name] for name in ("level", "pair") if name in self._chosen}

    def _last_onset(self) -> float:
        """The onset of the trial's last stimulus, masks apart."""
        onsets = [
            told["onset_s"]
            for slot, told in self._slots.items()
            if "onset_s" in told and slot not in self.manifest["masks"]
        ]
        return max(onsets, default=0.0)

    def _take_participant(self, number: int) -> dict[str, Any]:
        """Go on with a participant's tables; what goes into the record."""
        self.participant = number
        everybody = self._participants
        self._plan = everybody.plan(number)
        require_same(self.directory / everybody.conditions(number), self._plan, self.manifest["slots"])
        self._trials = TrialLog(everybody.stem(number), self._plan, self._columns, passes=everybody.passes)
        if self._adapts:
            from .adaptive import Tracks

            self._tracks = Tracks.read(self.directory, self.manifest, number)
            self._tracks.replay(self._trials.rows)
        self.headphone_known = not self.repeats("headphone")
        self.practice_known = not self.repeats("practice")
        count = sum(part_of(row) == "main" for row in self._plan)
        if done := count - len(self._trials.remaining("main")):
            self._resumed = self._texts["resumed"].format(done=done, count=count) if "resumed" in self._texts else ""
        self._experiment.extraInfo["participant"] = number
        order = sha256_of(self.directory / self.conditions())
        return {
            "participant": number,
            "run": self._trials.session,
            "trials": self._trials.path.name,
            "order_sha256": order,
        }

    def _figures(self) -> Figures:
        figures = Figures(
            figures_of_page(self.manifest, self._page), participant=self.participant, resumed=self._resumed
        )
        if self._trials is not None:
            verdict = "passed" if self._trials.passed else "failed"
            figures["headphone_result"] = self._texts.get(f"headphone_{verdict}", "")
        if self._planned is not None:
            figures.update(self._figures_of_trial(self._planned))
        return figures

    def _figures_of_trial(self, planned: Mapping[str, Any]) -> dict[str, Any]:
        answer, right, part = self._answers.get("response"), planned[RIGHT], part_of(planned)
        verdict = "late" if answer is None else "right" if is_right(answer.value, right, self.manifest) else "wrong"
        return {
            "number": planned["trial"] + 1,
            "count": sum(part_of(row) == part for row in self._plan),
            "word": right,
            "right": right,
            "answer": "" if answer is None else answer.value,
            "verdict": self._texts.get(verdict, ""),
        }

    def _imagined(self, question: Question) -> str:
        if isinstance(question.entry, NumberEntry):
            return str(self._participants.first_free() or 0)
        return question.key_for(self._imagined_value(question))

    def _imagined_value(self, question: Question) -> Any:
        level = self._chosen.get("level")
        return imagined_answer(question, self._planned or {}, self.manifest, self.participant or 0, level)

    def _now(self) -> float:
        from psychopy import logging

        return float(logging.defaultClock.getTime())


__all__ = ["CATCH", "TrialSession"]
