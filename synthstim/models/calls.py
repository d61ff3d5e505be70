"""What the parts of a network put out in one run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from synthstim.models.capture import OUTPUT, hook_calls

# Rounding differs with the size of a batch, and more so on a GPU; networks whose items look at one another differ by more.
_TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-3, torch.float16: 0.1, torch.bfloat16: 0.2}
_ELSEWHERE = 10
# Values of a layer that are compared.
_COMPARED = 4096


@dataclass(frozen=True)
class Call:
    """What a part put out: its shape if that was one tensor, else what it was; some values of the last stimulus, and
    whether any is NaN."""

    shape: tuple[int, ...] = ()
    instead: str = ""
    values: Tensor | None = field(default=None, repr=False)
    nan: bool = False

    @classmethod
    def of(cls, output: Any) -> Call:
        """The call of a part that put this out."""
        if not isinstance(output, Tensor):
            return cls(instead=f"outputs {_described(output)}, not one tensor")
        if output.is_nested or output.layout != torch.strided:
            return cls(instead="outputs a nested or sparse tensor, not a plain one")
        shape = tuple(output.shape)
        if output.is_complex():
            return cls(shape, "outputs complex numbers; units and matches are of real ones, such as their magnitude")
        if not shape or not output.numel():
            return cls(shape, f"outputs {'a single number' if not shape else 'no numbers'} for all stimuli of a batch")
        flat = output.dequantize()[-1].flatten() if output.is_quantized else output[-1].flatten()
        some = flat[:: len(flat) // _COMPARED | 1].detach().double().cpu()
        return cls(shape, values=some, nan=bool(output.isnan().any()) if output.is_floating_point() else False)

    def fault(self, both: Call | None) -> str:
        """Why the layer cannot be read, or "", given its call on two stimuli."""
        if self.instead:
            return self.instead
        if both is None:
            return "runs for some stimuli only"
        if self.shape[0] == 1 and both.shape == (2, *self.shape[1:]):
            return ""
        one, two = (" x ".join(map(str, call.shape)) for call in (self, both))
        return f"outputs {one} for one stimulus and {two} for two: its first axis is not that of the stimuli"

    def differs(self, other: Call, like: Tensor) -> bool:
        """Whether the values of the same stimulus are others, beyond rounding."""
        if self.values is None or other.values is None:
            return False
        tolerance = _TOLERANCE.get(like.dtype, 1e-3) * (1 if like.device.type == "cpu" else _ELSEWHERE)
        scale = self.values.abs().nan_to_num().max()
        return not torch.allclose(self.values, other.values, rtol=0, atol=tolerance * float(scale), equal_nan=True)


def trace(module: nn.Module, inputs: Tensor) -> dict[str, Call]:
    """The calls of a module's parts in the order they finish, and its output."""
    calls: dict[str, list[Call]] = {}
    order: list[tuple[str, int]] = []

    def record(name: str, output: Any) -> None:
        calls.setdefault(name, []).append(Call.of(output))
        order.append((name, len(calls[name])))

    with ExitStack() as hooks:
        for name, part in module.named_modules():
            if name:
                hook_calls(part, lambda output, name=name: record(name, output), hooks)  # type: ignore[misc]
        # A clone, as some networks write into what they take.
        output = module(inputs.clone())
    out = {name if len(calls[name]) == 1 else f"{name}@{number}": calls[name][number - 1] for name, number in order}
    return out | {OUTPUT: Call.of(output)}


@contextmanager
def unchanged(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Random numbers are drawn as if nothing had been drawn in between, and buffers hold what they held."""
    held = [(buffer, buffer.clone()) for buffer in map(_real, module.buffers())]
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(0)  # The same verdict each time.
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, before in held:
                    if not torch.equal(buffer, before):
                        buffer.copy_(before)


def _real(buffer: Tensor) -> Tensor:
    """The same numbers as real ones: complex ones of half precision cannot be compared."""
    return torch.view_as_real(buffer) if buffer.is_complex() and not buffer.is_conj() else buffer


def _described(output: Any) -> str:
    kind = type(output).__name__
    if output is None:
        return "nothing"
    if isinstance(output, dict):
        return f"a {kind} with {', '.join(map(repr, list(output)[:3]))}"
    return f"a {kind} of {len(output)}" if isinstance(output, list | tuple) else f"a {kind}"
