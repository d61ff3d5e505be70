"""The columns of stimuli.tsv: their order, their types and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from synthstim.files import MISSING
from synthstim.modalities import DEFAULT, MODALITIES

SCHEMA_VERSION = 1
# Folder of what stimuli were rendered from, an array each.
LATENTS = "latents"


class Column(NamedTuple):
    """One column: how its values are read back, and its entry in stimuli.json."""

    kind: str
    description: str
    units: str = ""


COLUMNS: dict[str, Column] = {
    "stimulus_id": Column("text", "Unique name of the stimulus: a letter, then letters, digits, _ or -; 64 at most"),
    "file": Column("text", "The stimulus, relative to this directory"),
    "sha256": Column("text", "Checksum of the file's bytes"),
    "name": Column("text", "Entry of the recipe that the stimulus comes from"),
    "kind": Column("text", "metamer, controller, distortion, mixture, natural or control"),
    "goal": Column(
        "text",
        "match, drive, drive_all, drive_axis, drive_contrast, drive_mean, suppress, level, one_hot, pattern, controversial, differentiate or eigendistortion",
    ),
    "observer": Column("text", "Model the stimulus was made on"),
    "layer": Column("text", "Layer or layers of the observer, joined by +"),
    "unit": Column(
        "text", "Unit of the layer that a controller controls, or the sites of a pattern and their z-scores"
    ),
    "others": Column("text", "Units held down by a one_hot controller"),
    "level": Column("number", "Activation that a level controller was asked for", "activation"),
    "reference": Column("text", "What a metamer matches, as the observer is given it, relative to this directory"),
    "reference_sha256": Column("text", "Checksum of the reference's bytes"),
    "mix": Column(
        "number",
        "Share of the metamer, or of the second stimulus, in a mixture with the reference: 0 is the reference; by scale: dB, how"
        " much its amplitude exceeds the reference's, in dB",
    ),
    "direction": Column(
        "text",
        "Of a distortion: most_0 or least_0 and the like, along an eigenvector; closer or farther to the layers moved",
    ),
    "amplitude": Column(
        "number", "Root mean square change of the reference along a direction of change", "display values"
    ),
    "copy": Column("count", "Number of this copy, from 0"),
    "seed": Column("count", "Seed of the item's own random generator"),
    "start": Column("text", "What synthesis started from"),
    "parametrisation": Column("text", "What was optimised: the latents behind the stimulus"),
    "optimiser": Column("text", "Optimiser and its main setting"),
    "evaluations": Column("count", "Forward and backward passes spent", "count"),
    "converged": Column("flag", "true if the target or a plateau ended synthesis, false if a budget did"),
    "target_db": Column("number", "Match at which synthesis was to stop", "dB (20 log10)"),
    "match_db": Column(
        "number",
        "-20 log10(|features - reference features| / |reference features|), of the saved file",
        "dB (20 log10)",
    ),
    "match_db_soxr": Column(
        "number",
        "match_db where soxr's HQ resampler, librosa's default, lowers the rate of sound and reference, of the saved files",
        "dB (20 log10)",
    ),
    "held_db": Column(
        "number",
        "match_db of the layers that a distortion holds while others are moved, of the saved file",
        "dB (20 log10)",
    ),
    "pearson": Column("number", "Pearson correlation of the features with the reference's, of the saved file"),
    "spearman": Column("number", "Spearman correlation of the features with the reference's, of the saved file"),
    "null_percentile": Column(
        "number", "Least of the three measures' percentiles among pairs of different natural stimuli", "percent"
    ),
    "pixel_distance": Column("number", "|image - reference| / |reference| in display values, of the saved file"),
    "waveform_distance": Column("number", "|waveform - reference| / |reference|, of the saved file"),
    "status": Column("text", "passed or failed, by the criteria in provenance.json"),
    "reason": Column("text", "Why the status is failed"),
    "same_class": Column("flag", "true if the observer's most active output is the reference's"),
    "activation": Column(
        "number",
        "Activation of the unit (for one_hot: of its target; for pattern: root mean square distance from it), of the saved file",
        "activation",
    ),
    "best_natural": Column(
        "number", "Most extreme activation over the natural pool, in the goal's direction", "activation"
    ),
    "mean_luminance": Column(
        "number", "Mean relative luminance (linear light, sRGB decoding), of the saved file", "0 to 1"
    ),
    "rms_contrast": Column("number", "Standard deviation over mean of the luminance (linear light), of the saved file"),
    "rate_hz": Column("count", "Rate of the sound", "Hz"),
    "duration_s": Column("number", "Duration of the sound", "s"),
    "level_dbfs": Column("number", "Root mean square of the sound, of the saved file", "dB re full scale"),
    "peak_dbfs": Column("number", "Largest absolute value of the sound, of the saved file", "dB re full scale"),
    "peak_run": Column(
        "count", "Samples in a row at which the sound is cut off flat, 0 if it is not, of the saved file", "count"
    ),
}

# What tells the sets apart that a joined set was made of: a column of its table and of each companion.
SET = "set"
_JOINED = {SET: Column("text", "The set that the stimulus comes from, one of parts in provenance.json")}

COMPANIONS: dict[str, tuple[str, ...]] = {
    # Scores during synthesis.
    "curves.tsv.gz": ("stimulus_id", "evaluation", "score"),
    # Measures of each metamer at every stage of its observer, each for itself.
    "matches.tsv.gz": ("stimulus_id", "layer", "matched", "match_db", "pearson", "spearman"),
    # On each of several observers: the match at the layers of it that the recipe names, what it takes the stimulus and its
    # reference for, and the probability of that answer.
    "transfer.tsv": ("stimulus_id", "observer", "layer", "match_db", "answer", "reference_answer", "probability"),
    # Quantiles of each measure among pairs of natural stimuli of different origin, one distribution a reference and layer.
    "null.tsv.gz": ("reference", "layer", "measure", "percentile", "value"),
    # The pool's most extreme images for each controlled unit, rank 0 first.
    "best_natural.tsv": ("unit", "layer", "goal", "rank", "file", "sha256", "activation", "photograph"),
    # The stimuli that serve as controls of each controlled unit and goal: best_natural, noise, gabor, or other_site
    # (controllers made for other units); of is the photograph, the controller whose spectrum it has, or the other unit.
    "controls.tsv": ("unit", "layer", "goal", "level", "control", "stimulus_id", "of", "activation"),
    # Quantiles of each controlled unit's activation over the pool.
    "pool_activations.tsv.gz": ("unit", "layer", "percentile", "activation"),
}

# Columns of the companions that are text whatever they look like: a unit called 007 keeps its zeros.
COMPANION_TEXT = frozenset(
    (
        "stimulus_id",
        "reference",
        "layer",
        "matched",
        "measure",
        "unit",
        "goal",
        "file",
        "sha256",
        "photograph",
        "control",
        "of",
        "observer",
        "answer",
        "reference_answer",
        SET,
    )
)

_READERS = {"text": "string", "number": "float64", "count": "Int64", "flag": "boolean"}


def format_value(value: object) -> str:
    """Write one cell: n/a for what does not apply, true/false, seven significant digits."""
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return MISSING
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def columns_of(provenance: Mapping[str, Any]) -> dict[str, Column]:
    """The columns of a set's table: those that every set has, those of its modality alone, its own labels, and where a joined one's come from."""
    modality = MODALITIES[str(provenance.get("modality", DEFAULT))]
    joined = _JOINED if "parts" in provenance else {}
    own = {name: Column(*about) for name, about in modality.columns.items()}
    labels = {name: column for name, column in labels_of(provenance).items() if name not in COLUMNS}
    return COLUMNS | own | labels | joined


def labels_of(provenance: Mapping[str, Any]) -> dict[str, Column]:
    """The columns that say how the stimuli of this set differ, such as the pose of a head; of all parts of a joined one."""
    found: dict[str, Column] = {}
    for facts in (provenance, *dict(provenance.get("parts", {})).values()):
        known = dict(facts.get("labels", {}))
        found |= {
            str(name): Column(*map(str, about)) for name, about in known.items() if len(about) == len(Column._fields)
        }
    return found


def typed(table: pd.DataFrame, columns: Mapping[str, Column]) -> pd.DataFrame:
    """Give a table of text cells the columns' types; n/a becomes a missing value."""
    out = {}
    for name in table.columns:
        cells = table[name].replace(MISSING, pd.NA)
        kind = columns[name].kind if name in columns else "text"
        if kind == "flag":
            cells = cells.map({"true": True, "false": False}, na_action="ignore")
        if kind in ("number", "count"):
            cells = pd.to_numeric(cells)
        out[name] = cells.astype(_READERS[kind])
    return pd.DataFrame(out)


def sidecar(columns: Mapping[str, Column]) -> dict[str, dict[str, str]]:
    """The content of stimuli.json."""
    entries = {}
    for name, column in columns.items():
        entries[name] = {"Description": column.description} | ({"Units": column.units} if column.units else {})
    return entries
