"""The folder of an experiment in PsychoJS: a script of ours, what it shows, and the plan; the library itself is the server's."""

from __future__ import annotations

from importlib import metadata

from synthstim.errors import InputError
from synthstim.experiment.protocol import Protocol
from synthstim.experiment.runtime.plan import read_plan
from synthstim.experiment.web.packages import PRELOADJS
from synthstim.experiment.web.page import WebExperiment, require_for_web

FOLDER = "psychojs"
# What is known of it, as docs and the command say.
TRIED = "written and syntax-checked; not run on Pavlovia"
# Stands in the static files where PsychoPy's own exports have their version.
_VERSION = "PSYCHOPY_VERSION"


def require_for_psychojs(protocol: Protocol) -> None:
    """Raise InputError where a protocol cannot be a page, or one in PsychoJS."""
    require_for_web(protocol)
    if protocol.stimuli == "movies":
        raise InputError(
            f"{protocol.name} shows movies, which the script for PsychoJS does not",
            "export it with --web, or run it in the laboratory",
        )


def write_psychojs(exported: WebExperiment) -> None:
    """Write the folder ``psychojs`` of an exported experiment: for Pavlovia, or for any server that has the library under ``lib``.

    Raises:
        InputError: PreloadJS cannot be had.
    """
    files, folder = PRELOADJS.files(), exported.directory / FOLDER
    exported.write_page(folder, "psychojs", read_plan(exported.directory / "plan.tsv"))
    for name, content in files.items():
        (folder / name).write_bytes(content)
    for name in ("index.html", "experiment.js"):
        text = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace(_VERSION, metadata.version("psychopy")), encoding="utf-8", newline="\n")


def library() -> str:
    """The file of the library that the script imports, relative to its folder."""
    return f"lib/psychojs-{metadata.version('psychopy')}.js"
