"""Options of the command fit: the responses, their sites, the fit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# The responses
Recordings = Annotated[
    list[Path],
    typer.Argument(
        metavar="RESPONSES...",
        help="Files of responses (tsv, csv, npy, npz, h5, mat, nc, nwb), or the logs of experiments with --spikes and --markers",
    ),
]
Stimuli = Annotated[list[Path], typer.Option(metavar="SET", help="The set that was shown; several times for several")]
Window = Annotated[
    str | None,
    typer.Option(metavar="START,END", help="Seconds from onset in which spikes are counted, such as 0.07,0.17"),
]
Spikes = Annotated[list[Path] | None, typer.Option(help="Spikes of each log: a table with site and time_s")]
Markers = Annotated[list[Path] | None, typer.Option(help="Markers of each log: a table with code and time_s")]
MissingMarkers = Annotated[int, typer.Option(min=0, help="How many markers of a log may be lost")]
Incomplete = Annotated[str, typer.Option(help="Presentations that missed a refresh: refuse, keep or 'leave out'")]
DisplayDelay = Annotated[float, typer.Option(help="Seconds from flip to light, by a photodiode")]
Ids = Annotated[Path | None, typer.Option(help="Of an npy: a file with a stimulus id a line")]
Sites = Annotated[
    str | None,
    typer.Option(
        help="Names with commas, or a file with one a line: of an npy, or all that were recorded beside spikes"
    ),
]
Session = Annotated[str | None, typer.Option(help="Name of the session, for files that have none")]
Nan = Annotated[str | None, typer.Option(help="absent: NaN pads trials that were not recorded")]
Presentations = Annotated[str | None, typer.Option(help="Of an nwb: where the presentations stand")]
Variable = Annotated[str | None, typer.Option(help="Of an nc: the variable with the responses")]
TimeUnit = Annotated[str | None, typer.Option(metavar="s|ms", help="Of an nc: unit of its time bins")]
IdColumn = Annotated[str | None, typer.Option(help="Of an nwb: the column with the stimulus's id")]
SiteColumn = Annotated[str | None, typer.Option(help="Of an nwb: the column with the site's name")]
InvalidTimes = Annotated[
    str | None, typer.Option(help="Of an nwb, presentations in its invalid times: 'leave out' or keep")
]
MaxDrift = Annotated[
    float, typer.Option(min=1, help="Factor by which responses to the same stimuli may differ between sessions")
]

# Which sites are fitted
LeaveOut = Annotated[str | None, typer.Option(help="Sites that are not fitted, with commas")]
SiteTable = Annotated[
    Path | None,
    typer.Option(metavar="TABLE", help="A table of sites with columns such as region and animal, for --where"),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN=VALUE", help="Of the table of sites: only those are fitted; several times for several"
    ),
]
MinReliability = Annotated[float, typer.Option(help="Of the sites that are fitted, where stimuli were repeated")]

# The fit
Out = Annotated[Path, typer.Option(help="Folder of the fit; it must not exist yet")]
Observers = Annotated[list[str] | None, typer.Option(help="A model's name; several times for an ensemble over models")]
Weights = Annotated[str, typer.Option(help="Weights of the observer: default, random, or a file")]
Size = Annotated[
    str | None,
    typer.Option(metavar="PIXELS", help="112 or 112x96 (height x width); by default that of the stimuli"),
]
Layers = Annotated[str | None, typer.Option(help="Candidates, with commas; by default some are chosen")]
Method = Annotated[
    str | None,
    typer.Option(
        help="ridge, pls, factorised or gaussian; by default factorised, as in a closed loop, or ridge where a layer has no grid"
    ),
]
Folds = Annotated[int, typer.Option(min=2, help="Parts that are held out in turn")]
Groups = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Column of stimuli.tsv: what shares its value shares a fold")
]
Ensemble = Annotated[
    str | None,
    typer.Option(help="folds or layers: a read-out for each, whose mean is the fit and whose spread is kept"),
]
Seed = Annotated[int, typer.Option(help="Seed of folds, shuffling and the splits of reliability")]
Cache = Annotated[Path | None, typer.Option(help="Folder that keeps activations for the next fit")]
Fields = Annotated[
    Path | None,
    typer.Option(metavar="TABLE", help="Receptive fields of a mapping session, which stand above the estimated ones"),
]
Expect = Annotated[
    bool, typer.Option("--expect", help="Say what gain to expect at each site: a quick controller is made for each")
]
