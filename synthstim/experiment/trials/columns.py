"""What the columns of trials.tsv mean: for trials.json and the README of each export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from synthstim.experiment.runtime.trials import trial_columns

_YES = {"1": "yes", "0": "no"}
_SLOT: dict[str, dict[str, Any]] = {
    "": {"Description": "Id of the stimulus in this slot"},
    "_sha256": {"Description": "Checksum of its file"},
    "_db_spl": {"Description": "Level of the whole sound at the ear, by the rig's calibration", "Units": "dB SPL"},
    "_onset_frame": {"Description": "Flip with which it came, by the frames' table; n/a of sounds"},
    "_onset_s": {"Description": "When it came, by PsychoPy's clock", "Units": "s"},
}
_MEANINGS: dict[str, dict[str, Any]] = {
    "participant": {"Description": "Number of the participant"},
    "session": {"Description": "Number of the participant's run of the script, from 1"},
    "trial": {"Description": "Number of the trial in its part, from 0; catch trials are counted with the main ones"},
    "phase": {"Description": "headphone, practice, main, or catch: a trial that is easy for whoever attends"},
    "attempt": {"Description": "Attempt at the headphone check, the last counts; n/a in other parts"},
    "block": {"Description": "Number of the stretch between two rests, from 0"},
    "condition": {"Description": "What the conditions' columns say that is not the same in all trials"},
    "pair": {"Description": "What is compared: the ids of the stimuli, or the source of a recording"},
    "track": {"Description": "The staircase; n/a where trials are constant"},
    "level": {"Description": "The level that the staircase chose; n/a where trials are constant"},
    "track_trials": {"Description": "Answers that the staircase has had, this one included"},
    "track_reversals": {"Description": "How often it has turned; n/a of QUEST+"},
    "track_step": {
        "Description": "Its step after this answer, in ranks of the levels (weighted: how many times the steps are taken)"
    },
    "track_threshold": {
        "Description": "What the answers so far say of the threshold, in units of the level: mean of the levels at which the staircase"
        " turned, or mean of QUEST+'s posterior"
    },
    "track_threshold_sd": {"Description": "Standard deviation of that posterior; n/a of staircases"},
    "track_slope": {"Description": "Mean of the posterior of the slope; n/a of staircases"},
    "track_lapse": {"Description": "Mean of the posterior of the lapse rate; n/a of staircases"},
    "right": {"Description": "The right answer; n/a where none is"},
    "response": {"Description": "The answer"},
    "correct": {"Description": "Whether it is the right one, or one that counts for it", "Levels": _YES},
    "response_time": {
        "Description": "From the onset of the trial's last stimulus, masks apart, to the answer",
        "Units": "s",
    },
    "first_key_time": {"Description": "From the same onset to the first key typed", "Units": "s"},
    "replaced": {"Description": "How often return was pressed on something that may not be answered"},
    "confidence": {"Description": "How sure the participant says to be"},
    "confidence_time": {"Description": "From the same onset to that answer", "Units": "s"},
    "played": {
        "Description": "Whether PsychoPy handed the sound device every sample, or the olfactometer answered all that it was told",
        "Levels": _YES,
    },
    "underflows": {
        "Description": "How often the sound device ran out of samples meanwhile: anything but 0 is heard as a gap, and says that the"
        " computer was too busy; or how many lines the olfactometer did not answer"
    },
    "missed_refreshes": {"Description": "Refreshes of the display missed during the trial"},
    "headphone_passed": {
        "Description": "Whether the last attempt at the headphone check passed; n/a without check",
        "Levels": _YES,
    },
    "status": {
        "Description": "answered; no_response in time; aborted (it comes again); interrupted: it had begun when the run ended"
    },
    "time": {"Description": "Wall clock at the end of the trial"},
}


def meanings(
    conditions: Sequence[str], slots: Sequence[str], *, adaptive: bool = False, at_ear: bool = False
) -> dict[str, dict[str, Any]]:
    """The columns of a table of trials and what each means, as BIDS describes columns.

    Args:
        conditions: names of the columns of the conditions.
        adaptive: whether a rule chooses the levels.
        at_ear: whether levels at the ear are known.
    """
    of_slots = {f"{slot}{end}": meaning for slot in slots for end, meaning in _SLOT.items()}
    of_conditions = {
        name: {"Description": "What the set, or a table of the user's, says of the stimulus"} for name in conditions
    }
    return {
        name: _MEANINGS.get(name) or of_slots.get(name) or of_conditions[name]
        for name in trial_columns(conditions, slots, adaptive=adaptive, at_ear=at_ear)
    }
