"""Checkpoints of a running batch: tensors in one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import safetensors.torch
import torch
from safetensors import safe_open

from synthstim.errors import InputError
from synthstim.files import write_whole
from synthstim.optimise.loop import Synthesiser


def save_checkpoint(synthesiser: Synthesiser, path: Path) -> None:
    """Write everything a resumed run needs to continue bit for bit; the old file stands until the new one is whole."""
    tensors = {"latents": synthesiser.latents, "best_latents": synthesiser.best_latents, "best": synthesiser.best}
    tensors |= {f"optimiser.{name}": value for name, value in synthesiser.optimiser.state.items()}
    tensors |= {f"generator.{row}": generator.get_state() for row, generator in enumerate(synthesiser.generators)}
    tensors |= {f"finished.{item}": kept[0] for item, kept in synthesiser.finished.items()}
    facts = {
        "running": synthesiser.running,
        "finished": {item: kept[1:] for item, kept in synthesiser.finished.items()},
        "curves": synthesiser.curves,
        "spent": synthesiser.spent,
        "elapsed": synthesiser.elapsed,
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
    except Exception as error:
        raise InputError(f"the checkpoint {path} is damaged ({error}): remove it and start again") from None
    wanted = {"latents", "best_latents", "best", *(f"optimiser.{name}" for name in synthesiser.optimiser.state)}
    shape = (len(facts["running"]), synthesiser.latents.shape[1])
    if (
        len(facts["curves"]) != len(synthesiser.curves)
        or not wanted <= tensors.keys()
        or tuple(tensors["latents"].shape) != shape
        or tensors["latents"].dtype != synthesiser.latents.dtype
    ):
        raise InputError(f"the checkpoint {path} is of another batch: remove it and start again")
    device = synthesiser.latents.device
    synthesiser.running = facts["running"]
    synthesiser.curves = [[(step, score) for step, score in curve] for curve in facts["curves"]]
    synthesiser.finished = {
        int(item): (tensors[f"finished.{item}"].to(device), *kept) for item, kept in facts["finished"].items()
    }
    synthesiser.spent, synthesiser.elapsed = facts["spent"], facts["elapsed"]
    for name in ("latents", "best_latents", "best"):
        setattr(synthesiser, name, tensors[name].to(device))
    synthesiser.optimiser.state = {
        name: tensors[f"optimiser.{name}"].to(value.device) for name, value in synthesiser.optimiser.state.items()
    }
    synthesiser.generators = [synthesiser.generators[item] for item in synthesiser.running]
    for row, generator in enumerate(synthesiser.generators):
        generator.set_state(tensors[f"generator.{row}"])
    rows = torch.tensor(synthesiser.running, dtype=torch.long, device=device)
    synthesiser.scorer = synthesiser.evaluator.scorer = synthesiser.scorer.select(rows)
    synthesiser.evaluator.at_once = facts["at_once"]
