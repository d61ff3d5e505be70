"""The encoder of Whisper (Radford et al. 2022, arXiv:2212.04356), tiny.en unless a checkpoint is named.

Stages: ``mel`` (log-mel spectrogram, 80 channels, 100 frames a second), ``conv1`` and ``conv2`` (each after its GELU,
384 channels, 100 and 50 frames a second), ``enc0`` to ``enc3`` (transformer blocks) and ``norm`` (the final layer
norm, what the decoder reads). Each puts out (batch, channel, frame). Nothing in it rectifies.

Two departures from the published use. Short sounds are not padded to 30 s: the position table is cropped, which costs
a small part of the work; the blocks then see no silence after the sound, so their output differs from the padded
one's. And as a model of hearing, the module is read at any stage, not only at its end.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.models.hearing.mel import mel_filters
from synthstim.models.hearing.whisper_decoder import Scribe
from synthstim.models.hearing.whisper_weights import (
    CheckpointSource,
    EmbeddedSource,
    Source,
    bare_part,
    tiny_en_config,
)

if TYPE_CHECKING:
    from transformers import WhisperConfig

    from synthstim.models.observer import Observer

RATE = 16000
WINDOW = 400
HOP = 160
LONGEST = 30 * RATE
STAGES = ("mel", "conv1", "conv2", "enc0", "enc1", "enc2", "enc3", "norm")


class LogMel(nn.Module):
    """Whisper's log-mel spectrogram: (batch, time) at 16 kHz -> (batch, mel, frame), about [-1, 1.5] for speech.

    It is what the model's own feature extractor makes of the sound padded with silence, cropped to the sound. Bins
    80 dB below the item's loudest are raised to there, and no gradient passes through them.
    """

    filters: Tensor
    window: Tensor

    def __init__(self, channels: int = 80) -> None:
        super().__init__()
        self.register_buffer("filters", mel_filters(channels, rate=RATE, window=WINDOW), persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Waveforms (batch, time), full scale -> log-mel (batch, mel, frame)."""
        samples = waveforms.shape[-1]
        # Silence follows the sound, as in the padded original; at full length its edge is reflected, as there.
        heard = nn.functional.pad(waveforms, (0, min(WINDOW // 2, LONGEST - samples)))
        spectra = torch.stft(heard, WINDOW, HOP, window=self.window, return_complex=True)
        spectra = spectra[..., : -(-samples // HOP)]
        power = spectra.real.square() + spectra.imag.square()
        decades = (self.filters @ power).clamp_min(1e-10).log10()
        loudest = decades.amax((1, 2), keepdim=True)
        return (torch.maximum(decades, loudest - 8) + 4) / 4


class Positions(nn.Module):
    """Adds the first rows of the position table to (batch, channel, frame)."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.table = nn.Parameter(table, requires_grad=False)

    def forward(self, features: Tensor) -> Tensor:
        """(batch, channel, frame) -> the same, with positions."""
        return features + self.table[: features.shape[-1]].T


class ChannelFirst(nn.Module):
    """A module that takes (batch, frame, channel), turned to take and give (batch, channel, frame)."""

    def __init__(self, inner: nn.Module, *further: None) -> None:
        super().__init__()
        self.inner, self.further = inner, further

    def forward(self, features: Tensor) -> Tensor:
        """(batch, channel, frame) -> (batch, channel, frame)."""
        given = self.inner(features.mT, *self.further)
        # The first versions 5 of transformers give the features in a tuple.
        return (given[0] if isinstance(given, tuple) else given).mT


class WhisperEncoder(nn.Module):
    """transformers' Whisper encoder behind a differentiable front end, for sounds of 25 ms to 30 s.

    Args:
        encoder: transformers' ``WhisperEncoder``, whose parts are taken over.
        source: where its decoder can be had, for ``transcribe``.

    Example:
        >>> model = network(16000)  # loads for ten seconds  # doctest: +SKIP
        >>> model(torch.randn(2, 16000)).shape  # loads for ten seconds  # doctest: +SKIP
        torch.Size([2, 384, 50])
    """

    def __init__(self, encoder: Any, *, source: Source | None = None) -> None:
        super().__init__()
        config: WhisperConfig = encoder.config
        self.mel = LogMel(config.num_mel_bins)
        self.conv1 = nn.Sequential(encoder.conv1, nn.GELU())
        self.conv2 = nn.Sequential(encoder.conv2, nn.GELU())
        self.positions = Positions(encoder.embed_positions.weight.detach())
        self.blocks = [f"enc{at}" for at in range(config.encoder_layers)]
        for name, layer in zip(self.blocks, encoder.layers, strict=True):
            self.add_module(name, ChannelFirst(layer, None))
        self.norm = ChannelFirst(encoder.layer_norm)
        self.source = source
        self._scribe: Scribe | None = None

    def forward(self, waveforms: Tensor) -> Tensor:
        """Waveforms (batch, time) at 16 kHz, full scale -> (batch, channel, frame), 50 frames a second.

        Raises:
            InputError: the sounds are too short or too long.
        """
        require_length(waveforms.shape[-1])
        features = self.positions(self.conv2(self.conv1(self.mel(waveforms))))
        for name in self.blocks:
            features = self.get_submodule(name)(features)
        return self.norm(features)

    def scribe(self) -> Scribe:
        """The decoder, loaded when it is first asked for; it is no part of the module."""
        if self._scribe is None:
            if self.source is None:
                raise InputError("this Whisper has random weights, so it cannot transcribe: load the trained one")
            self._scribe = Scribe(self.source.decoder(), self.source.tokenizer())
        return self._scribe


def network(
    samples: int, *, trained: bool = True, checkpoint: str | Path | None = None, download: bool = False
) -> WhisperEncoder:
    """Whisper's encoder for sounds of so many samples at 16 kHz.

    Args:
        samples: 400 to 480,000.
        trained: or random weights, from torch's own random state.
        checkpoint: a folder that transformers saved (safetensors), or a name on the hub; tiny.en as embedded otherwise.
        download: whether the hub may be called for it.

    Raises:
        InputError: the length does not fit, or the weights cannot be loaded.
    """
    require_length(samples)
    source: Source = EmbeddedSource() if checkpoint is None else CheckpointSource(str(checkpoint), download)
    if not trained:
        return WhisperEncoder(bare_part("encoder", tiny_en_config() if checkpoint is None else source.config()))
    return WhisperEncoder(source.encoder(), source=source)


def transcribe(model: WhisperEncoder, waveforms: Tensor) -> list[str]:
    """What Whisper's decoder writes for each of the waveforms (batch, time) at 16 kHz, full scale.

    Here the sounds are padded to 30 s, as in the published use: after a cropped sound the decoder, which was never
    trained on one, mostly finds no end and says the same again and again.

    Raises:
        InputError: the model has random weights, or the sounds are too short or too long.

    Example:
        >>> transcribe(network(16000), waveforms)  # loads for ten seconds  # doctest: +SKIP
        ['Thank you.']
    """
    require_length(waveforms.shape[-1])
    scribe = model.scribe()
    with torch.no_grad():
        # One by one: 30 s of each take memory, and items must not influence one another, not even by rounding.
        hidden = (model(nn.functional.pad(one, (0, LONGEST - len(one)))[None]).mT for one in waveforms)
        return [text for one in hidden for text in scribe.write(one)]


def decide(observer: Observer, stimuli: Tensor, layers: Sequence[str] = ()) -> list[Hashable]:
    """The words that Whisper recognises in each stimulus, in lower case and without punctuation; None at random weights."""
    if observer.weights == "random":
        return [None] * len(stimuli)
    assert isinstance(observer.module, WhisperEncoder)
    return [words(text) for text in transcribe(observer.module, observer.preprocess(stimuli))]


def words(text: str) -> str:
    """The words of a text, in lower case and without punctuation.

    >>> words("Thank you, it's -- over.")
    "thank you it's over"
    """
    return " ".join(re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower()))


def require_length(samples: int) -> None:
    """Raise InputError unless Whisper hears sounds of so many samples at 16 kHz."""
    if not WINDOW <= samples <= LONGEST:
        raise InputError(
            f"a sound of {samples / RATE:g} s given; Whisper hears {WINDOW / RATE:g} to {LONGEST // RATE} s",
            "cut or extend it",
        )
