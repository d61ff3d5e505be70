"""A simulated animal: shown images, it answers with spikes, through the files that a recording leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from synthstim.constraints import Constraint
from synthstim.encoding import Stimuli
from synthstim.errors import InputError, counted, nearest
from synthstim.models import Observer, load_model
from synthstim.responses import Responses, Window, from_array, read_presentations
from synthstim.simulate.calibrate import EVALUATIONS, best_images, saturation
from synthstim.simulate.draw import draw_cortex, draw_fields
from synthstim.simulate.noise import Rates, draw_counts, require_noise
from synthstim.simulate.record import require_apart, require_no_recording, spike_times, write_recording
from synthstim.stimulus_set import StimulusSet
from synthstim.verify import natural_pool

WINDOW_S: Window = (0.07, 0.17)
MOST_SITES = 500


@dataclass(frozen=True, repr=False)
class Animal:
    """Sites with receptive fields, divisive normalisation and saturation, which nobody fits exactly.

    Attributes:
        cortex: for those who judge a method, not for the method: the layer ``sites`` holds expected counts.
        table: ``site``, ``centre_y``, ``centre_x``, ``width`` (from -1 to 1 across the image), ``central``,
            ``usual`` (mean count over natural images), ``best_natural`` and ``oracle`` (expected counts of the best natural image
            and of the image found by the site's own gradient).
        noise: ``poisson`` or ``fano2``.
        window_s: in which counts are counted, from stimulus onset.
        seed: from which all was drawn.
    """

    cortex: Observer
    table: pd.DataFrame
    noise: str
    window_s: Window
    seed: int

    def __repr__(self) -> str:
        gain = (self.table["oracle"] / self.table["best_natural"]).median()
        return f"Animal({counted(len(self.table), 'site')}, {self.noise}, seed {self.seed}; its own gradient gains {gain:.2f} times)"

    @property
    def sites(self) -> tuple[str, ...]:
        """Names of the sites."""
        return tuple(map(str, self.table["site"]))

    def with_noise(self, noise: str) -> Animal:
        """The same animal with other noise."""
        require_noise(noise)
        return replace(self, noise=noise)

    def expected(self, images: Tensor) -> Rates:
        """Expected counts (image, site) of images (image, channel, y, x): the truth, which no recording shows."""
        return _read(self.cortex, images, "sites").double().numpy()

    def counts(self, images: Tensor, repeats: int, *, seed: int) -> np.ndarray:
        """Spike counts (repeat, image, site).

        Args:
            images: (image, channel, y, x) display values in [0, 1].
            repeats: of each image.
            seed: of the noise, beside the animal's own.
        """
        expected = np.repeat(self.expected(images)[None], repeats, 0)
        usual = self.table["usual"].to_numpy()
        flat = draw_counts(
            expected.reshape(-1, len(usual)), usual, self.noise, np.random.default_rng([self.seed, seed])
        )
        return flat.reshape(expected.shape)

    def answer(
        self, stimuli: StimulusSet | Stimuli, repeats: int = 5, *, session: str = "1", seed: int = 0
    ) -> Responses:
        """Responses to every stimulus of a set, each shown as often.

        Args:
            stimuli: a set of images of the animal's size, or ``Stimuli`` in memory.
            repeats: of each.
            session: their name in the table.
            seed: of the noise: another day is another seed.

        Raises:
            InputError: the images have another size.

        Example:
            >>> animal.answer(StimulusSet.read("tonight"), repeats=10)  # minutes  # doctest: +SKIP
            Responses(4,000 trials: 10 stimuli x 40 sites, 1 session, window 0.07 to 0.17 s)
        """
        if repeats < 1:
            raise InputError(f"{repeats} repeats given; expected 1 or more")
        shown = stimuli if isinstance(stimuli, Stimuli) else Stimuli.of_sets(stimuli, self.cortex.input, fit="exact")
        counts = self.counts(shown.batch(range(len(shown))), repeats, seed=seed)
        return from_array(
            counts, stimulus_ids=shown.ids, sites=self.sites, window_s=self.window_s, session=session,
            sha256=list(shown.table["sha256"].astype(str)), source=f"simulated animal {self.seed}",
        )  # fmt: skip

    def record(self, presentations: str | Path, out: str | Path, *, seed: int = 0) -> Path:
        """Write the spike file and the marker file of an exported experiment that was run.

        Args:
            presentations: ``data/..._presentations.tsv`` of the experiment; images are seen as it says they were shown.
            out: folder of ``spikes.tsv`` and ``markers.tsv``, as ``synthstim.responses`` reads them; made if need be.
            seed: of the counts and of the spikes' times.

        Returns:
            The folder.

        Raises:
            InputError: the log cannot be used, an image is gone or of another size, presentations follow one another
                faster than the window is long, or a file is there already.
        """
        path, out = Path(presentations), Path(out)
        require_no_recording(out)
        shown, _ = read_presentations(path, incomplete="keep")
        onsets = shown["onset_time_s"].to_numpy(dtype=np.float64)
        require_apart(onsets, self.window_s, path.name)
        files = list(dict.fromkeys(shown["file"].astype(str)))
        input = self.cortex.input
        images = [input.modality.read_for(path.parent.parent / file, input, fit="exact") for file in files]
        expected = self.expected(torch.from_numpy(np.stack(images)))
        each = expected[[files.index(file) for file in shown["file"].astype(str)]]
        random = np.random.default_rng([self.seed, seed])
        counts = draw_counts(each, self.table["usual"].to_numpy(), self.noise, random)
        base = self.cortex.module.get_submodule("sites").get_buffer("base").double().numpy()
        spikes = spike_times(counts, onsets, self.sites, base, self.window_s, random)
        markers = pd.DataFrame({"code": shown["marker_code"].astype(int), "time_s": onsets})
        return write_recording(spikes, markers, out)

    def best_images(
        self,
        sites: Sequence[str],
        *,
        seed: int = 0,
        constraints: Sequence[Constraint] = (),
        evaluations: int = EVALUATIONS,
    ) -> Tensor:
        """The oracle: images (site, channel, y, x) found by each site's own gradient, which no experiment has.

        Args:
            sites: one image each.
            seed: of the starts.
            constraints: that the images keep to.
            evaluations: of each image.

        Raises:
            InputError: there is no such site.
        """
        if unknown := [site for site in sites if site not in self.sites]:
            raise InputError(
                f"the animal has no site {unknown[0]!r}: {nearest(unknown[0], self.sites)}", code="unknown"
            )
        numbers = [self.sites.index(site) for site in sites]
        seeds = [seed * 10_000 + number for number in numbers]
        return best_images(self.cortex, numbers, seeds=seeds, constraints=constraints, evaluations=evaluations)


def simulated_animal(
    seed: int = 0,
    sites: int = 8,
    *,
    size: tuple[int, int] = (112, 112),
    noise: str = "poisson",
    natural: Tensor | None = None,
    constraints: Sequence[Constraint] = (),
    window_s: Window = WINDOW_S,
    network: Observer | None = None,
) -> Animal:
    """An animal to rehearse a session with: about a second a site.

    Sites read SqueezeNet's early stages under receptive fields of their own, at least 12 of them (or all) under one in the
    centre. Each saturates so that the image found by its own gradient evokes 1.5 to 2 times the counts of its best natural
    image: a method that seems to do better has made a mistake, and one that does as well is as good as can be.

    Args:
        seed: of fields, weights, gains and counts.
        sites: how many.
        size: (height, width) of the images that it is shown.
        noise: ``poisson``, or ``fano2`` for a gain that sites share from trial to trial.
        natural: (image, channel, y, x) display values of the natural images in whose terms it is calibrated; by default
            crops of the photographs that packages carry.
        constraints: that its oracle keeps, as the images it will be shown do.
        window_s: in which it counts.
        network: that its sites read instead of SqueezeNet: one whose ``features`` are a sequence of eight parts or more, of which
            they read what the fifth gives, and the eighth.

    Raises:
        InputError: the package with SqueezeNet's weights is missing, or a setting cannot be.

    Example:
        >>> simulated_animal(seed=1, sites=8)  # minutes  # doctest: +SKIP
        Animal(8 sites, poisson, seed 1; its own gradient gains 1.72 times)
    """
    require_noise(noise)
    if not 1 <= sites <= MOST_SITES:
        raise InputError(f"{sites} sites given; expected 1 to {MOST_SITES}")
    if min(size) < 64:
        raise InputError(f"images of {size[0]} x {size[1]} pixels given: the simulated animal sees 64 x 64 or more")
    network = network or load_model("squeezenet", size=size)
    if natural is None:
        natural = torch.cat(list(natural_pool(network).batches(network)))
    generator = torch.Generator().manual_seed(seed)
    fields = draw_fields(sites, generator)
    cortex = draw_cortex(network, natural, fields, generator)
    observer = Observer(cortex, input=network.input, name=f"simulated animal {seed}", weights="default", decision=None)
    found = best_images(
        observer, range(sites), seeds=[seed * 10_000 + site for site in range(sites)], constraints=constraints
    )
    drive = _read(observer, natural, "drive")
    cortex.sites = saturation(drive.max(0).values, _read(observer, found, "drive").diagonal(), generator)
    counts = _read(observer, natural, "sites")
    table = pd.DataFrame(
        {
            "site": [f"sim{seed}_{number:03d}" for number in range(sites)],
            "centre_y": fields.centre[:, 0].tolist(),
            "centre_x": fields.centre[:, 1].tolist(),
            "width": fields.width.tolist(),
            "central": fields.central,
            "usual": counts.mean(0).tolist(),
            "best_natural": counts.max(0).values.tolist(),
            "oracle": _read(observer, found, "sites").diagonal().tolist(),
        }
    )
    return Animal(observer, table, noise, window_s, seed)


def _read(observer: Observer, images: Tensor, layer: str) -> Tensor:
    with torch.no_grad():
        return torch.cat([observer.activations(batch, [layer])[layer] for batch in images.split(64)])
