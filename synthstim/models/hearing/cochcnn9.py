"""CochCNN9: a convolutional network that recognises the word in the middle of two seconds of sound.

Feather et al. 2023 (doi:10.1038/s41593-023-01442-0), after Kell et al. 2018; their checkpoints call it ``kell2018``.
The weights are the authors' and are not carried here: bring a checkpoint (``synthstim convert``) or use random ones.
"""

from __future__ import annotations

from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.models.hearing import feather2023
from synthstim.models.hearing.cochleagram import Cochleagram
from synthstim.models.hearing.same_padding import SameAvgPool2d, SameConv2d, SameMaxPool2d

RATE = feather2023.RATE
WORDS = feather2023.WORDS
STAGES = ("cochleagram", "relu0", "relu1", "relu2", "relu3", "relu4", "avgpool", "relufc", "final")


class CochCNN9(nn.Module):
    """Waveform -> cochleagram -> five convolutions -> two full layers -> a logit for each word.

    Every stage that Feather et al. matched (``STAGES``) is a submodule of that name.

    Args:
        words: logits, 794 as published (793 words, and one for none).

    Example:
        >>> import torch
        >>> CochCNN9(words=10).eval()(torch.zeros(1, 40_000)).shape
        torch.Size([1, 10])
    """

    def __init__(self, *, words: int = WORDS) -> None:
        super().__init__()
        # With the quirks of the front end that the published weights were trained on.
        self.cochleagram = Cochleagram.preset("feather2023", samples=feather2023.SAMPLES, compat=True)
        self.batchnorm0 = nn.BatchNorm2d(1)
        self.conv0 = SameConv2d(1, 96, (7, 14), 3)
        self.relu0 = nn.ReLU()
        self.maxpool0 = SameMaxPool2d((2, 5), 2)
        self.batchnorm1 = nn.BatchNorm2d(96)
        self.conv1 = SameConv2d(96, 256, (4, 8), 2)
        self.relu1 = nn.ReLU()
        self.maxpool1 = SameMaxPool2d((2, 5), 2)
        self.batchnorm2 = nn.BatchNorm2d(256)
        self.conv2 = SameConv2d(256, 512, (2, 5))
        self.relu2 = nn.ReLU()
        self.conv3 = SameConv2d(512, 1024, (2, 5))
        self.relu3 = nn.ReLU()
        self.conv4 = SameConv2d(1024, 512, (2, 5))
        self.relu4 = nn.ReLU()
        self.avgpool = SameAvgPool2d((2, 5), 2, count_padding=True)
        self.flat = nn.Flatten()
        self.fullyconnected = nn.Linear(512 * 5 * 9, 4096)
        self.relufc = nn.ReLU()
        self.dropout = nn.Dropout()
        self.final = nn.Linear(4096, words)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Waveforms (batch, time) at ``RATE``, full scale -> word logits (batch, word)."""
        return self.recognise(self.cochleagram(waveforms))

    def recognise(self, cochleagrams: Tensor) -> Tensor:
        """Cochleagrams (batch, channel, frame) -> word logits (batch, word)."""
        x = cochleagrams.unsqueeze(1)
        for name, stage in self.named_children():
            if name != "cochleagram":
                x = stage(x)
        return x


def network(samples: int, *, trained: bool = True) -> nn.Module:
    """Return CochCNN9 with random weights.

    Raises:
        InputError: the sound does not last 2 s, or trained weights are asked for, which are not carried.
    """
    feather2023.require_two_seconds(samples, "CochCNN9")
    if trained:
        raise InputError(
            "CochCNN9's weights are its authors' and are not carried",
            "give a weights file (synthstim convert makes one of their kell2018_wsn_word.pt), or weights random",
        )
    return CochCNN9()


def published_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights in the published layout, by this network's names; weights that have those already come back as they are."""
    return feather2023.head(feather2023.published_state(state, anchor="conv0.weight"), "final")
