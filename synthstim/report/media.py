"""What a set holds, embedded for the page: pictures or sounds."""

from __future__ import annotations

from typing import TypeAlias

from synthstim.report.pictures import Picture, Pictures
from synthstim.report.sounds import Sound, Sounds
from synthstim.report.words import SOUNDS, words_of
from synthstim.stimulus_set import StimulusSet

Medium: TypeAlias = Picture | Sound
Media: TypeAlias = Pictures | Sounds


def media_of(stimuli: StimulusSet, files: set[str]) -> Media:
    """Embed the files of a set.

    Raises:
        InputError: a path leaves the set, passes a link, or has no file.
    """
    return Sounds.of(stimuli, files) if words_of(stimuli) is SOUNDS else Pictures.of(stimuli, files)
