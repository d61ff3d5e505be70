"""What a network says itself of the images that it was trained on: those of timm, and of transformers with their processor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from synthstim.errors import InputError
from synthstim.modalities.image import ImageInput


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
