"""Plans of experiments made of trials: balance, order, and that what is written is what the session and Builder's loops read."""

from __future__ import annotations

import csv
import io
import itertools
from collections import Counter
from pathlib import Path

import pytest
from numpy.random import default_rng

from synthstim.errors import InputError
from synthstim.experiment.design.material import Candidate, Pool
from synthstim.experiment.design.pairs import Pair, between_references, list_pairs
from synthstim.experiment.design.plan import Counts, plan_trials
from synthstim.experiment.design.schema import Design
from synthstim.experiment.runtime.plan import read_plan
from synthstim.experiment.trials.written import conditions_text, plan_text

WAYS = [
    {"first": "a", "second": "b", "right": "first"},
    {"first": "b", "second": "a", "right": "second"},
    {"first": "a", "second": "a", "right": "none"},
]
SIZES = [(1, 1, 1), (2, 3, 1), (3, 2, 4), (5, 4, 3), (7, 1, 5)]


def design(**keys: object) -> Design:
    return Design.model_validate(
        {"compare": "reference", "arrangements": WAYS, "conditions": ["observer", "layer"], **keys}
    )


def pool_of(references: int, layers: int, *, observers: tuple[str, ...] = ("net",), copies: int = 1) -> Pool:
    natural = {
        f"ref/{n}.png": Candidate(f"ref_{n}", f"ref/{n}.png", "x", "natural", "n/a", f"ref/{n}.png")
        for n in range(references)
    }
    members = []
    for reference in natural:
        for observer in observers:
            for layer in range(layers):
                for copy in range(copies):
                    name = f"{Path(reference).stem}_{observer}_{layer}_{copy}"
                    columns = {"observer": observer, "layer": f"layer{layer}", "kind": "metamer", "size": str(layer)}
                    members.append(Candidate(name, f"{name}.png", "x", "metamer", "passed", reference, columns))
    return Pool(tuple(members), natural, ("observer", "layer", "kind", "size", "reference"))


def pairs_of(pool: Pool, made: Design, *, natural: bool = False, count: int | None = None) -> list[Pair]:
    return list_pairs(pool, made, natural=natural, count=count, generator=default_rng(0))


@pytest.mark.parametrize(("references", "layers", "repeats"), SIZES)
@pytest.mark.parametrize("seed", [0, 1])
def test_arrangements_are_balanced_within_each_condition_and_over_participants(
    references: int, layers: int, repeats: int, seed: int
) -> None:
    pairs = pairs_of(pool_of(references, layers), design())
    plans = plan_trials(design(), pairs, Counts(participants=6, repeats=repeats, seed=seed))
    by_pair: dict[str, Counter[str]] = {}
    for plan in plans:
        assert len(plan) == len(pairs) * repeats
        counted: dict[str, Counter[str]] = {}
        for trial in plan:
            counted.setdefault(trial.condition, Counter())[str(trial.right)] += 1
            by_pair.setdefault(str(trial.pair), Counter())[str(trial.right)] += 1
        for counts in counted.values():
            values = [counts[str(way["right"])] for way in WAYS]
            assert max(values) - min(values) <= 1
        assert Counter(trial.pair for trial in plan) == dict.fromkeys((pair.name for pair in pairs), repeats)
    # Six participants are twice as many as there are arrangements.
    assert all(set(counts.values()) == {2 * repeats} for counts in by_pair.values())


@pytest.mark.parametrize(("references", "layers", "repeats"), [(2, 3, 3), (5, 4, 3), (4, 1, 6)])
def test_no_reference_comes_twice_in_a_row_where_that_can_be(references: int, layers: int, repeats: int) -> None:
    pairs = pairs_of(pool_of(references, layers), design())
    reference = {pair.name: pair.reference for pair in pairs}
    (plan,) = plan_trials(design(), pairs, Counts(participants=1, repeats=repeats, seed=3))
    shown = [reference[str(trial.pair)] for trial in plan]
    repeated = sum(first == second for first, second in itertools.pairwise(shown))
    # Greedily: only the end of a pass may be left with one reference.
    assert repeated <= repeats * layers // 2


def test_each_reference_comes_in_one_condition_and_in_all_over_participants() -> None:
    made = design(balance="latin_square")
    pairs = pairs_of(pool_of(6, 3), made)
    reference = {pair.name: pair.reference for pair in pairs}
    plans = plan_trials(made, pairs, Counts(participants=3, seed=2))
    seen: Counter[tuple[str, str]] = Counter()
    for plan in plans:
        assert Counter(reference[str(trial.pair)] for trial in plan) == dict.fromkeys(set(reference.values()), 1)
        assert set(Counter(trial.condition for trial in plan).values()) == {2}
        seen.update((reference[str(trial.pair)], trial.condition) for trial in plan)
    assert set(seen.values()) == {1}
    with pytest.raises(InputError, match="latin_square given with one condition"):
        plan_trials(made, pairs_of(pool_of(6, 1), made), Counts(participants=3))


def test_practice_catch_trials_and_breaks_are_where_they_should_be() -> None:
    pool = pool_of(4, 2)
    pairs = pairs_of(pool, design())
    obvious = [
        Pair(f"c{n}", {"a": a, "b": b}, {}, "catch", a.file)
        for n, (a, b) in enumerate(between_references(pool, default_rng(1), 2))
    ]
    (plan,) = plan_trials(
        design(), pairs, Counts(participants=1, repeats=3, practice=5, catch=2, break_every=10), obvious=obvious
    )
    assert [trial.phase for trial in plan[:5]] == ["practice"] * 5
    main = plan[5:]
    assert Counter(trial.phase for trial in main) == {"main": 24, "catch": 2}
    assert main[0].phase == "main"
    assert [at for at, trial in enumerate(main) if trial.rest] == [10, 20]
    assert [trial.block for trial in main] == [at // 10 for at in range(26)]
    for pair in obvious:
        assert pair.stimuli["a"].stimulus_id != pair.stimuli["b"].stimulus_id


def test_the_seed_decides() -> None:
    pairs = pairs_of(pool_of(5, 3), design())
    first = plan_trials(design(), pairs, Counts(participants=3, repeats=2, seed=1))
    assert first == plan_trials(design(), pairs, Counts(participants=3, repeats=2, seed=1))
    assert first != plan_trials(design(), pairs, Counts(participants=3, repeats=2, seed=2))
    # More participants go on where fewer stopped.
    assert plan_trials(design(), pairs, Counts(participants=5, repeats=2, seed=1))[:3] == first


def test_ten_thousand_trials_are_planned_written_and_read_back(tmp_path: Path) -> None:
    pairs = pairs_of(pool_of(50, 4), design())
    plans = plan_trials(design(), pairs, Counts(participants=2, repeats=50, break_every=100))
    files = {one.stimulus_id: f"stimuli/{one.stimulus_id}.png" for pair in pairs for one in pair.stimuli.values()}
    (tmp_path / "plan.tsv").write_text(
        plan_text(plans, ("first", "second"), ("observer", "layer"), files), encoding="utf-8"
    )
    again = read_plan(tmp_path / "plan.tsv")
    assert [len(again[number]) for number in (1, 2)] == [10_000, 10_000]
    for trial, row in zip(plans[1], again[2], strict=True):
        assert row["first"] == files[trial.slots["first"].stimulus_id]  # type: ignore[union-attr]
        assert (row["right"], row["condition"], row["rest"]) == (trial.right, trial.condition, int(trial.rest))
    rows = list(csv.DictReader(io.StringIO(conditions_text(plans[1], ("first", "second"), files))))
    assert [(row["first"], row["second"]) for row in rows] == [(row["first"], row["second"]) for row in again[2]]
    with pytest.raises(InputError, match="expected 200,000 at most"):
        plan_trials(design(), pairs, Counts(participants=100, repeats=50))


def test_comparisons_are_what_they_are_called() -> None:
    pool = pool_of(2, 2, observers=("net", "other"), copies=2)
    for compare, same, differing in (
        ("copy", ("observer", "layer"), ()), ("observer", (), ("observer",)), ("layer", ("observer",), ("layer",)),
    ):  # fmt: skip
        pairs = pairs_of(pool, design(compare=compare))
        assert pairs
        for pair in pairs:
            a, b = pair.stimuli["a"], pair.stimuli["b"]
            assert a.reference == b.reference
            assert a.stimulus_id != b.stimulus_id
            assert all(a.value(column) == b.value(column) for column in same)
            assert all(a.value(column) != b.value(column) for column in differing)
    each = pairs_of(pool, Design.model_validate({"compare": "each", "arrangements": [{"sample": "a"}]}), natural=True)
    assert len(each) == 16 + 2
    some = pairs_of(pool, design(compare="another", within=["layer"], apart=["observer"]), count=6)
    assert len(some) == 6
    assert all(pair.stimuli["a"].value("layer") == pair.stimuli["b"].value("layer") for pair in some)
    assert all(pair.stimuli["a"].value("observer") != pair.stimuli["b"].value("observer") for pair in some)
    three = pairs_of(
        pool, Design.model_validate({"compare": "triplet", "arrangements": [{"x": "a", "z": "b", "w": "c"}]}), count=9
    )
    assert len(three) == 9
    assert all(len({one.stimulus_id for one in pair.stimuli.values()}) == 3 for pair in three)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"conditions": ["nowhere"]}, "names the column 'nowhere'"),
        ({"compare": "observer"}, "no reference has stimuli of two observers"),
        ({"compare": "copy"}, "no stimulus has two copies"),
        ({"compare": "another", "within": ["layer"], "apart": ["layer"]}, "no two stimuli agree and differ"),
        ({"only": {"kind": "mixture"}}, "no stimulus has kind mixture, which the design asks for under only"),
    ],
)
def test_what_cannot_be_compared_is_refused(keys: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        pairs_of(pool_of(2, 2), design(**keys))
    assert "\n" not in str(caught.value)


def test_catch_trials_need_two_references() -> None:
    with pytest.raises(InputError, match="the set has 1: set catch_trials=0"):
        between_references(pool_of(1, 2), default_rng(0), 1)
