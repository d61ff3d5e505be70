"""The demonstration of sounds: recordings that packages carry, and recipes for two observers."""

from __future__ import annotations

from pathlib import Path

from synthstim.demonstration import Demonstration
from synthstim.modalities.sound import write_wav
from synthstim.modalities.sound.recordings import carried

# A spoken word, a sentence and a texture, by their names among the carried recordings.
RECORDINGS = {"activated": "activated", "disturb": "do_not_disturb", "fire": "fire"}
_HEAD = """\
# Metamers of a spoken word, a sentence and a texture at four stages of a model of hearing.
observer: {{name: {observer}, duration_s: 1.4}}
seed: 1
fit: pad
stimuli:
  - name: {name}
    kind: metamer
    reference: [activated.wav, disturb.wav, fire.wav]
    layers: [{layers}]
    evaluations: 300
"""
RECIPES = {
    "whisper": _HEAD.format(observer="whisper-tiny.en", name="whisper", layers="conv1, conv2, enc0, enc2"),
    # One stage in each branch: a metamer of the word branch leaves the music branch unmatched, and the reverse.
    "word_music": _HEAD.format(observer="word-music", name="wm", layers="cochleagram, relu2, word.relu5, music.relu5"),
}


def write_references(folder: Path) -> None:
    """Put the recordings into a folder, as WAV at their own rate."""
    for stem, name in RECORDINGS.items():
        waveform, rate = carried(name).read()
        write_wav(folder / f"{stem}.wav", waveform, rate)


DEMONSTRATION = Demonstration(
    "demo-sound", RECIPES, write_references, "word_listening", {"participants": 2, "check_headphones": False}
)
