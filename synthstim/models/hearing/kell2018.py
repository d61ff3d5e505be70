"""The two-branch network of Kell et al. 2018 (doi:10.1016/j.neuron.2018.03.044): words and musical genres.

Seven stages are shared (``conv1`` to ``relu3``); then a branch recognises the word, ``word.*``, and one the genre,
``music.*``. The weights are the authors' (three ``.npy`` files, for TensorFlow) and are not carried here.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.models.hearing.branches import WordsAndMusic, decide_by_branch
from synthstim.models.hearing.cochleagram import Cochleagram
from synthstim.models.hearing.same_padding import SameAvgPool2d, SameConv2d, SameMaxPool2d

if TYPE_CHECKING:
    from synthstim.models.observer import Observer

RATE = 16_000
SAMPLES = 32_000
WORDS, GENRES = 589, 43
STAGES = (
    *("cochleagram", "relu1", "pool1", "relu2", "pool2", "relu3"),
    *("word.relu4", "word.relu5", "word.pool5", "word.relu6", "word.logits"),
    *("music.relu4", "music.relu5", "music.pool5", "music.relu6", "music.logits"),
)
_POOLED = (6, 6, 512)


class Kell2018Branch(nn.Sequential):
    """What one task adds to the shared stages: two convolutions, a pool and two full layers; (batch, 512, 11, 11) -> (batch, class)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv4 = SameConv2d(512, 1024, (3, 3), bias=True)
        self.relu4 = nn.ReLU()
        self.conv5 = SameConv2d(1024, 512, (3, 3), bias=True)
        self.relu5 = nn.ReLU()
        self.pool5 = SameAvgPool2d((3, 3), 2, count_padding=False)
        self.flat = nn.Flatten()
        self.fc6 = nn.Linear(math.prod(_POOLED), 1024)
        self.relu6 = nn.ReLU()
        self.logits = nn.Linear(1024, classes)


class Kell2018(WordsAndMusic):
    """Waveform -> cochleagram, stretched and resized -> shared stages -> the word branch, then the music branch.

    Waveforms are at ``RATE``, full scale; cochleagrams (batch, 256, 256), 0 to 255.

    Args:
        words, genres: logits of the branches; as published 589 and 43, each with two that stand for none.
    """

    def __init__(self, *, words: int = WORDS, genres: int = GENRES) -> None:
        super().__init__()
        self.cochleagram = Cochleagram.preset("kell2018", samples=SAMPLES)
        self.conv1 = SameConv2d(1, 96, (9, 9), 3, bias=True)
        self.relu1 = nn.ReLU()
        # TensorFlow's alpha 1e-3 is per element, torch's per window of 5.
        self.norm1 = nn.LocalResponseNorm(5, alpha=5e-3, beta=0.75, k=1.0)
        self.pool1 = SameMaxPool2d((3, 3), 2)
        self.conv2 = SameConv2d(96, 256, (5, 5), 2, bias=True)
        self.relu2 = nn.ReLU()
        self.norm2 = nn.LocalResponseNorm(5, alpha=5e-3, beta=0.75, k=1.0)
        self.pool2 = SameMaxPool2d((3, 3), 2)
        self.conv3 = SameConv2d(256, 512, (3, 3), bias=True)
        self.relu3 = nn.ReLU()
        self.word = Kell2018Branch(words)
        self.music = Kell2018Branch(genres)


def network(samples: int, *, trained: bool = True) -> nn.Module:
    """Return the network with random weights.

    Raises:
        InputError: the sound does not last 2 s, or trained weights are asked for, which are not carried.
    """
    if samples != SAMPLES:
        raise InputError(
            f"Kell et al.'s network hears exactly {SAMPLES / RATE:g} s ({SAMPLES} samples at {RATE} Hz), "
            f"{samples / RATE:g} s ({samples} samples) given",
            f"cut or pad the sound to {SAMPLES / RATE:g} s",
        )
    if trained:
        raise InputError(
            "the weights of Kell et al. 2018 are their authors' and are not carried",
            "give a weights file (synthstim convert makes one of their three network_weights_*.npy), or weights random",
        )
    return Kell2018()


def decide(observer: Observer, stimuli: Tensor, layers: Sequence[str] = ()) -> list[Hashable]:
    """The number of the word, of the genre, or both: what the branches that the layers belong to take each sound for."""
    return decide_by_branch(observer, stimuli, layers, labels={"word": range(WORDS), "music": range(GENRES)})


def published_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights in the published TensorFlow layout, by this network's names; others come back as they are.

    ``conv4_W.W`` (height, width, in, out) becomes ``word.conv4.weight`` (out, in, height, width), and the first full
    layers, which count a picture's channels last, are put in the order of torch.
    """
    if not any(name.endswith(".W") for name in state):
        return state
    return {_name(name): _order(name, value) for name, value in state.items()}


def _name(published: str) -> str:
    layer, _, kind = published.rpartition(".")
    stem, _, task = layer.partition("_")
    branch = {"": "", "W": "word.", "G": "music."}.get(task, f"{task}.")
    return f"{branch}{'logits' if stem == 'fctop' else stem}.{ {'W': 'weight', 'b': 'bias'}.get(kind, kind) }"


def _order(published: str, value: Tensor) -> Tensor:
    if published.endswith(".b"):
        return value.flatten()
    if value.dim() == 4:
        return value.permute(3, 2, 0, 1).contiguous()
    if published.startswith("fc6") and len(value) == math.prod(_POOLED):
        return value.reshape(*_POOLED, -1).permute(3, 2, 0, 1).flatten(1).contiguous()
    return value.T.contiguous()
