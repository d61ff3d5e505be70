"""Synthesise stimuli by gradient: controller images, metamers, and the experiments that show them.

Everything public can be reached from here; a name is imported when it is first used, so that this package, and the
command line, open without waiting for torch. What a user calls stands at the top, grouped by what it is for; the pieces
that stimuli are made of stand in the rooms ``objectives``, ``parametrise``, ``constraints``, ``optimise`` and the others.

Example:
    >>> import synthstim
    >>> observer = synthstim.load_model("efficientnet-lite0")
    >>> observer.layers["blocks.4"]
    (112, 14, 14)
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from synthstim.lazily import lazily

# What a user does -> where the names for it are.
GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "Stimuli in one call": {"production": ("control", "metamer")},
    "Observers": {
        "models": ("ImageInput", "MovieInput", "Observer", "OdourInput", "SoundInput", "Unit", "load_model"),
        "observers": ("open_observer", "together"),
        "lesions": ("Task", "lesion_table", "rank_units", "silenced"),
    },
    "Stimulus sets": {
        "recipe": ("Recipe", "read_recipe"),
        "production": ("make",),
        "stimulus_set": ("SetWriter", "StimulusSet", "adopt", "join_sets"),
        "distortions": ("eigendistortions",),
        "variations": ("make_pairs", "make_sweep"),
        "verify": ("check_joined", "check_set", "natural_pool"),
        "report": ("write_report",),
        "modalities.image": ("read_image",),
        "modalities.sound": ("read_sound",),
        "modalities.movie": ("moved", "movie_of_frames", "read_movie", "write_movie"),
        "modalities.odour": ("read_odour",),
    },
    "Experiments": {
        "experiment": ("export_experiment", "list_protocols", "read_rig", "run_experiment"),
        "analysis": ("analyse_experiment",),
        "presented": ("read_presented", "write_bids_events", "write_nwb"),
    },
    "Recordings and recorded sites": {
        "responses": (
            "Responses",
            "join_responses",
            "read_experiment",
            "read_responses",
            "reliability",
            "require_match",
            "select_sites",
            "write_table",
        ),
        "encoding": ("Fit", "ensemble", "fit_sites", "load_fit", "save_fit"),
    },
    "Closed loops": {
        "evolve": ("Evolution", "EvolutionFolder"),
        "online": ("TrialServer",),
        "online.client": ("TrialClient",),
        "simulate": ("Animal", "simulated_animal"),
    },
    "Pieces of your own": {
        "optimise": ("Synthesiser",),
        "objectives": ("Objective", "Scorer"),
        "parametrise": ("Parametrisation",),
        "constraints": ("Constraint",),
        "goals.base": ("Goal",),
        "modalities.base": ("Modality",),
        "production": ("Phase",),
        "errors": ("InputError",),
    },
}
ROOMS = ("constraints", "decoders", "encoding", "evolve", "goals", "images", "lesions", "modalities", "models", "movies", "objectives", "odours", "online", "optimise",
         "parametrise", "responses", "robustness", "simulate", "sounds", "verify")  # fmt: skip
_PLACES: dict[str, tuple[str, ...]] = {}
for _group in GROUPS.values():
    for _place, _names in _group.items():
        _PLACES[_place] = (*_PLACES.get(_place, ()), *_names)
# Names that stood at the top in release 0.1: scripts that were written for it go on working.
_MOVED: dict[str, tuple[str, ...]] = {
    "constraints": ("Aperture", "Band", "Energy", "Fixed", "Level", "Luminance", "Peak", "Ramps"),
    "modalities.sound": ("write_wav",),
    "models": ("model_names", "read_units"),
    "models.checkpoints": ("convert_checkpoint",),
    "objectives": ("diversity", "drive", "level", "match", "one_hot", "pattern", "smooth", "suppress"),
    "optimise": ("LBFGS", "Adam", "GradientAscent", "Stopping"),
    "parametrise": ("Fourier", "Pixels", "Spectrogram", "Waveform"),
    "responses": ("screen_sites",),
    "robustness": ("Robustness",),
    "verify": ("NaturalPool",),
}
_get, _flat = lazily(__name__, _PLACES)
_get_moved, _ = lazily(__name__, _MOVED)
__all__ = sorted([*_flat, *ROOMS])


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version(__name__)
    if name in ROOMS:
        return import_module(f"{__name__}.{name}")
    return (_get if name in _flat else _get_moved)(name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
