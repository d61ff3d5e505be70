"""Commands around experiments: protocols, export, run, analysis."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from synthstim.cli.advice import EXPORT
from synthstim.cli.app import app, as_table, console, say
from synthstim.cli.options import read_names, read_settings_of
from synthstim.errors import InputError, advised


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="Folder of the experiment; it must not exist yet")],
    stimuli: Annotated[
        Path | None,
        typer.Argument(metavar="[SET]", help="A stimulus set; none for a protocol that makes its own stimuli"),
    ] = None,
    protocol: Annotated[
        str, typer.Option(help="One of: synthstim protocols; or a folder, such as ./mine")
    ] = "passive_fixation",
    rig: Annotated[Path | None, typer.Option(help="rig.yaml: the monitor, the photodiode, the markers")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the protocol")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            "--words",
            help="For listening tests: a table with the columns source and word; perhaps role, also",
        ),
    ] = None,
    answers: Annotated[
        Path | None, typer.Option(help="For listening tests: further words to answer, one a line")
    ] = None,
    design: Annotated[
        Path | None, typer.Option(help="For trials: a design.yaml, whose keys take the place of the protocol's")
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            help="A table of yours: stimulus_id and columns that a design may name, or x_deg, y_deg, size_deg by stimulus_id or by site"
        ),
    ] = None,
    texts: Annotated[
        Path | None, typer.Option(help="A YAML file of texts, in any language, in the place of the protocol's")
    ] = None,
    web: Annotated[bool, typer.Option("--web", help="A page for browsers as well: synthstim web")] = False,
    psychojs: Annotated[
        bool, typer.Option("--psychojs", help="An experiment in PsychoJS as well, for Pavlovia")
    ] = False,
) -> None:
    """Export a set as a PsychoPy experiment that runs without synthstim; headphone_check needs no set."""
    from synthstim.experiment import export_experiment
    from synthstim.experiment.manifest import Experiment, read_manifest
    from synthstim.experiment.web.psychojs import FOLDER as PSYCHOJS
    from synthstim.experiment.web.psychojs import TRIED, library

    with advised(EXPORT):
        made = export_experiment(
            stimuli, protocol, out=out, rig=rig, settings=read_settings_of(setting), labels=labels, answers=answers, design=design,
            table=table, texts=texts, web=web, psychojs=psychojs,
        )  # fmt: skip
    for note in read_manifest(made, Experiment).notes:
        say(f"note: {note}")
    script = any(made.glob("*.psyexp"))
    then = [f"synthstim run {made}"] * script + [f"synthstim web {made}"] * web
    say(f"read {made / 'README.md'}" + (f", then: {', or: '.join(then)}" if then else ""))
    if psychojs:
        say(f"{made / PSYCHOJS} is an experiment in PsychoJS, {TRIED}: it needs PsychoJS as {library()}")


@app.command()
def web(
    experiment: Annotated[Path, typer.Argument(help="An experiment that was exported with --web")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 8765,
    host: Annotated[
        str, typer.Option(help="Who may come: 127.0.0.1 is this computer alone, 0.0.0.0 is the whole network")
    ] = "127.0.0.1",
) -> None:
    """Serve an experiment's page, and keep each answer in its folder of data; Ctrl-C ends it."""
    from synthstim.experiment.web.serve import PageServer

    with PageServer(experiment, host=host, port=port) as server:
        say(f"open {server.address} (Ctrl-C ends it; answers are in {experiment / 'data'})")
        if host not in ("127.0.0.1", "localhost", "::1"):
            say(
                "anyone who can reach this computer can take part, without encryption: put a server with HTTPS before it for the internet"
            )
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("ended: what was answered is saved")


@app.command()
def run(
    experiment: Annotated[Path, typer.Argument(help="An exported experiment")],
    simulate: Annotated[
        bool,
        typer.Option(
            "--simulate", help="Rehearse: press the keys, use Xvfb where there is no display, keep data apart"
        ),
    ] = False,
    markers: Annotated[bool, typer.Option("--markers", help="Send the rig's markers in a rehearsal too")] = False,
) -> None:
    """Run an exported experiment with this Python's PsychoPy."""
    from synthstim.experiment import run_experiment

    ran = run_experiment(experiment, simulate, markers=markers)
    say(f"{ran.status}: {ran.presentations}")
    for note in ran.notes:
        say(note)


@app.command()
def analyse(
    experiment: Annotated[Path, typer.Argument(help="An exported experiment that participants have done")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the tables and the figure; by default EXPERIMENT/analysis")
    ] = None,
    over: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Column of psychometric functions; by default the adaptive one, or one of numbers"
        ),
    ] = None,
    sigmoid: Annotated[
        str, typer.Option(help="Shape of psychometric functions: normal, logistic or gumbel")
    ] = "normal",
    rehearsal: Annotated[bool, typer.Option("--rehearsal", help="Of what rehearsals wrote, not of real data")] = False,
) -> None:
    """Proportions, d', thresholds and times by condition, with intervals, exclusions and figures."""
    from synthstim.analysis import analyse_experiment

    found = analyse_experiment(experiment, out, over=over, sigmoid=sigmoid, rehearsal=rehearsal)
    say(found.summary)
    for path in found.files:
        say(f"written {path}")


@app.command()
def power(
    design: Annotated[
        str, typer.Argument(help="An exported experiment, a protocol such as oddity, or a task such as 2afc")
    ],
    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="CONDITION=PROPORTION", help="What people are assumed to get right in a condition"),
    ] = None,
    d_prime: Annotated[
        list[str] | None, typer.Option(metavar="CONDITION=NUMBER", help="Or their d' in it, by the model of the task")
    ] = None,
    participants: Annotated[str, typer.Option(help="Numbers of participants to try")] = "10,15,20,30",
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Of each participant in each condition; by default as the experiment plans"),
    ] = None,
    spread: Annotated[
        float | None,
        typer.Option(help="Standard deviation between participants: at a proportion of 0.5 (0.1), or of d' (0.3)"),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(help="Of d': how observations become answers, independent or differencing; by default the first"),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Simulated studies for each number")] = 500,
    seed: Annotated[int, typer.Option(help="Seed of the simulation")] = 0,
) -> None:
    """How many participants an experiment needs: the precision and power of simulated studies."""
    from synthstim.analysis.planning import plan_participants, plan_sensitivity, study_to_plan

    if bool(expect) == bool(d_prime):
        raise InputError(
            "no assumption, or two kinds of them, given; expected --expect or --d-prime for each condition"
        )
    option = "--expect" if expect else "--d-prime"
    assumed = read_settings_of(expect or d_prime, option)
    wanted = "a proportion from 0 to 1" if expect else "a number"
    if wrong := [name for name, value in assumed.items() if not isinstance(value, int | float)]:
        raise InputError(f"{option} {wrong[0]}={assumed[wrong[0]]} given; expected {wanted}")
    study = study_to_plan(design, [*assumed])
    if (each := trials or study.trials) is None:
        raise InputError(f"{design} has no plan of its trials", "say how many with --trials")
    numbers = [int(number) if number.isdigit() else 0 for number in read_names(participants) or ()]
    shared: dict[str, Any] = {"trials": each, "participants": numbers, "repeats": repeats, "seed": seed}
    if expect:
        table = plan_participants(study, assumed, spread=0.1 if spread is None else spread, **shared)
    else:
        table = plan_sensitivity(study, assumed, spread=0.3 if spread is None else spread, strategy=strategy, **shared)
    console.print(as_table(table))
    say(
        f"half_width: of the 95 % interval, with {each} trials a condition; power: how often a condition is told from the one"
        " before it"
    )
