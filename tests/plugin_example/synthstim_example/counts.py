"""A reader of responses: lines of a stimulus, a site and a count of spikes."""

import pandas as pd

from synthstim.responses import Responses
from synthstim.responses.files import Reader, require_file


def read_counts(path, *, window_s=(0.07, 0.17), session="1") -> Responses:
    trials = pd.read_csv(require_file(path), sep=" ", names=["stimulus_id", "site", "response"])
    trials["repeat"] = trials.groupby(["stimulus_id", "site"]).cumcount()
    trials["window_start_s"], trials["window_end_s"] = window_s
    return Responses(trials.assign(session=session, response=trials["response"].astype(float)), str(path))


READER = Reader((".counts",), read_counts)
