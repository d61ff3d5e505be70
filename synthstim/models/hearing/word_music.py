"""A small network with a branch for words and one for music: the design of Kell et al. 2018, scaled down, trained here.

Kell et al. 2018 (doi:10.1016/j.neuron.2018.03.044) trained one network for two tasks, with early stages shared. This one
hears a cochleagram of fewer channels, has narrower stages, and batch normalisation where theirs had local response
normalisation. Its branches end in a mean over time instead of full layers of a fixed size, so that sounds of any
duration from 0.5 to 4 s are heard. It was trained by ``benchmarks/train_word_music.py``; ``docs/word_music_model_card.md`` says on what,
and how well it does. Its music task is to tell recorded tracks apart, not genres.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.models.hearing.branches import WordsAndMusic, decide_by_branch
from synthstim.models.hearing.cochleagram import Cochleagram
from synthstim.models.hearing.compression import Compression
from synthstim.models.hearing.erb import ErbBands
from synthstim.models.hearing.frames import Frames
from synthstim.models.weights import load_into, read_weights

if TYPE_CHECKING:
    from synthstim.models.observer import Observer

RATE = 16_000
LEAST_S, MOST_S = 0.5, 4.0
WEIGHTS = Path(__file__).with_suffix(".safetensors")
_SPOKEN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion first "
    "second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth "
    "ninetieth hundredth thousandth millionth billionth alpha bravo charlie delta echo foxtrot golf hotel india "
    "juliet kilo lima mike november oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu "
    "niner zed sunday monday tuesday wednesday thursday friday saturday january february march april may june july "
    "august september october december today tomorrow yesterday hello goodbye activated added agent ampersand and "
    "asterisk calling cancelled colon comma console dash deactivated disabled dollar dollars dot enabled equals "
    "extension family friends from hours is jingle last local location lowercase message messages minutes minus "
    "minute new no number o'clock oh old password pause paused percent pipe playback plus pound press quote received "
    "record removed saved seconds semicolon skinny slash space star time transfer underscore uppercase urgent with "
    "work your zap"
)
WORDS = tuple(_SPOKEN.split())
_MUSIC = (
    "ambi_glass_hum ambi_haunted_hum ambi_lunar_land cold_day guit_em9 loop_amen_full loop_compus loop_garzul "
    "loop_mika loop_safari loop_tabla morning_coffee robot_dity system the_simplicity"
)
TRACKS = tuple(_MUSIC.split())
SHARED = ("cochleagram", "relu1", "relu2", "relu3")
STAGES = (*SHARED, "word.relu4", "word.relu5", "word.relu6", "word.logits", "music.relu4", "music.relu5", "music.relu6", "music.logits")  # fmt: skip
# 67 channels, an ERB wide each, two to an ERB; 200 frames a second.
BANDS = ErbBands(31, 50, 8_000, 2)
FRAMES = Frames(200, taps=801, padding=(400, 400))
COMPRESSION = Compression(0.3)
# Rows of channels that are left where a branch looks at all frequencies at once.
_ROWS = 5


class WordMusicBranch(nn.Sequential):
    """What one task adds to the shared stages: two convolutions, a pool, all frequencies together, the mean over time."""

    def __init__(self, given: int, widths: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        first, second, third = widths
        self.conv4 = nn.Conv2d(given, first, 3, padding=1, bias=False)
        self.norm4 = nn.BatchNorm2d(first)
        self.relu4 = nn.ReLU()
        self.conv5 = nn.Conv2d(first, second, 3, padding=1, bias=False)
        self.norm5 = nn.BatchNorm2d(second)
        self.relu5 = nn.ReLU()
        self.pool5 = nn.AvgPool2d(3, 2, padding=1)
        self.fc6 = nn.Conv2d(second, third, (_ROWS, 3), padding=(0, 1), bias=False)
        self.norm6 = nn.BatchNorm2d(third)
        self.relu6 = nn.ReLU()
        self.mean6 = nn.AdaptiveAvgPool2d(1)
        self.flat = nn.Flatten()
        self.drop = nn.Dropout(0.3)
        self.logits = nn.Linear(third, classes)


class WordMusic(WordsAndMusic):
    """Waveform -> cochleagram -> three shared convolutions -> the word branch, then the music branch.

    Waveforms are at ``RATE``, full scale; cochleagrams of any number of frames.

    Args:
        samples: of each sound, at ``RATE``.

    Example:
        >>> import torch
        >>> logits = WordMusic(16_000).eval()(torch.zeros(1, 16_000))
        >>> logits["word"].shape, logits["music"].shape
        (torch.Size([1, 184]), torch.Size([1, 15]))
    """

    def __init__(self, samples: int, *, words: int = len(WORDS), tracks: int = len(TRACKS)) -> None:
        super().__init__()
        self.cochleagram = Cochleagram(samples, rate=RATE, bands=BANDS, frames=FRAMES, compression=COMPRESSION)
        self.norm0 = nn.BatchNorm2d(1)
        self.conv1 = nn.Conv2d(1, 32, (7, 9), (2, 3), padding=(3, 4), bias=False)
        self.norm1 = nn.BatchNorm2d(32)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(3, 2, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 5, padding=2, bias=False)
        self.norm2 = nn.BatchNorm2d(64)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(3, 2, padding=1)
        self.conv3 = nn.Conv2d(64, 128, 3, padding=1, bias=False)
        self.norm3 = nn.BatchNorm2d(128)
        self.relu3 = nn.ReLU()
        self.word = WordMusicBranch(128, (256, 192, 320), words)
        self.music = WordMusicBranch(128, (96, 64, 128), tracks)


def network(samples: int, *, trained: bool = True) -> WordMusic:
    """Return the network, with the weights that the package carries or with random ones.

    Raises:
        InputError: the sound does not last 0.5 to 4 s.
    """
    if not LEAST_S <= samples / RATE <= MOST_S:
        raise InputError(
            f"the word and music network hears {LEAST_S:g} to {MOST_S:g} s, {samples / RATE:g} s given: "
            "choose another duration"
        )
    made = WordMusic(samples)
    if trained:
        load_into(made, read_weights(WEIGHTS), WEIGHTS.name)
    return made


def decide(observer: Observer, stimuli: Tensor, layers: Sequence[str] = ()) -> list[Hashable]:
    """The word, the track, or both: what the branches that the layers belong to take each sound for."""
    return decide_by_branch(observer, stimuli, layers, labels={"word": WORDS, "music": TRACKS})
