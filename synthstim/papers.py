"""The papers that methods come from, by key: what a report cites, as BibTeX."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """One paper.

    Attributes:
        key: of the BibTeX entry.
        authors: as BibTeX has them, joined by ``and``.
        title: of the paper.
        where: journal or proceedings; a preprint's archive.
        year: of publication.
        more: further fields of the entry.
        kind: of entry.
    """

    key: str
    authors: str
    title: str
    where: str
    year: int
    more: tuple[tuple[str, str], ...] = ()
    kind: str = "article"

    @property
    def cited(self) -> str:
        """In the text.

        >>> PAPERS["freeman2011"].cited
        'Freeman & Simoncelli 2011'
        """
        names = [name.partition(",")[0].replace("{", "").replace("}", "") for name in self.authors.split(" and ")]
        many = len(names) > 2 or names[-1] == "others"
        who = f"{names[0]} et al." if many else " & ".join(names)
        return f"{who} {self.year}"

    @property
    def bibtex(self) -> str:
        """The entry of a bibliography."""
        place = {"article": "journal", "inproceedings": "booktitle", "misc": "howpublished"}[self.kind]
        fields = [
            ("author", self.authors),
            ("title", f"{{{self.title}}}"),
            (place, self.where),
            ("year", str(self.year)),
        ]
        lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in (*fields, *self.more))
        return f"@{self.kind}{{{self.key},\n{lines}\n}}"


def _doi(volume: str, pages: str, doi: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in (("volume", volume), ("pages", pages), ("doi", doi)) if value)


PAPERS = {
    paper.key: paper
    for paper in (
        Paper("adelson1985", "Adelson, Edward H. and Bergen, James R.", "Spatiotemporal energy models for the perception of motion",
              "Journal of the Optical Society of America A", 1985, _doi("2", "284--299", "10.1364/JOSAA.2.000284")),
        Paper("bashivan2019", "Bashivan, Pouya and Kar, Kohitij and DiCarlo, James J.", "Neural population control via deep image synthesis",
              "Science", 2019, _doi("364", "eaav9436", "10.1126/science.aav9436")),
        Paper("berardino2017", "Berardino, Alexander and Ball\\'e, Johannes and Laparra, Valero and Simoncelli, Eero P.",
              "Eigen-distortions of hierarchical representations", "Advances in Neural Information Processing Systems", 2017, _doi("30", "", ""), "inproceedings"),
        Paper("broderick2023", "Broderick, William F. and Rufo, Gizem and Winawer, Jonathan and Simoncelli, Eero P.",
              "Foveated metamers of the early visual system", "eLife (reviewed preprint)", 2023, _doi("", "", "10.7554/eLife.90554")),
        Paper("dapello2020", "Dapello, Joel and Marques, Tiago and Schrimpf, Martin and Geiger, Franziska and Cox, David D. and DiCarlo, James J.",
              "Simulating a primary visual cortex at the front of CNNs improves robustness to image perturbations",
              "Advances in Neural Information Processing Systems", 2020, _doi("33", "13073--13087", ""), "inproceedings"),
        Paper("feather2019", "Feather, Jenelle and Durango, Alex and Gonzalez, Ray and McDermott, Josh H.",
              "Metamers of neural networks reveal divergence from human perceptual systems", "Advances in Neural Information Processing Systems", 2019,
              _doi("32", "10078--10089", ""), "inproceedings"),
        Paper("feather2023", "Feather, Jenelle and Leclerc, Guillaume and M\\k{a}dry, Aleksander and McDermott, Josh H.",
              "Model metamers reveal divergent invariances between biological and artificial neural networks", "Nature Neuroscience", 2023,
              _doi("26", "2017--2034", "10.1038/s41593-023-01442-0")),
        Paper("freeman2011", "Freeman, Jeremy and Simoncelli, Eero P.", "Metamers of the ventral stream", "Nature Neuroscience", 2011,
              _doi("14", "1195--1201", "10.1038/nn.2889")),
        Paper("golan2020", "Golan, Tal and Raju, Prashant C. and Kriegeskorte, Nikolaus",
              "Controversial stimuli: Pitting neural networks against each other as models of human cognition",
              "Proceedings of the National Academy of Sciences", 2020, _doi("117", "29330--29337", "10.1073/pnas.1912334117")),
        Paper("heeger1992", "Heeger, David J.", "Normalization of cell responses in cat striate cortex", "Visual Neuroscience", 1992,
              _doi("9", "181--197", "10.1017/S0952523800009640")),
        Paper("hallem2006", "Hallem, Elissa A. and Carlson, John R.", "Coding of odors by a receptor repertoire", "Cell", 2006,
              _doi("125", "143--160", "10.1016/j.cell.2006.01.050")),
        Paper("iandola2016", "Iandola, Forrest N. and Han, Song and Moskewicz, Matthew W. and Ashraf, Khalid and Dally, William J. and Keutzer, Kurt",
              "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size", "arXiv:1602.07360", 2016, (), "misc"),
        Paper("kell2018", "Kell, Alexander J. E. and Yamins, Daniel L. K. and Shook, Erica N. and Norman-Haignere, Sam V. and McDermott, Josh H.",
              "A task-optimized neural network replicates human auditory behavior, predicts brain responses, and reveals a cortical processing hierarchy",
              "Neuron", 2018, _doi("98", "630--644", "10.1016/j.neuron.2018.03.044")),
        Paper("kingma2015", "Kingma, Diederik P. and Ba, Jimmy", "Adam: A method for stochastic optimization",
              "International Conference on Learning Representations", 2015, (), "inproceedings"),
        Paper("kubilius2019", "Kubilius, Jonas and Schrimpf, Martin and Kar, Kohitij and Rajalingham, Rishi and Hong, Ha and Majaj, Najib J. and Issa, Elias B. and Bashivan, Pouya and Prescott-Roy, Jonathan and Schmidt, Kailyn and Nayebi, Aran and Bear, Daniel and Yamins, Daniel L. K. and DiCarlo, James J.",
              "Brain-like object recognition with high-performing shallow recurrent ANNs", "Advances in Neural Information Processing Systems", 2019,
              (("volume", "32"),), "inproceedings"),
        Paper("liu1989", "Liu, Dong C. and Nocedal, Jorge", "On the limited memory BFGS method for large scale optimization",
              "Mathematical Programming", 1989, _doi("45", "503--528", "10.1007/BF01589116")),
        Paper("mcdermott2011", "McDermott, Josh H. and Simoncelli, Eero P.", "Sound texture perception via statistics of the auditory periphery",
              "Neuron", 2011, _doi("71", "926--940", "10.1016/j.neuron.2011.06.032")),
        Paper("normanhaignere2018", "Norman-Haignere, Sam V. and McDermott, Josh H.",
              "Neural responses to natural and model-matched stimuli reveal distinct computations in primary and nonprimary auditory cortex",
              "PLOS Biology", 2018, _doi("16", "e2005127", "10.1371/journal.pbio.2005127")),
        Paper("olah2017", "Olah, Chris and Mordvintsev, Alexander and Schubert, Ludwig", "Feature visualization", "Distill", 2017,
              _doi("", "", "10.23915/distill.00007")),
        Paper("paszke2019", "Paszke, Adam and others", "PyTorch: An imperative style, high-performance deep learning library",
              "Advances in Neural Information Processing Systems", 2019, _doi("32", "", ""), "inproceedings"),
        Paper("portilla2000", "Portilla, Javier and Simoncelli, Eero P.",
              "A parametric texture model based on joint statistics of complex wavelet coefficients", "International Journal of Computer Vision", 2000,
              _doi("40", "49--70", "10.1023/A:1026553619983")),
        Paper("radford2023", "Radford, Alec and Kim, Jong Wook and Xu, Tao and Brockman, Greg and McLeavey, Christine and Sutskever, Ilya",
              "Robust speech recognition via large-scale weak supervision", "International Conference on Machine Learning", 2023, (), "inproceedings"),
        Paper("simoncelli1998", "Simoncelli, Eero P. and Heeger, David J.", "A model of neuronal responses in visual area MT", "Vision Research", 1998,
              _doi("38", "743--761", "10.1016/S0042-6989(97)00183-1")),
        Paper("tan2019", "Tan, Mingxing and Le, Quoc V.", "EfficientNet: Rethinking model scaling for convolutional neural networks",
              "International Conference on Machine Learning", 2019, (), "inproceedings"),
        Paper("wang2008", "Wang, Zhou and Simoncelli, Eero P.",
              "Maximum differentiation (MAD) competition: A methodology for comparing computational models of perceptual quantities",
              "Journal of Vision", 2008, _doi("8(12)", "8", "10.1167/8.12.8")),
        Paper("wang2021", "Wang, Peter Y. and Sun, Yi and Axel, Richard and Abbott, L. F. and Yang, Guangyu Robert",
              "Evolving the olfactory system with machine learning", "Neuron", 2021, _doi("109", "3879--3892", "10.1016/j.neuron.2021.09.010")),
    )
}  # fmt: skip


def bibliography(keys: Iterable[str]) -> str:
    """The BibTeX entries of these keys, each once, in alphabetical order."""
    return "\n\n".join(PAPERS[key].bibtex for key in sorted(set(keys)))
