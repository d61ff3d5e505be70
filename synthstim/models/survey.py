"""A network looked over once: which of its layers can be read, why others cannot, and whether it answers each stimulus for itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from synthstim.errors import InputError, nearest, said_by
from synthstim.models.calls import Call, trace, unchanged
from synthstim.models.capture import OUTPUT

_BY_ITSELF = "normalise each stimulus by itself (batch normalisation wants running statistics)"


@dataclass(frozen=True)
class Survey:
    """What a network computes on stimuli of one shape.

    Attributes:
        shapes: of each layer that can be read, in the order of computation, for one stimulus (batch axis left out).
        faults: of each part that ran and cannot be read, why.
        order: both, in the order of computation.
    """

    shapes: dict[str, tuple[int, ...]]
    faults: dict[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    def require(self, layer: str, module: nn.Module, owner: str) -> None:
        """Raise InputError, with what is near, unless the layer can be read."""
        if layer in self.shapes:
            return
        if layer in self.faults:
            raise InputError(
                f"layer {layer!r} of {owner} {self.faults[layer]}", self._beside(layer), code="unknown", value=layer
            )
        if repeated := [name for name in self.shapes if name.startswith(f"{layer}@")]:
            hint = f"it is called {len(repeated)} times, choose {' or '.join(repeated)}"
        elif same := _other_name(module, layer):
            hint = f"it is the same part as {same!r}, choose that"
        elif layer in dict(module.named_modules()):
            why = (
                "is inside TorchScript, which hides its parts" if _scripted(module, layer) else "never runs as a layer"
            )
            raise InputError(
                f"{owner} has a part {layer!r} that {why}", self._beside(layer), code="unknown", value=layer
            )
        else:
            hint = nearest(layer, self.shapes)
        raise InputError(
            f"{owner} has no layer {layer!r}",
            f"{hint} (synthstim layers lists all {len(self.shapes)})",
            code="unknown",
            value=layer,
        )

    def _beside(self, part: str) -> str:
        """A clause that names the layer to read in place of a part: inside it, or what takes up its result."""
        inside = [layer for layer in self.shapes if layer.startswith(f"{part}.")]
        if inside:
            return f"choose a layer inside it, such as {inside[-1]!r}"
        around = next((name for name in _upwards(part) if name in self.order), None)
        if around is None:
            return nearest(part, self.shapes)
        place = self.order.index(around)
        after = next((layer for layer in self.order[place:] if layer in self.shapes), None)
        if after:
            return f"choose {after!r}, {'which it is a part of' if after == around else 'which comes next'}"
        before = [layer for layer in self.order[:place] if layer in self.shapes]
        return f"choose a layer before it, such as {before[-1]!r}"


def survey(module: nn.Module, inputs: Tensor, owner: str = "the network") -> Survey:
    """Run a network on one stimulus, and on two, and compare; what it holds is as it was before.

    Args:
        module: in eval mode.
        inputs: (2, ...) what it takes for two stimuli that are unlike each other.
        owner: how messages call it.

    Raises:
        InputError: it does not run; it answers the same stimulus differently the next time, or beside another stimulus.
    """
    with unchanged(module, inputs.device), torch.no_grad():
        alone, both = _traced_twice(module, inputs, owner)
        faults = {layer: fault for layer, call in alone.items() if (fault := call.fault(both.get(layer)))}
        if unfilled := _unfilled(module):
            table = unfilled in dict(module.named_buffers())
            lacks = f"needs {unfilled!r}, {'which holds NaN' if table else 'for which it has no weights'}"
            faults |= {layer: lacks for layer, call in alone.items() if call.nan and layer not in faults}
        for layer, call in alone.items():
            if layer not in faults and call.differs(both[layer], inputs):
                steady = not call.differs(trace(module, inputs[:1])[layer], inputs)
                raise InputError(_unsteady(layer, owner, steady=steady))
    shapes = {layer: call.shape[1:] for layer, call in alone.items() if layer not in faults}
    if not shapes:
        raise InputError(f"no layer of {owner} can be read: it {faults[OUTPUT]}")
    return Survey(shapes, faults, tuple(alone))


def _traced_twice(module: nn.Module, inputs: Tensor, owner: str) -> tuple[dict[str, Call], dict[str, Call]]:
    """The calls for the first stimulus alone, and for both, the first one last."""
    try:
        alone = trace(module, inputs[:1])
    except Exception as error:
        try:
            trace(module, inputs)
        except Exception:
            raise error from None
        raise InputError(
            f"{owner} runs on a batch and not on one stimulus alone ({said_by(error)})", _BY_ITSELF, code="does-not-run"
        ) from error
    try:
        return alone, trace(module, inputs.flip(0))
    except Exception as error:
        raise InputError(
            f"{owner} runs on one stimulus and not on two at once ({said_by(error)})",
            "let it take batches",
            code="does-not-run",
        ) from error


def _unsteady(layer: str, owner: str, *, steady: bool) -> str:
    where = "" if layer == OUTPUT else f", from its layer {layer!r} on"
    if steady:
        return f"{owner} answers a stimulus by what is beside it in a batch{where}: {_BY_ITSELF}"
    return (
        f"{owner} answers the same stimulus differently the next time{where}: switch off what is random (dropout as a"
        " function runs in eval mode too), or a state that it keeps"
    )


def _unfilled(module: nn.Module) -> str:
    """The first weight that is NaN, as what a checkpoint lacks is."""
    held = (*module.named_parameters(), *module.named_buffers())
    return next((name for name, value in held if value.is_floating_point() and value.isnan().any()), "")


def _other_name(module: nn.Module, layer: str) -> str:
    """The first name of a part that has several, if this is one of the others."""
    parts = dict(module.named_modules(remove_duplicate=False))
    first = {id(part): name for name, part in module.named_modules()}
    name = first.get(id(parts.get(layer)), layer)
    return "" if name == layer else name


def _scripted(module: nn.Module, layer: str) -> bool:
    parts = dict(module.named_modules())
    return any(isinstance(parts.get(name), torch.jit.ScriptModule) for name in ("", *_upwards(layer)))


def _upwards(part: str) -> Iterator[str]:
    """A part, what it is in, and so on."""
    while part:
        yield part
        part = part.rpartition(".")[0]
