"""One setting of the shipped default changed at a time: what each choice is worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from climb import climb, lasting, shipped_phases
from material import PHOTOGRAPHS, photographs, show

from synthstim.modalities.image.noise import AMPLITUDE, noise
from synthstim.modalities.image.synthesis import FINISH_STEP, METAMER_EVALUATIONS
from synthstim.models import Observer, load_model
from synthstim.optimise import LBFGS, Adam
from synthstim.parametrise import Fourier
from synthstim.production.phases import Phase

Change = Callable[[list[Phase]], list[Phase]]
# Large images take ten times as long, so only the settings that matter on small ones are tried there.
AT_224 = (
    "Fourier decay 1",
    "initial noise 0.02",
    "Fourier decay 1.3",
    "L-BFGS for 10% of the evaluations",
    "L-BFGS for 60% of the evaluations",
    "L-BFGS for 100% of the evaluations",
    "finish step 2 levels",
    "finish step 8 levels",
)


def run_settings(*, quick: bool = False) -> dict[str, Any]:
    """Run and print the variants of the default, on small images at its own budget and on large ones at half of it."""
    budget = METAMER_EVALUATIONS
    runs: tuple[tuple[str, int, int], ...] = (
        ("blocks.0", 96, budget),
        ("blocks.2", 96, budget),
        ("blocks.2", 224, budget // 2),
    )
    if quick:
        runs = (("blocks.0", 48, 40), ("blocks.2", 48, 40))
    return {f"settings_{layer}_{size}px_{count}": _run_at(layer, size, count) for layer, size, count in runs}


def _run_at(layer: str, size: int, evaluations: int) -> dict[str, list[float]]:
    """The matches reached on each photograph, by variant."""
    observer = load_model(size=(size, size))
    references = photographs(observer, PHOTOGRAPHS)
    print(f"\n## Settings: {observer.name}, {layer}, {size} px, {evaluations} evaluations, 8-bit images")
    tried: dict[str, Change] = {"shipped default": list, **_variants(observer)}
    if size == 224:
        tried = {name: tried[name] for name in ("shipped default", *AT_224)}
    found: dict[str, list[float]] = {}
    for name, change in tried.items():
        phases = change(shipped_phases(observer, layer, evaluations))
        found[name] = climb(observer, layer, references, phases).end
        print(name, *(f"{value:.2f}" for value in found[name]), flush=True)
    base = found["shipped default"]
    rows = []
    for name, ends in found.items():
        gains = [end - start for end, start in zip(ends, base, strict=True)]
        rows.append(
            [
                name,
                " / ".join(f"{end:.1f}" for end in ends),
                " / ".join(f"{gain:+.1f}" for gain in gains),
                f"{min(gains):+.1f}",
            ]
        )
    show(
        f"### {', '.join(PHOTOGRAPHS)}",
        ["changed", "dB at the end", "against the default", "on the worst for it"],
        rows,
    )
    return found


def _variants(observer: Observer) -> dict[str, Change]:
    shape = observer.input.shape
    variants: dict[str, Change] = {}
    for decay in (0.5, 0.75, 1.0, 1.3):
        if decay != Fourier(shape).decay:
            variants[f"Fourier decay {decay:g}"] = _first(parametrisation=Fourier(shape, decay=decay))
    for amplitude in (0.02, 0.1, 0.5):
        if amplitude != AMPLITUDE:
            variants[f"initial noise {amplitude:g}"] = _first(start=_noise(observer, amplitude))
    for history in (10, 20, 50):
        if history != LBFGS().history:
            variants[f"L-BFGS history {history}"] = _first(optimiser=partial(LBFGS, history=history))
    for share in (0.1, 0.3, 0.6, 1.0):
        variants[f"L-BFGS for {share:.0%} of the evaluations"] = _shared(share)
    for levels in (0.5, 1, 2, 4, 8):
        if levels / 255 != FINISH_STEP:
            variants[f"finish step {levels:g} levels"] = _finish(partial(Adam, step=levels / 255, memory=0.99))
    variants["finish with Adam's usual decay .999"] = _finish(partial(Adam, step=FINISH_STEP))
    for share, levels in ((0.5, 2), (0.6, 2), (0.6, 1), (0.8, 1)):
        narrow = _finish(partial(Adam, step=levels / 255, memory=0.99))
        variants[f"L-BFGS for {share:.0%}, finish step {levels} levels"] = _both(_shared(share), narrow)
    return variants


def _both(one: Change, other: Change) -> Change:
    return lambda phases: other(one(phases))


def _first(**changes: Any) -> Change:
    return lambda phases: [replace(phases[0], **changes), *phases[1:]]


def _finish(optimiser: Callable[[], Adam]) -> Change:
    return lambda phases: [phases[0], replace(phases[1], optimiser=optimiser)]


def _shared(share: float) -> Change:
    def change(phases: list[Phase]) -> list[Phase]:
        whole = sum(phase.stopping.evaluations for phase in phases)
        search = round(share * whole)
        rest = [lasting(phases[1], whole - search)] if search < whole else []
        return [lasting(phases[0], search), *rest]

    return change


def _noise(observer: Observer, amplitude: float) -> torch.Tensor:
    generators = [torch.Generator().manual_seed(1 + item) for item in range(len(PHOTOGRAPHS))]
    weak = torch.logit(noise("pink", observer.input.shape, generators))
    return torch.sigmoid(weak * (amplitude / AMPLITUDE))
