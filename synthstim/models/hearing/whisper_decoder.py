"""What Whisper's decoder writes down, by greedy decoding: is a sentence still recognised?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from synthstim.errors import InputError

# Whisper's own limit: half of the decoder's positions are for the text before.
LONGEST = 224
# What transformers calls the keys and values of the tokens before: its newer name and its older one.
_MEMORY = ("cache", "past_key_values")
# Vocabularies of at least this size are the multilingual ones; the English-only ones have one token fewer.
_MULTILINGUAL = 51865


class Scribe:
    """Turns what the encoder puts out into text.

    Args:
        decoder: transformers' ``WhisperDecoder``.
        tokenizer: a ``tokenizers.Tokenizer``.
    """

    def __init__(self, decoder: nn.Module, tokenizer: Any) -> None:
        self.decoder = decoder.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        multilingual = self._vocabulary.shape[0] >= _MULTILINGUAL
        spoken = ["<|en|>", "<|transcribe|>"] if multilingual else []
        self.prompt = [self._token(name) for name in ["<|startoftranscript|>", *spoken, "<|notimestamps|>"]]
        self.end = self._token("<|endoftext|>")

    @torch.no_grad()
    def write(self, hidden: Tensor) -> list[str]:
        """The most likely next token again and again, for each item by itself, until each has ended.

        Args:
            hidden: (batch, frame, channel) what the encoder put out.
        """
        self.decoder.to(hidden.device, hidden.dtype)
        tokens = torch.tensor(self.prompt, device=hidden.device).expand(len(hidden), -1)
        ended = torch.zeros(len(hidden), dtype=torch.bool, device=hidden.device)
        written: list[Tensor] = []
        memory: dict[str, Any] = {}
        for _ in range(LONGEST):
            seen = self.decoder(input_ids=tokens, encoder_hidden_states=hidden, use_cache=True, **memory)
            memory = {name: kept for name, kept in seen.items() if name in _MEMORY}
            best = (seen.last_hidden_state[:, -1] @ self._vocabulary.T).argmax(1)
            ended = ended | (best == self.end)
            if bool(ended.all()):
                break
            tokens = torch.where(ended, self.end, best)[:, None]
            written.append(tokens)
        rows = torch.cat(written, 1).tolist() if written else [[]] * len(hidden)
        return [self.tokenizer.decode(row, skip_special_tokens=True).strip() for row in rows]

    @property
    def _vocabulary(self) -> Tensor:
        return self.decoder.get_submodule("embed_tokens").weight  # type: ignore[return-value]

    def _token(self, name: str) -> int:
        number = self.tokenizer.token_to_id(name)
        if number is None:
            raise InputError(
                f"the tokenizer lacks {name}", "give Whisper's own tokenizer.json with the weights", code="missing"
            )
        return number
