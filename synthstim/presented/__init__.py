"""What an exported experiment showed, frame by frame, as files that recordings are kept with: BIDS events and NWB."""

from synthstim.presented.answers import write_bids_trials
from synthstim.presented.events import write_bids_events
from synthstim.presented.log import Presented, find_log, read_presented
from synthstim.presented.nwb import write_nwb

__all__ = ["Presented", "find_log", "read_presented", "write_bids_events", "write_bids_trials", "write_nwb"]
