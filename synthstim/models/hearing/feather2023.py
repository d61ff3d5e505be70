"""The layout of the checkpoints of Feather et al. 2023 (doi:10.1038/s41593-023-01442-0), read into plain networks.

Their networks sit in a wrapper that holds them twice (once for adversarial training, as ``attacker``), beside the
front end, whose filters are buffers; the names of the network's own weights come after ``model.``, ``model.1.`` or
nothing. What is not the network's is checked against the front end built here, then left out.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.models.hearing.erb import ErbBands, filter_bank

RATE, SAMPLES, FRAMES, CHANNELS = 20_000, 40_000, 390, 211
WORDS = 794
_TAPS = 1001


def published_state(state: dict[str, Tensor], *, anchor: str) -> dict[str, Tensor]:
    """Return the network's own weights out of a published state dict, by the network's own names.

    Args:
        state: as the checkpoint holds it; a ``module.`` prefix may be on or off.
        anchor: a weight that only this network has, by its own name; a state dict without it comes back as it is.

    Raises:
        InputError: the checkpoint's front end is not the cochleagram of Feather et al. 2023.
    """
    places = [name.removesuffix(anchor) for name in state if name == anchor or name.endswith(f".{anchor}")]
    if not places:
        return state
    prefix = min(places, key=lambda place: ("attacker." in place, len(place)))
    kept = {}
    for name, value in state.items():
        if "full_rep." in name or ".normalize." in f".{name}":
            _check_front_end(name, value)
        elif name.startswith(prefix):
            kept[name.removeprefix(prefix)] = value
        elif "attacker." not in name:
            kept[name] = value
    # A network without a wrapper starts with "", as its second copy does.
    return {name: value for name, value in kept.items() if not name.startswith("attacker.")}


def head(state: dict[str, Tensor], to: str) -> dict[str, Tensor]:
    """Rename the word readout ``classification`` to ``to``; readouts of other tasks are left out."""
    tasks = "classification.signal/", "classification.noise/"
    word = "classification.signal/word_int."
    renamed = {}
    for name, value in state.items():
        if name.startswith(word):
            renamed[f"{to}.{name.removeprefix(word)}"] = value
        elif name.startswith("classification.") and not name.startswith(tasks):
            renamed[f"{to}.{name.removeprefix('classification.')}"] = value
        elif not name.startswith(tasks):
            renamed[name] = value
    return renamed


def require_two_seconds(samples: int, owner: str) -> None:
    """Raise InputError unless a sound has the 2 s that these networks were built for."""
    if samples != SAMPLES:
        raise InputError(
            f"{owner} hears exactly {SAMPLES / RATE:g} s ({SAMPLES} samples at {RATE} Hz), "
            f"{samples / RATE:g} s ({samples} samples) given",
            f"cut or pad the sound to {SAMPLES / RATE:g} s",
        )


@cache
def _filters() -> Tensor:
    return filter_bank(ErbBands(), samples=SAMPLES, rate=RATE).responses


def _check_front_end(name: str, value: Tensor) -> None:
    wrong = ""
    if name.endswith("coch_filters"):
        real = value[..., 0] if value.dim() == 3 else value
        same = real.shape == _filters().shape and torch.allclose(real.to(torch.float32), _filters(), atol=1e-3)
        wrong = "" if same else f"cochlear filters {tuple(value.shape)}"
    elif name.endswith("downsample_filter"):
        wrong = "" if value.numel() == _TAPS else f"a downsampling filter of {value.numel()} taps"
    elif name.endswith(("new_mean", "new_std")):
        wrong = "" if bool((value == name.endswith("new_std")).all()) else "a normalisation of waveforms"
    if wrong:
        raise InputError(
            f"the checkpoint's front end has {wrong}; expected the cochleagram of Feather et al. 2023 "
            f"({CHANNELS} channels, {SAMPLES} samples at {RATE} Hz), on which this network is built"
        )
