"""Observers: networks whose layers and units can be read, each with its own preprocessing."""

from synthstim.modalities.base import StimulusInput
from synthstim.modalities.image import ImageInput
from synthstim.modalities.movie import MovieInput
from synthstim.modalities.odour import OdourInput
from synthstim.modalities.sound import SoundInput
from synthstim.models.axes import Axes
from synthstim.models.capture import OUTPUT
from synthstim.models.observer import Observer
from synthstim.models.receptive import ReceptiveField
from synthstim.models.units import Unit, gather_table, indices_of, read_units, units_in
from synthstim.models.zoo import DEFAULT, LIBRARIES, load_model, model_names, weights_elsewhere

__all__ = [
    "DEFAULT",
    "LIBRARIES",
    "OUTPUT",
    "Axes",
    "ImageInput",
    "MovieInput",
    "Observer",
    "OdourInput",
    "ReceptiveField",
    "SoundInput",
    "StimulusInput",
    "Unit",
    "gather_table",
    "indices_of",
    "load_model",
    "model_names",
    "read_units",
    "units_in",
    "weights_elsewhere",
]
