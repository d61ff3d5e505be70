"""What the columns of a listening test's tables of trials mean: for trials.json and the README of each export."""

from __future__ import annotations

from typing import Any

_YES = {"1": "yes", "0": "no"}

TRIAL_MEANINGS: dict[str, dict[str, Any]] = {
    "participant": {"Description": "Number of the participant"},
    "run": {"Description": "Number of the participant's run of the script, from 1"},
    "part": {"Description": "headphone, demo or main"},
    "attempt": {"Description": "Attempt at the headphone check; the last counts"},
    "trial": {"Description": "Number of the trial in its part, from 0"},
    "catch": {
        "Description": "Whether it is a catch trial: a natural recording, easy for whoever listens",
        "Levels": _YES,
    },
    "source": {"Description": "The recording"},
    "condition": {"Description": "natural, or the stage whose metamer was heard"},
    "observer": {"Description": "The model of the stage; n/a for natural"},
    "layer": {"Description": "Its layer; n/a for natural"},
    "stimulus_id": {"Description": "Id of what was played"},
    "file": {"Description": "Its file"},
    "sha256": {"Description": "Checksum of that file"},
    "word": {"Description": "The right answer; for headphone, the place of the softest tone"},
    "answer": {"Description": "The answer"},
    "correct": {
        "Description": "Whether the answer is the word, or one that the labels give as right as well",
        "Levels": _YES,
    },
    "status": {"Description": "answered, or interrupted: it had begun when the run ended"},
    "played": {"Description": "Whether PsychoPy handed the device every sample", "Levels": _YES},
    "underflows": {
        "Description": "How often the device ran out of samples meanwhile: anything but 0 is heard as a gap, and says that the"
        " computer was too busy"
    },
    "onset_s": {"Description": "When the sound was started, by PsychoPy's clock", "Units": "s"},
    "duration_s": {"Description": "Duration of the file", "Units": "s"},
    "rt_s": {"Description": "From onset to the answer", "Units": "s"},
    "first_key_s": {"Description": "From onset to the first key typed", "Units": "s"},
    "replaced": {"Description": "How often return was pressed on something that is not in the list"},
    "headphone_passed": {
        "Description": "Whether the last attempt at the headphone check passed; n/a without check",
        "Levels": _YES,
    },
    "time": {"Description": "Wall clock at the end of the trial"},
}
