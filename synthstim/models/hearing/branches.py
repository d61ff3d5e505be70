"""Networks with a branch for words and one for music, and what they take a sound for."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from synthstim.models.observer import Observer


class WordsAndMusic(nn.Module):
    """``cochleagram`` -> stages that are shared -> the branch ``word``, then the branch ``music``.

    The word branch comes first, so whoever reads it stops before the music branch is computed.
    """

    cochleagram: nn.Module
    word: nn.Module
    music: nn.Module

    def forward(self, waveforms: Tensor) -> dict[str, Tensor]:
        """Waveforms (batch, time) -> logits of ``word`` (batch, word) and ``music`` (batch, class)."""
        return self.recognise(self.cochleagram(waveforms))

    def recognise(self, cochleagrams: Tensor) -> dict[str, Tensor]:
        """Cochleagrams (batch, channel, frame) -> the logits of both branches."""
        shared = self.share(cochleagrams)
        return {"word": self.word(shared), "music": self.music(shared)}

    def share(self, cochleagrams: Tensor) -> Tensor:
        """Cochleagrams (batch, channel, frame) -> what both branches are given (batch, feature, y, x)."""
        shared = cochleagrams.unsqueeze(1)
        for name, stage in self.named_children():
            if name not in ("cochleagram", "word", "music"):
                shared = stage(shared)
        return shared


def decide_by_branch(
    observer: Observer, stimuli: Tensor, layers: Sequence[str], *, labels: Mapping[str, Sequence[Hashable]]
) -> list[Hashable]:
    """The decision of each branch that the layers belong to, a tuple where there are several.

    Args:
        observer: whose module has the submodules ``TASK.logits``.
        stimuli: (batch, time) as played.
        layers: what is being matched; layers before the branches serve all of them, and no layers ask for all.
        labels: task -> the label of each of its logits.
    """
    served = [task for task in labels if any(layer.startswith(f"{task}.") for layer in layers)]
    shared = [layer for layer in layers if layer.partition(".")[0] not in labels]
    asked = list(labels) if shared or not served else served
    read = observer.activations(stimuli, [f"{task}.logits" for task in asked])
    best = [[labels[task][number] for number in read[f"{task}.logits"].argmax(1).tolist()] for task in asked]
    return [one[0] if len(one) == 1 else one for one in zip(*best, strict=True)]
