"""What a network says itself of the images that it was trained on: those of timm, of transformers with their processor, and checkpoints of adversarial training."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.modalities.image import ImageInput

_NORMALISER = re.compile(r"(module\.)?normalizer\.new_(mean|std)")


def input_of(network: nn.Module) -> ImageInput:
    """The input of a network of timm, or of transformers whose image processor lies beside its weights.

    Raises:
        InputError: the network does not say what it is shown.

    Example:
        >>> import timm
        >>> input_of(timm.create_model("mobilenetv3_small_050")).size
        (224, 224)
    """
    trained = getattr(network, "pretrained_cfg", None) or getattr(network, "default_cfg", None)
    found = of_timm(trained) if isinstance(trained, Mapping) else _of_transformers(network)
    if found is None:
        raise InputError(
            f"{type(network).__name__} does not say which images it is shown",
            "give synthstim.Observer(network, input=synthstim.ImageInput(size=..., mean=..., std=...)), or SoundInput",
            code="missing",
        )
    return found


def of_timm(trained: Mapping[str, Any]) -> ImageInput:
    """The input that timm's configuration of a network describes."""
    channels, height, width = trained["input_size"]
    return ImageInput(size=(height, width), channels=channels, mean=tuple(trained["mean"]), std=tuple(trained["std"]))


def of_checkpoint(state: Mapping[str, Tensor], shown: ImageInput) -> ImageInput:
    """The input with the mean and standard deviation that a checkpoint has beside its network, as those of the package ``robustness`` do.

    Raises:
        InputError: they are of another number of channels, or no numbers.
    """
    own = {name.rpartition("new_")[2]: value for name, value in state.items() if _NORMALISER.fullmatch(name)}
    if not own:
        return shown
    counts = {name: tuple(value.shape) for name, value in own.items()}
    if set(counts.values()) != {(shown.channels, 1, 1)} or not all(value.isfinite().all() for value in own.values()):
        raise InputError(
            f"the checkpoint's normalisation is of the shapes {counts}; expected means and deviations of {shown.channels} channels"
        )
    # The shortest decimals that single precision takes for these.
    numbers = {name: tuple(float(str(one)) for one in value.flatten().numpy()) for name, value in own.items()}
    return replace(shown, **numbers)  # type: ignore[arg-type]


def _of_transformers(network: nn.Module) -> ImageInput | None:
    config: Any = getattr(network, "config", None)
    side = getattr(config, "image_size", None)
    if side is None or not getattr(config, "name_or_path", ""):
        return None
    from transformers import AutoImageProcessor

    try:
        processor = AutoImageProcessor.from_pretrained(config.name_or_path, local_files_only=True)
    except (OSError, ValueError, ImportError):  # None is kept beside the weights.
        return None
    height, width = (side, side) if isinstance(side, int) else side
    mean, std = tuple(processor.image_mean), tuple(processor.image_std)
    return ImageInput(size=(height, width), channels=getattr(config, "num_channels", 3), mean=mean, std=std)
