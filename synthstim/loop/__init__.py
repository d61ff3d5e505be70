"""The closed loop: generation after generation of stimuli, in a directory that survives crashes.

Natural images are shown first; sites are fitted to the responses; images are made for them, exported and shown; their
responses join those before. The session's directory says where it stands, and every command goes on from there.
"""

from synthstim.loop.advance import Outcome, advance
from synthstim.loop.deliver import deliver
from synthstim.loop.generation import Generation
from synthstim.loop.history import History
from synthstim.loop.session import LoopSession
from synthstim.loop.settings import LoopSettings, read_settings
from synthstim.loop.start import start_loop
from synthstim.loop.status import Status, read_status
from synthstim.loop.watch import next_step, watch

__all__ = [
    "Generation",
    "History",
    "LoopSession",
    "LoopSettings",
    "Outcome",
    "Status",
    "advance",
    "deliver",
    "next_step",
    "read_settings",
    "read_status",
    "start_loop",
    "watch",
]
