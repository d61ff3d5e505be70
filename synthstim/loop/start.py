"""Beginning a session: its settings, and generation 0 of natural images, exported."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthstim.encoding import assign_folds
from synthstim.encoding.folds import MIN_PER_FOLD
from synthstim.encoding.random_sites import suggest_count
from synthstim.errors import InputError
from synthstim.experiment.rig import files_of_rig
from synthstim.files import Staging, as_json, remove, require_new_folder, written_whole
from synthstim.goals.wish import Wish
from synthstim.loop.generation import PLAN, Generation
from synthstim.loop.loudness import with_level
from synthstim.loop.probes import write_probes
from synthstim.loop.session import BEGUN, LoopSession, lasting, open_settings_observer
from synthstim.loop.settings import LOOP, LoopSettings, read_settings
from synthstim.loop.steps import export_generation
from synthstim.loop.tables import read_frame, write_frame
from synthstim.loop.template import render_settings
from synthstim.models import Observer
from synthstim.production import MakeProgress
from synthstim.recipe.fields import with_whole_paths
from synthstim.stimulus_set import SetWriter, StimulusSet
from synthstim.verify import NaturalPool, natural_pool

COUNT = 640


def start_loop(
    directory: str | Path,
    settings: LoopSettings | Mapping[str, Any] | str | Path,
    *,
    naturals: str | Path | None = None,
    count: int | None = None,
    probes: int | None = None,
    tell: Callable[[str], None] = lambda text: None,
    making: Callable[[MakeProgress], None] | None = None,
    **opening: Any,
) -> LoopSession:
    """Begin a session: a directory with ``loop.yaml`` and generation 0, ready to be shown.

    Args:
        directory: of the session; it must not exist yet, and appears when it is complete.
        settings: as ``loop.yaml`` holds them, or the path of one whose values are taken.
        naturals: a stimulus set that is shown as it is, or a folder of photographs that crops are cut from, and which becomes the
            settings' pool unless they have one; by default that pool, or the photographs that packages carry.
        count: of crops; 640 by default.
        probes: images that drive random read-outs of the layers, shown beside the natural ones so that the fit is right where
            controllers lie; by default 3 for 8 crops, and none beside a set that is shown as it is.
        tell: is told of each step.
        making: is told where the synthesis of probes stands.
        opening: ``device``, ``allow_code``, ``allow_download``.

    Returns:
        The session.

    Raises:
        InputError: before anything is left under the directory's name.

    Example:
        >>> start_loop("monkey_b", {"observer": "efficientnet-lite0", "layers": ["blocks.2", "blocks.3"],
        ...     "goals": [{"name": "stretch", "goal": "drive"}]})  # half a minute  # doctest: +SKIP
    """
    root = require_new_folder(directory)
    if naturals is not None and not Path(naturals).is_dir():
        raise InputError(
            f"{naturals} is not a folder",
            "give a stimulus set, or a folder of photographs or recordings",
            code="missing",
        )
    folder, given = _settings(settings)
    observer = open_settings_observer(given, folder, opening)
    shown = Path(naturals) if naturals is not None and _is_set(Path(naturals)) else None
    given = with_level(given, observer.input.modality, shown, tell)
    if naturals is not None and given.pool is None and shown is None:
        given = given.model_copy(update={"pool": str(Path(naturals).absolute())})
    with Staging(root, "loop init") as staging:
        hidden = staging.path
        kept = _take_along(given, folder, hidden, observer.input.modality.looped)
        (hidden / LOOP).write_text(render_settings(kept), encoding="utf-8", newline="\n")
        session = LoopSession.read(hidden, **opening)
        first = session.begin(0)
        (hidden / BEGUN).write_bytes(as_json(lasting(kept)))
        tell("generation 0: natural stimuli")
        wanted = _write_naturals(first, session, observer, naturals, count)
        wanted = wanted if probes is None else probes
        if wanted:
            # What the protocol or the rig refuses is said before minutes are spent on probes.
            export_generation(session, first, called=root.name)
            remove(first.experiment)
            tell(f"generation 0: {wanted} probes")
            _add_probes(first, session, observer, wanted, making)
        _check_folds(first, session.settings)
        tell("generation 0: experiment")
        export_generation(session, first, called=root.name)
        session.log.add(
            0, "started", f"{len(first.stimuli) - wanted} natural stimuli, {wanted} probes, observer {observer.name}"
        )
        return LoopSession.read(staging.commit(), **opening)


def _settings(settings: LoopSettings | Mapping[str, Any] | str | Path) -> tuple[Path, LoopSettings]:
    """The folder in which paths start, and the settings."""
    if isinstance(settings, LoopSettings):
        return Path.cwd(), settings
    if isinstance(settings, Mapping):
        from synthstim.recipe import Source, validate

        return Path.cwd(), validate(Source(LOOP, Path.cwd(), "", dict(settings)), LoopSettings)
    return Path(settings).absolute().parent, read_settings(settings)


def _take_along(settings: LoopSettings, folder: Path, root: Path, protocol: str) -> LoopSettings:
    """Copy the small files that the settings name into the session; what is large is named by its whole path."""
    changed: dict[str, Any] = {}
    shown = {"protocol": settings.experiment.protocol or protocol}
    if settings.pool is not None:
        changed["pool"] = str((folder / settings.pool).resolve())
    if settings.groups is not None:
        shutil.copyfile(folder / settings.groups, root / "groups.tsv")
        changed["groups"] = "groups.tsv"
    if settings.fields is not None:
        changed["fields"] = f"fields{Path(settings.fields).suffix}"
        shutil.copyfile(folder / settings.fields, root / changed["fields"])
    if settings.site_table is not None:
        changed["site_table"] = f"sites{Path(settings.site_table).suffix}"
        shutil.copyfile(folder / settings.site_table, root / changed["site_table"])
    # Recipes lie in the folders of generations, from which no path climbs.
    changed["goals"] = tuple(_with_whole_paths(goal, folder) for goal in settings.goals)
    if settings.experiment.rig is not None:
        for number, path in enumerate(files_of_rig(folder / settings.experiment.rig)):
            shutil.copyfile(path, root / (path.name if number else "rig.yaml"))
        shown["rig"] = "rig.yaml"
    if settings.experiment.places is not None:
        shown["places"] = f"places{Path(settings.experiment.places).suffix}"
        shutil.copyfile(folder / settings.experiment.places, root / shown["places"])
    changed["experiment"] = settings.experiment.model_copy(update=shown)
    if settings.observer.weights not in ("default", "random"):
        weights = str((folder / settings.observer.weights).resolve())
        changed["observer"] = settings.observer.model_copy(update={"weights": weights})
    return settings.model_copy(update=changed)


def _with_whole_paths(goal: Wish, folder: Path) -> Wish:
    if goal.constraints is None:
        return goal
    return goal.model_copy(update={"constraints": with_whole_paths(goal.constraints, folder)})


def _write_naturals(
    generation: Generation, session: LoopSession, observer: Observer, naturals: str | Path | None, count: int | None
) -> int:
    """Write natural images, and say how many probes go well with them."""
    source = Path(naturals) if naturals is not None else None
    if source is not None and _is_set(source):
        if count is not None:
            raise InputError(
                f"{source} is a stimulus set, which is shown as it is",
                "leave --count out, or give a folder",
                code="mismatch",
            )
        adopted = StimulusSet.read(source)
        if not adopted.modality.looped:
            raise InputError(f"{source} holds {adopted.modality.plural}: the loop shows images or plays sounds")
        adopted.require_intact()
        with written_whole(generation.root / "set") as part:
            shutil.copytree(source, part)
        _write_plan(generation, _groups(session, generation))
        return 0
    pooled = session.settings.pool
    folder = source if source is not None else None if pooled is None else Path(pooled)
    input = observer.input
    settings = session.settings
    # Twice as many are cut: a photograph gives a whole number of crops.
    pool = natural_pool(
        observer, folder, level_dbfs=settings.level_dbfs, count=2 * (count or COUNT), seed=settings.seed
    )
    wanted = count or min(COUNT, len(pool))
    chosen = _spread(pool, wanted, session.settings.seed)
    if len(chosen) < wanted:
        given = f"{wanted} {input.modality.plural} given as count; the {input.modality.naturals} give {len(chosen)}"
        raise InputError(given, "ask for fewer")
    with written_whole(generation.root / "set") as part:
        about = f"Natural {input.modality.plural}"
        writer = SetWriter(part, description=about, modality=input.kind, **input.modality.writing(input))
        for at, number in enumerate(chosen):
            path = writer.add(f"nat_{at:04d}", pool.stimulus(number), name="natural", kind="natural")
            writer.rows[-1].update(writer.modality.statistics(path))
        writer.commit({"pool": pool.facts(), "versions": {"synthstim": version("synthstim")}})
    _write_plan(generation, {f"nat_{at:04d}": pool.names[pool.origin[number]] for at, number in enumerate(chosen)})
    return suggest_count(wanted, session.settings.layers)


def _is_set(folder: Path) -> bool:
    return (folder / "stimuli.tsv").is_file()


def _add_probes(
    generation: Generation,
    session: LoopSession,
    observer: Observer,
    count: int,
    making: Callable[[MakeProgress], None] | None,
) -> None:
    natural, plan = generation.root / "natural", generation.plan
    (generation.root / "set").rename(natural)
    rows = write_probes(session, generation, observer, StimulusSet.read(natural), count, making)
    write_frame(generation.root / "plan.tsv", pd.concat([plan, rows], ignore_index=True))


def _spread(pool: NaturalPool, count: int, seed: int) -> list[int]:
    """Crops of all photographs alike: every one's first crop, then every one's second, in a random order each."""
    rank = pd.Series(pool.origin).groupby(pool.origin).cumcount().to_numpy()
    order = np.lexsort((np.random.default_rng(seed).permutation(len(pool)), rank))
    return sorted(int(number) for number in order[:count])


def _groups(session: LoopSession, generation: Generation) -> dict[str, str]:
    """What each adopted image is a crop of, by the table that the settings name; an image by itself otherwise."""
    groups = {str(name): str(name) for name in generation.stimuli.table["stimulus_id"]}
    if session.settings.groups is not None:
        table = read_frame(session.root / session.settings.groups, text=("stimulus_id", "group"))
        if absent := [name for name in ("stimulus_id", "group") if name not in table]:
            raise InputError(
                f"{session.settings.groups} lacks the column {absent[0]}: it needs stimulus_id and group",
                code="missing",
            )
        groups |= dict(zip(table["stimulus_id"].astype(str), table["group"].astype(str), strict=True))
    return groups


def _write_plan(generation: Generation, groups: Mapping[str, str]) -> None:
    names = [str(name) for name in generation.stimuli.table["stimulus_id"]]
    table = pd.DataFrame({"stimulus_id": names, "role": "natural", "group": [groups[name] for name in names]})
    write_frame(generation.root / "plan.tsv", table.reindex(columns=list(PLAN)))


def _check_folds(generation: Generation, settings: LoopSettings) -> None:
    """Refuse what could not be fitted, before it is recorded."""
    groups = dict(zip(generation.plan["stimulus_id"], generation.plan["group"], strict=True))
    folds = settings.fitting.folds
    try:
        assign_folds(generation.stimuli.table, folds=folds, groups=groups, seed=settings.seed)
    except InputError as error:
        modality = generation.stimuli.modality
        more = (
            f"give {folds} {modality.naturals} or more"
            if len(set(groups.values())) < folds
            else f"show {folds * MIN_PER_FOLD} {modality.plural} or more (count, --count)"
        )
        raise error.advised({"too-few": f"{more}, or ask for fewer folds under fitting in {LOOP}"}) from None
