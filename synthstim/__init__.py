"""Synthesise stimuli by gradient: controller images, metamers, and the experiments that show them.

Everything public can be reached from here; a name is imported when it is first used, so that this package, and the
command line, open without waiting for torch.

Example:
    >>> import synthstim
    >>> observer = synthstim.load_model("efficientnet-lite0")
    >>> observer.layers["blocks.4"]
    (112, 14, 14)
"""

from __future__ import annotations

from typing import Any

from synthstim.lazily import lazily

_PLACES: dict[str, tuple[str, ...]] = {
    "errors": ("InputError",),
    "models": ("ImageInput", "Observer", "SoundInput", "Unit", "load_model", "model_names", "read_units"),
    "models.checkpoints": ("convert_checkpoint",),
    "modalities.sound": ("read_sound", "write_wav"),
    "responses": (
        "Responses",
        "join_responses",
        "read_experiment",
        "read_responses",
        "reliability",
        "require_match",
        "screen_sites",
        "select_sites",
        "write_table",
    ),
    "encoding": ("Fit", "ensemble", "fit_sites", "load_fit", "save_fit"),
    "observers": ("open_observer",),
    "objectives": ("diversity", "drive", "level", "match", "one_hot", "pattern", "smooth", "suppress"),
    "parametrise": ("Fourier", "Pixels", "Spectrogram", "Waveform"),
    "constraints": ("Aperture", "Band", "Energy", "Fixed", "Level", "Luminance", "Peak", "Ramps"),
    "robustness": ("Robustness",),
    "optimise": ("LBFGS", "Adam", "GradientAscent", "Stopping", "Synthesiser"),
    "recipe": ("Recipe", "read_recipe"),
    "stimulus_set": ("SetWriter", "StimulusSet", "adopt"),
    "verify": ("NaturalPool", "check_set", "natural_pool"),
    "production": ("make",),
    "experiment": ("export_experiment", "list_protocols", "read_rig", "run_experiment"),
    "presented": ("read_presented", "write_bids_events", "write_nwb"),
    "report": ("write_report",),
    "analysis": ("analyse_experiment",),
    "simulate": ("Animal", "simulated_animal"),
    "evolve": ("Evolution", "EvolutionFolder"),
    "online": ("TrialServer",),
    "online.client": ("TrialClient",),
}
_get, __all__ = lazily(__name__, _PLACES)

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    return _get(name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
