"""Commands of the rig: begin a rig.yaml, see what it can show, check what it names, measure its light."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.prompt import FloatPrompt, IntPrompt, Prompt

from synthstim.cli.app import app, console, say
from synthstim.errors import InputError

rig = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The rig: the screen, the sound and the devices that present."
)
app.add_typer(rig, name="rig")

RigPath = Annotated[Path, typer.Argument(metavar="[RIG]", help="A rig.yaml")]
_FILE = Path("rig.yaml")


@rig.command()
def new(
    out: Annotated[Path, typer.Option(help="The file; it must not exist yet")] = _FILE,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: what is not given is what was found")] = False,
    screen: Annotated[int | None, typer.Option(min=1, help="Which screen, from 1")] = None,
    width_cm: Annotated[float | None, typer.Option(help="Width of its image area, measured with a ruler")] = None,
    distance_cm: Annotated[float | None, typer.Option(help="From the eye to the screen")] = None,
    refresh_hz: Annotated[float | None, typer.Option(help="Its refresh rate")] = None,
    gamma: Annotated[float | None, typer.Option(help="The display's own, 1 if something linearises it")] = None,
    sound_device: Annotated[str | None, typer.Option(help="What plays; by default the system's device")] = None,
    markers: Annotated[str | None, typer.Option(help="none, lsl, lsl:STREAM, serial:PORT or parallel:ADDRESS")] = None,
) -> None:
    """Begin a rig.yaml: screens and sound devices are found, the rest is asked."""
    from synthstim.experiment.rig.found import FoundScreen, find_screens, find_speakers
    from synthstim.experiment.rig.rig import DEFAULT_RIG
    from synthstim.experiment.rig.written import parse_markers, write_new_rig
    from synthstim.files import require_absent

    require_absent(out)
    supposed = DEFAULT_RIG.monitor
    screens = find_screens()
    for number, one in enumerate(screens, 1):
        say(f"screen {number}: {one}")
    for speaker in find_speakers():
        say(f"sound: {speaker.name}, {speaker.channels} channels{' (default)' if speaker.default else ''}")
    if not screens:
        say("no screen was found here: a 24-inch one of 1920 x 1080 pixels at 60 Hz is assumed, correct it in the file")
        screens = [
            FoundScreen("supposed", supposed.width_px, supposed.height_px, supposed.refresh_hz, supposed.width_cm)
        ]
    ask = _Asked(yes)
    which = ask.whole("Which screen presents", screen, 1)
    if not 1 <= which <= len(screens):
        raise InputError(f"the screen {which} given; there are {len(screens)}", "give one from 1")
    found = screens[which - 1]
    monitor: dict[str, Any] = {
        "width_cm": ask.number(
            "Width of its image area in cm, by a ruler", width_cm, found.width_cm or supposed.width_cm
        ),
        "distance_cm": ask.number("Distance from the eye in cm", distance_cm, supposed.distance_cm),
        "width_px": found.width_px,
        "height_px": found.height_px,
        "refresh_hz": ask.number("Refresh rate in Hz", refresh_hz, found.refresh_hz or supposed.refresh_hz),
        "gamma": ask.number("Gamma (2.2, or 1 if something linearises it)", gamma, supposed.gamma),
        "screen": which,
    }
    device = ask.text("Sound device (empty: the system's)", sound_device, "")
    sends = parse_markers(ask.text("Markers: none, lsl, serial:PORT or parallel:ADDRESS", markers, "none"))
    write_new_rig(out, {"monitor": monitor, "sound": {"device": device or None, "rate_hz": None}, "markers": sends})
    say(f"written {out}; next: synthstim rig check {out}")


class _Asked:
    """Values that were given, or are asked for, or are what was found."""

    def __init__(self, yes: bool) -> None:
        self._yes = yes

    def number(self, what: str, given: float | None, found: float) -> float:
        return given if given is not None else found if self._yes else FloatPrompt.ask(what, default=found)

    def whole(self, what: str, given: int | None, found: int) -> int:
        return given if given is not None else found if self._yes else IntPrompt.ask(what, default=found)

    def text(self, what: str, given: str | None, found: str) -> str:
        return given if given is not None else found if self._yes else Prompt.ask(what, default=found)


@rig.command()
def check(path: RigPath = _FILE) -> None:
    """Open what a rig.yaml names, and say of each whether it is as written; the exit status is 1 if something is not."""
    from synthstim.experiment.rig.checking import check_rig
    from synthstim.experiment.rig.rig import read_rig

    bad = 0
    for found in check_rig(read_rig(path)):
        bad += not found.ok
        say(f"{'ok' if found.ok else 'problem':<8}{found.what:<9}{found.said}")
    if bad:
        raise typer.Exit(1)


@rig.command()
def show(path: RigPath = _FILE) -> None:
    """Say what a rig can show and play, and what it cannot: geometry, frames, light, levels, codes."""
    from synthstim.experiment.rig.rig import read_rig
    from synthstim.experiment.rig.shown import describe_rig

    for topic, said in describe_rig(read_rig(path)).items():
        console.print(f"{topic:<9}{said}", highlight=False, soft_wrap=True)


@rig.command()
def measure(
    photometer: Annotated[str, typer.Option(help="PsychoPy's class of it, such as LS100 or PR655")],
    path: RigPath = _FILE,
    port: Annotated[str | None, typer.Option(help="Its port, such as COM5")] = None,
    levels: Annotated[int, typer.Option(min=4, max=256, help="How many levels from 0 to 255")] = 17,
    out: Annotated[Path, typer.Option(help="Table to write; it must not exist yet")] = Path("luminance.tsv"),
) -> None:
    """Measure the display's luminance with a photometer that PsychoPy knows, and write the table that rig.yaml names."""
    from synthstim.experiment.rig.photometry import measure_display, open_photometer, write_luminance
    from synthstim.experiment.rig.rig import read_rig
    from synthstim.files import require_absent

    described = read_rig(path)
    require_absent(out)
    table = measure_display(described, open_photometer(photometer, port), count=levels)
    write_luminance(out, table)
    gamma, off = table.nearest_gamma()
    say(
        f"{table.darkest:.3g} to {table.brightest:.4g} cd/m2; nearest gamma {gamma:.2f}, off by at most {100 * off:.1f} %"
    )
    say(f"written {out}; in rig.yaml, under monitor: luminance: {{file: {out.name}}}")
