"""Checkpoints of a running batch: tensors in one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import safe_open
from torch import Tensor

from synthstim.errors import InputError
from synthstim.files import write_whole
from synthstim.optimise.loop import Synthesiser


def save_checkpoint(synthesiser: Synthesiser, path: Path) -> None:
    """Write everything a resumed run needs to continue bit for bit; the old file stands until the new one is whole."""
    tensors = _of_items(synthesiser)
    tensors |= {f"optimiser.{name}": value for name, value in synthesiser.optimiser.state.items()}
    tensors |= {f"generator.{row}": generator.get_state() for row, generator in enumerate(synthesiser.generators)}
    tensors |= {f"finished.{item}": kept[0] for item, kept in synthesiser.finished.items()}
    facts = {
        "running": synthesiser.running,
        "finished": {item: kept[1:] for item, kept in synthesiser.finished.items()},
        "curves": synthesiser.curves,
        "spent": synthesiser.spent,
        "elapsed": synthesiser.elapsed,
        "waking": synthesiser.waking,
        "at_once": synthesiser.evaluator.at_once,
    }
    whole = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    write_whole(path, safetensors.torch.save(whole, metadata={"facts": json.dumps(facts)}))


def load_checkpoint(synthesiser: Synthesiser, path: Path) -> None:
    """Put a fresh synthesiser of the same batch where the saved one stood.

    Raises:
        InputError: the file is damaged or belongs to another batch.
    """
    try:
        with safe_open(path, framework="pt") as stored:
            facts = json.loads(stored.metadata()["facts"])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        if not _fits(facts, tensors, synthesiser):
            raise InputError(f"the checkpoint {path} is of another batch", "remove it and start again")
        _restore(facts, tensors, synthesiser)
    except InputError:
        raise
    except Exception as error:  # a damaged file may hold anything
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(
            f"the checkpoint {path} is damaged ({reason})", "remove it and start again", code="unreadable"
        ) from None


def _of_items(synthesiser: Synthesiser) -> dict[str, Tensor]:
    """What is kept of each running item, beside the optimiser's state."""
    kept = {f"best.{name}": values for name, values in vars(synthesiser.bests).items()}
    return {"latents": synthesiser.latents, **kept}


def _fits(facts: dict[str, Any], tensors: dict[str, Tensor], synthesiser: Synthesiser) -> bool:
    running, items = len(facts["running"]), len(synthesiser.curves)
    size = synthesiser.latents.shape[1]
    wanted: dict[str, tuple[int, ...]] = {
        name: (running, *value.shape[1:]) for name, value in _of_items(synthesiser).items()
    }
    wanted |= {f"finished.{item}": (size,) for item in facts["finished"]}
    wanted |= {f"optimiser.{name}": (running, *value.shape[1:]) for name, value in synthesiser.optimiser.state.items()}
    return (
        len(facts["curves"]) == items == running + len(facts["finished"])
        and all(name in tensors and tuple(tensors[name].shape) == shape for name, shape in wanted.items())
        and tensors["latents"].dtype == synthesiser.latents.dtype
    )


def _restore(facts: dict[str, Any], tensors: dict[str, Tensor], synthesiser: Synthesiser) -> None:
    device = synthesiser.latents.device
    synthesiser.running = facts["running"]
    synthesiser.curves = [[(step, score) for step, score in curve] for curve in facts["curves"]]
    synthesiser.finished = {
        int(item): (tensors[f"finished.{item}"].to(device), *kept) for item, kept in facts["finished"].items()
    }
    synthesiser.spent, synthesiser.elapsed, synthesiser.waking = facts["spent"], facts["elapsed"], facts["waking"]
    synthesiser.latents = tensors["latents"].to(device)
    for name in vars(synthesiser.bests):
        setattr(synthesiser.bests, name, tensors[f"best.{name}"].to(device))
    synthesiser.optimiser.state = {
        name: tensors[f"optimiser.{name}"].to(value.device) for name, value in synthesiser.optimiser.state.items()
    }
    synthesiser.generators = [synthesiser.generators[item] for item in synthesiser.running]
    for row, generator in enumerate(synthesiser.generators):
        generator.set_state(tensors[f"generator.{row}"])
    rows = torch.tensor(synthesiser.running, dtype=torch.long, device=device)
    synthesiser.scorer = synthesiser.evaluator.scorer = synthesiser.scorer.select(rows)
    synthesiser.evaluator.at_once = facts["at_once"]
