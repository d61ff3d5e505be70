"""What the command line advises, by the code of a mistake, where Python's advice would name arguments of a function."""

from __future__ import annotations

# Of what reads and fits recordings.
FIT = {
    "ambiguous-column": "name it with --column NAME or --site-column NAME",
    "ambiguous-ids": "say it with --ids, --sites, --session or --window, or with read_nwb(..., labels=...) in Python",
    "ambiguous-table": "name one with --table NAME",
    "ambiguous-variable": "name one with --variable NAME",
    "cut-short": "do without them with --incomplete 'leave out', or use them with --incomplete keep",
    "drifted": "give both in one unit, such as spikes in the window, or allow it with --max-drift FACTOR",
    "late": "check the markers, or raise tolerance_s of read_experiment in Python if they are that late",
    "lost-markers": "give this session's markers, or allow some with --missing-markers COUNT",
    "many-windows": "choose one with --window START,END",
    "missing-option": "give it as an option (--spikes FILE and --markers FILE of a log of presentations)",
    "no-time-unit": "give --time-unit s or ms",
    "no-window": "give the window with --window START,END",
    "not-the-set": "give the set that was shown, or correct the ids, in the file or by Responses.renamed in Python",
    "one-fold-short": "fit without --ensemble folds, or leave them out with --leave-out NAMES",
    "padded": "give --nan absent if they pad what was not recorded",
    "unfit-sites": "leave them out with --leave-out NAMES",
}
# The command evolve next takes tables, logs with spikes, and a window.
EVOLVE = {
    code: "read it with synthstim.read_responses in Python, and give the table that write_table makes" for code in FIT
} | {
    "many-windows": "choose one with --window START END",
    "no-window": "give the window with --window START END",
}

EXPORT = {"none-passed": "make the set again, longer, or give --set include=all"}

# Of the commands that make stimuli.
_AGAIN = "remove it, then give the same command again"
_ROOM = "make room, then give the same command again"
OF_COMMANDS = {
    "make": {
        "damaged-work": "remove it, and the same command with --resume makes that part again",
        "interrupted": "continue with --resume, or remove it",
        "no-space": "make room, then continue with --resume",
    },
    "demo": {"damaged-work": _AGAIN, "interrupted": _AGAIN, "no-space": _ROOM},
    "loop": {"damaged-work": _AGAIN, "interrupted": _AGAIN, "no-space": _ROOM},
}
# How to continue after Ctrl-C; of the other commands nothing is left half-written, and nothing to continue.
CONTINUES = {
    "make": "the same command with --resume continues where it was",
    "demo": "the same command continues where it was",
    "loop": "what is complete is kept, and the same command continues from there",
    "evolve": "the folder is whole; the same command continues where it was",
    "run": "all answers up to now are kept in the data folder of the experiment",
}
# What takes less memory.
SMALLER = {"make": "try fewer stimuli at once (--at-once)", "fit": "try fewer or smaller layers (--layers)"}
