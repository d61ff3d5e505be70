"""Evolution through files: a stimulus set for each generation, the responses back, and plain files between."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from synthstim.errors import InputError, said_by, share
from synthstim.evolve.archive import Values
from synthstim.evolve.evolution import Evolution
from synthstim.evolve.generation import keep_image, name_of, write_set
from synthstim.evolve.parents import IMAGES, parents_of, read_parents, read_starts, write_parents
from synthstim.evolve.recombination import Parents
from synthstim.evolve.settings import EvolveSettings, versions
from synthstim.files import Staging, as_json, as_tsv, write_whole
from synthstim.modalities.image import fit_image, read_image
from synthstim.recipe.problems import validate
from synthstim.recipe.yaml_source import read_yaml
from synthstim.responses import Responses, mean_responses, require_match
from synthstim.responses.files import listed
from synthstim.stimulus_set import StimulusSet

SETTINGS = "evolution.json"
_ARRAYS = ("codes", "means", "counts")


class EvolutionFolder:
    """Evolutions of one or more sites in a folder: ``g001``, ``g002`` ... are stimulus sets, ``told`` what they did.

    Whatever was told is kept in ``told/g001.npz`` ...: codes (site, image, number), means and counts (site, image). Opening
    a folder asks and tells them again, in order and with the same random numbers, and so ends where it was: a folder
    whose process was killed goes on with the very generation that it would have had. Nothing is ever overwritten.

    Args:
        directory: made by ``begin``.

    Raises:
        InputError: there is no such folder, a file of it is damaged, or other versions of packages give other codes.

    Example:
        >>> folder = EvolutionFolder.begin("evolution", {"sites": ["v4_01"], "size": [32, 32], "population": 4})
        >>> folder.stimuli.root.name
        'g001'
        >>> shown = [str(name) for name in folder.stimuli.table["stimulus_id"]]
        >>> rates = from_array(np.ones((2, len(shown), 1)), stimulus_ids=shown, sites=["v4_01"], window_s=(0.07, 0.17))
        >>> folder.tell(rates).root.name
        'g002'
    """

    def __init__(self, directory: str | Path) -> None:
        self.root = Path(directory)
        if not (self.root / SETTINGS).is_file():
            raise InputError(
                f"{self.root} is not an evolution: it has no {SETTINGS}; begin one with synthstim evolve init"
            )
        self.settings: EvolveSettings = validate(read_yaml(self.root / SETTINGS), EvolveSettings)
        parents = read_parents(self.root, self.settings.parents) if self.settings.parents else {}
        self.evolutions = _evolutions(self.settings, read_starts(self.root, self.settings.starts), parents)
        self._rows: list[dict[str, Any]] = []
        while (path := self._told(self.generation)).is_file():
            self._replay(path)

    @classmethod
    def begin(
        cls,
        directory: str | Path,
        settings: EvolveSettings | Mapping[str, Any],
        *,
        starts: Mapping[str, str | Path] | None = None,
        shown: StimulusSet | None = None,
        responses: Responses | None = None,
    ) -> EvolutionFolder:
        """Make the folder and the stimulus set of its first generation.

        Args:
            directory: it must not exist yet.
            settings: those of ``EvolveSettings``; ``sites`` and ``size`` are needed.
            starts: site -> image file that its evolution starts from, cropped to the size and copied to the folder; the
                others start at mid-grey.
            shown, responses: a set, and trials of it at every site: evolutions recombine the best of its images.

        Raises:
            InputError: a setting is wrong, or an image cannot be read, or the responses are of other stimuli; nothing is
                made then.
        """
        checked = settings if isinstance(settings, EvolveSettings) else EvolveSettings.from_dict(settings)
        if (shown is None) != (responses is None) or (shown is not None and starts):
            raise InputError("a set goes with the responses to it, and with no starts", "give a set and responses")
        if shown is not None and (idle := sorted(checked.model_fields_set & {"cutoff", "spread", "centre"})):
            raise InputError(f"{idle[0]} is of low frequencies, and images are recombined here", "leave it out")
        images = {
            site: fit_image(read_image(path), checked.channels, checked.size, "crop")
            for site, path in (starts or {}).items()
        }
        parents = parents_of(shown, responses, checked) if shown is not None and responses is not None else {}
        _evolutions(checked, {site: torch.from_numpy(image) for site, image in images.items()}, parents)
        with Staging(directory, "evolve init") as staging:
            (staging.path / "told").mkdir()
            held = {site: keep_image(staging.path / IMAGES, image) for site, image in images.items()}
            facts = checked.facts() | {"made_with": versions(), "starts": held}
            if parents:
                facts["parents"] = write_parents(staging.path, parents)
            checked = EvolveSettings.from_dict(facts)
            write_whole(staging.path / SETTINGS, as_json(checked.facts()))
            _ = cls(staging.path).stimuli
            return cls(staging.commit())

    @property
    def generation(self) -> int:
        """Number of the generation that waits for responses, from 1."""
        return next(iter(self.evolutions.values())).generation + 1

    @property
    def stimuli(self) -> StimulusSet:
        """The set of the generation that waits for responses; written now if a run was killed before it could be."""
        root = self.root / name_of(self.generation)
        return (
            StimulusSet.read(root)
            if root.is_dir()
            else write_set(root, self.generation, self.evolutions, self.settings)
        )

    def set_of(self, generation: int) -> StimulusSet:
        """The stimulus set of a generation that was made, from 1 to the one that waits."""
        if generation == self.generation:
            return self.stimuli
        return StimulusSet.read(self.root / name_of(generation))

    def tell(self, responses: Responses) -> StimulusSet:
        """Take the responses to the generation that waits; return the set of the next one.

        Args:
            responses: trials of every image of the generation at its own site, in one window; further sites are left.

        Raises:
            InputError: the responses are of other stimuli or other files, lack some, or lack a site; nothing is told.
        """
        stimuli = self.stimuli
        stimuli.require_intact()
        self._require_current(responses)
        require_match(responses, stimuli.table)
        means, counts = self._measured(responses, stimuli)
        codes = np.stack([evolution.ask_codes() for evolution in self.evolutions.values()])
        written = io.BytesIO()
        np.savez(written, codes=codes, means=means, counts=counts)
        write_whole(self._told(self.generation), written.getvalue())
        self._learn(means, counts)
        self._write_progress()
        return self.stimuli

    def progress(self) -> pd.DataFrame:
        """One row a generation and site: ``generation``, ``site``, ``new_mean``, ``new_best``, ``centre``, ``best`` and
        ``best_presentations`` (the image with the best mean so far), ``step``; the columns of generations.tsv.
        """
        names = ("generation", "site", "new_mean", "new_best", "centre", "best", "best_presentations", "step")
        return pd.DataFrame(self._rows, columns=list(names))

    def _require_current(self, responses: Responses) -> None:
        told = {int(found[1]) for name in responses.stimulus_ids if (found := re.match(r"g(\d{3,})_", name))}
        if old := sorted(number for number in told if number < self.generation):
            raise InputError(
                f"{responses.source} has responses to generation {old[0]}, which were told already: "
                f"generation {self.generation} waits, show {self.root / name_of(self.generation)}"
            )

    def _measured(self, responses: Responses, stimuli: StimulusSet) -> tuple[Values, Values]:
        """Mean response of each site to its own images, and the trials behind it, both (site, image)."""
        if absent := [site for site in self.settings.sites if site not in responses.sites]:
            raise InputError(
                f"{responses.source} lacks the site {absent[0]}: it has {listed(responses.sites)}", code="missing"
            )
        table = stimuli.table
        means, counts = [], []
        for site in self.settings.sites:
            own = table.loc[table["unit"] == site, "stimulus_id"].tolist()
            found = mean_responses(responses.only(sites=[site]), own)
            if missing := [name for name, count in zip(own, found.count[:, 0], strict=True) if not count]:
                raise InputError(
                    f"{responses.source}: {share(len(missing), len(own), stimuli.modality.name, 'has', 'have', stimuli.modality.plural)} no trial at {site} "
                    f"({listed(missing)})",
                    "show every one at least once",
                    code="too-few",
                )
            means.append(found.mean[:, 0])
            counts.append(found.count[:, 0])
        return np.stack(means), np.stack(counts)

    def _learn(self, means: Values, counts: Values) -> None:
        generation = self.generation
        for (site, evolution), mean, count in zip(self.evolutions.items(), means, counts, strict=True):
            roles = np.array(evolution.roles)
            new, middle = mean[roles == "new"], mean[roles == "centre"]
            evolution.tell(mean, counts=count)
            best = evolution.best
            self._rows.append(
                {"generation": generation, "site": site, "new_mean": new.mean(),
                 "new_best": new[evolution.merits(new).argmax()], "centre": middle[0] if len(middle) else None,
                 "best": best.response, "best_presentations": best.presentations, "step": evolution.step}
            )  # fmt: skip

    def _replay(self, path: Path) -> None:
        asked = np.stack([evolution.ask_codes() for evolution in self.evolutions.values()])
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
                codes, means, counts = (stored[name] for name in _ARRAYS)
        except Exception as error:  # a damaged archive makes its reader raise anything
            raise InputError(
                f"{path} is damaged ({said_by(error, 120)})", "restore it from a copy", code="unreadable"
            ) from None
        if codes.shape != asked.shape or not np.allclose(codes, asked, rtol=1e-6, atol=1e-9):
            self.settings.require_same_versions(self.root)
        self._learn(means, counts)

    def _told(self, generation: int) -> Path:
        return self.root / "told" / f"{name_of(generation)}.npz"

    def _write_progress(self) -> None:
        write_whole(self.root / "generations.tsv", as_tsv(self.progress(), float_format="%.7g"))


def _evolutions(
    settings: EvolveSettings, starts: Mapping[str, Tensor], parents: Mapping[str, Parents]
) -> dict[str, Evolution]:
    """One evolution a site; random numbers of one do not depend on the others."""
    return {
        site: Evolution(
            settings.shape,
            goal=settings.goal,
            level=settings.level,
            site=site,
            population=settings.population,
            again=settings.again,
            centre=settings.centre,
            cutoff=settings.cutoff,
            spread=settings.spread,
            start=starts.get(site),
            parents=parents.get(site),
            seed=[settings.seed, number],
            constraints=settings.projections,
        )
        for number, site in enumerate(settings.sites)
    }
