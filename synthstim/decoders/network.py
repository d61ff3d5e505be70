"""A generator or the decoder of an autoencoder, a torch module, as a decoder of latents."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from synthstim.decoders.base import LatentGroup


class NetworkDecoder:
    """A network that takes latents (batch, latent) and returns images (batch, channel, y, x), display values in [0, 1].

    A network that returns values in [-1, 1], or takes latents of another shape, is wrapped in a module that brings them there.

    Args:
        network: set to evaluation; its weights are frozen.
        latents: how many standard normal ones there are, or groups with priors of their own.
        shape: (channel, y, x) of an image.

    Example:
        >>> layers = nn.Sequential(nn.Linear(4, 3 * 8 * 8), nn.Sigmoid(), nn.Unflatten(1, (3, 8, 8)))
        >>> NetworkDecoder(layers, 4, (3, 8, 8)).groups[0].names
        ('z_1', 'z_2', 'z_3', 'z_4')
    """

    def __init__(self, network: nn.Module, latents: int | Sequence[LatentGroup], shape: tuple[int, ...]) -> None:
        self.network = network.eval().requires_grad_(False)
        self.groups = (LatentGroup.numbered("z", latents),) if isinstance(latents, int) else tuple(latents)
        self.shape = tuple(shape)

    def __repr__(self) -> str:
        groups = ", ".join(f"{group.name} {len(group.names)}" for group in self.groups)
        return f"{type(self).__name__}({type(self.network).__name__}, {groups} -> {self.shape})"

    def decode(self, latents: Tensor) -> Tensor:
        """Latents -> images; the network follows them to their device and precision."""
        images: Tensor = self.network.to(latents.device, latents.dtype)(latents)
        return images
