"""What a methods section says of a set: sentences from its tables and provenance, and the papers to cite as BibTeX."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from synthstim.catalogue import HEARING, SEEING, SMELLING
from synthstim.errors import InputError, said_by
from synthstim.files import require_replaceable
from synthstim.goals.shown import goal_shown
from synthstim.papers import PAPERS, bibliography
from synthstim.report.cards import stem
from synthstim.report.inline import write_text
from synthstim.report.numbers import known, number
from synthstim.stimulus_set import StimulusSet
from synthstim.stimulus_set.read import opened_set

_CATALOGUE = {**SEEING, **HEARING, **SMELLING}
# What a table calls an optimiser or parametrisation -> its paper.
_SEARCHES = {"LBFGS": "liu1989", "Adam": "kingma2015", "fourier": "olah2017"}
_LISTED = 6


@dataclass(frozen=True)
class Methods:
    """Text for a paper.

    Attributes:
        paragraph: plain sentences.
        bibtex: the entries of all that it cites.
    """

    paragraph: str
    bibtex: str

    @property
    def markdown(self) -> str:
        """Both, as a file."""
        return f"{self.paragraph}\n\n```bibtex\n{self.bibtex}\n```\n"


def methods_of(stimuli: StimulusSet) -> Methods | None:
    """The methods of a set that was made here; None for one that was adopted, or whose provenance does not say how it was made.

    Args:
        stimuli: the set; of a joined one each of its sets that was made has sentences of its own.

    Raises:
        InputError: its provenance does not say what was done.

    Example:
        >>> methods_of(StimulusSet.read("my_set")) is None
        True
    """
    said, cited = [], []
    for part in stimuli.parts.values():
        if "observer" in part.provenance and "recipe" in part.provenance:
            sentences = _Sentences(part)
            try:
                said += [sentence for sentence in sentences.all() if sentence]
            except (AttributeError, KeyError, TypeError, ValueError) as error:  # a file may hold anything
                raise InputError(
                    f"provenance.json of {part.root.name} does not say what a methods paragraph says ({said_by(error, 60)})",
                    "restore it from a copy", code="unreadable",
                ) from None  # fmt: skip
            cited += sentences.cited
    return Methods(" ".join(said), bibliography(cited)) if said else None


def write_methods(stimulus_set: StimulusSet | str | Path, out: str | Path) -> Path:
    """Write the methods of a set, Markdown with BibTeX at its end; an earlier such file is replaced.

    Raises:
        InputError: the set was made by nobody here, or something else is in the file's place.
    """
    stimuli = opened_set(stimulus_set)
    found = methods_of(stimuli)
    if found is None:
        raise InputError(f"{stimuli.root} does not say how it was made: it has no methods", code="mismatch")
    path = require_replaceable(
        out, lambda there: "```bibtex" in there.read_text(encoding="utf-8"), "a methods paragraph"
    )
    return write_text(path, found.markdown)


class _Sentences:
    """The sentences of one set, and the keys of what they cite."""

    def __init__(self, stimuli: StimulusSet) -> None:
        self.stimuli, self.made = stimuli, stimuli.provenance
        self.cited: list[str] = []

    def all(self) -> Iterator[str]:
        """Every sentence, in order."""
        yield self._made_with()
        yield from self._observers(self.made["observer"])
        table = self.stimuli.table
        made = table[table["goal"].notna() & table["kind"].isin(("metamer", "controller", "distortion"))]
        # Activations of several layers have no common median, nor have the two directions of a difference.
        layers = made["layer"].where(made["kind"] == "controller")
        for (goal, _, _), rows in made.groupby(["goal", made["direction"], layers], sort=False, dropna=False):
            yield self._goal(str(goal), rows)
        yield self._search(made)
        yield self._compared(made)
        yield self._levels()

    def _cite(self, *keys: str) -> str:
        self.cited += keys
        return f" ({'; '.join(PAPERS[key].cited for key in keys)})" if keys else ""

    def _made_with(self) -> str:
        versions, device = self.made.get("versions", {}), self.made.get("device", {})
        where = f" on {device['type']} in {str(device.get('dtype', '')).removeprefix('torch.')}" if device else ""
        with_torch = f", PyTorch {versions['torch']}{self._cite('paszke2019')}" if "torch" in versions else ""
        return (
            f"Stimuli were made with synthstim {versions.get('synthstim', '?')}{with_torch}{where},"
            f" from the seed {self.made.get('seed', '?')}."
        )

    def _observers(self, facts: Mapping[str, Any]) -> Iterator[str]:
        several = facts.get("observers") or {"": facts}
        modality = self.stimuli.modality
        for name, one in several.items():
            opened = (one.get("opening") or {}).get("name", one["name"])
            entry = _CATALOGUE.get(str(opened))
            cite = self._cite(*entry.papers) if entry else ""
            set_to = (one.get("opening") or {}).get("settings")
            settings = f"; {', '.join(f'{key} {value}' for key, value in set_to.items())}" if set_to else ""
            shown = modality.input_of(dict(one["input"])).words
            called = f" (called {name})" if name else ""
            yield (
                f"The observer{called} was {one['name']}{cite}, weights {one['weights']}"
                f" (sha256 {str(one['weights_sha256'])[:12]}), {modality.verb} {shown}{settings}."
            )

    def _goal(self, goal: str, rows: pd.DataFrame) -> str:
        shown = goal_shown(goal)
        known_goal = shown.papers if set(shown.papers) <= PAPERS.keys() else ()
        noun = self.stimuli.modality.noun(len(rows), str(rows["kind"].iloc[0]))
        layers = rows["layer"].dropna().drop_duplicates().tolist()
        at = f" at {_listed(layers)}" if layers else ""
        references = rows["reference"].dropna().map(stem).drop_duplicates().tolist()
        of = f" of {_listed(references)}" if references else ""
        about = shown.about or f"for the goal {goal}"
        were = "was" if len(rows) == 1 else "were"
        sentence = f"{len(rows)} {noun}{of} {were} made{at} {about}{_asked(rows)}{self._cite(*known_goal)}"
        line = next((line for line in shown.lines if _numeric(rows, line.column)), None)
        if line is not None:
            column = line.column
            values = rows[column].dropna().astype(float)
            unit = " dB" if column.endswith("_db") else ""
            what = "match" if column == "match_db" else line.label.lower()
            spread = f" (range {number(values.min())} to {number(values.max())}{unit})" if len(values) > 1 else ""
            sentence += f"; median {what} {number(values.median())}{unit}{spread}"
        judged = rows["status"].dropna()
        passed = f"; {int((judged == 'passed').sum())} of {len(judged)} passed their criteria" if len(judged) else ""
        return f"{sentence}{passed}."

    def _search(self, made: pd.DataFrame) -> str:
        searched = made.dropna(subset=["optimiser"])
        if not len(searched):
            return ""
        words = " ".join(searched["optimiser"]) + " ".join(searched["parametrisation"].dropna())
        cite = self._cite(*(key for name, key in _SEARCHES.items() if name in words))
        optimisers = _listed([name for name, _ in Counter(searched["optimiser"]).most_common()])
        latents = _listed(searched["parametrisation"].dropna().drop_duplicates().tolist())
        starts = _listed(searched["start"].dropna().drop_duplicates().map(_start).tolist())
        spent = searched["evaluations"].dropna().astype(float)
        return (
            f"They were searched for by {optimisers} on {latents} latents{cite}, from {starts}, over at most"
            f" {int(spent.max())} forward and backward passes (median {int(spent.median())}); every figure is measured of the saved file."
        )

    def _compared(self, made: pd.DataFrame) -> str:
        pool, criteria = self.made.get("pool") or {}, self.made.get("criteria") or {}
        if not pool or not made["kind"].isin(("metamer", "controller")).any():
            return ""
        sentence = f"They were compared with {pool['stimuli']} {self.stimuli.modality.naturals} cut from {pool['origins']} originals"
        if any(goal_shown(str(goal)).against_null for goal in made["goal"].unique()) and "null_percentile" in criteria:
            sentence += f"; a metamer passed if its match lay beyond percentile {criteria['null_percentile']:g} of matches between different ones"
            sentence += " and the observer gave it the same answer" if criteria.get("same_class") else ""
        return f"{sentence}."

    def _levels(self) -> str:
        if known(self.made.get("level_db_spl")):
            return f"Sounds had {self.made['level_db_spl']:g} dB SPL."
        return f"Sounds had {self.made['level_dbfs']:g} dB re full scale." if known(self.made.get("level_dbfs")) else ""


def _asked(rows: pd.DataFrame) -> str:
    """Which way, and to what, where the rows of a goal agree on it."""
    told = [str(way) for way in rows["direction"].dropna().unique()]
    for column, unit in (("target", ""), ("target_db", " dB")):
        if _numeric(rows, column) and rows[column].nunique() == 1:
            told.append(f"target {number(float(rows[column].dropna().iloc[0]))}{unit}")
    return f" ({', '.join(told)})" if told else ""


def _start(name: str) -> str:
    return name if "." in name else f"{name} noise"


def _numeric(rows: pd.DataFrame, column: str) -> bool:
    return column in rows and pd.api.types.is_numeric_dtype(rows[column]) and bool(rows[column].notna().any())


def _listed(names: list[str]) -> str:
    if len(names) > _LISTED:
        return f"{', '.join(names[:_LISTED])} and {len(names) - _LISTED} others"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
