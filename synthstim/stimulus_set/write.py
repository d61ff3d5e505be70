"""Writing a stimulus set: everything into a hidden directory beside it, renamed when complete."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthstim.errors import InputError
from synthstim.files import Staging, as_json, as_tsv, sha256_of
from synthstim.ids import check_ids, safe_id
from synthstim.modalities import DEFAULT, MODALITIES
from synthstim.modalities.base import Stimulus
from synthstim.stimulus_set.columns import COMPANIONS, LATENTS, MISSING, SCHEMA_VERSION, columns_of, sidecar
from synthstim.stimulus_set.paths import inside
from synthstim.stimulus_set.seal import write_sealed


class SetWriter:
    """Collects a set's files in a hidden directory; ``commit`` makes them appear at once, complete.

    Args:
        directory: of the set; it must not exist yet.
        description: for people.
        modality: name of the stimuli's modality.
        labels: columns of this set's own, that say how its stimuli differ: name -> (``number``, ``count``, ``flag`` or ``text``,
            what it means, its unit).
        writing: what its files need beside values: of sounds their rate in Hz.

    Example:
        >>> import numpy as np, tempfile
        >>> with SetWriter(f"{tempfile.mkdtemp()}/my_set") as writer:
        ...     _ = writer.add("grey", np.full((1, 8, 8), 0.5, np.float32), name="grey", kind="control")
        ...     root = writer.commit({"made_by": "hand"})
        >>> sorted(path.name for path in root.iterdir())[-2:]
        ['stimuli.json', 'stimuli.tsv']
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        description: str = "Stimuli made with synthstim",
        modality: str = DEFAULT,
        labels: Mapping[str, tuple[str, str, str]] | None = None,
        **writing: Any,
    ) -> None:
        self.labels = {name: list(about) for name, about in (labels or {}).items()}
        if taken := [name for name in self.labels if name in columns_of({"modality": modality})]:
            raise InputError(
                f"every set has a column {taken[0]!r}", "choose another name", code="in-the-way", value=taken[0]
            )
        self.place = Staging(directory, "a stimulus set is written")
        self.root, self.staging = self.place.root, self.place.path
        self.description = description
        self.modality, self.writing = MODALITIES[modality], writing
        self.columns = columns_of({"modality": modality, "labels": self.labels})
        self.rows: list[dict[str, object]] = []
        # By their lower case, in which ids must differ.
        self._ids: dict[str, str] = {}
        # Stems of references and their checksums, by the stem's lower case.
        self._references: dict[str, tuple[str, str]] = {}
        self.companions: dict[str, list[pd.DataFrame]] = {}
        try:
            for folder in ("stimuli", "references"):
                (self.staging / folder).mkdir()
        except OSError as error:
            self.place.discard()
            raise self.place.unwritten(error) from error

    def __enter__(self) -> SetWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self.place.__exit__(*error)

    def add_reference(self, reference: Stimulus, stem: str, *, bits: int | None = None) -> tuple[str, str]:
        """Save a reference as the observer is given it; return its relative path and sha256.

        The same reference is stored once; a colliding stem gains 8 characters of the sha256.

        Args:
            reference: as the observer is given it.
            stem: of the file's name.
            bits: as for ``add``.
        """
        suffix = self.modality.suffix
        temporary = self.staging / "references" / f".new{suffix}"
        self._write(temporary, reference, bits)
        digest = sha256_of(temporary)
        stem = safe_id(stem)
        if self._references.get(stem.lower(), (stem, digest))[1] != digest:
            stem = f"{stem[:55]}_{digest[:8]}"
        stem, _ = self._references.setdefault(stem.lower(), (stem, digest))
        temporary.replace(self.staging / "references" / f"{stem}{suffix}")
        return f"references/{stem}{suffix}", digest

    def add(self, stimulus_id: str, stimulus: Stimulus, *, bits: int | None = None, **columns: object) -> Path:
        """Save one stimulus and its row; return the file's path in the hidden directory.

        Args:
            stimulus_id: letters, digits, - and _, of no other stimulus of the set.
            stimulus: (channel, y, x) display values in [0, 1], (time,) at full scale, or (odorant,) shares of the stock.
            bits: 8 or 16 for images; 16, 24 or 32 (floating point) for sounds; by default 8 and 24.
            columns: further cells of its row in stimuli.tsv.

        Raises:
            InputError: the id cannot be one or is taken, a column is unknown, or the file cannot hold the values.

        Example:
            >>> writer = SetWriter("greys")
            >>> writer.add("dark", np.full((3, 8, 8), 0.25, np.float32), kind="natural").name
            'dark.png'
            >>> writer.commit({"versions": {}}).name
            'greys'
        """
        known = self._ids.get(str(stimulus_id).lower())
        check_ids([stimulus_id] if known is None else [known, stimulus_id])
        self._ids[stimulus_id.lower()] = stimulus_id
        if unknown := [name for name in columns if name not in self.columns]:
            raise InputError(f"stimuli.tsv has no column {unknown[0]!r}", code="unknown")
        path = self.staging / "stimuli" / f"{stimulus_id}{self.modality.suffix}"
        self._write(path, stimulus, bits)
        self.rows.append(
            {"stimulus_id": stimulus_id, "file": f"stimuli/{path.name}", "sha256": sha256_of(path), **columns}
        )
        return path

    def add_rows(self, companion: str, rows: pd.DataFrame) -> None:
        """Append rows to one of the set's further tables (see ``COMPANIONS``)."""
        if len(rows):
            self.companions.setdefault(companion, []).append(rows[list(COMPANIONS[companion])])

    def add_best_natural(self, stimulus: Stimulus, stem: str) -> tuple[str, str]:
        """Save one of the pool's best stimuli for a unit; return its relative path and sha256."""
        path = self.staging / "best_natural" / f"{safe_id(stem)}{self.modality.suffix}"
        path.parent.mkdir(exist_ok=True)
        self._write(path, stimulus, None)
        return f"best_natural/{path.name}", sha256_of(path)

    def _write(self, path: Path, stimulus: Stimulus, bits: int | None) -> None:
        self.modality.write(path, stimulus, bits=bits or self.modality.default_bits, **self.writing)

    def add_latents(self, stimulus_id: str, latents: NDArray[np.floating[Any]]) -> None:
        """Save what a stimulus was rendered from, where it cannot be found from the stimulus."""
        path = self.staging / LATENTS / f"{stimulus_id}.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, latents, allow_pickle=False)

    def path(self, relative: str) -> Path:
        """The path of a file already added, before the set is committed."""
        return inside(self.staging, relative)

    def commit(self, provenance: dict[str, Any]) -> Path:
        """Write the tables, flush everything to disk and rename the directory into place."""
        version = provenance.get("versions", {}).get("synthstim", "unknown")
        description = {
            "Name": self.description, "BIDSVersion": "1.10.0", "DatasetType": "derivative", "MissingValue": MISSING,
            "GeneratedBy": [{"Name": "synthstim", "Version": version}],
        }  # fmt: skip
        (self.staging / "stimuli.json").write_bytes(as_json(sidecar(self.columns)))
        (self.staging / "dataset_description.json").write_bytes(as_json(description))
        for name, parts in self.companions.items():
            text = as_tsv(pd.concat(parts), float_format="%.7g")
            # mtime 0: the same run writes the same bytes.
            (self.staging / name).write_bytes(gzip.compress(text, mtime=0) if name.endswith(".gz") else text)
        files = {str(row["stimulus_id"]): self.path(str(row["file"])) for row in self.rows}
        for name, table in self.modality.tables(files).items():
            (self.staging / name).write_bytes(as_tsv(table))
        facts = {"schema_version": SCHEMA_VERSION, "modality": self.modality.name, **provenance}
        facts |= {"labels": self.labels} if self.labels else {}
        write_sealed(self.staging, self.rows, facts)
        return self.place.commit()
