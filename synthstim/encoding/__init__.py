"""Encoding models: recorded sites as read-outs of an observer's layers, and as layers of an observer themselves."""

from synthstim.encoding.activations import layer_activations
from synthstim.encoding.descent import Factorised, Gaussian
from synthstim.encoding.fit import Fit, fit_sites, shuffle_responses
from synthstim.encoding.fitted import SITES, STANDARDISED, FittedSites
from synthstim.encoding.folds import assign_folds
from synthstim.encoding.linear import PLS, Ridge
from synthstim.encoding.methods import METHODS, Method
from synthstim.encoding.readouts import FactorisedReadout, GaussianReadout, LinearReadout
from synthstim.encoding.stimuli import Stimuli
from synthstim.encoding.store import load_fit, save_fit

__all__ = [
    "METHODS",
    "PLS",
    "SITES",
    "STANDARDISED",
    "Factorised",
    "FactorisedReadout",
    "Fit",
    "FittedSites",
    "Gaussian",
    "GaussianReadout",
    "LinearReadout",
    "Method",
    "Ridge",
    "Stimuli",
    "assign_folds",
    "fit_sites",
    "layer_activations",
    "load_fit",
    "save_fit",
    "shuffle_responses",
]
