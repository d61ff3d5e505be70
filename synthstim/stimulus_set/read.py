"""Reading a stimulus set: a directory with a table of stimuli and a provenance file."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthstim.errors import InputError, said_by
from synthstim.files import sha256_of
from synthstim.ids import check_ids
from synthstim.modalities import DEFAULT, MODALITIES
from synthstim.modalities.base import Modality, Stimulus
from synthstim.stimulus_set.columns import (
    COMPANION_TEXT,
    COMPANIONS,
    LATENTS,
    MISSING,
    SCHEMA_VERSION,
    SET,
    columns_of,
)
from synthstim.stimulus_set.files import NEEDED, read_provenance, read_table, require_columns
from synthstim.stimulus_set.paths import inside


@dataclass(frozen=True, repr=False)
class StimulusSet:
    """A stimulus set on disk, read and checked for form.

    Attributes:
        root: the set's directory.
        table: one row a stimulus, in the order of ``stimuli.tsv``; see ``synthstim.stimulus_set.columns``.
        provenance: the recipe, observer, versions, seeds and device the set was made with.
        part: name of the one, of the sets that a joined set was made of, that this is; "" for a whole set.

    Example:
        >>> stimuli = StimulusSet.read("my_set")
        >>> len(stimuli.table[stimuli.table["kind"] == "natural"])
        24
    """

    root: Path
    table: pd.DataFrame
    provenance: dict[str, Any]
    part: str = ""

    @classmethod
    def read(cls, directory: str | Path) -> StimulusSet:
        """Read a set; ids and paths are checked here, checksums by ``damaged``.

        Raises:
            InputError: the directory is no set, its schema is newer, or an id or path breaks the rules.
        """
        root = Path(directory)
        provenance = read_provenance(root)
        version = provenance.get("schema_version")
        if not isinstance(version, int) or not 1 <= version <= SCHEMA_VERSION:
            raise InputError(
                f"{root} has schema version {version!r}, this synthstim reads up to {SCHEMA_VERSION}", "update it"
            )
        table = read_table(root, columns_of(provenance))
        for name in NEEDED:
            if (empty := table[name].isna()).any():
                raise InputError(f"{root / 'stimuli.tsv'}: row {int(empty.argmax()) + 1} has no {name}")
        check_ids(table["stimulus_id"])
        for relative in (*table["file"], *table["reference"].dropna().unique()):
            inside(root, relative)
        return cls(root, table, provenance)

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.table["kind"].value_counts().items())
        return f"StimulusSet({str(self.root)!r}: {kinds})"

    @property
    def parts(self) -> dict[str, StimulusSet]:
        """The sets that it was joined of, by name, each with its rows and its provenance; itself where it is not joined."""
        known = self.provenance.get("parts")
        if known is None:
            return {self.part: self}
        rows = self.table[SET]
        return {
            name: StimulusSet(self.root, self.table[rows == name].reset_index(drop=True), facts, name)
            for name, facts in known.items()
        }

    def path(self, relative: str) -> Path:
        """The absolute path of a file named in the table."""
        return inside(self.root, relative)

    @property
    def modality(self) -> Modality:
        """What the stimuli are.

        Raises:
            InputError: it is of a plug-in that is not installed.
        """
        return MODALITIES[self.provenance.get("modality", DEFAULT)]

    def stimulus(self, relative: str) -> Stimulus:
        """Read a file of the set: display values (channel, y, x) in [0, 1], or a waveform (time,) at full scale."""
        return self.modality.read(self.path(relative))

    def latents(self, stimulus_id: str) -> NDArray[np.float64] | None:
        """What a stimulus was rendered from, where the set keeps it.

        Raises:
            InputError: the file is no array of numbers.
        """
        relative = f"{LATENTS}/{stimulus_id}.npy"
        if not (self.root / relative).exists():
            return None
        try:
            return np.asarray(np.load(inside(self.root, relative), allow_pickle=False), dtype=np.float64)
        except (ValueError, OSError, EOFError) as error:
            raise InputError(
                f"{relative} of {self.root.name} cannot be read ({said_by(error)})",
                "make the set again",
                code="unreadable",
            ) from None

    def companion(self, name: str) -> pd.DataFrame:
        """Read a further table of the set (see ``COMPANIONS``); empty, with its columns, where the set has none.

        Raises:
            InputError: the file is no such table, or passes a link.
        """
        if not (self.root / name).exists():
            return pd.DataFrame({column: [] for column in COMPANIONS[name]})
        text = {column: "string" for column in (*COMPANIONS[name], SET) if column in COMPANION_TEXT}
        path = inside(self.root, name)
        try:
            table = pd.read_csv(
                path, sep="\t", dtype=text, keep_default_na=False, na_values=[MISSING], encoding="utf-8-sig"
            )
        except (ValueError, OSError, EOFError, zlib.error) as error:
            raise InputError(
                f"{name} of {self.root.name} cannot be read as a table ({error})",
                "make the set again",
                code="unreadable",
            ) from None
        require_columns(table, COMPANIONS[name], f"{name} of {self.root.name}")
        return table[table[SET] == self.part] if self.part and SET in table else table

    def damaged(self) -> list[str]:
        """One sentence for each stimulus or reference whose bytes differ from its recorded sha256."""
        matched = self.table.dropna(subset=["reference"]).fillna({"reference_sha256": MISSING})
        recorded = [
            *zip(self.table["file"], self.table["sha256"], strict=True),
            *zip(matched["reference"], matched["reference_sha256"], strict=True),
        ]
        return [
            f"{relative} has changed since it was made (sha256 {found[:12]}..., recorded {wanted[:12]}...)"
            for relative, wanted in dict.fromkeys(recorded)
            if (found := sha256_of(self.path(relative))) != wanted
        ]

    def require_intact(self) -> None:
        """Raise InputError if any file differs from its checksum."""
        if problems := self.damaged():
            raise InputError(f"{self.root}: {problems[0]}" + (f" and {len(problems) - 1} more" if problems[1:] else ""))


def opened_set(stimuli: StimulusSet | str | Path) -> StimulusSet:
    """A set as it is, or read from its folder.

    Raises:
        InputError: the folder holds none.
    """
    return stimuli if isinstance(stimuli, StimulusSet) else StimulusSet.read(stimuli)
