"""Recorded responses: trials of sites, read from files of many kinds, joined with stimuli, and how reliable they are."""

from synthstim.responses.arrays import from_array, read_numpy
from synthstim.responses.clock import Clock, fit_clock
from synthstim.responses.experiment_log import (
    align_clock,
    is_complete,
    is_rehearsal,
    read_experiment,
    read_presentations,
    read_sent_markers,
)
from synthstim.responses.hdf5 import read_hdf5
from synthstim.responses.join import join_responses, session_drift
from synthstim.responses.match import require_match, unmatched
from synthstim.responses.means import Means, mean_responses, require_variance
from synthstim.responses.nwb import read_nwb
from synthstim.responses.read import read_all, read_responses
from synthstim.responses.reliability import correlation, reliability, spearman_brown
from synthstim.responses.screen import Screened, screen_sites
from synthstim.responses.seconds import Window
from synthstim.responses.selection import Selection, reliability_figure, select_sites, write_reliability
from synthstim.responses.spikes import count_spikes, read_markers, read_spikes
from synthstim.responses.tables import read_table, write_table
from synthstim.responses.trial_table import COLUMNS
from synthstim.responses.trials import Responses
from synthstim.responses.xarrays import from_xarray, read_netcdf

__all__ = [
    "COLUMNS",
    "Clock",
    "Means",
    "Responses",
    "Screened",
    "Selection",
    "Window",
    "align_clock",
    "correlation",
    "count_spikes",
    "fit_clock",
    "from_array",
    "from_xarray",
    "is_complete",
    "is_rehearsal",
    "join_responses",
    "mean_responses",
    "read_all",
    "read_experiment",
    "read_hdf5",
    "read_markers",
    "read_netcdf",
    "read_numpy",
    "read_nwb",
    "read_presentations",
    "read_responses",
    "read_sent_markers",
    "read_spikes",
    "read_table",
    "reliability",
    "reliability_figure",
    "require_match",
    "require_variance",
    "screen_sites",
    "select_sites",
    "session_drift",
    "spearman_brown",
    "unmatched",
    "write_reliability",
    "write_table",
]
