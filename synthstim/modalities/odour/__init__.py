"""Odours: (odorant,) float32, concentrations from 0 to 1 as shares of the stock; files, panels, what observers are given."""

from synthstim.modalities.odour.files import read_odour, write_odour
from synthstim.modalities.odour.input import DILUTIONS, OdourInput
from synthstim.modalities.odour.modality import OdourModality

MODALITY = OdourModality()

__all__ = ["DILUTIONS", "MODALITY", "OdourInput", "OdourModality", "read_odour", "write_odour"]
