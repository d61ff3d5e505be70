"""Encoding models: recorded sites as read-outs of an observer's layers, and as layers of an observer themselves."""

from synthstim.encoding.activations import layer_activations
from synthstim.encoding.defaults import suggest_layers
from synthstim.encoding.descent import Factorised, Gaussian
from synthstim.encoding.ensemble import ensemble
from synthstim.encoding.fit import fit_sites, shuffle_responses
from synthstim.encoding.fitted import SITES, STANDARDISED, FittedSites
from synthstim.encoding.folds import assign_folds
from synthstim.encoding.linear import PLS, Ridge
from synthstim.encoding.members import MEMBERS, SPREAD, FittedEnsemble
from synthstim.encoding.methods import METHODS, Method
from synthstim.encoding.readouts import FactorisedReadout, GaussianReadout, LinearReadout
from synthstim.encoding.result import Fit
from synthstim.encoding.stimuli import Stimuli
from synthstim.encoding.store import load_fit, save_fit, saved_scores

__all__ = [
    "MEMBERS",
    "METHODS",
    "PLS",
    "SITES",
    "SPREAD",
    "STANDARDISED",
    "Factorised",
    "FactorisedReadout",
    "Fit",
    "FittedEnsemble",
    "FittedSites",
    "Gaussian",
    "GaussianReadout",
    "LinearReadout",
    "Method",
    "Ridge",
    "Stimuli",
    "assign_folds",
    "ensemble",
    "fit_sites",
    "layer_activations",
    "load_fit",
    "save_fit",
    "saved_scores",
    "shuffle_responses",
    "suggest_layers",
]
