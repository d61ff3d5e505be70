"""Decoders: generators and renderers, from latents with priors to images, one a file that defines ``DECODER``."""

from synthstim.decoders.base import Decoder, LatentGroup
from synthstim.decoders.network import NetworkDecoder
from synthstim.decoders.opening import decode, open_decoder, require_usable
from synthstim.decoders.prior import draws, in_units, names_of, parts_of, placed, require_within, standard, standardised

__all__ = [
    "Decoder",
    "LatentGroup",
    "NetworkDecoder",
    "decode",
    "draws",
    "in_units",
    "names_of",
    "open_decoder",
    "parts_of",
    "placed",
    "require_usable",
    "require_within",
    "standard",
    "standardised",
]
