"""VOneNets (Dapello & Marques et al. 2020): a fixed bank of V1 cells in front of ResNet-50, AlexNet or CORnet-S.

Their weights are their authors' and are not carried; a file of them loads as it is, the bank's kernels among them, for layers
and parameters have the published names. The published networks add noise to each cell, like a spike count's. Here there is none: an observer
gives the same image the same answer.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.modalities.image import ImageInput
from synthstim.models.seeing.cornet_s import areas, decoder
from synthstim.models.seeing.gabors import drawn, kernels

# The published settings: an image of 224 pixels is seen as 8 degrees.
_SIMPLE, _COMPLEX, _SIDE, _STRIDE, _GAIN = 256, 256, 25, 4, 25.0
_PIXELS_PER_DEGREE = 224 / 8
# Of the weights trained on adversarial images, which no published forward pass uses.
_UNUSED = ("vone_block.div_u.weight", "vone_block.div_t.weight")


def image_input(behind: str) -> ImageInput:
    """The images that the network takes."""
    return ImageInput(size=(224, 224), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def embedded_network(behind: str) -> nn.Module:
    """Raises InputError: trained weights are the user's."""
    raise InputError(
        "the weights of VOneNets are their authors' and are not carried",
        f"give a weights file (their vone{behind}_e70.pth.tar, or what synthstim convert makes of it), or weights random",
    )


def bare_network(behind: str) -> nn.Module:
    """The architecture with random weights behind V1."""
    return VOneNet(behind)


def published_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The network's own weights out of a published state dict."""
    return {name: value for name, value in state.items() if name.removeprefix("module.") not in _UNUSED}


class VOneNet(nn.Module):
    """(batch, 3, y, x) -> (batch, 1000) logits of ImageNet's classes; ``vone_block`` is V1.

    Args:
        behind: ``resnet50``, ``alexnet`` or ``cornets``.

    Example:
        >>> import torch
        >>> VOneNet("cornets").eval()(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 1000])
    """

    def __init__(self, behind: str) -> None:
        super().__init__()
        self.vone_block = VOneBlock()
        self.bottleneck = nn.Conv2d(_SIMPLE + _COMPLEX, 64, 1, bias=False)
        self.model = _BEHIND[behind]()

    def forward(self, images: Tensor) -> Tensor:
        """Logits of preprocessed images."""
        logits: Tensor = self.model(self.bottleneck(self.vone_block(images)))
        return logits


class VOneBlock(nn.Module):
    """Simple cells, rectified Gabors of one colour channel each, then complex cells, the root of a quadrature pair's energy."""

    def __init__(self) -> None:
        super().__init__()
        cells = _SIMPLE + _COMPLEX
        parameters, colours = drawn(cells), torch.randint(3, (2, cells))
        self.simple_conv_q0, self.simple_conv_q1 = (
            _bank(kernels(parameters, _SIDE, pixels_per_degree=_PIXELS_PER_DEGREE, shift=shift), seen)
            for shift, seen in zip((0, 90), colours, strict=True)
        )
        self.simple, self.complex = nn.ReLU(), nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 3, y, x) -> (batch, cell, y / 4, x / 4)."""
        even = self.simple_conv_q0(images)
        # The other half of a simple cell's pair has weights that nobody reads.
        odd = nn.functional.conv2d(
            images, self.simple_conv_q1.weight[_SIMPLE:], stride=_STRIDE, padding=self.simple_conv_q1.padding
        )
        # Unlike a square root, a norm has a gradient where both are 0, as on grey.
        energy = torch.linalg.vector_norm(torch.stack((even[:, _SIMPLE:], odd)), dim=0) / 2**0.5
        return _GAIN * torch.cat((self.simple(even[:, :_SIMPLE]), self.complex(energy)), 1)


def _resnet50() -> nn.Sequential:
    """ResNet-50 without its first layer."""
    from torchvision.models import resnet50  # takes seconds

    parts = dict(resnet50(weights=None).named_children())
    kept = {name: parts[name] for name in ("layer1", "layer2", "layer3", "layer4", "avgpool")}
    return nn.Sequential(OrderedDict(**kept, flatten=nn.Flatten(), fc=parts["fc"]))


def _alexnet() -> nn.Sequential:
    """AlexNet without its first layer: what was its second has the stride, maps are padded before the pools, and 7 x 7 places are read."""
    from torchvision.models import alexnet  # takes seconds

    whole = alexnet(weights=None)
    later = [nn.MaxPool2d(3, 2, padding=1) if isinstance(part, nn.MaxPool2d) else part for part in whole.features[4:]]
    features = nn.Sequential(nn.Conv2d(64, 192, 5, stride=2, padding=2), *later)
    whole.classifier[1] = nn.Linear(256 * 7 * 7, 4096)
    pooled = {"avgpool": nn.AdaptiveAvgPool2d(7), "flatten": nn.Flatten()}
    return nn.Sequential(OrderedDict(features=features, **pooled, classifier=whole.classifier))


def _cornet_s() -> nn.Sequential:
    """CORnet-S from V2 on."""
    return nn.Sequential(OrderedDict(zip(("V2", "V4", "IT"), areas(), strict=True), decoder=decoder()))


def _bank(shapes: Tensor, colours: Tensor) -> nn.Conv2d:
    """A layer of kernels (cell, y, x), each of the colour channel that it sees."""
    convolution = nn.Conv2d(3, len(shapes), _SIDE, stride=_STRIDE, padding=_SIDE // 2, bias=False)
    weights = torch.zeros_like(convolution.weight)
    weights[torch.arange(len(shapes)), colours] = shapes
    convolution.weight = nn.Parameter(weights, requires_grad=False)
    return convolution


_BEHIND: dict[str, Callable[[], nn.Module]] = {"resnet50": _resnet50, "alexnet": _alexnet, "cornets": _cornet_s}
