"""Taking responses in: a private copy is read and checked against the generation, all or nothing."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from synthstim.errors import InputError, advised, share
from synthstim.files import as_json, remove, write_whole
from synthstim.loop.delivery import ADVICE, read_delivery
from synthstim.loop.generation import Generation
from synthstim.loop.inbox import SESSION, Inbox, copy_checked, recordings
from synthstim.loop.session import LoopSession
from synthstim.loop.settings import LoopSettings
from synthstim.loop.tables import full, write_frame
from synthstim.responses import (
    Responses,
    join_responses,
    reliability,
    require_match,
    require_variance,
    select_sites,
)
from synthstim.responses.files import listed
from synthstim.responses.site_table import sites_where


def take_responses(session: LoopSession, generation: Generation, inbox: Inbox) -> Responses:
    """Read what arrived, check it, and write ``responses.tsv``; nothing is taken if anything is wrong.

    Args:
        generation: the newest, whose experiment was exported.

    Returns:
        The trials, under the generation's name as session.

    Raises:
        InputError: a file changed or cannot be read, or the responses are not of this generation, say one thing twice, have
            one repeat of each stimulus, or sites that cannot be fitted.
    """
    copies, files = generation.root / ".taking", {}
    try:
        remove(copies)
        (copies / "data").mkdir(parents=True)
        # Where an experiment's log expects it: it says which file of the set each image that was shown is made of.
        shutil.copyfile(generation.experiment / "manifest.json", copies / "manifest.json")
        found = list(recordings(inbox.arrived))
        records = [name for name in inbox.arrived if name.endswith(SESSION)]
        for name in dict.fromkeys([*(name for recording in found for name in recording), *records]):
            files[name] = copy_checked(generation.inbox / name, copies / "data" / name, inbox.arrived[name])
        with advised(ADVICE):
            delivered = read_delivery(copies / "data", found, session.settings, generation.name)
            responses = check_responses(delivered, session, generation)
        renamed = session.settings.renamed or {}
        facts = {
            "files": files,
            **_facts(responses),
            "left_out": sorted(site for site in delivered.sites if renamed.get(site, site) not in responses.sites),
        }
        write_whole(generation.root / "taken.json", as_json(facts))
        write_frame(generation.root / "responses.tsv", responses.trials)
    except OSError as error:
        raise full(copies, error) from error
    finally:
        shutil.rmtree(copies, ignore_errors=True)
    return responses


def check_responses(responses: Responses, session: LoopSession, generation: Generation) -> Responses:
    """The trials that are taken: of the window and the sites of the settings, after all checks.

    Raises:
        InputError: as ``take_responses``.
    """
    settings = session.settings
    responses = responses.only(window=settings.window_s)
    # Windows that differ in their last digit would be several.
    start, end = settings.window_s
    responses = replace(responses, trials=responses.trials.assign(window_start_s=start, window_end_s=end))
    responses = _of_sites(responses, session, generation)
    stimuli = generation.stimuli.table
    require_match(responses, stimuli)
    require_variance(responses)
    # One splitting refuses what cannot be split at all.
    reliability(responses, splits=1, seed=settings.seed)
    _require_coverage(responses, stimuli, settings)
    if generation.number == 0 and settings.sites == "selected":
        table = reliability(responses, seed=settings.seed)
        responses = responses.only(sites=select_sites(table, at_least=settings.min_reliability).sites)
    return _compared(responses, [one.responses for one in session.generations[: generation.number]], settings)


def _compared(responses: Responses, earlier: list[Responses], settings: LoopSettings) -> Responses:
    """The trials, with notes on what is odd beside earlier generations; another unit, or trials of theirs, are refused."""
    if not earlier:
        return responses
    bare = replace(responses, notes=())
    told = join_responses([*earlier, bare], max_drift=settings.max_drift).notes
    return replace(responses, notes=(*responses.notes, *told))


def _of_sites(responses: Responses, session: LoopSession, generation: Generation) -> Responses:
    """The trials of the sites that are fitted; notes name those that are new, and those that are not there."""
    settings = session.settings
    responses = under_session_names(responses, settings.renamed or {})
    found = list(responses.sites)
    if leave := [site for site in settings.leave_out or () if site in found]:
        responses = responses.without(sites=leave)
    if settings.site_table is not None and settings.where:
        where = sites_where(session.root / settings.site_table, settings.where, responses.sites)
        responses, found = responses.only(sites=where), where
    if generation.number == 0:
        return responses if isinstance(settings.sites, str) else responses.only(sites=settings.sites)
    earlier = session.generations[: generation.number]
    fitted = list(dict.fromkeys(site for one in earlier for site in one.responses.sites))
    passed_over = earlier[0].taken.get("left_out", [])
    new = [site for site in found if site not in (*fitted, *passed_over, *leave)]
    joining = _joining(responses, new, settings) if settings.new_sites == "fit" else []
    wanted = [*fitted, *joining] if isinstance(settings.sites, str) else settings.sites
    if unknown := [site for site in wanted if site not in (*fitted, *joining)]:
        raise InputError(
            f"loop.yaml: sites names {unknown[0]!r}, which is not fitted, since generation 0 did not have it: it has"
            f" {listed(fitted)}"
        )
    if not (known := [site for site in responses.sites if site in wanted]):
        raise InputError(
            f"{responses.source} holds none of the sites of generation 0 ({listed(fitted)}), but {listed(responses.sites)}:"
            " call the sites by the same names",
            code="too-few",
        )
    left = [site for site in new if site not in known]
    gone = [site for site in wanted if site not in (*known, *leave)]
    notes = (
        [f"{listed(left)}: not in generation 0, and not fitted; new_sites in loop.yaml says otherwise"] if left else []
    )
    joined = [site for site in joining if site in known]
    notes += [f"{listed(joined)}: new, and fitted from now on"] if joined else []
    notes += (
        [
            f"{listed(gone)}: fitted before, and not recorded now; nothing is made for {'it' if len(gone) == 1 else 'them'} next"
        ]
        if gone
        else []
    )
    return replace(responses.only(sites=known), notes=(*responses.notes, *notes))


def under_session_names(responses: Responses, renamed: Mapping[str, str]) -> Responses:
    """The trials under the names that sites have in the session."""
    if not (present := {old: new for old, new in renamed.items() if old in responses.sites}):
        return responses
    names = [present.get(site, site) for site in responses.sites]
    if twice := [name for at, name in enumerate(names) if name in names[:at]]:
        raise InputError(
            f"loop.yaml: renamed makes two sites of {responses.source} {twice[0]!r}", "leave one of them out of renamed"
        )
    sites = responses.trials["site"].astype(str)
    return replace(responses, trials=responses.trials.assign(site=sites.map(lambda site: present.get(site, site))))


def _joining(responses: Responses, new: Sequence[str], settings: LoopSettings) -> list[str]:
    """New sites that are fitted from now on: reliable ones, where sites are selected by that."""
    if settings.sites != "selected" or not new:
        return list(new)
    table = reliability(responses.only(sites=new), seed=settings.seed)
    return [str(site) for site in table.loc[table["reliability"] >= settings.min_reliability, "site"]]


def _require_coverage(responses: Responses, table: pd.DataFrame, settings: LoopSettings) -> None:
    counts = responses.trials.groupby(["stimulus_id", "site"], observed=True).size()
    often = counts[counts >= settings.min_repeats].reset_index()["stimulus_id"].nunique()
    if often < settings.min_share * len(table):
        raise InputError(
            f"{responses.source}: {share(often, len(table), 'stimulus of the generation', 'has', 'have', 'stimuli of the generation')} {settings.min_repeats} trials or"
            f" more; expected {settings.min_share:.0%}",
            "deliver the rest as well, or lower min_share in loop.yaml",
        )


def _facts(responses: Responses) -> dict[str, Any]:
    counts = responses.trials.groupby(["stimulus_id", "site"], observed=True).size()
    return {
        "trials": len(responses),
        "stimuli": len(responses.stimulus_ids),
        "sites": list(responses.sites),
        "repeats": [int(counts.min()), int(counts.max())],
        "window_s": list(responses.window),
        "notes": list(responses.notes),
    }
