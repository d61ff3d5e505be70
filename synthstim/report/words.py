"""What the page calls things, by what the set holds: images or sounds."""

from __future__ import annotations

from dataclasses import dataclass

from synthstim.stimulus_set import StimulusSet


@dataclass(frozen=True)
class Words:
    """The nouns of one modality.

    Attributes:
        one: a stimulus, ``image`` or ``sound``.
        natural: what the pool holds.
        distance: column of the table that says how far from its reference a metamer ended; its heading and its meaning
            are ``distance_label`` and ``distance_hint``.
    """

    one: str
    natural: str
    distance: str
    distance_label: str
    distance_hint: str

    def noun(self, count: int, kind: str) -> str:
        """What to call that many stimuli of a kind: metamer, controllers, natural images."""
        return (f"{kind} {self.one}" if kind in ("natural", "control") else kind) + ("" if count == 1 else "s")


IMAGES = Words(
    "image",
    "photograph",
    "pixel_distance",
    "pixel distance",
    "|image − reference| / |reference|, display values",
)
SOUNDS = Words(
    "sound",
    "recording",
    "waveform_distance",
    "waveform distance",
    "|waveform − reference| / |reference|: 0 is the same waveform, about 1.4 is an unrelated one at the same level",
)


def words_of(stimuli: StimulusSet) -> Words:
    """The words for what a set holds."""
    return SOUNDS if stimuli.modality == "sound" else IMAGES
