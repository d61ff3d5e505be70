"""Writes docs/protocols/: a page a protocol, from its own file, with a picture of a trial as it was run.

``python tests/protocol_pages.py`` writes all pages and the pictures that are missing; with names, those pictures anew.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from synthstim.experiment import list_protocols, read_protocol
from synthstim.experiment.design.schema import Design
from synthstim.experiment.protocol import Protocol

PAGES = Path(__file__).parents[1] / "docs" / "protocols"
SIDE_PX = (480, 360)


def page_of(protocol: Protocol) -> str:
    """The page of a protocol."""
    lines = [f"# {protocol.name}: {protocol.title}", "", protocol.summary, ""]
    if protocol.paper:
        lines += [f"It follows {protocol.paper}.", ""]
    if (PAGES / f"{protocol.name}.png").is_file():
        lines += [f"![A trial, as it was run]({protocol.name}.png)", "", "*Screens of a trial, as it was run.*", ""]
    lines += ["## Export", "", *_export(protocol), ""]
    if protocol.design is not None:
        lines += ["## A trial", "", *_design(protocol.design), ""]
    lines += [
        "## Settings",
        "",
        "Given with `--set NAME=VALUE`.",
        "",
        "| Setting | Default | What it is |",
        "|---|---|---|",
    ]
    for name, setting in protocol.settings.items():
        default = (
            ""
            if setting.default is None
            else str(setting.default).lower()
            if isinstance(setting.default, bool)
            else f"{setting.default}"
        )
        lines.append(
            f"| `{name}` | {f'{default} {setting.units}'.strip() if default else ''} | {setting.help.replace('|', '/')} |"
        )
    lines += [
        "",
        f"The words to the participant are in `texts.yaml` of the exported folder. The protocol: [protocol.yaml](../../protocols/{protocol.name}/protocol.yaml).",
        "",
    ]
    return "\n".join(lines)


def index_of(protocols: Iterable[Protocol]) -> str:
    """The list of all pages."""
    lines = ["# Protocols", "", "| Protocol | Shows or plays | What it is for |", "|---|---|---|"]
    for one in protocols:
        what = {
            "images": "images",
            "movies": "movies",
            "sounds": "sounds",
            "tones": "tones that it makes",
            "odours": "odours",
        }.get(one.stimuli, "files")
        lines.append(f"| [{one.name}]({one.name}.md) | {what} | {one.title} |")
    lines += [
        "",
        "Three protocols of one's own, each a page of YAML and no code, are in own: [masked_2afc](own/masked_2afc/protocol.yaml), [sound_abx_sure](own/sound_abx_sure/protocol.yaml), [animal_match](own/animal_match/protocol.yaml). [Writing protocols](writing.md) has every key.",
        "",
    ]
    return "\n".join(lines)


def _export(protocol: Protocol) -> list[str]:
    source = "" if protocol.stimuli == "tones" else "my_set "
    more = " --table categories.tsv" if protocol.design is not None and protocol.design.column_of_right else ""
    return [
        f"    synthstim export {source}--protocol {protocol.name}{more} --rig rig.yaml --out experiment",
        "    synthstim run experiment --simulate          # a rehearsal",
        *(["    synthstim analyse experiment"] if protocol.plan != "randomised_blocks" else []),
    ]


def _design(design: Design) -> list[str]:
    slots = list(design.slots)
    rows = [[*(way.slots[slot] for slot in slots), way.right or "none is right"] for way in design.arrangements]
    return [
        f"`a` is each stimulus{_other(design.compare)}. The arrangements are counterbalanced within each condition.",
        "",
        f"| {' | '.join(slots)} | right |",
        f"|{'---|' * (len(slots) + 1)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _other(compare: str) -> str:
    return {
        "each": "", "reference": ", `b` its reference", "copy": ", `b` another copy", "observer": ", `b` another observer's",
        "layer": ", `b` another layer's", "another": ", `b` another stimulus", "triplet": ", `b` and `c` two others",
    }[compare]  # fmt: skip


def picture_of(name: str) -> None:
    """Run a protocol and save two of its screens side by side: stimuli, and the question."""
    import pandas as pd
    from test_protocols import make_sets, run

    from synthstim.experiment.running.virtual_display import virtual_display

    folder = Path(tempfile.mkdtemp())
    with virtual_display(*SIDE_PX) as display:
        ran = run(name, make_sets(folder), display, folder)
    frames = (
        pd.read_csv(f"{ran.stem}_frames.tsv", sep="\t", keep_default_na=False)
        if ran.manifest["modality"] in ("image", "movie")
        else None
    )
    with np.load(ran.saved) as saved:
        screens, order = saved["frames"], saved["order"]
    if frames is None:
        chosen = _last(screens, order)
    else:
        logged = order[-len(frames) - 1 : -1]
        with_images = [at for at, row in enumerate(frames.itertuples()) if row.stimulus_id != "n/a"]
        most = max(with_images, key=lambda at: (str(frames["stimulus_id"][at]).count("+"), -at))
        asked = next(
            (
                at
                for at in range(most, len(frames))
                if any(word in frames["routine"][at] for word in ("answer", "mark", "press"))
            ),
            most,
        )
        chosen = [screens[logged[most]], screens[logged[asked]]] if asked != most else [screens[logged[most]]]
    strip = Image.fromarray(np.concatenate(chosen, axis=1)).quantize(128)
    strip.save(PAGES / f"{name}.png", optimize=True)


def _last(screens: np.ndarray, order: np.ndarray) -> list[np.ndarray]:
    """The two different screens before the last page: a question, and what was read before it."""
    seen = list(dict.fromkeys(int(number) for number in order[::-1]))
    return [screens[number] for number in (seen[3], seen[2])]


def main() -> None:
    """Write what is asked for."""
    PAGES.mkdir(exist_ok=True)
    protocols = [read_protocol(name) for name in list_protocols()]
    for one in protocols:
        if one.design is not None and (one.name in sys.argv[1:] or not (PAGES / f"{one.name}.png").is_file()):
            picture_of(one.name)
            print(one.name, flush=True)
    for one in protocols:
        (PAGES / f"{one.name}.md").write_text(page_of(one), encoding="utf-8")
    (PAGES / "README.md").write_text(index_of(protocols), encoding="utf-8")


if __name__ == "__main__":
    main()
