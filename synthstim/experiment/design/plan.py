"""The plan of an experiment: a row a trial for every participant, drawn from a seed before the first trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from numpy.random import Generator, default_rng

from synthstim.errors import InputError
from synthstim.experiment.design.material import Candidate
from synthstim.experiment.design.pairs import Pair
from synthstim.experiment.design.schema import Arrangement, Design
from synthstim.experiment.sounds.balance import balanced_conditions, with_catch

MAX_TRIALS = 200_000
CATCH = "catch"


@dataclass(frozen=True)
class Counts:
    """How many trials of which kind; ``break_every`` trials there is a rest, 0 for never."""

    participants: int
    repeats: int = 1
    practice: int = 0
    catch: int = 0
    break_every: int = 0
    seed: int = 0


@dataclass(frozen=True)
class PlannedTrial:
    """A trial of the plan: what stands in which slot, or in an adaptive design which letter."""

    phase: str
    condition: str
    slots: Mapping[str, Candidate | str]
    right: str | None
    columns: Mapping[str, str] = field(default_factory=dict)
    pair: str | None = None
    track: str | None = None
    block: int = 0
    rest: bool = False


def plan_trials(
    design: Design, pairs: Sequence[Pair], counts: Counts, *, obvious: Sequence[Pair] = ()
) -> list[list[PlannedTrial]]:
    """Every participant's trials, in order: practice, then the main part with its catch trials.

    Args:
        obvious: what catch trials are made of, one each.

    Raises:
        InputError: these are more trials than can be planned.
    """
    if (total := counts.participants * (counts.repeats * len(pairs) + counts.practice)) > MAX_TRIALS:
        raise InputError(
            f"{total:,} trials ({counts.participants} participants, {len(pairs)} comparisons, {counts.repeats} repeats);"
            f" expected {MAX_TRIALS:,} at most", "give fewer repeats or participants", code="too-large",
        )  # fmt: skip
    shares = _shares(design, pairs, counts)
    plans = []
    for number in range(1, counts.participants + 1):
        generator = default_rng([counts.seed, 3, number])
        main = _main(design, shares[number - 1], counts, number, generator)
        practice = [
            _trial(design, pair, way, "practice") for pair, way in _practice(design, pairs, counts.practice, generator)
        ]
        plans.append(practice + _with_breaks(_with_catch(design, main, obvious, number, counts), counts.break_every))
    return plans


def plan_tracks(
    design: Design, tracks: Mapping[str, Mapping[str, str]], conditions: Mapping[str, str], trials: int, counts: Counts
) -> list[list[PlannedTrial]]:
    """Every participant's trials of an adaptive design: the tracks take turns, in an order drawn anew each time round.

    Args:
        tracks: what the columns of the conditions say of each track.
        counts: how many participants, and when they rest.
    """
    ways = design.arrangements
    plans = []
    for number in range(1, counts.participants + 1):
        generator = default_rng([counts.seed, 3, number])
        order = {track: _cycled(len(ways), trials, generator) for track in tracks}
        planned = []
        for turn in range(trials):
            for which in generator.permutation(len(tracks)):
                track = list(tracks)[int(which)]
                way = ways[order[track][turn]]
                slots = {slot: f"@{letter}" for slot, letter in way.slots.items()}
                planned.append(PlannedTrial("main", conditions[track], slots, way.right, tracks[track], track=track))
        plans.append(_with_breaks(planned, counts.break_every))
    return plans


def _shares(design: Design, pairs: Sequence[Pair], counts: Counts) -> list[list[Pair]]:
    """What each participant sees: all of it, or each reference in one condition."""
    if design.balance == "full":
        return [list(pairs)] * counts.participants
    conditions = list(dict.fromkeys(pair.condition for pair in pairs))
    references = list(dict.fromkeys(pair.reference for pair in pairs))
    if len(conditions) < 2:
        raise InputError(
            "balance: latin_square given with one condition; expected two or more",
            "name columns under conditions, or give balance: full",
        )
    assigned = balanced_conditions(len(references), len(conditions), participants=counts.participants, seed=counts.seed)
    shares = []
    for numbers in assigned:
        wanted = {reference: conditions[number] for reference, number in zip(references, numbers, strict=True)}
        shares.append([pair for pair in pairs if pair.condition == wanted[pair.reference]])
    return shares


def _main(
    design: Design, pairs: Sequence[Pair], counts: Counts, participant: int, generator: Generator
) -> list[PlannedTrial]:
    """Each pair so often: pass by pass, the arrangements counterbalanced within each condition and, over participants, each pair."""
    ways = len(design.arrangements)
    order = [pairs[int(which)] for which in default_rng([counts.seed, 4]).permutation(len(pairs))]
    turn: dict[str, int] = {}
    chosen: dict[tuple[str, int], int] = {}
    for pair in order:
        for repeat in range(counts.repeats):
            chosen[pair.name, repeat] = (turn.get(pair.condition, 0) + participant) % ways
            turn[pair.condition] = turn.get(pair.condition, 0) + 1
    trials: list[PlannedTrial] = []
    last = ""
    for repeat in range(counts.repeats):
        shuffled = [pairs[int(which)] for which in generator.permutation(len(pairs))]
        for pair in _apart(shuffled, last):
            trials.append(_trial(design, pair, design.arrangements[chosen[pair.name, repeat]], "main"))
            last = pair.reference
    return trials


def _apart(pairs: list[Pair], last: str) -> list[Pair]:
    """The same pairs, of which none follows one of the same reference, as far as that can be."""
    waiting, ordered = list(pairs), []
    while waiting:
        which = next((i for i, pair in enumerate(waiting) if not last or pair.reference != last), 0)
        pair = waiting.pop(which)
        ordered.append(pair)
        last = pair.reference
    return ordered


def _practice(
    design: Design, pairs: Sequence[Pair], count: int, generator: Generator
) -> list[tuple[Pair, Arrangement]]:
    order = generator.permutation(len(pairs))
    ways = _cycled(len(design.arrangements), count, generator)
    return [(pairs[int(order[i % len(pairs)])], design.arrangements[ways[i]]) for i in range(count)]


def _cycled(kinds: int, count: int, generator: Generator) -> list[int]:
    """So many numbers under ``kinds``, each equally often, give or take one, in random order."""
    rounds = [generator.permutation(kinds) for _ in range(-(-count // kinds))]
    return [int(number) for one in rounds for number in one][:count]


def _with_catch(
    design: Design, main: list[PlannedTrial], obvious: Sequence[Pair], participant: int, counts: Counts
) -> list[PlannedTrial]:
    ways = _cycled(len(design.arrangements), len(obvious), default_rng([counts.seed, 5, participant]))
    catch = [_trial(design, pair, design.arrangements[way], CATCH) for pair, way in zip(obvious, ways, strict=True)]
    mixed = with_catch(range(len(main)), len(catch), participant=participant, seed=counts.seed)
    return [catch[which] if is_catch else main[which] for is_catch, which in mixed]


def _with_breaks(trials: list[PlannedTrial], every: int) -> list[PlannedTrial]:
    if not every:
        return trials
    return [
        PlannedTrial(**{**vars(trial), "block": i // every, "rest": bool(i) and i % every == 0})
        for i, trial in enumerate(trials)
    ]


def _trial(design: Design, pair: Pair, way: Arrangement, phase: str) -> PlannedTrial:
    slots: dict[str, Candidate | str] = {slot: pair.stimuli[letter] for slot, letter in way.slots.items()}
    right = way.right
    if right is not None and right.startswith("$"):
        right = pair.stimuli["a"].value(right[1:])
    condition = CATCH if phase == CATCH else pair.condition
    return PlannedTrial(phase, condition, slots, right, pair.columns, pair=pair.name)
