"""Encoding models: recorded sites as read-outs of an observer's layers, and as layers of an observer themselves."""

from synthstim.encoding.activations import layer_activations
from synthstim.encoding.defaults import suggest_layers
from synthstim.encoding.ensemble import ensemble
from synthstim.encoding.factorised import Factorised
from synthstim.encoding.fit import fit_sites, shuffle_responses
from synthstim.encoding.fitted import SITES, STANDARDISED, FittedSites
from synthstim.encoding.folds import assign_folds
from synthstim.encoding.gaussian import Gaussian
from synthstim.encoding.members import MEMBERS, SPREAD, FittedEnsemble
from synthstim.encoding.methods import Method
from synthstim.encoding.pls import PLS
from synthstim.encoding.random_sites import random_sites
from synthstim.encoding.readouts import FactorisedReadout, GaussianReadout, LinearReadout
from synthstim.encoding.result import Fit
from synthstim.encoding.ridge import Ridge
from synthstim.encoding.stimuli import Stimuli
from synthstim.encoding.store import load_fit, save_fit, saved_scores

__all__ = [
    "MEMBERS",
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
    "random_sites",
    "save_fit",
    "saved_scores",
    "shuffle_responses",
    "suggest_layers",
]
